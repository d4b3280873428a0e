"""A route is found where a middleware has copied environ or scope for what is further inside."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import asgi_csrf
import bottle
import fastapi
import flask
import litestar
import pytest
from channels.sessions import CookieMiddleware
from cheroot.wsgi import PathInfoDispatcher
from hypercorn.middleware import ProxyFixMiddleware
from hypercorn.middleware.dispatcher import AsyncioDispatcherMiddleware
from litestar.params import FromPath
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, Router
from werkzeug.wrappers import Request, Response

from weighbridge import FinishedTransaction
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware

from . import asgi_helpers, wsgi_helpers

Ended = list[FinishedTransaction]
Run = Callable[..., Any]
Wrap = Callable[[Any], Any]


def paths(ended: Ended) -> list[str]:
    return [transaction.path.removeprefix("WebTransaction/") for transaction in ended]


# ASGI


async def answer(request: Any) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def broken(request: Any) -> None:
    raise LookupError("shelf")


async def stream(request: Any) -> StreamingResponse:
    return StreamingResponse(iter(["one", "two"]))


ROUTES = [
    Route("/users/{id}", answer),
    Route("/broken/{id}", broken),
    Route("/stream/{id}", stream),
    Mount("/m/{tenant}", routes=[Route("/users/{id}", answer), Route("/stream/{id}", stream)]),
]


def starlette(**options: Any) -> Starlette:
    return Starlette(routes=ROUTES, **options)


def router() -> Router:
    return Router(routes=ROUTES)


def api() -> fastapi.FastAPI:
    app = fastapi.FastAPI()
    app.add_api_route("/users/{id}", lambda: "user")
    app.add_api_route("/broken/{id}", broken)
    app.add_api_route("/stream/{id}", lambda: StreamingResponse(iter(["one"])))
    app.mount("/m/{tenant}", Starlette(routes=ROUTES))
    return app


class Copying:
    """As many middlewares do."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app({**scope, "user": "ann"}, receive, send)


