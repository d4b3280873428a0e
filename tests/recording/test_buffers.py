"""Buffers: what has nothing to tell but how long it took is noted where it ends, and is counted as all others are."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import flask
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import weighbridge
from weighbridge import ASGITransactionMiddleware, WSGITransactionMiddleware, background_task
from weighbridge.testing import capture_transactions
from weighbridge.transactions.handoff import BUFFER_CAPACITY, handoff
from weighbridge.transactions.model.clock import monotonic
from weighbridge.transactions.model.naming import path_of

from .conftest import Stored, lately

Act = Callable[[], object]

pytestmark = pytest.mark.usefixtures("stored")


def wsgi(app: Any, **keys: Any) -> Act:
    """A request to a WSGI application."""
    middleware = WSGITransactionMiddleware(app)

    def act() -> None:
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/books", "SCRIPT_NAME": "", **keys}
        body = middleware(
            {"wsgi.url_scheme": "http", "SERVER_NAME": "shop", "SERVER_PORT": "80", **environ}, lambda *_: len
        )  # type: ignore[arg-type]
        list(body)
        body.close() if hasattr(body, "close") else None

    return act


def asgi(app: Any, **keys: Any) -> Act:
    """A request to an ASGI application."""
    middleware = ASGITransactionMiddleware(app)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        pass

    scope = {"type": "http", "method": "GET", "path": "/books", "root_path": "", "query_string": b"", "headers": []}
    return lambda: asyncio.run(middleware({**scope, **keys}, receive, send))


def bare(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    return iter([b"books"])


def listed(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    return [b"books"]


def flask_app() -> Any:
    app = flask.Flask("shop")
    app.add_url_rule("/books", view_func=lambda: "books")
    return app.wsgi_app


async def bare_asgi(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"books"})


def starlette_app() -> Any:
    return Starlette(routes=[Route("/books", lambda request: PlainTextResponse("books"))])


@background_task(name="work")
def work() -> None:
    pass


def tagged(environ: Any, start_response: Any) -> Any:
    weighbridge.add_custom_attribute("number", handoff.flush_threshold)
    return bare(environ, start_response)


def raising(environ: Any, start_response: Any) -> Any:
    raise LookupError("no such book")


def catching(act: Act) -> Act:
    """An application that raises, for those who expect that."""

    def catch() -> None:
        with suppress(LookupError):
            act()

    return catch


KEYS = {
    "newrelic.app_name": "another",
    "newrelic.set_background_task": "on",
    "newrelic.suppress_apdex_metric": 1,
    "newrelic.suppress_transaction_trace": True,
    "newrelic.capture_request_params": "yes",
}

PLAIN: dict[str, tuple[Callable[[], Act], str]] = {
    "WSGI, by its path": (lambda: wsgi(bare), "WebTransaction/Uri/books"),
    "WSGI, a list": (lambda: wsgi(listed), "WebTransaction/Uri/books"),
    "WSGI, under a given name": (
        lambda: wsgi(WSGITransactionMiddleware(bare, name="given")),
        "WebTransaction/Function/given",
    ),
    "Flask, by its route": (lambda: wsgi(flask_app()), "WebTransaction/Route/GET /books"),
    "ASGI, by its path": (lambda: asgi(bare_asgi), "WebTransaction/Uri/books"),
    "Starlette, by its route": (lambda: asgi(starlette_app()), "WebTransaction/Route/GET /books"),
    "WSGI, with keys": (lambda: wsgi(bare, **KEYS), "OtherTransaction/Uri/books"),
    "ASGI, with keys": (lambda: asgi(bare_asgi, **KEYS), "OtherTransaction/Uri/books"),
    "WSGI, with attributes": (lambda: wsgi(tagged), "WebTransaction/Uri/books"),
    "WSGI, behind a proxy": (lambda: wsgi(bare, HTTP_X_REQUEST_START="t=1700000000"), "WebTransaction/Uri/books"),
    "WSGI, raising": (lambda: catching(wsgi(raising)), "WebTransaction/Uri/books"),
    "a background task": (lambda: work, "OtherTransaction/Function/work"),
}


def with_open_buffers(act: Act) -> None:
    """Do it until buffers for its like are open, and nothing is kept of them any more; the minute has just begun."""
    for _ in range(4):
        act()
        weighbridge.flush()
    for buffer in handoff.buffers.values():
        buffer.slow_threshold, buffer.expires_at = 3600.0, monotonic() + 55.0


def noted() -> int:
    """How many durations wait in buffers."""
    return sum(len(buffer.durations) for buffer in handoff.buffers.values())


@pytest.mark.parametrize("case", PLAIN)
def test_what_is_like_many_before_it_is_noted_in_a_buffer(case: str, stored: Stored) -> None:
    made, path = PLAIN[case]
    act = made()
    with_open_buffers(act)
    for _ in range(10):
        act()
    assert (noted(), len(handoff.queue), len(handoff.open_transactions)) == (10, 0, 0)
    assert weighbridge.flush()
    with stored.reader() as reader:
        lines = [
            (path_of(line.series.kind, *line.series[2:]), line.statistics.calls)
            for line in reader.transactions(lately())
        ]
    assert lines == [(path, 14)]


@pytest.mark.parametrize(
    ("app", "keys"),
    [
        (bare, {"newrelic.set_background_task": True}),
        (bare, {"newrelic.suppress_apdex_metric": True}),
        (bare, {"newrelic.app_name": "another"}),
        (lambda environ, start: (environ.update({"newrelic.ignore_transaction": 1}), bare(environ, start))[1], {}),
        (lambda environ, start: (environ.pop("SERVER_NAME"), late(environ), bare(environ, start))[2], {}),
        (raising, {}),
    ],
)
def test_what_is_not_like_it_is_not(app: Any, keys: dict[str, Any]) -> None:
    with_open_buffers(wsgi(bare))
    catching(wsgi(app, **keys))()
    assert noted() == 0


def late(environ: dict[str, Any]) -> None:
    """As many keys as before, one of them ours."""
    environ["newrelic.set_background_task"] = True


def test_a_key_in_the_place_of_another_is_heard(stored: Stored) -> None:
    with_open_buffers(wsgi(bare))

    def app(environ: Any, start: Any) -> Any:
        del environ["SERVER_NAME"]
        late(environ)
        return bare(environ, start)

    wsgi(app)()
    weighbridge.flush()
    with stored.reader() as reader:
        kinds = {(line.series.kind, line.statistics.calls) for line in reader.transactions(lately())}
    assert kinds == {("web", 4), ("background", 1)}


def test_the_slowest_is_kept_whole(stored: Stored) -> None:
    with_open_buffers(work)
    for buffer in handoff.buffers.values():
        buffer.slow_threshold = 0.0
    work()
    assert (noted(), len(handoff.queue)) == (0, 1)
    for _ in range(50):
        work()
    assert len(handoff.queue) < 30  # each must be slower than all before it


def test_a_full_buffer_takes_no_more(stored: Stored) -> None:
    with_open_buffers(work)
    for _ in range(BUFFER_CAPACITY + 5):
        work()
        if handoff.queue:
            break
    weighbridge.flush()
    assert noted() == 0
    assert stored.calls()["work"] >= BUFFER_CAPACITY


def test_one_of_the_next_minute_goes_into_no_buffer_of_this_one() -> None:
    with_open_buffers(work)
    for buffer in handoff.buffers.values():
        buffer.expires_at = monotonic()
    work()
    assert noted() == 0


def test_what_comes_late_to_a_buffer_is_counted(stored: Stored) -> None:
    """A thread has a buffer in its hand while the minute's figures are written."""
    with_open_buffers(work)
    buffer = next(iter(handoff.buffers.values()))
    weighbridge.flush()
    buffer.durations.append(0.5)
    weighbridge.flush()
    assert stored.calls() == {"work": 5}


