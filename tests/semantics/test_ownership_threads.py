"""Section 3 outside of event loops: threads, loops that a request runs itself, greenlets, forks, and after the end."""

from __future__ import annotations

import asyncio
import contextvars
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest
from asgiref.sync import async_to_sync, sync_to_async

from weighbridge import BackgroundTask, WebTransaction, background_task, set_background_task, set_transaction_name

BELONGS = ["OtherTransaction/Function/job"]
FRESH = ["OtherTransaction/Function/job", "WebTransaction/Function/page"]

Row = Callable[[], Any]
Paths = Callable[[], list[str]]


@background_task(name="job")
def job() -> None:
    pass


@background_task(name="job")
async def async_job() -> None:
    await anyio.lowlevel.checkpoint()


# A transaction that was opened outside any running event loop: in its thread at any depth


def plain_call() -> None:
    job()


def asyncio_run() -> None:
    asyncio.run(async_job())


def task_of_asyncio_run() -> None:
    async def main() -> None:
        await asyncio.create_task(async_job())

    asyncio.run(main())


def gathered_in_asyncio_run() -> None:
    async def main() -> None:
        await asyncio.gather(async_job(), async_job())

    asyncio.run(main())


def task_of_a_task_of_asyncio_run() -> None:
    async def child() -> None:
        await asyncio.create_task(async_job())

    async def main() -> None:
        await asyncio.create_task(child())

    asyncio.run(main())


def callback_in_asyncio_run() -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_soon(job)
        await asyncio.sleep(0)

    asyncio.run(main())


def worker_thread_of_asyncio_run() -> None:
    async def main() -> None:
        await asyncio.to_thread(job)

    asyncio.run(main())


def run_until_complete() -> None:
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(async_job())
    finally:
        loop.close()


def task_of_run_until_complete() -> None:
    async def main() -> None:
        await asyncio.ensure_future(async_job())

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()


def asyncio_runner() -> None:
    with asyncio.Runner() as runner:
        runner.run(async_job())


def anyio_run() -> None:
    anyio.run(async_job)


def trio_run() -> None:
    anyio.run(async_job, backend="trio")


def task_of_trio_run() -> None:
    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(async_job)

    anyio.run(main, backend="trio")


def worker_thread_of_trio_run() -> None:
    async def main() -> None:
        await anyio.to_thread.run_sync(job)

    anyio.run(main, backend="trio")


def django_style_async_to_sync() -> None:
    async_to_sync(async_job)()


def sync_to_async_within_async_to_sync() -> None:
    @async_to_sync
    async def view() -> None:
        await sync_to_async(job)()

    view()


def blocking_portal() -> None:
    with anyio.from_thread.start_blocking_portal() as portal:
        contextvars.copy_context().run(portal.call, anyio.sleep, 0)
    job()


