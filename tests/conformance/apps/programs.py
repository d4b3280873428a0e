"""What the handlers of every framework do: plain functions and coroutines that know nothing of frameworks.

Each is given the mapping in which the request's keys are: environ, scope or ``request.META``.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import anyio
import anyio.lowlevel
import anyio.to_thread
from asgiref.sync import async_to_sync, sync_to_async

import weighbridge
from weighbridge import BackgroundTask, background_task

Keys = MutableMapping[str, Any]

STATUSES: Final = (204, 304, 500, 503)


class Broken(Exception):
    """What a handler fails with."""


def job_name(keys: Keys) -> str:
    """Of the background tasks of one cell, so that fresh ones, which are not the request's, can be told apart."""
    return f"job of {keys.get('newrelic.app_name')}"


@background_task(name=job_name)
def job(keys: Keys) -> None:
    """A background task of one step."""


@background_task(name=job_name)
async def coroutine_job(keys: Keys) -> None:
    """A background task that waits once."""
    await asyncio.sleep(0) if _on_asyncio() else await anyio.lowlevel.checkpoint()


@background_task(name=job_name)
def generator_job(keys: Keys) -> Iterator[int]:
    """A background task of several steps."""
    yield from range(3)


@background_task(name=job_name)
async def async_generator_job(keys: Keys) -> AsyncIterator[int]:
    """A background task of several steps that waits."""
    for number in range(3):
        await anyio.lowlevel.checkpoint()
        yield number


@background_task(name="second")
def second_job() -> None:
    """Another background task."""


@background_task(name=job_name)
def failing_job(keys: Keys) -> None:
    """A background task that fails."""
    raise Broken


def _on_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def plain(keys: Keys) -> None:
    """Nothing at all."""


def block(keys: Keys) -> None:
    """The context manager."""
    with BackgroundTask(name=job_name(keys)):
        plain(keys)


def first_of_two(keys: Keys) -> None:
    """Two background tasks, one after the other."""
    job(keys)
    second_job()


def nested(keys: Keys) -> None:
    """One background task inside another."""
    with BackgroundTask(name=job_name(keys)):
        second_job()


def steps(keys: Keys) -> None:
    """A decorated generator."""
    for _ in generator_job(keys):
        plain(keys)


def handled_error(keys: Keys) -> None:
    """A background task whose exception is caught."""
    try:
        failing_job(keys)
    except Broken:
        plain(keys)


def kind_only(keys: Keys) -> None:
    """Only the kind is changed."""
    weighbridge.set_background_task()


def kind_and_back(keys: Keys) -> None:
    """The kind is changed and changed back."""
    weighbridge.set_background_task()
    weighbridge.set_background_task(False)


def given_name(keys: Keys) -> None:
    """A name that a background task does not replace."""
    weighbridge.set_transaction_name("given", priority=5)
    job(keys)


def ignored(keys: Keys) -> None:
    """The request is not wanted."""
    weighbridge.ignore_transaction()


def stopped(keys: Keys) -> None:
    """A background task after the clock was stopped."""
    weighbridge.end_of_transaction()
    job(keys)


def key_background(keys: Keys) -> None:
    """The key is set while the request is handled."""
    keys["newrelic.set_background_task"] = True


def key_ignore(keys: Keys) -> None:
    """The key is set while the request is handled."""
    keys["newrelic.ignore_transaction"] = "yes"


def in_thread(keys: Keys) -> None:
    """A thread without context."""
    _run_thread(lambda: job(keys))


def in_executor(keys: Keys) -> None:
    """An executor's thread, without context."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(job, keys).result()


def in_carried_thread(keys: Keys) -> None:
    """A thread that the context is carried to."""
    context = contextvars.copy_context()
    _run_thread(lambda: context.run(job, keys))


def _run_thread(function: Callable[[], object]) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def by_asyncio_run(keys: Keys) -> None:
    """An event loop of the handler's own."""
    asyncio.run(coroutine_job(keys))


