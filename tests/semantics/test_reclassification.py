"""Section 4: background inside web, web inside background, blocks, and what is an error."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest

import weighbridge
from weighbridge import (
    BackgroundTask,
    FinishedTransaction,
    Transaction,
    WebTransaction,
    background_task,
    current_transaction,
    end_of_transaction,
    ignore_transaction,
    set_background_task,
    set_transaction_name,
    web_transaction,
)
from weighbridge.middleware import WSGITransactionMiddleware

Paths = Callable[[], list[str]]
Finished = list[FinishedTransaction]


@background_task(name="job", group="Python/Work", application="elsewhere")
def job() -> None:
    pass


def run_wsgi(app: Any) -> None:
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/page"}
    list(app(environ, lambda *_: lambda chunk: None))


def page(body: Callable[[], Any]) -> Any:
    """A WSGI application that runs something while it answers."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        body()
        start_response("200 OK", [])
        return [b"done"]

    return app


# Background inside web


def test_belonging_to_no_transaction_it_is_a_fresh_one(finished: Finished) -> None:
    job()
    (transaction,) = finished
    assert (transaction.path, transaction.application) == ("OtherTransaction/Python/Work/job", "elsewhere")


@pytest.mark.parametrize("block", [job, lambda: BackgroundTask("elsewhere", "job", "Python/Work").__enter__()])
def test_in_a_web_transaction_kind_name_and_group_are_the_calls(block: Any, finished: Finished) -> None:
    run_wsgi(WSGITransactionMiddleware(page(block), "shop"))
    (transaction,) = finished
    assert transaction.path == "OtherTransaction/Python/Work/job"
    assert transaction.kind == "background"
    assert transaction.apdex is None


def test_in_a_web_transaction_the_clock_keeps_the_requests_start(finished: Finished) -> None:
    before = time.time()
    with WebTransaction(name="page"):
        within = time.time()
        time.sleep(0.2)
        job()
    (transaction,) = finished
    assert transaction.duration >= 0.2
    assert before - 0.05 < transaction.started < within + 0.05


def test_in_a_web_transaction_the_application_is_the_requests(finished: Finished) -> None:
    with WebTransaction("front", name="page"):
        job()
    assert [transaction.application for transaction in finished] == ["front"]


def test_a_name_set_with_a_higher_priority_survives_reclassification(paths: Paths) -> None:
    with WebTransaction(name="page"):
        set_transaction_name("mine", "Custom", priority=2)
        job()
    assert paths() == ["OtherTransaction/Custom/mine"]


@pytest.mark.parametrize("priority", [None, 0.5, 1])
def test_a_name_set_with_no_higher_priority_gives_way(priority: float | None, paths: Paths) -> None:
    with WebTransaction(name="page"):
        set_transaction_name("mine", "Custom", priority=priority)
        job()
    assert paths() == ["OtherTransaction/Python/Work/job"]


def test_in_a_background_transaction_the_first_one_wins(paths: Paths) -> None:
    with BackgroundTask(name="first"):
        job()
        with BackgroundTask(name="second"):
            job()
    assert paths() == ["OtherTransaction/Function/first"]


def test_in_a_web_transaction_turned_background_nothing_changes(paths: Paths) -> None:
    with WebTransaction(name="page"):
        set_background_task()
        job()
    assert paths() == ["OtherTransaction/Function/page"]


def test_in_an_ignored_transaction_nothing_is_recorded(paths: Paths) -> None:
    with WebTransaction(name="page") as transaction:
        ignore_transaction()
        job()
        assert transaction is not None
        assert transaction.kind == "web"
    assert paths() == []


def test_in_a_stopped_transaction_nothing_changes(paths: Paths) -> None:
    with WebTransaction(name="page"):
        end_of_transaction()
        job()
    assert paths() == ["WebTransaction/Function/page"]


def test_in_a_background_thread_of_a_request_it_is_fresh_and_the_request_stays_what_it_was(finished: Finished) -> None:
    with WebTransaction(name="page"), ThreadPoolExecutor(1) as pool:
        pool.submit(job).result()
    assert [transaction.path for transaction in finished] == [
        "OtherTransaction/Python/Work/job",
        "WebTransaction/Function/page",
    ]
    assert finished[0].application == "elsewhere"
    assert finished[1].apdex == "satisfied"


