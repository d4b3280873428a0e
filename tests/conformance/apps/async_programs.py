"""What the asynchronous handlers of every framework do: coroutines that know nothing of frameworks."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
from asgiref.sync import async_to_sync, sync_to_async

from weighbridge import BackgroundTask

from .jobs import Keys, async_generator_job, coroutine_job, failing_coroutine_job, job, job_name, late_job

AsyncProgram = Callable[[Keys], Awaitable[object]]

ASYNC: Final[dict[str, AsyncProgram]] = {"decorated": coroutine_job, "failing": failing_coroutine_job}
"""By name; a program is given the mapping in which the request's keys are."""


def _program(function: AsyncProgram) -> AsyncProgram:
    ASYNC[function.__name__] = function
    return function


@_program
async def plain_call(keys: Keys) -> None:
    """A plain function, called by a coroutine."""
    job(keys)


@_program
async def async_block(keys: Keys) -> None:
    """The asynchronous context manager."""
    async with BackgroundTask(name=job_name(keys)):
        await anyio.lowlevel.checkpoint()


@_program
async def async_steps(keys: Keys) -> None:
    """A decorated asynchronous generator."""
    async for _ in async_generator_job(keys):
        await anyio.lowlevel.checkpoint()


@_program
async def async_key(keys: Keys) -> None:
    """The key is set while the request is handled."""
    keys["newrelic.set_background_task"] = True


@_program
async def anyio_timeout(keys: Keys) -> None:
    """Within anyio's timeout."""
    with anyio.fail_after(5):
        await coroutine_job(keys)


@_program
async def wait_for(keys: Keys) -> None:
    """asyncio's older timeout."""
    await asyncio.wait_for(coroutine_job(keys), 5)


@_program
async def create_task(keys: Keys) -> None:
    """A task, waited for."""
    await asyncio.create_task(coroutine_job(keys))


@_program
async def ensure_future(keys: Keys) -> None:
    """A task, waited for."""
    await asyncio.ensure_future(coroutine_job(keys))


_left_alone: Final[set[asyncio.Task[Any]]] = set()


@_program
async def left_task(keys: Keys) -> None:
    """A task that nobody waits for, and that ends after the response."""
    task = asyncio.create_task(late_job(keys))
    _left_alone.add(task)
    task.add_done_callback(_left_alone.discard)


@_program
async def gather(keys: Keys) -> None:
    """Two tasks at once."""
    await asyncio.gather(coroutine_job(keys), coroutine_job(keys))


@_program
async def task_group(keys: Keys) -> None:
    """A task of anyio's task group."""
    async with anyio.create_task_group() as group:
        group.start_soon(coroutine_job, keys)


if sys.version_info >= (3, 11):

    @_program
    async def timeout(keys: Keys) -> None:
        """Within asyncio's timeout."""
        async with asyncio.timeout(5):
            await coroutine_job(keys)

    @_program
    async def asyncio_task_group(keys: Keys) -> None:
        """A task of asyncio's task group."""
        async with asyncio.TaskGroup() as group:
            group.create_task(coroutine_job(keys))


@_program
async def run_coroutine_threadsafe(keys: Keys) -> None:
    """A task that a thread starts in the loop."""
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(coroutine_job(keys), loop).result())


@_program
async def call_soon(keys: Keys) -> None:
    """A callback of the event loop."""
    asyncio.get_running_loop().call_soon(job, keys)
    await asyncio.sleep(0.01)


@_program
async def run_in_executor(keys: Keys) -> None:
    """An executor's thread, without context."""
    await asyncio.get_running_loop().run_in_executor(None, job, keys)


@_program
async def to_thread(keys: Keys) -> None:
    """A thread that asyncio carries the context to."""
    await asyncio.to_thread(job, keys)


@_program
async def asyncio_run_in_thread(keys: Keys) -> None:
    """An event loop of a thread's own."""
    await asyncio.to_thread(lambda: asyncio.run(coroutine_job(keys)))


@_program
async def async_to_sync_in_thread(keys: Keys) -> None:
    """asgiref's way to a thread, and back to a coroutine."""
    await sync_to_async(async_to_sync(coroutine_job))(keys)


@_program
async def anyio_thread(keys: Keys) -> None:
    """A thread that anyio carries the context to; Starlette's ``run_in_threadpool`` is this."""
    await anyio.to_thread.run_sync(job, keys)


@_program
async def anyio_back(keys: Keys) -> None:
    """anyio's way to a thread, and back to a coroutine."""
    await anyio.to_thread.run_sync(anyio.from_thread.run, coroutine_job, keys)


@_program
async def anyio_back_sync(keys: Keys) -> None:
    """anyio's way to a thread, and back to a callback of the loop."""
    await anyio.to_thread.run_sync(anyio.from_thread.run_sync, job, keys)


@_program
async def sensitive_thread(keys: Keys) -> None:
    """asgiref's one thread."""
    await sync_to_async(job)(keys)


@_program
async def insensitive_thread(keys: Keys) -> None:
    """asgiref's other threads."""
    await sync_to_async(job, thread_sensitive=False)(keys)
