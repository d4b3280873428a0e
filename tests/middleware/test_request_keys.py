"""The keys by which a request says how it is measured, in environ and scope alike (WSGI and ASGI in turn)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest

import weighbridge
from weighbridge import (
    FinishedTransaction,
    background_task,
    capture_request_params,
    current_transaction,
    ignore_transaction,
    set_background_task,
    suppress_apdex_metric,
)
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware

from . import asgi_helpers, wsgi_helpers
from .store_helpers import rows, samples

Ended = list[FinishedTransaction]
Request = dict[str, Any]
Handler = Callable[[Request], Any]

BACKGROUND = "newrelic.set_background_task"
IGNORE = "newrelic.ignore_transaction"
NO_APDEX = "newrelic.suppress_apdex_metric"
NO_TRACE = "newrelic.suppress_transaction_trace"
PARAMS = "newrelic.capture_request_params"
ENABLED = "newrelic.enabled"
APP_NAME = "newrelic.app_name"


def nothing(request: Request) -> None: ...


class Middleware:
    """One way in: an application that lets a function handle the request before, and one while, it answers."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __call__(self, handler: Handler = nothing, last: Handler = nothing, **options: Any) -> Callable[..., None]:
        made = self._wsgi if self.kind == "wsgi" else self._asgi
        return made(handler, last, options)

    @staticmethod
    def _wsgi(handler: Handler, last: Handler, options: dict[str, Any]) -> Callable[..., None]:
        def app(environ: Request, start: Any) -> Iterator[bytes]:
            handler(environ)
            start("200 OK", wsgi_helpers.PLAIN)
            yield b"one"
            last(environ)

        middleware = WSGITransactionMiddleware(app, **options)
        return lambda path="/books", query="", **keys: (
            wsgi_helpers.get(middleware, path, QUERY_STRING=query, **keys) and None
        )

    @staticmethod
    def _asgi(handler: Handler, last: Handler, options: dict[str, Any]) -> Callable[..., None]:
        async def app(scope: Request, receive: Any, send: Any) -> None:
            handler(scope)
            await send(asgi_helpers.start())
            await send(asgi_helpers.body(b"one", more=True))
            last(scope)
            await send(asgi_helpers.body())

        middleware = ASGITransactionMiddleware(app, **options)

        async def get(path: str, query: str, keys: dict[str, Any]) -> None:
            await asgi_helpers.get(middleware, path, query_string=query.encode(), **keys)

        return lambda path="/books", query="", **keys: anyio.run(get, path, query, keys)


@pytest.fixture(params=["wsgi", "asgi"])
def middleware(request: pytest.FixtureRequest) -> Middleware:
    return Middleware(request.param)


TRUE: list[Any] = [True, 1, 2.5, -1, 1j, "1", "true", "on", "yes", "y", "t", "TRUE", "Yes", " on\t", b"true", b" YES "]
FALSE: list[Any] = [False, 0, 0.0, None, "", "0", "false", "off", "no", "n", "f", "FALSE", " No ", b"0", b"", b"off"]


class Evil:
    """Nothing can be done with it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("no")

    def __repr__(self) -> str:
        raise RuntimeError("no")

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    def __ne__(self, other: object) -> bool:
        raise RuntimeError("no")

    def __hash__(self) -> int:
        raise RuntimeError("no")

    def __bool__(self) -> bool:
        raise RuntimeError("no")


class EvilText(str):
    """Text that does not want to be compared, nor printed."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __ne__ = __eq__

    def __hash__(self) -> int:
        raise RuntimeError("no")

    def __repr__(self) -> str:
        raise RuntimeError("no")

    __str__ = __repr__

    def strip(self, *args: Any) -> str:
        raise RuntimeError("no")

    lower = strip


class EvilNumber(int):
    def __bool__(self) -> bool:
        raise RuntimeError("no")

    def __repr__(self) -> str:
        raise RuntimeError("no")


