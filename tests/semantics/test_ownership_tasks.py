"""Section 3 on asyncio and trio: which calls made in and around tasks belong to the request's transaction.

Every row runs inside a web transaction that was opened in a task; the call is
a `background_task`: where it belongs, the request becomes it, else it is a
transaction of its own.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest
from asgiref.sync import async_to_sync, sync_to_async

from weighbridge import WebTransaction, background_task

pytestmark = pytest.mark.anyio

BELONGS = ["OtherTransaction/Function/job"]
FRESH = ["OtherTransaction/Function/job", "WebTransaction/Function/page"]

Row = Callable[[], Awaitable[Any]]
Paths = Callable[[], list[str]]


@background_task(name="job")
def job() -> None:
    pass


@background_task(name="job")
async def async_job() -> None:
    await anyio.lowlevel.checkpoint()


def in_asyncio(coroutine_function: Callable[[], Any]) -> None:
    asyncio.run(coroutine_function())


# What belongs, on asyncio and trio


async def plain_call() -> None:
    job()


async def plain_await() -> None:
    await async_job()


async def deep_below() -> None:
    async def level(depth: int) -> None:
        await (level(depth - 1) if depth else async_job())

    await level(20)


async def within_a_deadline() -> None:
    with anyio.fail_after(5):
        await async_job()


async def within_a_task_groups_own_body() -> None:
    async with anyio.create_task_group():
        await async_job()


async def async_generator_body() -> None:
    async def numbers() -> AsyncIterator[int]:
        yield 1
        await async_job()
        yield 2

    async for _ in numbers():
        pass


async def context_run_by_hand() -> None:
    contextvars.copy_context().run(job)


async def worker_thread() -> None:
    await anyio.to_thread.run_sync(job)


async def loop_run_by_a_worker_thread() -> None:
    await anyio.to_thread.run_sync(in_asyncio, async_job)


async def task_of_a_loop_run_by_a_worker_thread() -> None:
    async def main() -> None:
        await asyncio.create_task(async_job())

    await anyio.to_thread.run_sync(in_asyncio, main)


async def back_in_the_loop_from_a_worker_thread() -> None:
    await anyio.to_thread.run_sync(anyio.from_thread.run, async_job)


async def worker_thread_of_the_way_back() -> None:
    async def back() -> None:
        await anyio.to_thread.run_sync(job)

    await anyio.to_thread.run_sync(anyio.from_thread.run, back)


async def thread_that_is_given_the_context() -> None:
    thread = threading.Thread(target=contextvars.copy_context().run, args=(job,))
    thread.start()
    thread.join()


BELONGING: list[Row] = [
    plain_call,
    plain_await,
    deep_below,
    within_a_deadline,
    within_a_task_groups_own_body,
    async_generator_body,
    context_run_by_hand,
    worker_thread,
    loop_run_by_a_worker_thread,
    task_of_a_loop_run_by_a_worker_thread,
    back_in_the_loop_from_a_worker_thread,
    worker_thread_of_the_way_back,
    thread_that_is_given_the_context,
]


@pytest.mark.parametrize("row", BELONGING, ids=lambda row: row.__name__)
async def test_belongs_to_the_request(row: Row, paths: Paths) -> None:
    with WebTransaction(name="page"):
        await row()
    assert paths() == BELONGS


# What does not, on asyncio and trio


async def task_of_a_task_group() -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(async_job)


async def task_that_a_task_group_waits_to_see_started() -> None:
    async def service(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        task_status.started()
        await async_job()

    async with anyio.create_task_group() as group:
        await group.start(service)


async def plain_call_in_a_task_of_a_task_group() -> None:
    async def task() -> None:
        job()

    async with anyio.create_task_group() as group:
        group.start_soon(task)


async def plain_thread() -> None:
    thread = threading.Thread(target=job)
    thread.start()
    thread.join()


async def plain_pool() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(job).result()


NOT_BELONGING: list[Row] = [
    task_of_a_task_group,
    task_that_a_task_group_waits_to_see_started,
    plain_call_in_a_task_of_a_task_group,
    plain_thread,
    plain_pool,
]


@pytest.mark.parametrize("row", NOT_BELONGING, ids=lambda row: row.__name__)
async def test_is_on_its_own(row: Row, paths: Paths) -> None:
    with WebTransaction(name="page"):
        await row()
    assert paths() == FRESH


# asyncio only


async def asyncio_to_thread() -> None:
    await asyncio.to_thread(job)


async def sync_to_async_thread_sensitive() -> None:
    await sync_to_async(job, thread_sensitive=True)()


async def sync_to_async_any_thread() -> None:
    await sync_to_async(job, thread_sensitive=False)()


async def async_to_sync_in_a_worker_thread() -> None:
    await sync_to_async(async_to_sync(async_job), thread_sensitive=True)()


async def async_to_sync_in_any_thread() -> None:
    await asyncio.to_thread(async_to_sync(async_job))


async def pool_that_is_given_the_context() -> None:
    await asyncio.get_running_loop().run_in_executor(None, contextvars.copy_context().run, job)


async def asyncio_timeout() -> None:
    async with asyncio.timeout(5):
        await async_job()


ASYNCIO_BELONGING: list[Any] = [
    asyncio_to_thread,
    sync_to_async_thread_sensitive,
    sync_to_async_any_thread,
    async_to_sync_in_a_worker_thread,
    async_to_sync_in_any_thread,
    pool_that_is_given_the_context,
    pytest.param(asyncio_timeout, marks=pytest.mark.skipif(sys.version_info < (3, 11), reason="new in Python 3.11")),
]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("row", ASYNCIO_BELONGING, ids=lambda row: row.__name__)
async def test_belongs_to_the_request_on_asyncio(row: Row, paths: Paths) -> None:
    with WebTransaction(name="page"):
        await row()
    assert paths() == BELONGS


async def created_task() -> None:
    await asyncio.create_task(async_job())


async def created_task_that_nobody_awaits() -> None:
    done = asyncio.Event()

    async def task() -> None:
        await async_job()
        done.set()

    kept = asyncio.create_task(task())
    await done.wait()
    assert kept is not None


async def gathered() -> None:
    await asyncio.gather(async_job())


async def ensured_future() -> None:
    await asyncio.ensure_future(async_job())


async def shielded() -> None:
    await asyncio.shield(async_job())


async def task_that_starts_eagerly() -> None:
    await asyncio.eager_task_factory(asyncio.get_running_loop(), async_job())  # type: ignore[attr-defined]


async def task_in_the_very_same_context() -> None:
    context = contextvars.copy_context()
    await asyncio.create_task(asyncio.sleep(0), context=context)  # type: ignore[call-arg]
    await asyncio.create_task(async_job(), context=context)  # type: ignore[call-arg]


async def asyncio_task_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(async_job())


async def coroutine_sent_from_another_thread() -> None:
    loop = asyncio.get_running_loop()
    context = contextvars.copy_context()

    def send() -> None:
        asyncio.run_coroutine_threadsafe(async_job(), loop).result()

    await asyncio.to_thread(context.run, send)


async def callback() -> None:
    asyncio.get_running_loop().call_soon(job)
    await asyncio.sleep(0)


async def delayed_callback() -> None:
    asyncio.get_running_loop().call_later(0, job)
    await asyncio.sleep(0.01)


async def callback_from_a_worker_thread() -> None:
    await anyio.to_thread.run_sync(anyio.from_thread.run_sync, job)


async def done_callback() -> None:
    task = asyncio.create_task(asyncio.sleep(0))
    task.add_done_callback(lambda _: job())
    await task
    await asyncio.sleep(0)


async def pool_without_the_context() -> None:
    await asyncio.get_running_loop().run_in_executor(None, job)


async def step_of_an_async_generator_as_a_task() -> None:
    async def numbers() -> AsyncIterator[int]:
        await async_job()
        yield 1

    async def step(generator: AsyncIterator[int]) -> int:
        return await generator.__anext__()

    await asyncio.gather(step(numbers()))


ASYNCIO_NOT_BELONGING: list[Any] = [
    created_task,
    created_task_that_nobody_awaits,
    gathered,
    ensured_future,
    shielded,
    pytest.param(
        task_that_starts_eagerly, marks=pytest.mark.skipif(sys.version_info < (3, 12), reason="new in Python 3.12")
    ),
    pytest.param(
        task_in_the_very_same_context, marks=pytest.mark.skipif(sys.version_info < (3, 11), reason="new in Python 3.11")
    ),
    pytest.param(asyncio_task_group, marks=pytest.mark.skipif(sys.version_info < (3, 11), reason="new in Python 3.11")),
    coroutine_sent_from_another_thread,
    callback,
    delayed_callback,
    callback_from_a_worker_thread,
    done_callback,
    pool_without_the_context,
    step_of_an_async_generator_as_a_task,
]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("row", ASYNCIO_NOT_BELONGING, ids=lambda row: row.__name__)
async def test_is_on_its_own_on_asyncio(row: Row, paths: Paths) -> None:
    with WebTransaction(name="page"):
        await row()
    assert paths() == FRESH


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_wait_for_makes_a_task_of_its_own_up_to_python_3_11_only(paths: Paths) -> None:
    with WebTransaction(name="page"):
        await asyncio.wait_for(async_job(), 5)
    assert paths() == (BELONGS if sys.version_info >= (3, 12) else FRESH)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_child_task_of_a_child_task_is_on_its_own(paths: Paths) -> None:
    async def child() -> None:
        await asyncio.create_task(async_job())

    with WebTransaction(name="page"):
        await asyncio.create_task(child())
    assert paths() == FRESH


# trio only


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_a_nurserys_task_is_on_its_own(paths: Paths) -> None:
    import trio

    with WebTransaction(name="page"):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(async_job)
    assert paths() == FRESH


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_trios_threads_belong_and_so_does_the_way_back(paths: Paths) -> None:
    import trio

    with WebTransaction(name="page"):
        await trio.to_thread.run_sync(job)
        await trio.to_thread.run_sync(trio.from_thread.run, async_job)
    assert paths() == BELONGS


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_what_any_thread_with_the_context_sends_to_trio_belongs(paths: Paths) -> None:
    import trio

    with WebTransaction(name="page"):
        token, context = trio.lowlevel.current_trio_token(), contextvars.copy_context()
        send = functools.partial(trio.from_thread.run, async_job, trio_token=token)
        thread = threading.Thread(target=context.run, args=(send,))
        thread.start()
        await trio.to_thread.run_sync(thread.join)
    assert paths() == BELONGS


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_trio_runs_a_threads_callback_in_the_waiting_task_itself(paths: Paths) -> None:
    with WebTransaction(name="page"):
        await anyio.to_thread.run_sync(anyio.from_thread.run_sync, job)
    assert paths() == BELONGS


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_trios_system_task_is_on_its_own(paths: Paths) -> None:
    import trio

    done = trio.Event()

    async def task() -> None:
        await async_job()
        done.set()

    with WebTransaction(name="page"):
        trio.lowlevel.spawn_system_task(task, context=contextvars.copy_context())
        await done.wait()
    assert paths() == FRESH


# Tasks that outlive the request, and what a task opened itself


async def test_a_call_in_a_task_after_the_end_of_the_request_is_on_its_own(paths: Paths) -> None:
    async def task(over: anyio.Event) -> None:
        await over.wait()
        await async_job()

    over = anyio.Event()
    async with anyio.create_task_group() as group:
        with WebTransaction(name="page"):
            group.start_soon(task, over)
            await anyio.sleep(0.01)
        over.set()
    assert paths() == list(reversed(FRESH))


async def test_what_a_child_task_opened_is_followed_within_it(paths: Paths) -> None:
    @background_task(name="outer")
    async def outer() -> None:
        await async_job()
        await anyio.to_thread.run_sync(job)

    with WebTransaction(name="page"):
        async with anyio.create_task_group() as group:
            group.start_soon(outer)
    assert paths() == ["OtherTransaction/Function/outer", "WebTransaction/Function/page"]


async def test_two_requests_interleaved_on_one_thread_do_not_mix(paths: Paths) -> None:
    async def request(name: str, reclassify: bool) -> None:
        with WebTransaction(name=name):
            await anyio.sleep(0.005)
            if reclassify:
                await async_job()
            await anyio.sleep(0.005)

    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(request, str(number), number == 1)
    assert sorted(paths()) == [BELONGS[0], "WebTransaction/Function/0", "WebTransaction/Function/2"]


# Known limits


@pytest.mark.xfail(strict=True, reason="a thread that a user's task started looks like one that the handler awaits")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_thread_that_a_users_task_started_should_be_on_its_own(paths: Paths) -> None:
    with WebTransaction(name="page"):
        await asyncio.create_task(asyncio.to_thread(job))
    assert paths() == FRESH


@pytest.mark.skipif(
    not getattr(sys.flags, "thread_inherit_context", False), reason="only where plain threads inherit the context"
)
@pytest.mark.xfail(strict=True, reason="an inherited context cannot be told from one that was carried on purpose")
def test_a_plain_thread_that_inherits_the_context_should_be_on_its_own(paths: Paths) -> None:
    with WebTransaction(name="page"):
        thread = threading.Thread(target=job)
        thread.start()
        thread.join()
    assert paths() == FRESH