class CopyingDeeply:
    """With a ``send`` of its own."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def later(message: Any) -> None:
            await send(message)

        await self.app(deepcopy(scope), receive, later)


def hidden(app: Any) -> Any:
    async def hiding(scope: Any, receive: Any, send: Any) -> None:
        await app(dict(scope), receive, send)

    return hiding


COPIES: dict[str, Wrap] = {
    "dict(scope)": Copying,
    "deepcopy(scope)": CopyingDeeply,
    "a function": hidden,
    "two copies": lambda app: Copying(CopyingDeeply(app)),
    "hypercorn's proxy fix": lambda app: ProxyFixMiddleware(app, mode="legacy"),
    "asgi-csrf": lambda app: asgi_csrf.asgi_csrf(app, signing_secret="secret"),
    "channels' cookies": CookieMiddleware,
}


@pytest.mark.parametrize("made", [starlette, router, api])
@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_of_the_scope(copied: str, made: Callable[[], Any], run: Run, ended: Ended) -> None:
    app = ASGITransactionMiddleware(COPIES[copied](made()))
    for path in ("/users/1", "/users/2", "/broken/1", "/stream/1", "/m/a/users/1", "/nowhere", "/other"):
        run(asgi_helpers.attempt, app, path)
    assert paths(ended) == [
        "Route/GET /users/{id}",
        "Route/GET /users/{id}",
        "Route/GET /broken/{id}",
        "Route/GET /stream/{id}",
        "Route/GET /m/{tenant}/users/{id}",
        "StatusCode/404",
        "StatusCode/404",
    ]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # trio, of Starlette's generator
@pytest.mark.parametrize("made", [starlette, router, api])
@pytest.mark.parametrize("between", [lambda app: app, lambda app: BaseHTTPMiddleware(app, dispatch=_pass_on)])
@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_where_a_task_streams(
    copied: str, between: Wrap, made: Callable[[], Any], run: Run, ended: Ended
) -> None:
    """Under ASGI 2.3, which uvicorn and hypercorn speak, Starlette streams in a task of its own."""
    app = ASGITransactionMiddleware(COPIES[copied](between(made())))
    version = {"version": "3.0", "spec_version": "2.3"}
    for path in ("/stream/1", "/stream/2", "/m/a/stream/2"):
        run(partial(asgi_helpers.attempt, app, path, asgi=version))
    assert set(paths(ended)) == {"Route/GET /stream/{id}", "Route/GET /m/{tenant}/stream/{id}"}


@pytest.mark.parametrize("copied", COPIES)
def test_litestar_in_a_copy(copied: str, ended: Ended) -> None:
    import asyncio

    @litestar.get("/users/{number:int}")
    async def user(number: FromPath[int]) -> int:
        return number

    app = ASGITransactionMiddleware(COPIES[copied](litestar.Litestar([user], logging_config=None)))
    for path in ("/users/1", "/nowhere"):
        asyncio.run(asgi_helpers.attempt(app, path))
    assert paths(ended) == ["Route/GET /users/{number}", "StatusCode/404"]


def test_a_copy_in_the_list_of_a_framework(run: Run, ended: Ended) -> None:
    """Its own scope says that it has the request, and nothing of where that went."""
    app = starlette(middleware=[Middleware(Copying), Middleware(BaseHTTPMiddleware, dispatch=_pass_on)])
    for path in ("/users/1", "/m/a/users/1", "/nowhere"):
        run(asgi_helpers.attempt, ASGITransactionMiddleware(app), path)
    assert paths(ended) == ["Route/GET /users/{id}", "Route/GET /m/{tenant}/users/{id}", "StatusCode/404"]


async def _pass_on(request: Any, call_next: Any) -> Any:
    return await call_next(request)


def test_a_copy_below_a_mount(run: Run, ended: Ended) -> None:
    app = ASGITransactionMiddleware(Starlette(routes=[Mount("/api/{version}", app=Copying(starlette()))]))
    for path in ("/api/1/users/1", "/api/2/users/1", "/api/2/m/a/users/1", "/api/1/nowhere", "/nowhere"):
        run(asgi_helpers.attempt, app, path)
    assert paths(ended) == [
        "Route/GET /api/{version}/users/{id}",
        "Route/GET /api/{version}/users/{id}",
        "Route/GET /api/{version}/m/{tenant}/users/{id}",
        "StatusCode/404",
        "StatusCode/404",
    ]


def test_hypercorns_dispatcher(ended: Ended) -> None:
    import asyncio

    dispatcher = AsyncioDispatcherMiddleware({"/api": starlette(), "/api2": router(), "/metrics": asgi_helpers.hello})
    app = ASGITransactionMiddleware(dispatcher)
    for path in ("/api/users/1", "/api/m/a/users/1", "/api/nowhere", "/nowhere", "/other", "/metrics", "/metrics/x"):
        asyncio.run(asgi_helpers.attempt(app, path))
    assert paths(ended) == [
        "Route/GET /api/users/{id}",
        "Route/GET /api/m/{tenant}/users/{id}",
        "StatusCode/404",
        "StatusCode/404",
        "StatusCode/404",
        "Route/GET /metrics/{path}",
        "Route/GET /metrics/{path}",
    ]


@pytest.mark.parametrize(
    "front",
    [
        lambda app: TrustedHostMiddleware(app, allowed_hosts=["shop.example"]),
        lambda app: CORSMiddleware(app, allow_origins=["https://shop.example"]),
        lambda app: TrustedHostMiddleware(CORSMiddleware(app, allow_origins=["*"]), allowed_hosts=["shop.example"]),
    ],
)
@pytest.mark.parametrize("made", [starlette, router, api])
def test_what_answers_in_front_of_a_router_is_named_by_its_status(
    made: Callable[[], Any], front: Wrap, run: Run, ended: Ended
) -> None:
    app = ASGITransactionMiddleware(front(made()))
    evil = [(b"host", b"evil.example")]
    preflight = [(b"host", b"shop.example"), (b"origin", b"https://x"), (b"access-control-request-method", b"GET")]
    for path in ("/a", "/b", "/users/1"):
        run(lambda path: asgi_helpers.attempt(app, path, headers=evil), path)
        run(lambda path: asgi_helpers.attempt(app, path, method="OPTIONS", headers=preflight), path)
    run(asgi_helpers.attempt, app, "/users/1")
    assert set(paths(ended)) <= {
        "StatusCode/200",
        "StatusCode/400",
        "StatusCode/404",
        "Route/GET /users/{id}",
        "Route/OPTIONS /users/{id}",
    }
    assert paths(ended)[-1] == "Route/GET /users/{id}"


def test_an_application_without_a_router_is_named_by_its_paths_whatever_is_loaded(run: Run, ended: Ended) -> None:
    run(asgi_helpers.get, ASGITransactionMiddleware(Copying(asgi_helpers.hello)), "/books")
    wsgi_helpers.get(
        WSGITransactionMiddleware(lambda environ, start: wsgi_helpers.hello(dict(environ), start)), "/books"
    )
    assert paths(ended) == ["Uri/books", "Uri/books"]


def test_the_routers_on_the_other_side_of_the_middleware_are_not_asked(run: Run, ended: Ended) -> None:
    middleware = ASGITransactionMiddleware(Copying(asgi_helpers.hello))

    async def another(scope: Any, receive: Any, send: Any) -> None:
        await middleware(asgi_helpers.http("/books"), receive, send)

    run(asgi_helpers.get, Starlette(routes=[Mount("/out/{side}", app=another)]), "/out/1/books")
    assert paths(ended) == ["Uri/books"]


def test_an_application_that_asks_another_one_is_not_called_by_the_routes_of_that(run: Run, ended: Ended) -> None:
    async def asking(scope: Any, receive: Any, send: Any) -> None:
        await asgi_helpers.get(starlette(), "/users/1")
        await asgi_helpers.attempt(starlette(), "/broken/1")
        await asgi_helpers.hello(scope, receive, send)

    run(asgi_helpers.get, ASGITransactionMiddleware(asking), "/books")
    assert paths(ended) == ["Uri/books"]


def test_nothing_is_kept_of_what_the_stack_was_asked_for(run: Run, ended: Ended) -> None:
    """Whoever looks at what a frame has makes the frame keep it, before Python 3.13."""
    kept: list[weakref.ref[Any]] = []

    class Thing:
        pass

    class Failing(Copying):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            scope = {**scope, "thing": Thing()}
            kept.append(weakref.ref(scope["thing"]))
            await self.app(scope, receive, send)

    gc.collect()
    gc.disable()
    try:
        run(asgi_helpers.attempt, ASGITransactionMiddleware(Failing(router())), "/broken/1")
        run(asgi_helpers.attempt, ASGITransactionMiddleware(Failing(router())), "/users/1")
        assert [thing() for thing in kept] == [None, None]
    finally:
        gc.enable()
    assert paths(ended) == ["Route/GET /broken/{id}", "Route/GET /users/{id}"]


# WSGI


def shop() -> flask.Flask:
    app = flask.Flask("shop")
    app.add_url_rule("/users/<int:number>", "user", lambda number: str(number))

    @app.get("/broken/<int:number>")
    def broken(number: int) -> str:
        raise LookupError("shelf")

    @app.get("/copied/<int:number>")
    def copied(number: int) -> str:
        thread = threading.Thread(target=flask.copy_current_request_context(lambda: flask.request.path))
        thread.start()
        thread.join()
        return "copied"

    return app


def library() -> bottle.Bottle:
    app = bottle.Bottle()
    app.route("/users/<number:int>", callback=lambda number: str(number))

    @app.route("/broken/<number:int>")
    def broken(number: int) -> str:
        raise LookupError("shelf")

    return app


def copying(app: Any) -> Any:
    return lambda environ, start_response: app(dict(environ, user="ann"), start_response)


def answering_late(app: Any) -> Any:
    """It takes the whole answer before it starts its own, as WebOb's middleware does."""

    def late(environ: Any, start_response: Any) -> Any:
        started: list[Any] = []
        body = b"".join(app(environ, lambda *start: started.append(start)))
        start_response(*started[-1])
        return [body]

    return late