class EvilBytes(bytes):
    def decode(self, *args: Any, **kwargs: Any) -> str:
        raise RuntimeError("no")


def made(value: Any) -> Any:
    """The value itself; the evil ones are made here, as pytest would ask them questions."""
    return value() if callable(value) else value


OTHER: list[Any] = ["banana", "2", "none", b"\xff", [], [1], {}, object, Evil]
OTHER += [lambda: EvilNumber(1), lambda: EvilText("banana"), lambda: EvilBytes(b"banana")]
LIVE = [BACKGROUND, IGNORE, NO_APDEX, NO_TRACE, PARAMS]


def effect(key: str, ended: Ended) -> bool:
    """Whether a key's effect is to be seen in what ended (a request that is kept, unless told otherwise)."""
    if key == IGNORE:
        return not ended
    (only,) = ended
    if key == BACKGROUND:
        return only.kind == "background"
    if key == NO_APDEX:
        return only.apdex is None
    assert key == PARAMS
    return "request.parameters.page" in only.attributes


@pytest.mark.parametrize("key", [BACKGROUND, IGNORE, NO_APDEX, PARAMS])
@pytest.mark.parametrize("value", TRUE, ids=repr)
def test_every_spelling_of_true(middleware: Middleware, key: str, value: Any, ended: Ended) -> None:
    middleware()(query="page=2", **{key: value})
    assert effect(key, ended)


@pytest.mark.parametrize("key", [BACKGROUND, IGNORE, NO_APDEX, PARAMS])
@pytest.mark.parametrize("value", FALSE, ids=repr)
def test_every_spelling_of_false(middleware: Middleware, key: str, value: Any, ended: Ended) -> None:
    middleware()(query="page=2", **{key: value})
    assert not effect(key, ended)


@pytest.mark.parametrize("key", [BACKGROUND, IGNORE, NO_APDEX, PARAMS])
@pytest.mark.parametrize("value", OTHER)
def test_anything_else_is_ignored_and_fails_nothing(middleware: Middleware, key: str, value: Any, ended: Ended) -> None:
    middleware()(query="page=2", **{key: made(value)})
    assert not effect(key, ended)


@pytest.mark.parametrize("value", [lambda: EvilText("yes"), lambda: EvilBytes(b"yes")], ids=["text", "bytes"])
@pytest.mark.parametrize("key", LIVE)
def test_a_value_of_a_strange_class_counts_as_what_it_says(
    middleware: Middleware, key: str, value: Any, ended: Ended
) -> None:
    evil = made(value)
    middleware(lambda request: request.update({key: evil}), lambda request: current_transaction())(query="page=2")
    if key != NO_TRACE:
        assert effect(key, ended)


def test_a_suppressed_trace_keeps_the_request_out_of_the_samples(middleware: Middleware, ended: Ended) -> None:
    serve = middleware()
    serve("/suppressed", **{NO_TRACE: "yes"})
    serve("/kept", **{NO_TRACE: "no"})
    assert {sample.transaction.name for sample in samples()} == {"/kept"}


@pytest.mark.parametrize(("value", "measured"), [(value, True) for value in TRUE] + [(value, False) for value in FALSE])
def test_enabled_decides_whether_a_request_is_measured(
    middleware: Middleware, value: Any, measured: bool, ended: Ended
) -> None:
    middleware()(**{ENABLED: value})
    assert len(ended) == measured


@pytest.mark.parametrize("value", OTHER)
def test_enabled_that_says_nothing_leaves_it_as_it_is(middleware: Middleware, value: Any, ended: Ended) -> None:
    middleware()(**{ENABLED: made(value)})
    assert len(ended) == 1


