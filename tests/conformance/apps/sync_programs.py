"""What the plain handlers of every framework do: functions that know nothing of frameworks."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from asgiref.sync import async_to_sync

import weighbridge
from weighbridge import BackgroundTask, WebTransaction

from .jobs import Broken, Keys, coroutine_job, failing_job, generator_job, job, job_name, second_job

Program = Callable[[Keys], object]

SYNC: Final[dict[str, Program]] = {"decorated": job, "failing": failing_job}
"""By name; a program is given the mapping in which the request's keys are."""


def _program(function: Program) -> Program:
    SYNC[function.__name__] = function
    return function


@_program
def plain(keys: Keys) -> None:
    """Nothing at all."""


@_program
def block(keys: Keys) -> None:
    """The context manager."""
    with BackgroundTask(name=job_name(keys)):
        plain(keys)


@_program
def first_of_two(keys: Keys) -> None:
    """Two background tasks, one after the other."""
    job(keys)
    second_job()


@_program
def nested(keys: Keys) -> None:
    """One background task inside another."""
    with BackgroundTask(name=job_name(keys)):
        second_job()


@_program
def of_another_application(keys: Keys) -> None:
    """A background task that would be another application's if it were alone."""
    with BackgroundTask("elsewhere", name=job_name(keys)):
        plain(keys)


@_program
def steps(keys: Keys) -> None:
    """A decorated generator."""
    for _ in generator_job(keys):
        plain(keys)


@_program
def handled_error(keys: Keys) -> None:
    """A background task whose exception is caught."""
    try:
        failing_job(keys)
    except Broken:
        plain(keys)


@_program
def noticed_error(keys: Keys) -> None:
    """An exception that is caught and told of."""
    try:
        raise Broken
    except Broken:
        weighbridge.notice_error()


@_program
def expected_error(keys: Keys) -> None:
    """An exception that is told of and does not count."""
    weighbridge.notice_error(Broken(), expected=True)


@_program
def kind_only(keys: Keys) -> None:
    """Only the kind is changed."""
    weighbridge.set_background_task()


@_program
def kind_and_back(keys: Keys) -> None:
    """The kind is changed and changed back."""
    weighbridge.set_background_task()
    weighbridge.set_background_task(False)


@_program
def given_name(keys: Keys) -> None:
    """A name that a background task does not replace."""
    weighbridge.set_transaction_name("given", priority=5)
    job(keys)


@_program
def ignored(keys: Keys) -> None:
    """The request is not wanted, nor what runs in it."""
    weighbridge.ignore_transaction()
    job(keys)


@_program
def ignored_and_back(keys: Keys) -> None:
    """The request is wanted after all."""
    weighbridge.ignore_transaction()
    weighbridge.ignore_transaction(False)


@_program
def stopped(keys: Keys) -> None:
    """A background task after the clock was stopped."""
    weighbridge.end_of_transaction()
    job(keys)


@_program
def without_apdex(keys: Keys) -> None:
    """The request is left out of the score."""
    weighbridge.suppress_apdex_metric()


@_program
def without_sample(keys: Keys) -> None:
    """The request is not kept as a sample."""
    weighbridge.suppress_transaction_trace()


@_program
def with_parameters(keys: Keys) -> None:
    """The query's parameters are kept."""
    weighbridge.capture_request_params()


@_program
def key_background(keys: Keys) -> None:
    """The key is set while the request is handled."""
    keys["newrelic.set_background_task"] = True


@_program
def key_ignore(keys: Keys) -> None:
    """The key is set while the request is handled."""
    keys["newrelic.ignore_transaction"] = "yes"


@_program
def web_entry(keys: Keys) -> None:
    """A second entry of the web inside the first."""
    with WebTransaction("elsewhere", name="inner"):
        plain(keys)


@_program
def web_entry_of_background(keys: Keys) -> None:
    """A second entry of the web inside the first, which is a background transaction by now."""
    weighbridge.set_background_task()
    web_entry(keys)


@_program
def web_entry_in_job(keys: Keys) -> None:
    """An entry of the web inside one of a background task."""

    def serve() -> None:
        with BackgroundTask(name=job_name(keys)), WebTransaction(keys["newrelic.app_name"], name="inner"):
            plain(keys)

    _run_thread(serve)


@_program
def in_thread(keys: Keys) -> None:
    """A thread without context."""
    _run_thread(lambda: job(keys))


@_program
def two_in_thread(keys: Keys) -> None:
    """A thread without context, with nothing of the first left when the second begins."""
    _run_thread(lambda: [job(keys), job(keys)])


@_program
def in_executor(keys: Keys) -> None:
    """An executor's thread, without context."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(job, keys).result()


@_program
def in_carried_thread(keys: Keys) -> None:
    """A thread that the context is carried to."""
    context = contextvars.copy_context()
    _run_thread(lambda: context.run(job, keys))


def _run_thread(function: Callable[[], object]) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


@_program
def in_greenlet(keys: Keys) -> None:
    """A greenlet of gevent's."""
    import gevent

    gevent.spawn(job, keys).get()


@_program
def in_forked_child(keys: Keys) -> None:
    """A child process that is a copy of this one."""
    child = os.fork()
    if child == 0:
        try:
            job(keys)
            weighbridge.flush()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


@_program
def by_asyncio_run(keys: Keys) -> None:
    """An event loop of the handler's own."""
    asyncio.run(coroutine_job(keys))


@_program
def task_in_asyncio_run(keys: Keys) -> None:
    """A task in an event loop of the handler's own."""

    async def main() -> None:
        await asyncio.create_task(coroutine_job(keys))

    asyncio.run(main())


@_program
def by_async_to_sync(keys: Keys) -> None:
    """asgiref's way from threads to coroutines."""
    async_to_sync(coroutine_job)(keys)


@_program
def slow(keys: Keys) -> None:
    """Says that it has begun, and takes long enough to be in flight when the server is told to stop."""
    Path(f"{os.environ['WEIGHBRIDGE_STORE']}.begun").touch()
    time.sleep(1)
