"""Lanes: what has nothing to tell but how long it took is noted where it ends, and is counted as all others are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import flask
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import weighbridge
from weighbridge import ASGITransactionMiddleware, WSGITransactionMiddleware, background_task
from weighbridge.testing import capture_transactions
from weighbridge.transactions.model.clock import monotonic
from weighbridge.transactions.model.naming import path_of
from weighbridge.transactions.model.outlet import ROOM, outlet

from .conftest import Stored, lately

Act = Callable[[], object]

pytestmark = pytest.mark.usefixtures("stored")


def wsgi(app: Any, **keys: Any) -> Act:
    """A request to a WSGI application."""
    door = WSGITransactionMiddleware(app)

    def act() -> None:
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/books", "SCRIPT_NAME": "", **keys}
        body = door({"wsgi.url_scheme": "http", "SERVER_NAME": "shop", "SERVER_PORT": "80", **environ}, lambda *_: len)  # type: ignore[arg-type]
        list(body)
        body.close() if hasattr(body, "close") else None

    return act


def asgi(app: Any, **keys: Any) -> Act:
    """A request to an ASGI application."""
    door = ASGITransactionMiddleware(app)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        pass

    scope = {"type": "http", "method": "GET", "path": "/books", "root_path": "", "query_string": b"", "headers": []}
    return lambda: asyncio.run(door({**scope, **keys}, receive, send))


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
    "a background task": (lambda: work, "OtherTransaction/Function/work"),
}


def with_open_lanes(act: Act) -> None:
    """Do it until lanes for its like are open, and nothing is the slowest of them any more."""
    for _ in range(3):
        act()
        weighbridge.flush()
    for lane in outlet.lanes.values():
        lane.bar = 3600.0


def noted() -> int:
    """How many durations wait in lanes."""
    return sum(len(lane.durations) for lane in outlet.lanes.values())


@pytest.mark.parametrize("case", PLAIN)
def test_what_is_like_many_before_it_is_noted_in_a_lane(case: str, stored: Stored) -> None:
    made, path = PLAIN[case]
    act = made()
    with_open_lanes(act)
    for _ in range(10):
        act()
    assert (noted(), len(outlet.queue), len(outlet.live)) == (10, 0, 0)
    assert weighbridge.flush()
    with stored.reader() as reader:
        lines = [
            (path_of(line.series.kind, *line.series[2:]), line.figures.calls) for line in reader.transactions(lately())
        ]
    assert lines == [(path, 13)]


@pytest.mark.parametrize(
    ("app", "keys"),
    [
        (bare, {"newrelic.set_background_task": True}),
        (bare, {"newrelic.suppress_apdex_metric": True}),
        (bare, {"HTTP_X_REQUEST_START": "t=1700000000"}),
        (bare, {"newrelic.app_name": "another"}),
        (lambda environ, start: (environ.update({"newrelic.ignore_transaction": 1}), bare(environ, start))[1], {}),
        (lambda environ, start: (environ.pop("SERVER_NAME"), late(environ), bare(environ, start))[2], {}),
        (lambda environ, start: (weighbridge.add_custom_attribute("a", 1), bare(environ, start))[1], {}),
    ],
)
def test_what_has_more_to_tell_is_not(app: Any, keys: dict[str, Any]) -> None:
    with_open_lanes(wsgi(bare))
    wsgi(app, **keys)()
    assert noted() == 0


def late(environ: dict[str, Any]) -> None:
    """As many keys as before, one of them ours."""
    environ["newrelic.set_background_task"] = True


def test_a_key_in_the_place_of_another_is_heard(stored: Stored) -> None:
    with_open_lanes(wsgi(bare))

    def app(environ: Any, start: Any) -> Any:
        del environ["SERVER_NAME"]
        late(environ)
        return bare(environ, start)

    wsgi(app)()
    weighbridge.flush()
    with stored.reader() as reader:
        kinds = {(line.series.kind, line.figures.calls) for line in reader.transactions(lately())}
    assert kinds == {("web", 3), ("background", 1)}


def test_the_slowest_is_kept_whole(stored: Stored) -> None:
    with_open_lanes(work)
    for lane in outlet.lanes.values():
        lane.bar = 0.0
    work()
    assert (noted(), len(outlet.queue)) == (0, 1)
    for _ in range(50):
        work()
    assert len(outlet.queue) < 30  # each must be slower than all before it


def test_a_full_lane_takes_no_more(stored: Stored) -> None:
    with_open_lanes(work)
    for _ in range(ROOM + 5):
        work()
        if outlet.queue:
            break
    weighbridge.flush()
    assert noted() == 0
    assert stored.calls()["work"] >= ROOM


def test_one_of_the_next_minute_goes_into_no_lane_of_this_one() -> None:
    with_open_lanes(work)
    for lane in outlet.lanes.values():
        lane.until = monotonic()
    work()
    assert noted() == 0


def test_what_comes_late_to_a_lane_is_counted(stored: Stored) -> None:
    """A thread has a lane in its hand while the minute's figures are written."""
    with_open_lanes(work)
    lane = next(iter(outlet.lanes.values()))
    weighbridge.flush()
    lane.durations.append(0.5)
    weighbridge.flush()
    assert stored.calls() == {"work": 4}


def test_who_listens_sees_every_one(stored: Stored) -> None:
    with_open_lanes(work)
    with capture_transactions() as seen:
        for _ in range(5):
            work()
    assert len(seen) == 5


def test_threads_lose_none(stored: Stored) -> None:
    with_open_lanes(work)
    act = wsgi(bare)
    threads = [threading.Thread(target=lambda: [(work(), act()) for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        weighbridge.flush()
    for thread in threads:
        thread.join()
    weighbridge.flush()
    assert stored.calls() == {"work": 4003, "/books": 4000}