def test_the_whole_of_a_reclassified_request_is_measured(finished: Finished) -> None:
    def body() -> Iterator[bytes]:
        job()
        yield b"a"
        time.sleep(0.02)
        yield b"b"

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        return body()

    run_wsgi(WSGITransactionMiddleware(app))
    (transaction,) = finished
    assert transaction.path == "OtherTransaction/Python/Work/job"
    assert transaction.duration >= 0.02


# The other way round: web inside background, web inside web


def test_a_middleware_in_a_background_transaction_opens_its_own(paths: Paths) -> None:
    with BackgroundTask(name="main"):
        run_wsgi(WSGITransactionMiddleware(page(lambda: None)))
        assert paths() == ["WebTransaction/Uri/page"]
    assert paths()[1:] == ["OtherTransaction/Function/main"]


def test_a_job_in_a_request_in_a_measured_main_reclassifies_the_request(paths: Paths) -> None:
    with BackgroundTask(name="main"):
        run_wsgi(WSGITransactionMiddleware(page(job)))
        job()
    assert paths() == ["OtherTransaction/Python/Work/job", "OtherTransaction/Function/main"]


@pytest.mark.parametrize("reclassified", [False, True])
def test_a_middleware_in_a_middleware_opens_none(reclassified: bool, finished: Finished) -> None:
    inner = WSGITransactionMiddleware(page(lambda: None), "inner")

    def outer(environ: Any, start_response: Any) -> Any:
        if reclassified:
            set_background_task()
        return inner(environ, start_response)

    run_wsgi(WSGITransactionMiddleware(outer, "outer"))
    (transaction,) = finished
    assert transaction.application == "outer"
    assert transaction.path == ("OtherTransaction/Uri/page" if reclassified else "WebTransaction/Uri/page")


def test_a_middleware_in_a_middleware_applies_its_explicit_name(finished: Finished) -> None:
    inner = WSGITransactionMiddleware(page(lambda: None), "inner", name="named", group="Custom")
    run_wsgi(WSGITransactionMiddleware(inner, "outer"))
    (transaction,) = finished
    assert (transaction.path, transaction.application) == ("WebTransaction/Custom/named", "outer")


def test_the_web_family_in_a_middleware_opens_none_and_applies_its_explicit_name(paths: Paths) -> None:
    @web_transaction(name="named")
    def named() -> None:
        pass

    @web_transaction
    def unnamed() -> None:
        pass

    run_wsgi(WSGITransactionMiddleware(page(unnamed)))
    run_wsgi(WSGITransactionMiddleware(page(named)))
    assert paths() == ["WebTransaction/Uri/page", "WebTransaction/Function/named"]


def test_a_middleware_in_a_request_turned_background_by_a_job_opens_none(paths: Paths) -> None:
    def app() -> None:
        job()
        run_wsgi(WSGITransactionMiddleware(page(lambda: None)))

    run_wsgi(WSGITransactionMiddleware(page(app)))
    assert paths() == ["OtherTransaction/Python/Work/job"]


def test_a_web_entry_in_a_background_thread_of_a_request_opens_its_own(paths: Paths) -> None:
    with WebTransaction(name="outer"), ThreadPoolExecutor(1) as pool:
        pool.submit(run_wsgi, WSGITransactionMiddleware(page(lambda: None))).result()
    assert paths() == ["WebTransaction/Uri/page", "WebTransaction/Function/outer"]


def test_an_ignored_request_swallows_the_web_entry_inside_it(paths: Paths) -> None:
    def app() -> None:
        ignore_transaction()
        run_wsgi(WSGITransactionMiddleware(page(lambda: None), name="named"))

    run_wsgi(WSGITransactionMiddleware(page(app)))
    assert paths() == []


# Blocks


def test_a_block_gives_the_transaction_that_measures_it(paths: Paths) -> None:
    with BackgroundTask(name="outer") as outer:
        assert outer is current_transaction()
        with BackgroundTask(name="inner") as inner:
            assert inner is outer
    with WebTransaction(name="page") as web, BackgroundTask(name="job") as task:
        assert isinstance(task, Transaction)
        assert task is web


def test_an_async_block_gives_the_transaction_that_measures_it(paths: Paths) -> None:
    async def main() -> None:
        async with BackgroundTask(name="outer") as outer:
            assert outer is current_transaction()
            async with BackgroundTask(name="inner") as inner:
                assert inner is outer

    asyncio.run(main())
    assert paths() == ["OtherTransaction/Function/outer"]