ROWS: list[Any] = [
    plain_call,
    asyncio_run,
    task_of_asyncio_run,
    gathered_in_asyncio_run,
    task_of_a_task_of_asyncio_run,
    callback_in_asyncio_run,
    worker_thread_of_asyncio_run,
    run_until_complete,
    task_of_run_until_complete,
    pytest.param(asyncio_runner, marks=pytest.mark.skipif(sys.version_info < (3, 11), reason="new in Python 3.11")),
    anyio_run,
    trio_run,
    task_of_trio_run,
    worker_thread_of_trio_run,
    django_style_async_to_sync,
    sync_to_async_within_async_to_sync,
    blocking_portal,
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_all_that_a_request_outside_of_a_loop_runs_belongs_to_it(row: Row, paths: Paths) -> None:
    with WebTransaction(name="page"):
        row()
    assert paths() == BELONGS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_the_same_in_a_thread_of_a_server(row: Row, paths: Paths) -> None:
    def serve() -> None:
        with WebTransaction(name="page"):
            row()

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()
    assert paths() == BELONGS


def test_a_task_of_a_loop_that_opened_the_transaction_itself_is_on_its_own(paths: Paths) -> None:
    async def main() -> None:
        with WebTransaction(name="page"):
            await asyncio.create_task(async_job())

    asyncio.run(main())
    assert paths() == FRESH


def test_a_main_that_is_measured_itself_does_not_own_its_tasks(paths: Paths) -> None:
    @background_task(name="main")
    async def main() -> None:
        await asyncio.create_task(async_job())

    asyncio.run(main())
    assert paths() == ["OtherTransaction/Function/job", "OtherTransaction/Function/main"]


# Threads


def in_thread(function: Callable[..., Any], *args: Any) -> None:
    thread = threading.Thread(target=function, args=args)
    thread.start()
    thread.join()


def in_pool(function: Callable[..., Any], *args: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(function, *args).result()


@pytest.mark.parametrize("run", [in_thread, in_pool])
def test_a_thread_that_is_given_the_context_belongs(run: Callable[..., Any], paths: Paths) -> None:
    with WebTransaction(name="page"):
        run(contextvars.copy_context().run, job)
    assert paths() == BELONGS


@pytest.mark.parametrize("run", [in_thread, in_pool])
def test_a_thread_without_the_context_is_on_its_own(run: Callable[..., Any], paths: Paths) -> None:
    with WebTransaction(name="page"):
        run(job)
    assert paths() == FRESH


def test_a_loop_that_such_a_thread_runs_belongs(paths: Paths) -> None:
    with WebTransaction(name="page"):
        in_thread(contextvars.copy_context().run, task_of_asyncio_run)
    assert paths() == BELONGS


def test_a_greenlet_is_on_its_own(run_script: Callable[[str], Any]) -> None:
    pytest.importorskip("gevent")
    got = run_script(
        """
import gevent
@background_task(name="job")
def job(): pass
with WebTransaction(name="page"):
    gevent.spawn(job).join()
    gevent.spawn_later(0, job).join()
print(json.dumps(got))
"""
    )
    assert got == [*BELONGS, *FRESH]


def test_a_request_in_a_greenlet_owns_what_it_calls_and_not_what_it_spawns(run_script: Callable[[str], Any]) -> None:
    pytest.importorskip("gevent")
    got = run_script(
        """
import gevent
@background_task(name="job")
def job(): gevent.sleep(0)
def request(name, spawn):
    with WebTransaction(name=name):
        gevent.sleep(0)
        gevent.spawn(job).join() if spawn else job()
        gevent.sleep(0)
gevent.joinall([gevent.spawn(request, "a", True), gevent.spawn(request, "b", False)])
print(json.dumps(sorted(got)))
"""
    )
    assert got == [*BELONGS, *BELONGS, "WebTransaction/Function/a"]


# Forks


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_neither_belongs_nor_records_what_its_parent_opened(run_script: Callable[[str], Any]) -> None:
    got = run_script(
        """
@background_task(name="job")
def job(): pass
with WebTransaction(name="page"):
    child = os.fork()
    if not child:
        job()
        before = current_transaction() is None
if not child:
    sys.stdout.write(json.dumps(["child", before, got]))
    sys.stdout.flush()
    os._exit(0)
os.waitpid(child, 0)
"""
    )
    assert got == ["child", True, BELONGS]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_parent_records_its_own_once_after_a_fork(run_script: Callable[[str], Any]) -> None:
    got = run_script(
        """
with WebTransaction(name="page"):
    child = os.fork()
if not child:
    os._exit(0)
os.waitpid(child, 0)
print(json.dumps(got))
"""
    )
    assert got == [FRESH[1]]


# After the end


def test_a_call_after_the_end_is_on_its_own(paths: Paths) -> None:
    with WebTransaction(name="page"):
        context = contextvars.copy_context()
    context.run(job)
    assert paths() == list(reversed(FRESH))


def test_a_job_after_the_return_of_a_job_is_on_its_own(paths: Paths) -> None:
    job()
    job()
    assert paths() == [*BELONGS, *BELONGS]


def test_calls_on_the_transaction_follow_the_context_alone(paths: Paths) -> None:
    async def child() -> None:
        set_transaction_name("named by its child")
        set_background_task()

    async def main() -> None:
        with WebTransaction(name="page"):
            await asyncio.create_task(child())

    asyncio.run(main())
    assert paths() == ["OtherTransaction/Function/named by its child"]


def test_calls_on_a_transaction_that_has_ended_do_nothing(paths: Paths) -> None:
    with BackgroundTask(name="job"):
        context = contextvars.copy_context()
    context.run(set_transaction_name, "too late")
    assert paths() == BELONGS
