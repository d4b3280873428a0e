"""Coroutines that come late: out of callable objects, and out of functions that are no coroutine functions."""

from __future__ import annotations

import asyncio
import functools
import gc
import time
import warnings
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from asgiref.sync import async_to_sync, sync_to_async

from weighbridge import (
    BackgroundTask,
    FinishedTransaction,
    WebTransaction,
    background_task,
    current_transaction,
    set_transaction_name,
    web_transaction,
)

Finished = list[FinishedTransaction]
Paths = Callable[[], list[str]]

AWHILE = 0.05
"""Seconds that the work takes, so that a duration tells whether it was measured."""


class Plain:
    def __init__(self, function: Any) -> None:
        self.function = function

    async def __call__(self, *args: Any) -> Any:
        return await self.function(*args)


class Binding(Plain):
    """As a decorator is written that is put on methods, too."""

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        functools.update_wrapper(self, function)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)


async def work(fails: bool = False) -> str:
    await asyncio.sleep(AWHILE)
    if fails:
        raise ValueError("no work today")
    current = current_transaction()
    return "nothing" if current is None else current.path


def blocking_work(fails: bool = False) -> str:
    time.sleep(AWHILE)
    if fails:
        raise ValueError("no work today")
    current = current_transaction()
    return "nothing" if current is None else current.path


async def of_an_instance(self: Any, fails: bool = False) -> str:
    return await work(fails)


class Owner:
    bound = background_task(name="job")(Binding(of_an_instance))


LATE: dict[str, Callable[..., Any]] = {
    "sync_to_async": background_task(name="job")(sync_to_async(blocking_work)),
    "an object": background_task(name="job")(Plain(work)),
    "an object that binds": background_task(name="job")(Binding(work)),
    "a method": Owner().bound,
    "a partial of an object": background_task(name="job")(functools.partial(Plain(work))),
    "a plain function": background_task(name="job")(lambda fails=False: work(fails)),
    "a wrapped function": background_task(name="job")(functools.wraps(work)(lambda fails=False: work(fails))),
    "a bound method": background_task(name="job")(Plain(work).__call__),
}


@pytest.fixture(params=LATE)
def job(request: pytest.FixtureRequest) -> Any:
    return LATE[request.param]


@pytest.mark.application_blocks
def test_it_is_measured_until_it_is_done(job: Any, finished: Finished) -> None:
    async def main() -> Any:
        return await job()

    assert asyncio.run(main()) == "OtherTransaction/Function/job"
    (transaction,) = finished
    assert transaction.duration >= AWHILE
    assert not transaction.failed


@pytest.mark.application_blocks
def test_its_failure_is_noticed(job: Any, finished: Finished) -> None:
    async def main() -> Any:
        return await job(True)

    with pytest.raises(ValueError, match="no work today"):
        asyncio.run(main())
    assert [error.type for error in finished[0].errors] == ["builtins:ValueError"]


@pytest.mark.application_blocks
def test_many_at_once(job: Any, finished: Finished) -> None:
    async def main() -> Any:
        return await asyncio.gather(job(), job(True), job(), return_exceptions=True)

    results = asyncio.run(main())
    assert results[::2] == ["OtherTransaction/Function/job"] * 2
    assert sorted(transaction.failed for transaction in finished) == [False, False, True]


# A plain function that returns one


@background_task(name="job")
def plain(function: Callable[[], Any] = work) -> Any:
    """Its transaction begins here, and goes on when what it returns is awaited."""
    return function()


def test_it_is_current_while_the_function_and_the_coroutine_run(finished: Finished) -> None:
    seen: list[Any] = []

    def note() -> Any:
        seen.append(current_transaction())
        return awaited()

    async def awaited() -> None:
        seen.append(current_transaction())

    async def main() -> None:
        made = plain(note)
        seen.append(current_transaction())
        await made
        seen.append(current_transaction())

    asyncio.run(main())
    first, between, second, after = seen
    assert first is second
    assert first.name == "job"
    assert between is after is None
    assert len(finished) == 1


def test_the_callers_transaction_is_current_in_between(paths: Paths) -> None:
    async def main() -> None:
        with WebTransaction(name="page") as page:
            made = web_transaction(name="inner")(work)
            assert await made() == "WebTransaction/Function/inner"
            made = background_task(name="job")(lambda: work())
            coroutine = made()
            assert current_transaction() is page
            assert await coroutine == "OtherTransaction/Function/job"

    asyncio.run(main())
    assert paths() == ["OtherTransaction/Function/job"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_in_another_task_it_is_measured_there(backend: str, paths: Paths) -> None:
    seen: list[Any] = []

    async def awaited() -> None:
        await anyio.lowlevel.checkpoint()
        set_transaction_name("within")
        seen.append(current_transaction() is not None)

    async def main() -> None:
        async def run(coroutine: Any) -> None:
            await coroutine

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(run, plain(awaited))
            seen.append(current_transaction() is not None)

    anyio.run(main, backend=backend)
    assert seen == [False, True, True, True]
    assert paths() == ["OtherTransaction/Function/within"] * 3


def test_run_by_a_thread_of_its_own(paths: Paths) -> None:
    async def main() -> Any:
        return await plain()

    assert async_to_sync(main)() == "OtherTransaction/Function/job"
    assert asyncio.run(plain()) == "OtherTransaction/Function/job"
    assert paths() == ["OtherTransaction/Function/job"] * 2


def test_what_a_transaction_is_that_was_open_already(paths: Paths) -> None:
    async def main() -> None:
        with BackgroundTask(name="outer"):
            given = work()
            assert plain(lambda: given) is given
            await given

    asyncio.run(main())
    assert paths() == ["OtherTransaction/Function/outer"]


def test_one_that_is_never_awaited_ends_when_it_is_collected(finished: Finished) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = plain()
        assert finished == []
        del made
        gc.collect()
    said = [str(warning.message) for warning in caught]
    caught.clear()  # a warning has what it is about
    gc.collect()
    assert said == ["coroutine 'work' was never awaited"]
    assert [transaction.failed for transaction in finished] == [False]


def test_one_that_is_closed(finished: Finished) -> None:
    made = plain()
    made.close()
    del made
    gc.collect()
    assert len(finished) == 1


def test_one_that_is_cancelled_has_not_failed(finished: Finished) -> None:
    async def main() -> None:
        task = asyncio.create_task(plain(lambda: asyncio.sleep(60)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert [transaction.failed for transaction in finished] == [False]


def test_the_function_itself_may_fail(finished: Finished) -> None:
    def failing() -> Any:
        raise ValueError("before there is a coroutine")

    with pytest.raises(ValueError, match="before"):
        plain(failing)
    assert [transaction.failed for transaction in finished] == [True]