def test_enabled_measures_a_request_although_the_middleware_is_disabled(
    middleware: Middleware, ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_ENABLED", "false")
    weighbridge.initialize()
    serve = middleware()
    serve("/not")
    serve("/not", **{ENABLED: "banana"})
    serve("/yes", **{ENABLED: "on"})
    assert [t.name for t in ended] == ["/yes"]


@pytest.mark.parametrize("key", LIVE)
def test_set_before_the_next_call_of_the_api(middleware: Middleware, key: str, ended: Ended) -> None:
    seen: list[Any] = []

    def handler(request: Request) -> None:
        request[key] = "yes"
        transaction = current_transaction()
        active = current_transaction(active_only=True) is not None
        seen.append((transaction and transaction.kind, active))

    middleware(handler)(query="page=2")
    assert seen == [(None if key == IGNORE else "background" if key == BACKGROUND else "web", key != IGNORE)]


@pytest.mark.parametrize("key", [BACKGROUND, IGNORE, NO_APDEX, PARAMS])
@pytest.mark.parametrize("when", ["before the response starts", "until the end"])
def test_set_by_the_application_while_it_handles_the_request(
    middleware: Middleware, key: str, when: str, ended: Ended
) -> None:
    def set_it(request: Request) -> None:
        request[key] = True

    middleware(set_it)(query="page=2") if when.startswith("before") else middleware(last=set_it)(query="page=2")
    assert effect(key, ended)


@pytest.mark.parametrize("key", [BACKGROUND, IGNORE, NO_APDEX, PARAMS])
def test_set_in_the_place_of_another_key(middleware: Middleware, key: str, ended: Ended) -> None:
    """As many keys as before: one was taken away."""

    def handler(request: Request) -> None:
        del request["HTTP_X"]
        request[key] = True

    middleware(handler)(query="page=2", HTTP_X="1")
    assert effect(key, ended)


def test_the_last_writer_wins(middleware: Middleware, ended: Ended) -> None:
    def key_then_call(request: Request) -> None:
        request[BACKGROUND] = True
        set_background_task(False)

    def call_then_key(request: Request) -> None:
        set_background_task(False)
        request[BACKGROUND] = True

    def key_call_key(request: Request) -> None:
        request[BACKGROUND] = "on"
        set_background_task(False)
        request[BACKGROUND] = "yes"

    def keys(request: Request) -> None:
        request[BACKGROUND] = True
        current_transaction()
        request[BACKGROUND] = False

    for handler in (key_then_call, call_then_key, key_call_key, keys):
        middleware(handler)(f"/{handler.__name__}")
    assert {t.name: t.kind for t in ended} == {
        "/key_then_call": "web",
        "/call_then_key": "background",
        "/key_call_key": "background",
        "/keys": "web",
    }


def test_a_key_that_does_not_change_is_not_applied_again(middleware: Middleware, ended: Ended) -> None:
    def handler(request: Request) -> None:
        set_background_task(False)
        ignore_transaction(False)
        suppress_apdex_metric(False)
        capture_request_params(False)

    middleware(handler)(query="page=2", **{BACKGROUND: "1", IGNORE: "1", NO_APDEX: "1", PARAMS: "1"})
    (only,) = ended
    assert (only.kind, only.apdex) == ("web", "satisfied")
    assert "request.parameters.page" not in only.attributes


def test_a_key_is_applied_before_a_job_is_called(middleware: Middleware, ended: Ended) -> None:
    """A request that is background already keeps its own name."""

    @background_task(name="job")
    def job() -> None: ...

    def handler(request: Request) -> None:
        request[BACKGROUND] = True
        job()

    middleware(handler)()
    assert [t.path for t in ended] == ["OtherTransaction/Uri/books"]


def test_set_by_an_outer_middleware(ended: Ended) -> None:
    measured = WSGITransactionMiddleware(wsgi_helpers.hello)

    def outer(environ: Request, start: Any) -> Any:
        environ[BACKGROUND] = "on"
        environ[APP_NAME] = "batch"
        return measured(environ, start)

    wsgi_helpers.get(outer)
    assert [(t.kind, t.application) for t in ended] == [("background", "batch")]


def test_set_by_an_outer_middleware_of_asgi(run: asgi_helpers.Run, ended: Ended) -> None:
    measured = ASGITransactionMiddleware(asgi_helpers.hello)

    async def outer(scope: Request, receive: Any, send: Any) -> None:
        await measured({**scope, BACKGROUND: "on", APP_NAME: "batch"}, receive, send)

    run(asgi_helpers.get, outer)
    assert [(t.kind, t.application) for t in ended] == [("background", "batch")]


def test_enabled_and_the_application_count_only_at_the_start(middleware: Middleware, ended: Ended) -> None:
    def handler(request: Request) -> None:
        request[ENABLED] = False
        request[APP_NAME] = "too late"
        current_transaction()

    middleware(handler, application="shop")()
    assert [t.application for t in ended] == ["shop"]


@pytest.mark.parametrize(
    ("value", "application", "linked"),
    [
        ("shop", "shop", ()),
        ("a;b;c", "a", ("b", "c")),
        (" a ; ;b; ", "a", ("b",)),
        (b"shop;x", "shop", ("x",)),
        (";only;", "only", ()),
        (lambda: EvilText("evil"), "evil", ()),
    ],
)
def test_the_application_that_a_request_names(
    middleware: Middleware, value: Any, application: str, linked: tuple[str, ...], ended: Ended
) -> None:
    middleware(application="other")(**{APP_NAME: made(value)})
    assert [(t.application, t.linked_applications) for t in ended] == [(application, linked)]


@pytest.mark.parametrize("value", ["", "  ", " ; ;", b"", 7, True, None, ["shop"], Evil])
def test_what_names_no_application_is_ignored(middleware: Middleware, value: Any, ended: Ended) -> None:
    middleware(application="other")(**{APP_NAME: made(value)})
    assert [t.application for t in ended] == ["other"]


def test_a_linked_application_gets_the_same_data(middleware: Middleware, ended: Ended) -> None:
    middleware()(**{APP_NAME: "linked-a;linked-b"})
    found = {row.series.application: row.statistics.calls for row in rows()}
    assert (found["linked-a"], found["linked-b"]) == (1, 1)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "is ignored" in record.getMessage()]


