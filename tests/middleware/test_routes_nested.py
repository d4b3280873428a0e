"""A middleware further inside joins, and tells the open transaction what it sees; so do frameworks behind adapters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import a2wsgi
import bottle
import flask
import pytest
from asgiref.wsgi import WsgiToAsgi
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from weighbridge import FinishedTransaction, WebTransaction, background_task
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware

from . import asgi_helpers, wsgi_helpers

# Our ``send`` is a plain function that returns the server's awaitable, of which asgiref warns.
pytestmark = pytest.mark.filterwarnings("ignore:async_to_sync was passed a non-async-marked callable:UserWarning")

Ended = list[FinishedTransaction]
Run = Callable[..., Any]

asgi_middleware = ASGITransactionMiddleware
wsgi_middleware = WSGITransactionMiddleware


def paths(ended: Ended) -> list[str]:
    return [transaction.path.removeprefix("WebTransaction/") for transaction in ended]


async def answer(request: Any) -> PlainTextResponse:
    request.scope["newrelic.suppress_apdex_metric"] = "yes"
    return PlainTextResponse("hello", status_code=203)


@background_task(name="job")
async def job(request: Any) -> PlainTextResponse:
    return PlainTextResponse("job")


async def broken(request: Any) -> None:
    raise LookupError("shelf")


def site() -> Starlette:
    routes = [Route("/users/{id}", answer), Route("/job", job), Route("/broken/{id}", broken)]
    return Starlette(routes=[*routes, Mount("/m/{tenant}", routes=routes)])


def shop() -> flask.Flask:
    app = flask.Flask("shop")

    @app.get("/users/<int:number>")
    def user(number: int) -> str:
        flask.request.environ["newrelic.suppress_apdex_metric"] = "yes"
        return "user"

    @app.get("/broken/<int:number>")
    def broken(number: int) -> str:
        raise LookupError("shelf")

    return app


def library() -> bottle.Bottle:
    app = bottle.Bottle()

    @app.route("/users/<number:int>")
    def user(number: int) -> str:
        bottle.request.environ["newrelic.suppress_apdex_metric"] = "yes"
        return "user"

    return app


def translating(app: Any) -> Any:
    """It hands a new scope on, by a queue: no call leads from the application to the middleware in front."""

    async def translated(scope: Any, receive: Any, send: Any) -> None:
        messages: list[Any] = []

        async def keep(message: Any) -> None:
            messages.append(message)

        await app({**scope, "headers": list(scope["headers"])}, receive, keep)
        for message in messages:
            await send(message)

    return translated


@pytest.mark.parametrize("path", ["/users/1", "/m/a/users/1"])
def test_an_inner_middleware_tells_route_and_keys(path: str, run: Run, ended: Ended) -> None:
    run(asgi_helpers.get, asgi_middleware(translating(asgi_middleware(site()))), path)
    (only,) = ended
    assert only.path == f"WebTransaction/Route/GET {path.replace('/1', '/{id}').replace('/a/', '/{tenant}/')}"
    assert (only.status, only.apdex) == (203, None)


def test_an_inner_middleware_tells_what_was_not_found(run: Run, ended: Ended) -> None:
    app = asgi_middleware(translating(asgi_middleware(site())))
    for path in ("/nowhere", "/other", "/m/a/nowhere", "/broken/1"):
        run(asgi_helpers.attempt, app, path)
    assert paths(ended) == ["StatusCode/404", "StatusCode/404", "StatusCode/404", "Route/GET /broken/{id}"]
    assert [error.type for error in ended[-1].errors] == ["builtins:LookupError"]


def test_an_inner_middleware_gives_its_name_and_no_application(run: Run, ended: Ended) -> None:
    run(asgi_helpers.get, asgi_middleware(translating(asgi_middleware(site(), "inner", "named")), "outer"), "/users/1")
    assert [(t.path, t.application) for t in ended] == [("WebTransaction/Function/named", "outer")]


def test_a_key_in_front_of_the_inner_middleware_alone(run: Run, ended: Ended) -> None:
    def front(app: Any) -> Any:
        return lambda scope, receive, send: app({**scope, "newrelic.set_background_task": "on"}, receive, send)

    run(asgi_helpers.get, asgi_middleware(front(asgi_middleware(asgi_helpers.hello))), "/books")
    wsgi_helpers.get(wsgi_middleware(_keyed(wsgi_middleware(wsgi_helpers.hello))), "/books")
    assert [transaction.kind for transaction in ended] == ["background", "background"]


def _keyed(app: Any) -> Any:
    return lambda environ, start: app({**environ, "newrelic.set_background_task": "on"}, start)


def test_an_inner_middleware_that_is_switched_off_tells_nothing(run: Run, ended: Ended) -> None:
    def off(app: Any) -> Any:
        return lambda scope, receive, send: app({**scope, "newrelic.enabled": False}, receive, send)

    run(asgi_helpers.get, asgi_middleware(translating(off(asgi_middleware(site())))), "/users/1")
    (only,) = ended
    assert only.apdex == "satisfied"


def test_two_middlewares_around_the_same_request(run: Run, ended: Ended) -> None:
    run(asgi_helpers.get, asgi_middleware(asgi_middleware(asgi_middleware(site()))), "/users/1")
    wsgi_helpers.get(wsgi_middleware(wsgi_middleware(wsgi_middleware(shop()))), "/users/1")
    assert paths(ended) == ["Route/GET /users/{id}", "Route/GET /users/<int:number>"]
    assert {transaction.apdex for transaction in ended} == {None}


@pytest.mark.parametrize(("made", "parameter"), [(shop, "<int:number>"), (library, "<number:int>")])
def test_the_same_of_wsgi(made: Callable[[], Any], parameter: str, ended: Ended) -> None:
    def rebuilding(app: Any) -> Any:
        def rebuilt(environ: Any, start_response: Any) -> Any:
            started: list[Any] = []
            body = b"".join(app(dict(environ), lambda *start: started.append(start)))
            start_response(*started[-1])
            return [body]

        return rebuilt

    for path in ("/users/1", "/nowhere"):
        wsgi_helpers.get(wsgi_middleware(rebuilding(wsgi_middleware(made()))), path)
    assert paths(ended) == [f"Route/GET /users/{parameter}", "StatusCode/404"]
    assert ended[0].apdex is None


def test_a_middleware_within_a_call_form(run: Run, ended: Ended) -> None:
    """As around the handler of a function in somebody's cloud: what it is given is the call's own."""

    async def handler(path: str) -> None:
        with WebTransaction(request_method="GET", request_path=path):
            await asgi_helpers.attempt(asgi_middleware(site()), path)

    for path in ("/users/1", "/nowhere"):
        run(handler, path)
    with WebTransaction(request_method="GET", request_path="/users/1"):
        wsgi_helpers.get(wsgi_middleware(shop()), "/users/1")
    assert paths(ended) == ["Route/GET /users/{id}", "StatusCode/404", "Route/GET /users/<int:number>"]
    assert [transaction.status for transaction in ended] == [203, 404, 200]
    assert all(transaction.attributes["response.start"] >= 0 for transaction in ended)


# Adapters


async def over_asgi(app: Any, *asked: str) -> None:
    for path in asked:
        await asgi_helpers.attempt(app, path)


@pytest.mark.parametrize("adapted", [a2wsgi.WSGIMiddleware, WsgiToAsgi])
def test_flask_behind_an_adapter(adapted: Any, ended: Ended) -> None:
    asyncio.run(over_asgi(asgi_middleware(adapted(shop())), "/users/1", "/users/2", "/broken/1", "/nowhere"))
    assert paths(ended) == [
        "Route/GET /users/<int:number>",
        "Route/GET /users/<int:number>",
        "Route/GET /broken/<int:number>",
        "StatusCode/404",
    ]
    assert [error.type for error in ended[2].errors] == ["builtins:LookupError"]


@pytest.mark.parametrize("adapted", [a2wsgi.WSGIMiddleware, WsgiToAsgi])
@pytest.mark.parametrize(("made", "parameter"), [(shop, "<int:number>"), (library, "<number:int>")])
def test_a_second_middleware_behind_an_adapter(made: Any, parameter: str, adapted: Any, ended: Ended) -> None:
    app = asgi_middleware(adapted(wsgi_middleware(made())))
    asyncio.run(over_asgi(app, "/users/1", "/users/2", "/nowhere"))
    assert paths(ended) == [f"Route/GET /users/{parameter}"] * 2 + ["StatusCode/404"]
    assert [transaction.apdex for transaction in ended[:2]] == [None, None]


@pytest.mark.parametrize("adapted", [a2wsgi.WSGIMiddleware, WsgiToAsgi])
def test_flask_behind_an_adapter_below_a_mount(adapted: Any, ended: Ended) -> None:
    """As FastAPI's documentation has it. Not routed by Flask is not routed."""
    app = asgi_middleware(Starlette(routes=[Mount("/old/{tenant}", app=adapted(shop())), Route("/new/{id}", answer)]))
    asyncio.run(over_asgi(app, "/old/a/users/1", "/old/b/users/1", "/old/c/nowhere", "/new/1"))
    assert paths(ended) == ["Route/GET /old/{tenant}/users/<int:number>"] * 2 + [
        "StatusCode/404",
        "Route/GET /new/{id}",
    ]


def test_asgi_behind_an_adapter_with_a_second_middleware(ended: Ended) -> None:
    """It runs in another thread and in a task of its own, and is one transaction all the same."""
    app = wsgi_middleware(a2wsgi.ASGIMiddleware(asgi_middleware(site(), "inner")))
    for path in ("/users/1", "/m/a/users/1", "/nowhere"):
        wsgi_helpers.get(app, path)
    assert paths(ended) == ["Route/GET /users/{id}", "Route/GET /m/{tenant}/users/{id}", "StatusCode/404"]
    assert [transaction.application for transaction in ended] == ["Python Application"] * 3
    assert ended[0].apdex is None


def test_asgi_behind_an_adapter_is_found_by_a_second_middleware_only(ended: Ended) -> None:
    """Nothing leads from the other thread to us: the documentation says to put a middleware behind the adapter."""
    wsgi_helpers.get(wsgi_middleware(a2wsgi.ASGIMiddleware(site())), "/users/1")
    assert paths(ended) == ["StatusCode/203"]