@pytest.mark.parametrize("block", [BackgroundTask, WebTransaction])
def test_one_block_cannot_be_entered_twice(block: Any, paths: Paths) -> None:
    used = block(name="once")
    with used:
        pass
    with pytest.raises(RuntimeError, match=block.__name__):
        used.__enter__()
    with pytest.raises(RuntimeError, match=block.__name__):
        asyncio.run(used.__aenter__())
    assert len(paths()) == 1


def test_leaving_in_another_context_never_fails_and_harms_no_other(paths: Paths) -> None:
    block = BackgroundTask(name="dependency")
    contextvars.copy_context().run(block.__enter__)
    with WebTransaction(name="page") as web:
        contextvars.copy_context().run(block.__exit__, None, None, None)
        assert current_transaction() is web
        block.__exit__(None, None, None)
        assert current_transaction() is web
    assert paths() == ["OtherTransaction/Function/dependency", "WebTransaction/Function/page"]


def test_leaving_in_another_thread_never_fails(paths: Paths) -> None:
    block = BackgroundTask(name="elsewhere")
    thread = threading.Thread(target=block.__enter__)
    thread.start()
    thread.join()
    assert current_transaction() is None
    block.__exit__(None, None, None)
    assert paths() == ["OtherTransaction/Function/elsewhere"]


def test_exits_may_interleave_and_never_restore_what_has_ended(paths: Paths) -> None:
    first, second = BackgroundTask(name="first"), WebTransaction(name="second")
    first.__enter__()
    web = second.__enter__()
    first.__exit__(None, None, None)
    assert current_transaction() is web
    second.__exit__(None, None, None)
    assert current_transaction(active_only=False) is None
    assert paths() == ["OtherTransaction/Function/first", "WebTransaction/Function/second"]


def test_leaving_twice_counts_once(paths: Paths) -> None:
    block = BackgroundTask(name="once")
    block.__enter__()
    block.__exit__(None, None, None)
    block.__exit__(None, None, None)
    assert paths() == ["OtherTransaction/Function/once"]


def test_a_block_in_a_generator_that_is_left_open_harms_no_other(paths: Paths) -> None:
    def numbers() -> Iterator[int]:
        with BackgroundTask(name="generator"):
            yield 1

    abandoned = numbers()
    contextvars.copy_context().run(next, abandoned)
    with WebTransaction(name="page") as web:
        del abandoned
        assert current_transaction() is web
    assert sorted(paths()) == ["OtherTransaction/Function/generator", "WebTransaction/Function/page"]


def test_blocks_in_an_exit_stack(paths: Paths) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(WebTransaction(name="page"))
        stack.enter_context(BackgroundTask(name="job"))
    assert paths() == ["OtherTransaction/Function/job"]


# The kind alone


def test_set_background_task_changes_the_kind_only(finished: Finished) -> None:
    with WebTransaction(name="page", group="Custom"):
        set_background_task()
    (transaction,) = finished
    assert (transaction.path, transaction.apdex) == ("OtherTransaction/Custom/page", None)


def test_set_background_task_can_be_undone(finished: Finished) -> None:
    with WebTransaction(name="page"):
        set_background_task(True)
        set_background_task(False)
    (transaction,) = finished
    assert (transaction.path, transaction.apdex) == ("WebTransaction/Function/page", "satisfied")


def test_a_reclassified_request_that_is_turned_back_counts_as_web_again(finished: Finished) -> None:
    with WebTransaction(name="page"):
        job()
        set_background_task(False)
    (transaction,) = finished
    assert (transaction.path, transaction.apdex) == ("WebTransaction/Python/Work/job", "satisfied")


def test_a_background_transaction_can_be_made_a_web_one(finished: Finished) -> None:
    with BackgroundTask(name="job"):
        set_background_task(False)
    (transaction,) = finished
    assert (transaction.path, transaction.kind, transaction.apdex) == (
        "WebTransaction/Function/job",
        "web",
        "satisfied",
    )


def test_set_background_task_without_a_transaction_does_nothing(paths: Paths, log_lines: list[str]) -> None:
    set_background_task()
    with WebTransaction(name="page"):
        pass
    assert (paths(), log_lines) == (["WebTransaction/Function/page"], [])


# Errors


def test_an_exception_that_leaves_is_recorded_and_stays_the_same(finished: Finished) -> None:
    raised = ValueError("no stock")

    @background_task(name="job")
    def failing() -> None:
        raise raised

    with pytest.raises(ValueError, match="no stock") as caught:
        failing()
    assert caught.value is raised
    assert raised.__cause__ is None
    assert raised.__context__ is None
    (transaction,) = finished
    assert [(error.type, error.message) for error in transaction.errors] == [("builtins:ValueError", "no stock")]
    assert transaction.failed


