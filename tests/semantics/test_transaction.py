"""Section 2: names and priorities, the end, attributes, the clock, and what is let go of."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import weighbridge
from weighbridge import (
    BackgroundTask,
    FinishedTransaction,
    Transaction,
    WebTransaction,
    add_custom_attribute,
    add_custom_attributes,
    background_task,
    capture_request_params,
    current_transaction,
    end_of_transaction,
    ignore_transaction,
    notice_error,
    set_background_task,
    set_transaction_name,
    suppress_apdex_metric,
    suppress_transaction_trace,
    web_transaction,
)
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware
from weighbridge.transactions.handoff import handoff

Paths = Callable[[], list[str]]
Finished = list[FinishedTransaction]


def lost(cause: str) -> int:
    return handoff.take_dropped().get(cause, 0)


# Names and priorities


@pytest.mark.parametrize(
    ("calls", "path"),
    [
        ([("a", None, None)], "Function/a"),
        ([("a", "Custom", None)], "Custom/a"),
        ([("a", "Custom", 0.5)], "Function/block"),
        ([("a", None, 1)], "Function/a"),
        ([("a", None, 5), ("b", None, 4)], "Function/a"),
        ([("a", None, 5), ("b", None, 5)], "Function/b"),
        ([("a", None, 5), ("b", "Custom", None)], "Custom/b"),
        ([("a", None, 5), ("b", None, None), ("c", None, 4)], "Function/b"),
        ([("a", None, 5), ("b", None, None), ("c", None, 5)], "Function/c"),
        ([("a", None, None), ("b", None, 1)], "Function/b"),
    ],
)
def test_the_highest_priority_stays_and_the_later_of_equals_wins(calls: list[Any], path: str, paths: Paths) -> None:
    with BackgroundTask(name="block"):
        for call in calls:
            set_transaction_name(*call)
    assert paths() == [f"OtherTransaction/{path}"]


@pytest.mark.parametrize("group", ["Uri", "Route"])
@pytest.mark.parametrize(("name", "last"), [("/hello", "hello"), ("/", ""), ("hello", "hello"), ("//x", "/x")])
def test_a_leading_slash_is_not_doubled(group: str, name: str, last: str, paths: Paths) -> None:
    with WebTransaction(name="page"):
        set_transaction_name(name, group)
    assert paths() == [f"WebTransaction/{group}/{last}"]


def test_in_other_groups_a_leading_slash_stays(paths: Paths) -> None:
    with BackgroundTask(name="/hello"):
        pass
    assert paths() == ["OtherTransaction/Function//hello"]


def test_bytes_are_decoded(paths: Paths) -> None:
    with BackgroundTask(name="block"):
        set_transaction_name("größe".encode(), b"Custom")  # type: ignore[arg-type]
    assert paths() == ["OtherTransaction/Custom/größe"]


@pytest.mark.parametrize("name", ["", None, 7, ["a"], {"a": 1}, b""], ids=repr)
def test_no_name_is_refused_with_one_line_and_the_name_stays(name: Any, paths: Paths, log_lines: list[str]) -> None:
    with BackgroundTask(name="block"):
        set_transaction_name(name)
        set_transaction_name(name)
    assert paths() == ["OtherTransaction/Function/block"]
    assert len(log_lines) == 1


@pytest.mark.parametrize("name", ["", 7, ["a"], b""], ids=repr)
def test_no_name_of_a_decorator_never_loses_the_transaction(name: Any, paths: Paths, log_lines: list[str]) -> None:
    @background_task(name=name)
    def job() -> None:
        pass

    job()
    assert paths()[0].endswith("<locals>.job")
    assert len(log_lines) == 1


def test_long_names_are_cut(finished: Finished) -> None:
    with BackgroundTask(name="block"):
        set_transaction_name("n" * 1000, "g" * 1000)
    assert finished[0].name == "n" * 255
    assert len(finished[0].group) <= 255


def test_every_number_is_a_priority_and_anything_else_is_not_used(paths: Paths, log_lines: list[str]) -> None:
    with BackgroundTask(name="block"):
        set_transaction_name("a", priority=float("inf"))
        set_transaction_name("b", priority=10**9)
        assert current_transaction().name == "a"  # type: ignore[union-attr]
        set_transaction_name("c", priority="high")  # type: ignore[arg-type]
    assert paths() == ["OtherTransaction/Function/c"]
    assert len(log_lines) == 1


# Its end


def test_end_of_transaction_freezes_clock_name_and_kind(finished: Finished) -> None:
    began = time.monotonic()
    with WebTransaction(name="page"):
        end_of_transaction()
        took = time.monotonic() - began
        set_transaction_name("later", priority=9)
        set_background_task()
        time.sleep(0.02)
        assert finished == []
    (transaction,) = finished
    assert transaction.path == "WebTransaction/Function/page"
    assert transaction.duration <= took


def test_what_is_stopped_is_recorded_once_when_the_work_really_ends(finished: Finished) -> None:
    with BackgroundTask(name="job"):
        end_of_transaction()
        end_of_transaction()
        assert current_transaction() is None
        assert current_transaction(active_only=False) is not None
    assert len(finished) == 1


def test_an_ignored_transaction_is_not_recorded(finished: Finished) -> None:
    with BackgroundTask(name="job"):
        ignore_transaction()
        assert current_transaction() is None
        assert current_transaction(active_only=False) is not None
    assert finished == []


def test_ignoring_can_be_undone_before_the_end(finished: Finished) -> None:
    with BackgroundTask(name="job"):
        ignore_transaction()
        ignore_transaction(False)
        assert current_transaction() is not None
    assert len(finished) == 1


def test_durations_come_from_a_monotonic_clock_and_the_wall_clock_stamps_the_start(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, began = time.time(), time.monotonic()
    with BackgroundTask(name="job"):
        monkeypatch.setattr(time, "time", lambda: before - 1e6)
        time.sleep(0.01)
    (transaction,) = finished
    took = time.monotonic() - began
    assert 0.01 <= transaction.duration <= took
    assert abs(transaction.started - before) < 1 + took


def test_it_ends_exactly_once_whatever_ends_it(finished: Finished) -> None:
    block = BackgroundTask(name="job")
    transaction = block.__enter__()
    assert transaction is not None
    end_of_transaction()
    block.__exit__(None, None, None)
    transaction._end()
    assert len(finished) == 1


# Custom attributes


@pytest.mark.parametrize("value", ["text", 7, 1.5, True, "", 0])
def test_text_numbers_and_booleans_are_taken(value: Any, finished: Finished) -> None:
    with BackgroundTask(name="job"):
        assert add_custom_attribute("key", value) is True
    assert finished[0].attributes["key"] == value


@pytest.mark.parametrize("value", [None, [None], {"a": object()}, object(), b"bytes", 1j])
def test_other_values_are_dropped_and_counted(value: Any, finished: Finished) -> None:
    lost("attributes")
    with BackgroundTask(name="job"):
        assert add_custom_attribute("key", value) is False
        assert lost("attributes") == 1
    assert "key" not in finished[0].attributes


def test_longer_text_is_cut_to_bytes_and_taken(finished: Finished) -> None:
    with BackgroundTask(name="job"):
        assert add_custom_attribute("key", "ä" * 200) is True
    kept = finished[0].attributes["key"]
    assert isinstance(kept, str)
    assert 253 <= len(kept.encode()) <= 255
    assert set(kept) == {"ä"}


@pytest.mark.parametrize(("key", "taken"), [("k" * 255, True), ("k" * 256, False), ("ä" * 128, False), ("", False)])
def test_longer_keys_are_dropped_and_counted(key: str, taken: bool, finished: Finished) -> None:
    lost("attributes")
    with BackgroundTask(name="job"):
        assert add_custom_attribute(key, 1) is taken
        assert lost("attributes") == (0 if taken else 1)
    assert (key in finished[0].attributes) is taken


def test_at_most_128_attributes_are_taken(finished: Finished) -> None:
    lost("attributes")
    with BackgroundTask(name="job"):
        assert all(add_custom_attribute(f"key{number}", number) for number in range(128))
        assert add_custom_attribute("one more", 1) is False
        assert add_custom_attribute("key0", "again") is True
        assert lost("attributes") == 1
    assert len(finished[0].attributes) == 128
    assert finished[0].attributes["key0"] == "again"


@pytest.mark.parametrize("items", [{"a": 1, "b": "x"}, [("a", 1), ("b", "x")], iter([("a", 1), ("b", "x")])])
def test_several_attributes_at_once(items: Any, finished: Finished) -> None:
    with BackgroundTask(name="job"):
        assert add_custom_attributes(items) is True
    assert dict(finished[0].attributes) == {"a": 1, "b": "x"}


def test_one_bad_attribute_of_several_is_told_and_the_others_are_taken(finished: Finished) -> None:
    with BackgroundTask(name="job"):
        assert add_custom_attributes({"a": None, "b": 1}) is False
    assert dict(finished[0].attributes) == {"b": 1}


class Text(str):
    __slots__ = ("refers_to",)


class Number(int):
    pass


def test_only_plain_values_are_kept(finished: Finished) -> None:
    with BackgroundTask(name="job"):
        add_custom_attributes([(Text("text"), Text("x")), ("number", Number(3))])
    assert [type(part) for item in finished[0].attributes.items() for part in item] == [str, str, str, int]


# Errors that are noticed


def test_a_noticed_error_fails_the_transaction(finished: Finished) -> None:
    with WebTransaction(name="page"):
        try:
            raise KeyError("sku")
        except KeyError:
            notice_error()
    (transaction,) = finished
    assert [(error.type, error.message) for error in transaction.errors] == [("builtins:KeyError", "'sku'")]
    assert (transaction.failed, transaction.apdex) == (True, "frustrated")


def test_an_expected_error_is_kept_and_an_ignored_one_is_not(finished: Finished) -> None:
    with WebTransaction(name="page"):
        notice_error(ValueError("a"), expected=True)
        notice_error(ValueError("b"), ignore=True)
        notice_error(ValueError("c"), expected=lambda kind, value, traceback: str(value) == "c")
        notice_error(ValueError("d"), ignore=["builtins:ValueError"])
    (transaction,) = finished
    assert [(error.message, error.expected) for error in transaction.errors] == [("a", True), ("c", True)]
    assert (transaction.failed, transaction.apdex) == (False, "satisfied")


def test_at_most_five_distinct_errors_are_kept_and_the_rest_is_counted(finished: Finished) -> None:
    lost("errors")
    with BackgroundTask(name="job"):
        for number in [*range(7), *range(5)]:
            notice_error(ValueError(number))
        assert lost("errors") == 2
    assert [error.message for error in finished[0].errors] == list("01234")


def test_apdex_can_be_suppressed(finished: Finished) -> None:
    with WebTransaction(name="page"):
        suppress_apdex_metric()
    assert finished[0].apdex is None


# What an open transaction tells


def test_what_the_current_transaction_tells() -> None:
    before = time.time()
    with WebTransaction("front;all", name="page", group="Custom") as transaction:
        assert transaction is not None
        assert current_transaction() is transaction
        assert (transaction.application, transaction.application.linked) == ("front", ("all",))
        assert (transaction.kind, transaction.type) == ("web", "WebTransaction")
        assert (transaction.group, transaction.name) == ("Custom", "page")
        assert transaction.path == "WebTransaction/Custom/page"
        assert before - 1 < transaction.started < time.time() + 1
        set_background_task()
        assert (transaction.kind, transaction.type) == ("background", "OtherTransaction")
        assert transaction.path == "OtherTransaction/Custom/page"


def test_its_public_face_is_nine_names() -> None:
    names = {"application", "duration", "group", "kind", "name", "path", "started", "status", "type"}
    seen: list[Transaction | None] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(current_transaction())
        start_response("200 OK", [])
        return [b""]

    WSGITransactionMiddleware(app)({"REQUEST_METHOD": "GET"}, lambda *_: print)
    with BackgroundTask(name="job") as job, WebTransaction(name="page") as page:
        seen += [job, page]
    assert [{name for name in dir(transaction) if not name.startswith("_")} for transaction in seen] == [names] * 3


def test_a_finished_transaction_cannot_be_changed(finished: Finished) -> None:
    with BackgroundTask(name="job") as transaction:
        pass
    assert transaction is not None
    before = finished[0]
    transaction._rename("later", None, None)
    transaction._set_background(False)
    assert transaction._add_attribute("late", 1) is False
    transaction._freeze()
    after = transaction._as_finished()
    assert after._replace(started=before.started) == before
    assert abs(after.started - before.started) < 1
    with pytest.raises(AttributeError):
        before.name = "x"  # type: ignore[misc]


def test_outside_of_a_transaction_the_calls_do_nothing_silently(finished: Finished, log_lines: list[str]) -> None:
    assert current_transaction() is None
    assert current_transaction(active_only=False) is None
    nothing: list[object] = [
        set_background_task(),  # type: ignore[func-returns-value]
        set_transaction_name("x"),  # type: ignore[func-returns-value]
        set_transaction_name(""),  # type: ignore[func-returns-value]
        ignore_transaction(),  # type: ignore[func-returns-value]
        suppress_apdex_metric(),  # type: ignore[func-returns-value]
        suppress_transaction_trace(),  # type: ignore[func-returns-value]
        capture_request_params(),  # type: ignore[func-returns-value]
        end_of_transaction(),  # type: ignore[func-returns-value]
        notice_error(),  # type: ignore[func-returns-value]
        notice_error("no exception"),  # type: ignore[arg-type,func-returns-value]
    ]
    assert nothing == [None] * len(nothing)
    assert add_custom_attribute("key", 1) is False
    assert add_custom_attributes({"key": 1}) is False
    assert (finished, log_lines) == ([], [])


def test_inside_a_transaction_the_calls_return_none_or_a_boolean() -> None:
    with BackgroundTask(name="job"):
        assert set_background_task() is None  # type: ignore[func-returns-value]
        assert set_transaction_name("x") is None  # type: ignore[func-returns-value]
        assert notice_error(ValueError()) is None  # type: ignore[func-returns-value]
        assert ignore_transaction() is None  # type: ignore[func-returns-value]
        assert end_of_transaction() is None  # type: ignore[func-returns-value]


def test_a_call_with_arguments_that_do_not_fit_says_so_as_any_function_does() -> None:
    with pytest.raises(TypeError):
        set_transaction_name()  # type: ignore[call-arg]


class Hostile(str):
    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        raise RuntimeError("hostile")

    def __getitem__(self, _: Any) -> str:
        raise RuntimeError("hostile")


class HostileError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("hostile")


def test_nothing_that_is_handed_over_makes_a_call_raise(finished: Finished) -> None:
    with BackgroundTask(name="job"):
        add_custom_attribute(Hostile("key"), Hostile("value"))
        set_transaction_name(Hostile("name"))
        notice_error(HostileError())
        notice_error(ValueError(), status_code=lambda *_: 1 / 0)
        notice_error(ValueError("x"), expected=lambda *_: 1 / 0)
        add_custom_attributes(7)  # type: ignore[arg-type]
        add_custom_attributes([1, 2])  # type: ignore[list-item]
    (transaction,) = finished
    assert (transaction.name, dict(transaction.attributes)) == ("name", {"key": "value"})
    assert [error.message for error in transaction.errors] == ["<unprintable>", "", "x"]


# Nothing is kept alive


class Thing:
    """Something of the host program that can be watched."""

    def __call__(self, *_: Any) -> None:
        return None


class Environ(dict[str, Any]):
    __slots__ = ("__weakref__",)


class Body:
    def __iter__(self) -> Iterator[bytes]:
        yield b"done"


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector", "finished")
def test_a_context_copied_from_a_wsgi_request_keeps_nothing_else_alive() -> None:
    contexts: list[contextvars.Context] = []
    watched: list[weakref.ref[Any]] = []

    def app(environ: Any, start_response: Any) -> Body:
        contexts.append(contextvars.copy_context())
        add_custom_attribute("key", "value")
        body = Body()
        watched.extend([weakref.ref(environ), weakref.ref(body)])
        start_response("200 OK", [])
        return body

    environ, start_response = Environ(REQUEST_METHOD="GET", PATH_INFO="/"), Thing()
    watched.append(weakref.ref(start_response))
    list(WSGITransactionMiddleware(app)(environ, start_response))  # type: ignore[arg-type]
    del environ, start_response
    assert len(contexts) == 1
    assert [reference() for reference in watched] == [None, None, None]


@pytest.mark.usefixtures("no_collector", "finished")
def test_a_context_copied_from_an_asgi_request_keeps_nothing_else_alive() -> None:
    contexts: list[contextvars.Context] = []
    watched: list[weakref.ref[Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        contexts.append(contextvars.copy_context())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    async def main() -> None:
        scope = Environ(type="http", method="GET", path="/", headers=[], query_string=b"", root_path="")

        async def receive() -> Any:
            return {"type": "http.request"}

        async def send(message: Any) -> None:
            pass

        watched.extend(weakref.ref(thing) for thing in (scope, receive, send))
        await ASGITransactionMiddleware(app)(scope, receive, send)

    asyncio.run(main())
    assert len(contexts) == 1
    assert [reference() for reference in watched] == [None, None, None]


@pytest.mark.usefixtures("no_collector", "finished")
def test_an_exception_is_not_kept() -> None:
    contexts: list[contextvars.Context] = []

    class Failure(Exception):
        pass

    @background_task(name="job")
    def failing() -> None:
        contexts.append(contextvars.copy_context())
        raise Failure

    def call() -> weakref.ref[Failure]:
        try:
            failing()
        except Failure as failure:
            notice_error(failure)
            return weakref.ref(failure)
        raise AssertionError

    assert call()() is None


@pytest.mark.usefixtures("no_collector", "finished")
def test_what_a_web_form_was_given_is_not_kept() -> None:
    contexts: list[contextvars.Context] = []

    class Headers(dict[str, str]):
        pass

    @web_transaction(name="page", headers=lambda headers: headers, request_path=lambda headers: "/")
    def serve(headers: Headers) -> None:
        contexts.append(contextvars.copy_context())

    headers = Headers()
    watched = weakref.ref(headers)
    serve(headers)
    del headers
    assert watched() is None


@pytest.mark.usefixtures("no_collector", "finished")
def test_the_arguments_of_a_call_are_not_kept() -> None:
    contexts: list[contextvars.Context] = []

    @background_task(name=lambda thing: "job")
    def job(thing: Thing) -> None:
        contexts.append(contextvars.copy_context())

    thing = Thing()
    watched = weakref.ref(thing)
    job(thing)
    del thing
    assert watched() is None


def test_plain_calls_leave_no_garbage_to_the_collector() -> None:
    @background_task(name="job")
    def job() -> None:
        pass

    app = WSGITransactionMiddleware(lambda environ, start_response: [b"done"])  # type: ignore[arg-type]
    for _ in range(3):
        job()
        app({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, Thing())  # type: ignore[arg-type]
    weighbridge.flush()
    gc.collect()
    gc.disable()
    try:
        for _ in range(100):
            job()
            app({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, Thing())  # type: ignore[arg-type]
        assert gc.collect() == 0
    finally:
        gc.enable()