@pytest.mark.parametrize("key", [*LIVE, ENABLED, APP_NAME])
def test_one_line_is_logged_for_each_distinct_value(key: str, caplog: pytest.LogCaptureFixture, ended: Ended) -> None:
    caplog.set_level(logging.WARNING, "weighbridge")
    serve = Middleware("wsgi")()
    for _ in range(3):
        serve(**{key: ["pear"]})
        serve(**{key: ["plum"]})
    said = lines(caplog)
    assert len(said) == 2
    assert key in said[0]
    assert "pear" in said[0]
    assert "plum" in said[1]


def test_at_most_twenty_values_of_a_key_are_logged(caplog: pytest.LogCaptureFixture, ended: Ended) -> None:
    caplog.set_level(logging.WARNING, "weighbridge")
    serve = Middleware("wsgi")()
    for number in range(50):
        serve(**{NO_APDEX: f"value-{number}"})
    assert len(lines(caplog)) <= 20


def test_a_huge_value_is_cut_in_the_log(caplog: pytest.LogCaptureFixture, ended: Ended) -> None:
    caplog.set_level(logging.WARNING, "weighbridge")
    Middleware("wsgi")()(**{NO_TRACE: "x" * 1_000_000})
    assert len(lines(caplog)[0]) < 300


def test_nothing_of_a_keys_value_is_kept(middleware: Middleware, ended: Ended) -> None:
    import weakref

    class Text(str):
        __slots__ = ("__weakref__",)

    kept: list[Any] = []

    def handler(request: Request) -> None:
        request[BACKGROUND] = Text("yes")
        kept.append(weakref.ref(request[BACKGROUND]))
        current_transaction()
        kept.append(current_transaction())
        del request[BACKGROUND]

    middleware(handler)()
    assert kept[0]() is None
    assert kept[1].kind == "background"