def task_in_asyncio_run(keys: Keys) -> None:
    """A task in an event loop of the handler's own."""

    async def main() -> None:
        await asyncio.create_task(coroutine_job(keys))

    asyncio.run(main())


def by_async_to_sync(keys: Keys) -> None:
    """asgiref's way from threads to coroutines."""
    async_to_sync(coroutine_job)(keys)


async def plain_call(keys: Keys) -> None:
    """A plain function, called by a coroutine."""
    job(keys)


async def async_block(keys: Keys) -> None:
    """The asynchronous context manager."""
    async with BackgroundTask(name=job_name(keys)):
        await anyio.lowlevel.checkpoint()


async def async_steps(keys: Keys) -> None:
    """A decorated asynchronous generator."""
    async for _ in async_generator_job(keys):
        plain(keys)


async def async_key(keys: Keys) -> None:
    """The key is set while the request is handled."""
    key_background(keys)


async def create_task(keys: Keys) -> None:
    """A task, waited for."""
    await asyncio.create_task(coroutine_job(keys))


async def gather(keys: Keys) -> None:
    """Two tasks at once."""
    await asyncio.gather(coroutine_job(keys), coroutine_job(keys))


async def task_group(keys: Keys) -> None:
    """A task of anyio's task group."""
    async with anyio.create_task_group() as group:
        group.start_soon(coroutine_job, keys)


async def call_soon(keys: Keys) -> None:
    """A callback of the event loop."""
    asyncio.get_running_loop().call_soon(job, keys)
    await asyncio.sleep(0.01)


async def run_in_executor(keys: Keys) -> None:
    """An executor's thread, without context."""
    await asyncio.get_running_loop().run_in_executor(None, job, keys)


async def to_thread(keys: Keys) -> None:
    """A thread that asyncio carries the context to."""
    await asyncio.to_thread(job, keys)


async def anyio_thread(keys: Keys) -> None:
    """A thread that anyio carries the context to; Starlette's ``run_in_threadpool`` is this."""
    await anyio.to_thread.run_sync(job, keys)


async def sensitive_thread(keys: Keys) -> None:
    """asgiref's one thread."""
    await sync_to_async(job)(keys)


async def insensitive_thread(keys: Keys) -> None:
    """asgiref's other threads."""
    await sync_to_async(job, thread_sensitive=False)(keys)


SYNC: Final[dict[str, Callable[[Keys], object]]] = {
    "decorated": job,
    "failing": failing_job,
} | {
    function.__name__: function
    for function in (
        plain, block, first_of_two, nested, steps, handled_error, kind_only, kind_and_back, given_name, ignored,
        stopped, key_background, key_ignore, in_thread, in_executor, in_carried_thread, by_asyncio_run,
        task_in_asyncio_run, by_async_to_sync,
    )
}  # fmt: skip

ASYNC: Final[dict[str, Callable[[Keys], Awaitable[object]]]] = {"decorated": coroutine_job} | {
    function.__name__: function
    for function in (
        plain_call, async_block, async_steps, async_key, create_task, gather, task_group, call_soon, run_in_executor,
        to_thread, anyio_thread, sensitive_thread, insensitive_thread,
    )
}  # fmt: skip


def chunks_with_job(keys: Keys) -> Iterator[bytes]:
    """A body that runs a background task between its chunks."""
    yield b"before "
    job(keys)
    yield b"after"


async def async_chunks_with_job(keys: Keys) -> AsyncIterator[bytes]:
    """A body that awaits a background task between its chunks."""
    yield b"before "
    await coroutine_job(keys)
    yield b"after"


def endless() -> Iterator[bytes]:
    """A body that nobody waits for the end of."""
    for _ in range(400):
        threading.Event().wait(0.02)
        yield b"." * 65536


async def async_endless() -> AsyncIterator[bytes]:
    """A body that nobody waits for the end of."""
    for _ in range(400):
        await anyio.sleep(0.02)
        yield b"." * 65536
