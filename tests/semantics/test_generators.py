"""Section 2, generators: one transaction from the first step to the end, current only while the body runs."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import threading
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from weighbridge import (
    BackgroundTask,
    FinishedTransaction,
    Transaction,
    WebTransaction,
    background_task,
    current_transaction,
    end_of_transaction,
    set_transaction_name,
)
from weighbridge.middleware import WSGITransactionMiddleware

Paths = Callable[[], list[str]]
Finished = list[FinishedTransaction]

seen: list[Transaction | None] = []


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()


@background_task(name="numbers")
def numbers(count: int = 3) -> Iterator[int]:
    try:
        for number in range(count):
            seen.append(current_transaction())
            yield number
    finally:
        seen.append(current_transaction())


@background_task(name="numbers")
async def async_numbers(count: int = 3) -> AsyncGenerator[int, None]:
    try:
        for number in range(count):
            await anyio.lowlevel.checkpoint()
            seen.append(current_transaction())
            yield number
    finally:
        seen.append(current_transaction())


NUMBERS = ["OtherTransaction/Function/numbers"]


def one_and_the_same() -> bool:
    return None not in seen and len(set(map(id, seen))) == 1


# Between the steps


def test_it_is_one_transaction_from_the_first_step_to_the_end(paths: Paths) -> None:
    generator = numbers()
    assert current_transaction() is None
    for _ in generator:
        assert current_transaction() is None
        assert paths() == []
    assert paths() == NUMBERS
    assert one_and_the_same()


def test_between_the_steps_the_callers_transaction_is_current(paths: Paths) -> None:
    generator = numbers()
    next(generator)
    with WebTransaction(name="page") as web:
        assert current_transaction() is web
        next(generator)
        assert current_transaction() is web
        set_transaction_name("still mine")
    assert current_transaction() is None
    generator.close()  # type: ignore[attr-defined]
    assert paths() == ["WebTransaction/Function/still mine", *NUMBERS]
    assert one_and_the_same()


def test_a_half_consumed_generator_never_swallows_the_next_request(paths: Paths) -> None:
    kept = numbers()
    next(kept)
    with WebTransaction(name="page"):
        pass
    with BackgroundTask(name="job"):
        pass
    assert paths() == ["WebTransaction/Function/page", "OtherTransaction/Function/job"]
    del kept


def test_two_generators_interleaved_do_not_mix(paths: Paths) -> None:
    @background_task(name=lambda name: name)
    def named(name: str) -> Iterator[str]:
        for _ in range(2):
            transaction = current_transaction()
            yield transaction.name if transaction else ""

    assert list(zip(named("a"), named("b"), strict=True)) == [("a", "b")] * 2
    assert sorted(paths()) == ["OtherTransaction/Function/a", "OtherTransaction/Function/b"]


def test_it_is_not_opened_before_its_first_step(paths: Paths) -> None:
    numbers()
    gc.collect()
    assert paths() == []


def test_the_clock_runs_from_the_first_step_to_the_end(finished: Finished) -> None:
    import time

    generator = numbers(1)
    next(generator)
    time.sleep(0.02)
    list(generator)
    assert finished[0].duration >= 0.02


@pytest.mark.anyio
async def test_between_the_steps_of_an_async_generator_the_callers_is_current(paths: Paths) -> None:
    with WebTransaction(name="page") as web:
        async for _ in tracked(web):
            pass
    assert paths() == ["OtherTransaction/Function/numbers"]


async def tracked(web: Transaction | None) -> AsyncIterator[int]:
    async for number in async_numbers():
        assert current_transaction() is web
        yield number


@pytest.mark.anyio
async def test_an_async_generator_is_one_transaction(paths: Paths) -> None:
    async for _ in async_numbers():
        assert current_transaction() is None
        await anyio.lowlevel.checkpoint()
        assert paths() == []
    assert paths() == NUMBERS
    assert one_and_the_same()


@pytest.mark.anyio
async def test_a_half_consumed_async_generator_never_swallows_the_next_request(paths: Paths) -> None:
    kept = async_numbers()
    await kept.__anext__()
    with WebTransaction(name="page"):
        pass
    assert paths() == ["WebTransaction/Function/page"]
    await kept.aclose()
    assert paths()[1:] == NUMBERS
    assert one_and_the_same()


# In a web transaction


def test_in_a_request_its_first_step_reclassifies_the_request(paths: Paths) -> None:
    with WebTransaction(name="page"):
        generator = numbers()
        next(generator)
        list(generator)
    assert paths() == NUMBERS


def test_begun_in_a_request_it_goes_on_after_it(paths: Paths) -> None:
    with WebTransaction(name="page"):
        generator = numbers()
        next(generator)
    assert list(generator) == [1, 2]
    assert paths() == NUMBERS


# Abandoned


def test_abandoned_it_ends_when_it_is_closed_after_its_own_cleanup(paths: Paths) -> None:
    generator = numbers()
    next(generator)
    generator.close()  # type: ignore[attr-defined]
    assert paths() == NUMBERS
    assert len(seen) == 2
    assert one_and_the_same()


def test_abandoned_it_ends_when_it_is_collected_after_its_own_cleanup(finished: Finished) -> None:
    generator = numbers()
    next(generator)
    assert finished == []
    del generator
    gc.collect()
    (transaction,) = finished
    assert (transaction.path, transaction.failed) == (NUMBERS[0], False)
    assert one_and_the_same()


@pytest.mark.anyio
async def test_an_abandoned_async_generator_ends_when_it_is_closed(paths: Paths) -> None:
    generator = async_numbers()
    await generator.__anext__()
    await generator.aclose()
    assert paths() == NUMBERS
    assert one_and_the_same()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.anyio
async def test_an_abandoned_async_generator_ends_when_it_is_collected(finished: Finished) -> None:
    generator = async_numbers()
    await generator.__anext__()
    del generator
    for _ in range(3):
        gc.collect()
        await asyncio.sleep(0.01)
    (transaction,) = finished
    assert (transaction.path, transaction.failed) == (NUMBERS[0], False)
    assert one_and_the_same()


def test_an_async_generator_that_outlives_its_loop_ends_when_it_is_collected(paths: Paths) -> None:
    @background_task(name="numbers")
    async def plain() -> AsyncIterator[int]:
        yield 1
        yield 2

    async def main() -> AsyncIterator[int]:
        generator = plain()
        await generator.__anext__()
        return generator

    kept = asyncio.run(main())
    del kept
    gc.collect()
    assert paths() == NUMBERS


def test_left_by_a_break_in_a_for_loop(paths: Paths) -> None:
    for _ in numbers():
        break
    gc.collect()
    assert paths() == NUMBERS


# Each step elsewhere than the one before


def test_each_step_may_run_in_another_thread(paths: Paths) -> None:
    generator = numbers()

    def step() -> None:
        next(generator, None)
        assert current_transaction() is None

    for _ in range(4):
        thread = threading.Thread(target=step)
        thread.start()
        thread.join()
    assert paths() == NUMBERS
    assert one_and_the_same()


def test_each_step_may_run_in_another_context(paths: Paths) -> None:
    generator = numbers()
    for _ in range(4):
        contextvars.copy_context().run(next, generator, None)
        assert current_transaction() is None
    assert paths() == NUMBERS
    assert one_and_the_same()


@pytest.mark.anyio
async def test_each_step_may_run_in_another_task(paths: Paths) -> None:
    generator = async_numbers()

    async def step() -> None:
        async for _ in generator:
            break
        assert current_transaction() is None

    for _ in range(4):
        async with anyio.create_task_group() as group:
            group.start_soon(step)
    assert paths() == NUMBERS
    assert one_and_the_same()


@pytest.mark.anyio
async def test_steps_of_a_generator_in_worker_threads(paths: Paths) -> None:
    generator = numbers()
    with WebTransaction(name="page") as web:
        for _ in range(4):
            await anyio.to_thread.run_sync(next, generator, None)
            assert current_transaction() is web
    assert paths() == NUMBERS


def test_calls_within_a_step_belong_to_the_generators_transaction_wherever_it_runs(paths: Paths) -> None:
    @background_task(name="inner")
    def inner() -> None:
        pass

    @background_task(name="outer")
    def outer() -> Iterator[int]:
        inner()
        yield 1
        inner()

    generator = outer()
    for _ in range(2):
        thread = threading.Thread(target=next, args=(generator, None))
        thread.start()
        thread.join()
    assert paths() == ["OtherTransaction/Function/outer"]


@pytest.mark.anyio
async def test_calls_within_a_step_in_another_task_belong_to_the_generators_transaction(paths: Paths) -> None:
    @background_task(name="inner")
    async def inner() -> None:
        await anyio.lowlevel.checkpoint()

    @background_task(name="outer")
    async def outer() -> AsyncGenerator[int, None]:
        yield 1
        await inner()
        yield 2

    async def step(generator: AsyncGenerator[int, None]) -> None:
        await generator.__anext__()

    generator = outer()
    for _ in range(2):
        async with anyio.create_task_group() as group:
            group.start_soon(step, generator)
    await generator.aclose()
    assert paths() == ["OtherTransaction/Function/outer"]


# It stays the generator that it was


@background_task(name="echo")
def echo() -> Generator[Any, Any, str]:
    got = None
    while got != "stop":
        try:
            got = yield got
        except KeyError as error:
            got = error
    return "returned"


@background_task(name="echo")
async def async_echo() -> AsyncGenerator[Any, Any]:
    got = None
    while got != "stop":
        try:
            got = yield got
        except KeyError as error:
            got = error


def test_what_is_sent_thrown_and_returned_passes_through(finished: Finished) -> None:
    generator = echo()
    assert next(generator) is None
    assert generator.send(1) == 1
    error = KeyError("thrown")
    assert generator.throw(error) is error
    with pytest.raises(StopIteration) as stopped:
        generator.send("stop")
    assert stopped.value.value == "returned"
    assert not finished[0].failed


@pytest.mark.anyio
async def test_what_is_sent_to_and_thrown_into_an_async_generator_passes_through(finished: Finished) -> None:
    generator = async_echo()
    assert await generator.__anext__() is None
    assert await generator.asend(1) == 1
    error = KeyError("thrown")
    assert await generator.athrow(error) is error
    with pytest.raises(StopAsyncIteration):
        await generator.asend("stop")
    assert not finished[0].failed


def test_an_exception_thrown_into_it_that_it_does_not_handle_fails_it(finished: Finished) -> None:
    generator = echo()
    next(generator)
    error = ValueError("thrown")
    with pytest.raises(ValueError, match="thrown") as caught:
        generator.throw(error)
    assert caught.value is error
    assert finished[0].failed


def test_an_exception_of_the_body_leaves_with_the_context_that_it_would_have_had_anyway() -> None:
    def body() -> Iterator[int]:
        try:  # noqa: SIM105  what an except block leaves behind is what is looked at
            yield 1
        except KeyError:
            pass
        seen_in_body.append(sys.exc_info()[0])
        raise ValueError

    for function in (body, background_task(body)):
        seen_in_body: list[Any] = []
        generator: Any = function()
        next(generator)
        with pytest.raises(ValueError, match=r"^$") as caught:
            generator.throw(KeyError())
        assert (seen_in_body, caught.value.__context__) == ([None], None)


class Thing:
    """Something of the host program that can be watched."""


class Problem(KeyError):
    """Likewise."""


def test_what_passes_through_is_not_kept_between_the_steps() -> None:
    generator = echo()
    next(generator)
    thing, error = Thing(), Problem()
    watched = [weakref.ref(thing), weakref.ref(error)]
    generator.send(thing)
    generator.throw(error)
    del thing, error
    generator.send(None)
    assert [reference() for reference in watched] == [None, None]

    @background_task(name="things")
    def things() -> Iterator[Thing]:
        yield Thing()

    kept = things()
    watched = [weakref.ref(next(kept))]
    assert [reference() for reference in watched] == [None]


def test_arguments_that_do_not_fit_leave_nothing_open(finished: Finished) -> None:
    async def first(generator: Any) -> None:
        await generator.__anext__()

    with pytest.raises(TypeError):
        next(numbers(1, 2))  # type: ignore[call-arg,call-overload]
    with pytest.raises(TypeError):
        asyncio.run(first(async_numbers(1, 2)))  # type: ignore[call-arg]
    assert current_transaction() is None
    assert len(finished) == 2


def test_a_body_that_refuses_to_be_closed_says_so_as_it_would_have_anyway(finished: Finished) -> None:
    @background_task(name="stubborn")
    def stubborn() -> Generator[int, None, None]:
        try:
            yield 1
        except GeneratorExit:
            yield 2

    generator = stubborn()
    next(generator)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        generator.close()
    assert finished[0].failed


def test_a_stopped_generator_is_recorded_when_it_ends(paths: Paths) -> None:
    @background_task(name="stopped")
    def stopped() -> Iterator[int]:
        end_of_transaction()
        yield 1
        yield 2

    generator = stopped()
    next(generator)
    assert paths() == []
    list(generator)
    assert paths() == ["OtherTransaction/Function/stopped"]


# Response bodies


def serve(body: Any) -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return body

    return iter(WSGITransactionMiddleware(app)({"REQUEST_METHOD": "GET", "PATH_INFO": "/page"}, lambda *_: print))


def chunks() -> Iterator[bytes]:
    try:
        for _ in range(2):
            seen.append(current_transaction())
            yield b"chunk"
    finally:
        seen.append(current_transaction())


def test_a_response_body_is_current_only_while_it_runs(paths: Paths) -> None:
    for _ in serve(chunks()):
        assert current_transaction() is None
        assert paths() == []
    assert paths() == ["WebTransaction/Uri/page"]
    assert one_and_the_same()


def test_a_half_consumed_response_body_never_swallows_the_next_request(paths: Paths) -> None:
    kept = serve(chunks())
    next(kept)
    with BackgroundTask(name="job"):
        pass
    assert paths() == ["OtherTransaction/Function/job"]
    kept.close()
    assert paths()[1:] == ["WebTransaction/Uri/page"]
    assert one_and_the_same()


def test_each_chunk_may_come_from_another_thread(paths: Paths) -> None:
    body = serve(chunks())
    for _ in range(3):
        thread = threading.Thread(target=next, args=(body, None))
        thread.start()
        thread.join()
    assert paths() == ["WebTransaction/Uri/page"]
    assert one_and_the_same()


def test_a_dropped_response_body_ends_after_its_own_cleanup(finished: Finished) -> None:
    body = serve(chunks())
    next(body)
    del body
    gc.collect()
    assert [transaction.path for transaction in finished] == ["WebTransaction/Uri/page"]
    assert one_and_the_same()