def test_an_exception_that_the_caller_handles_does_not_fail_the_request(finished: Finished) -> None:
    @background_task(name="job")
    def failing() -> None:
        raise ValueError

    with WebTransaction(name="page"), contextlib.suppress(ValueError):
        failing()
    (transaction,) = finished
    assert (transaction.errors, transaction.failed) == ((), False)


def leave_by(exception: BaseException, way: str) -> None:
    if way == "block":
        with BackgroundTask(name="job"):
            raise exception

    @background_task(name="job")
    def function() -> None:
        raise exception

    @background_task(name="job")
    async def coroutine() -> None:
        raise exception

    @background_task(name="job")
    def generator() -> Iterator[int]:
        yield 1
        raise exception

    if way == "function":
        function()
    elif way == "coroutine":
        coroutine().send(None)
    else:
        list(generator())


WAYS = ["block", "function", "coroutine", "generator"]


def harmless() -> list[BaseException]:
    from celery.exceptions import Ignore, Reject, Retry
    from gevent import GreenletExit
    from starlette.requests import ClientDisconnect

    return [
        ClientDisconnect(),
        GeneratorExit(),
        asyncio.CancelledError(),
        KeyboardInterrupt(),
        SystemExit(),
        SystemExit(0),
        GreenletExit(),
        Retry(),
        Ignore(),
        Reject(),
    ]


@pytest.mark.parametrize("way", WAYS)
def test_no_errors(way: str, finished: Finished) -> None:
    pytest.importorskip("gevent")
    for exception in harmless():
        with pytest.raises(type(exception)):
            leave_by(exception, way)
        transaction = finished.pop()
        assert (transaction.errors, transaction.failed) == ((), False), exception


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("exception", [ValueError("x"), SystemExit(1), SystemExit("reason"), TimeoutError()], ids=repr)
def test_errors(exception: BaseException, way: str, finished: Finished) -> None:
    with pytest.raises(type(exception)):
        leave_by(exception, way)
    (transaction,) = finished
    assert transaction.failed


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_being_cancelled_is_no_error(backend: str, finished: Finished) -> None:
    @background_task(name="job")
    async def endless() -> None:
        await anyio.sleep_forever()

    async def main() -> None:
        with anyio.move_on_after(0.01):
            await endless()

    anyio.run(main, backend=backend)
    (transaction,) = finished
    assert (transaction.path, transaction.failed) == ("OtherTransaction/Function/job", False)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_being_cancelled_in_a_task_group_is_no_error(backend: str, finished: Finished) -> None:
    @background_task(name="job")
    async def endless() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            group.start_soon(anyio.sleep_forever)

    async def main() -> None:
        with anyio.move_on_after(0.01):
            await endless()

    anyio.run(main, backend=backend)
    (transaction,) = finished
    assert (transaction.path, transaction.errors) == ("OtherTransaction/Function/job", ())


def test_a_group_of_cancellations_is_no_error_and_a_mixed_one_is(finished: Finished) -> None:
    groups = pytest.importorskip("exceptiongroup")
    cancelled = asyncio.CancelledError()
    for exception in (
        groups.BaseExceptionGroup("", [cancelled, groups.BaseExceptionGroup("", [cancelled])]),
        groups.BaseExceptionGroup("", [cancelled, ValueError()]),
    ):
        with pytest.raises(groups.BaseExceptionGroup):
            leave_by(exception, "function")
    assert [transaction.failed for transaction in finished] == [False, True]


def test_an_ignored_error_is_not_kept_and_an_expected_one_does_not_fail(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_IGNORED_ERRORS", "builtins:KeyError")
    monkeypatch.setenv("WEIGHBRIDGE_EXPECTED_ERRORS", "builtins:IndexError")
    weighbridge.initialize()
    for exception in (KeyError(), IndexError()):
        with pytest.raises(LookupError):
            leave_by(exception, "function")
    assert [(transaction.failed, len(transaction.errors)) for transaction in finished] == [(False, 0), (False, 1)]


async def generator_left_by_an_exception() -> AsyncIterator[int]:
    yield 1
    raise ValueError("broken off")


def test_an_exception_that_leaves_an_async_generator_is_recorded(finished: Finished) -> None:
    async def consume() -> None:
        async for _ in background_task(generator_left_by_an_exception)():
            pass

    with pytest.raises(ValueError, match="broken off"):
        asyncio.run(consume())
    (transaction,) = finished
    assert transaction.failed