def logging(app: Any) -> Any:
    """It makes a request of its own of the same environ, in front and behind."""

    def logged(environ: Any, start_response: Any) -> Any:
        assert Request(environ).path

        def start(*arguments: Any) -> Any:
            assert Request(environ).path
            return start_response(*arguments)

        return app(environ, start)

    return logged


@pytest.mark.parametrize(
    "copied", [copying, lambda app: copying(copying(app)), logging, lambda app: logging(copying(app))]
)
@pytest.mark.parametrize(("made", "parameter"), [(shop, "<int:number>"), (library, "<number:int>")])
def test_a_copy_of_environ(copied: Wrap, made: Callable[[], Any], parameter: str, ended: Ended, capsys: Any) -> None:
    app = WSGITransactionMiddleware(copied(made()))
    for path in ("/users/1", "/users/2", "/broken/1", "/nowhere", "/other"):
        wsgi_helpers.attempt(app, path)
    assert paths(ended) == [
        f"Route/GET /users/{parameter}",
        f"Route/GET /users/{parameter}",
        f"Route/GET /broken/{parameter}",
        "StatusCode/404",
        "StatusCode/404",
    ]


def test_bottle_in_a_copy_letting_an_exception_escape(ended: Ended) -> None:
    app = library()
    app.catchall = False
    wsgi_helpers.attempt(WSGITransactionMiddleware(copying(app)), "/broken/1")
    assert paths(ended) == ["Route/GET /broken/<number:int>"]