def test_who_listens_sees_every_one(stored: Stored) -> None:
    with_open_buffers(work)
    with capture_transactions() as seen:
        for _ in range(5):
            work()
    assert len(seen) == 5


def test_threads_lose_none(stored: Stored) -> None:
    with_open_buffers(work)
    act = wsgi(bare)
    threads = [threading.Thread(target=lambda: [(work(), act()) for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        weighbridge.flush()
    for thread in threads:
        thread.join()
    weighbridge.flush()
    assert stored.calls() == {"work": 4004, "/books": 4000}


def test_errors_queue_times_and_attributes_count_in_buffers_as_elsewhere(stored: Stored) -> None:
    before = time.time()
    act = catching(wsgi(raising, HTTP_X_REQUEST_START=str(before - 2)))
    with_open_buffers(act)
    for _ in range(10):
        act()
    assert noted() == 10
    weighbridge.flush()
    with stored.reader() as reader:
        (line,) = reader.transactions(lately())
        assert line.statistics.errors == line.statistics.calls == 14
        assert 1.9 < line.statistics.queue_time < 2.1 + time.time() - before
        (error,) = reader.errors(lately())
        assert (error.type, error.count) == ("builtins:LookupError", 14)


def test_the_first_to_fail_are_kept_whole(stored: Stored) -> None:
    act = catching(wsgi(raising))
    for _ in range(3):
        act()
        assert (noted(), len(handoff.queue)) == (0, 1)
        weighbridge.flush()
    for buffer in handoff.buffers.values():
        assert buffer.slow_threshold >= 0.0
        buffer.slow_threshold = 3600.0
    act()
    assert noted() == 1


def test_one_that_was_stopped_in_an_earlier_minute_is_counted_there(stored: Stored) -> None:
    with_open_buffers(work)
    with weighbridge.BackgroundTask(name="work") as transaction:
        assert transaction is not None
        transaction._start_time = monotonic() - 95
        transaction._ensure_extras().frozen_at = monotonic() - 85
    assert noted() == 0
    weighbridge.flush()
    with stored.reader() as reader:
        counts = [
            bucket.statistics.calls for bucket in reader.timeline(lately(), 60).buckets if bucket.statistics.calls
        ]
    assert len(counts) >= 2
    assert (counts[0], sum(counts)) == (1, 5)


def test_what_keys_come_to_is_remembered_and_values_may_change(stored: Stored) -> None:
    for flag in (True, "off", True, "maybe", 1, "no"):
        wsgi(bare, **{"newrelic.set_background_task": flag})()
    weighbridge.flush()
    with stored.reader() as reader:
        kinds = {line.series.kind: line.statistics.calls for line in reader.transactions(lately())}
    assert kinds == {"background": 3, "web": 3}