def test_cheroots_path_dispatcher(ended: Ended) -> None:
    dispatcher = PathInfoDispatcher({"/shop": shop(), "/shop/library": library(), "/metrics": wsgi_helpers.hello})
    app = WSGITransactionMiddleware(dispatcher)
    for path in ("/shop/users/1", "/shop/library/users/1", "/shop/nowhere", "/nowhere", "/metrics", "/metrics/more"):
        wsgi_helpers.get(app, path)
    assert paths(ended) == [
        "Route/GET /shop/users/<int:number>",
        "Route/GET /shop/library/users/<number:int>",
        "StatusCode/404",
        "StatusCode/404",
        "Route/GET /metrics/{path}",
        "Route/GET /metrics/{path}",
    ]


@pytest.mark.parametrize("wrapped", [lambda app: app, copying, logging])
def test_flask_with_a_context_that_was_copied(wrapped: Wrap, ended: Ended) -> None:
    """When the copy ends Flask takes its request from environ, whoever else still has it."""
    app = WSGITransactionMiddleware(wrapped(shop()))
    for number in range(3):
        wsgi_helpers.get(app, f"/copied/{number}")
    assert set(paths(ended)) == {"Route/GET /copied/<int:number>"}


def test_flask_behind_what_answers_when_it_is_done(ended: Ended) -> None:
    """Nothing of Flask's is left when the response starts: after the first time its own signal is heard."""
    from weighbridge.middleware import framework_signals

    if ("flask", "request_started") in framework_signals._connected:  # another test wanted it
        flask.request_started.disconnect(framework_signals._on_flask_request)
        framework_signals._connected.discard(("flask", "request_started"))
    app = WSGITransactionMiddleware(answering_late(shop()))
    for path in ("/users/1", "/users/1", "/users/2", "/nowhere", "/copied/1"):
        wsgi_helpers.get(app, path)
    assert paths(ended) == [
        "StatusCode/200",
        "Route/GET /users/<int:number>",
        "Route/GET /users/<int:number>",
        "StatusCode/404",
        "Route/GET /copied/<int:number>",
    ]


def test_a_request_of_werkzeugs_in_front_of_bottle(ended: Ended) -> None:
    @Request.application
    def plain(request: Request) -> Response:
        return Response("hello")

    wsgi_helpers.get(WSGITransactionMiddleware(logging(library())), "/users/1")
    wsgi_helpers.get(WSGITransactionMiddleware(logging(plain)), "/users/1")
    assert paths(ended) == ["Route/GET /users/<number:int>", "Uri/users/1"]
