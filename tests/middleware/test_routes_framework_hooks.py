"""Frameworks that publish their routes to a plug, or by signals of their own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge import FinishedTransaction, add_custom_attribute
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware

from . import asgi_helpers, wsgi_helpers
from .untrusted_helpers import HEADERS, HOST, METHOD, TEXT, UNTRUSTED, has_known_method, names_made, wild

Ended = list[FinishedTransaction]
Serve = Callable[..., None]


class Broken(Exception):
    """What a handler fails with."""


def over_wsgi(app: Any, *asked: str) -> None:
    middleware = WSGITransactionMiddleware(app)
    for one in asked:
        method, path = one.split(" ")
        wsgi_helpers.attempt(middleware, path, REQUEST_METHOD=method)


def over_asgi(app: Any, *asked: str, wrap: Callable[[Any], Any] = lambda app: app) -> None:
    middleware = ASGITransactionMiddleware(wrap(app))

    async def serve() -> None:
        for one in asked:
            method, path = one.split(" ")
            await asgi_helpers.attempt(middleware, path, method=method)

    asyncio.run(serve())


def copying(app: Any) -> Any:
    async def copied(scope: Any, receive: Any, send: Any) -> None:
        await app(dict(scope), receive, send)

    return copied


def names(ended: Ended) -> list[str]:
    return [transaction.path.removeprefix("WebTransaction/") for transaction in ended]


def errors(ended: Ended) -> list[list[str]]:
    return [[error.type.rpartition(":")[2] for error in transaction.errors] for transaction in ended]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Each of them logs the exceptions that it answers."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def test_what_the_documentation_says_is_there() -> None:
    """Each dotted name of the page about frameworks."""
    import re
    from importlib import import_module
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs" / "frameworks.md").read_text("utf-8")
    for module, attribute in set(re.findall(r"(weighbridge\.middleware\.\w+)\.(\w+)\(", page)):
        assert callable(getattr(import_module(module), attribute))
    for name in ("_OTHER", "StatusCode/404", "{mount}"):
        assert f"`{name}`" in page


# Quart


def quart_app() -> Any:
    quart = pytest.importorskip("quart")
    app, blueprint = quart.Quart("shop"), quart.Blueprint("b", "b", url_prefix="/b")

    @app.get("/users/<int:number>")
    async def user(number: int) -> str:
        add_custom_attribute("number", number)
        return "user"

    @app.get("/sync/<name>")
    def sync(name: str) -> str:
        return name

    @blueprint.get("/<name>")
    async def named(name: str) -> str:
        return name

    @app.get("/broken/<name>")
    async def broken(name: str) -> None:
        raise Broken

    @app.get("/gone/<name>")
    async def gone(name: str) -> None:
        quart.abort(410)

    app.register_blueprint(blueprint)
    return app


@pytest.mark.parametrize("wrap", [lambda app: app, copying])
def test_quart(wrap: Any, ended: Ended) -> None:
    """By its signals alone: no plug is needed."""
    asked = ("/users/1", "/users/2", "/sync/a", "/b/c", "/broken/d", "/gone/e", "/nowhere")
    over_asgi(quart_app(), *(f"GET {path}" for path in asked), "POST /users/1", "FOO /users/1", wrap=wrap)
    assert names(ended) == [
        "Route/GET /users/<int:number>",
        "Route/GET /users/<int:number>",
        "Route/GET /sync/<name>",
        "Route/GET /b/<name>",
        "Route/GET /broken/<name>",
        "Route/GET /gone/<name>",
        "StatusCode/404",
        "StatusCode/405",
        "StatusCode/405",
    ]
    assert errors(ended) == [[], [], [], [], ["Broken"], [], [], [], []]
    assert ended[0].attributes["number"] == 1


# Falcon


class Users:
    def on_get(self, req: Any, resp: Any, number: int) -> None:
        resp.text = str(number)

    def on_get_broken(self, req: Any, resp: Any, number: int) -> None:
        raise Broken

    def on_get_gone(self, req: Any, resp: Any, number: int) -> None:
        import falcon

        raise falcon.HTTPGone


class AsyncUsers:
    async def on_get(self, req: Any, resp: Any, number: int) -> None:
        resp.text = str(number)

    async def on_get_broken(self, req: Any, resp: Any, number: int) -> None:
        raise Broken

    async def on_get_gone(self, req: Any, resp: Any, number: int) -> None:
        import falcon

        raise falcon.HTTPGone


def falcon_app(is_async: bool, **options: Any) -> Any:
    falcon = pytest.importorskip("falcon")
    pytest.importorskip("falcon.asgi")
    from weighbridge.middleware.falcon import instrument

    app = (falcon.asgi.App if is_async else falcon.App)(**options)
    users = AsyncUsers() if is_async else Users()
    app.add_route("/users/{number:int}", users)
    app.add_route("/broken/{number:int}", users, suffix="broken")
    app.add_route("/gone/{number:int}", users, suffix="gone")
    instrument(app)
    return app


FALCON = (
    "GET /users/1",
    "GET /users/2",
    "GET /broken/1",
    "GET /gone/1",
    "GET /nowhere",
    "POST /users/1",
    "FOO /users/1",
)
FALCON_NAMES = [
    "Route/GET /users/{number:int}",
    "Route/GET /users/{number:int}",
    "Route/GET /broken/{number:int}",
    "Route/GET /gone/{number:int}",
    "StatusCode/404",
    "Route/POST /users/{number:int}",
]


@pytest.mark.parametrize("is_async", [False, True])
def test_falcon(is_async: bool, ended: Ended, capsys: Any) -> None:
    (over_asgi if is_async else over_wsgi)(falcon_app(is_async), *FALCON)
    assert names(ended)[:6] == FALCON_NAMES
    assert names(ended)[6] in {"StatusCode/400", "Route/_OTHER /users/{number:int}"}
    assert errors(ended)[:6] == [[], [], ["Broken"], [], [], []]
    assert [transaction.status for transaction in ended[:6]] == [200, 200, 500, 410, 404, 405]


@pytest.mark.parametrize("is_async", [False, True])
def test_falcon_answers_as_without_the_plug(is_async: bool, ended: Ended) -> None:
    """The 500 page is its own, or of the handler that was there before."""
    import falcon

    app = falcon_app(is_async)
    plain = (falcon.asgi.App if is_async else falcon.App)()
    plain.add_route("/broken/{number:int}", AsyncUsers() if is_async else Users(), suffix="broken")
    seen = []
    for one in (plain, app):
        if is_async:
            seen.append(asyncio.run(asgi_helpers.get(one, "/broken/1")).seen)
        else:
            server = wsgi_helpers.get(one, "/broken/1")
            seen.append([event for event in server.seen if event[0] != "close"])
    assert seen[0] == seen[1]


def test_falcon_with_an_error_handler_of_ones_own(ended: Ended) -> None:
    falcon = pytest.importorskip("falcon")
    from weighbridge.middleware.falcon import instrument

    def sorry(req: Any, resp: Any, error: Any, params: Any) -> None:
        resp.status = falcon.HTTP_503

    app = falcon.App()
    app.add_route("/broken/{number:int}", Users(), suffix="broken")
    app.add_error_handler(Exception, sorry)
    instrument(app)
    over_wsgi(app, "GET /broken/1")
    assert (names(ended), errors(ended), ended[0].status) == (["Route/GET /broken/{number:int}"], [["Broken"]], 503)


def test_falcon_in_front_of_which_something_answers(ended: Ended, capsys: Any) -> None:
    """A middleware further out has answered, and the plug was never asked."""
    pytest.importorskip("falcon")

    class Closed:
        def process_request(self, req: Any, resp: Any) -> None:
            resp.complete = req.path.startswith("/closed")

    over_wsgi(falcon_app(False, middleware=[Closed()]), "GET /closed/1", "GET /closed/2", "GET /users/1")
    assert names(ended) == ["StatusCode/200", "StatusCode/200", "Route/GET /users/{number:int}"]


# Pyramid

PYRAMID = pytest.mark.filterwarnings("ignore")  # of what it and WebOb import


class Book:
    """A resource."""

    def __getitem__(self, key: str) -> Any:
        if key == "shelf":
            return self
        raise KeyError(key)


def pyramid_app(**settings: Any) -> Any:
    pytest.importorskip("pyramid")
    from pyramid.config import Configurator
    from pyramid.httpexceptions import HTTPGone
    from pyramid.response import Response

    def raising(error: Any) -> Callable[[Any], Any]:
        def view(request: Any) -> Any:
            raise error

        return view

    with Configurator(root_factory=lambda request: Book()) as config:
        config.include("weighbridge.middleware.pyramid")
        config.add_route("user", "/users/{number}")
        config.add_route("broken", "broken/{name}")
        config.add_route("gone", "/gone/{name}")
        config.add_view(lambda request: Response("user"), route_name="user", request_method="GET")
        config.add_view(raising(Broken), route_name="broken")
        config.add_view(raising(HTTPGone), route_name="gone")
        config.add_view(lambda context, request: Response("book"), context=Book)
        config.add_view(lambda context, request: Response("edit"), context=Book, name="edit")
        if settings:
            config.add_exception_view(lambda error, request: Response("sorry", settings["status"]), context=Broken)
        return config.make_wsgi_app()


PYRAMID_BOOK = f"{Book.__module__}:Book"


@PYRAMID
def test_pyramid(ended: Ended) -> None:
    asked = ("/users/1", "/users/2", "/broken/1", "/gone/1", "/nowhere", "/", "/shelf/shelf/edit", "/shelf/none")
    over_wsgi(pyramid_app(), *(f"GET {path}" for path in asked), "FOO /users/1")
    assert names(ended) == [
        "Route/GET /users/{number}",
        "Route/GET /users/{number}",
        "Route/GET /broken/{name}",
        "Route/GET /gone/{name}",
        "StatusCode/404",
        f"Route/GET /{PYRAMID_BOOK}",
        f"Route/GET /{PYRAMID_BOOK}/edit",
        "StatusCode/404",
        "Route/_OTHER /users/{number}",
    ]
    assert errors(ended) == [[], [], ["Broken"], [], [], [], [], [], []]


@PYRAMID
@pytest.mark.parametrize(("status", "noted"), [(500, ["Broken"]), (409, [])])
def test_pyramid_with_an_exception_view(status: int, noted: list[str], ended: Ended) -> None:
    over_wsgi(pyramid_app(status=f"{status} Sorry"), "GET /broken/1")
    assert (names(ended), errors(ended), ended[0].failed) == (["Route/GET /broken/{name}"], [noted], status == 500)


# Sanic


def sanic_app() -> Any:
    sanic = pytest.importorskip("sanic")
    from weighbridge.middleware.sanic import instrument

    sanic.Sanic._app_registry.clear()
    app, blueprint = sanic.Sanic("shop"), sanic.Blueprint("b", url_prefix="/b")

    @app.get("/users/<number:int>")
    async def user(request: Any, number: int) -> Any:
        return sanic.text("user")

    @blueprint.get("/<name>")
    async def named(request: Any, name: str) -> Any:
        return sanic.text(name)

    @app.get("/broken/<name>")
    async def broken(request: Any, name: str) -> Any:
        raise Broken

    @app.get("/gone/<name>")
    async def gone(request: Any, name: str) -> Any:
        raise sanic.exceptions.SanicException("gone", status_code=410)

    app.blueprint(blueprint)
    instrument(app)
    return app


class WithLifespan:
    """Sanic and Connexion are ready when they were told of the start only."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self._started = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not self._started:
            self._started = True
            server = asgi_helpers.Server({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
            await self.app({"type": "lifespan", "asgi": {"version": "3.0"}}, server.receive, server.send)
        await self.app(scope, receive, send)


@pytest.mark.application_blocks
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("wrap", [WithLifespan, lambda app: copying(WithLifespan(app))])
def test_sanic(wrap: Any, ended: Ended) -> None:
    asked = ("/users/1", "/users/2", "/b/c", "/broken/d", "/gone/e", "/nowhere")
    over_asgi(sanic_app(), *(f"GET {path}" for path in asked), "POST /users/1", wrap=wrap)
    assert names(ended) == [
        "Route/GET /users/<number:int>",
        "Route/GET /users/<number:int>",
        "Route/GET /b/<name:str>",
        "Route/GET /broken/<name:str>",
        "Route/GET /gone/<name:str>",
        "StatusCode/404",
        "StatusCode/405",
    ]
    assert errors(ended) == [[], [], [], ["Broken"], [], [], []]


@pytest.mark.application_blocks
@pytest.mark.filterwarnings("ignore")
def test_sanic_where_a_stream_breaks(ended: Ended) -> None:
    """Sanic keeps the exception to itself, and sends no last message."""
    app = sanic_app()

    @app.get("/stream")
    async def stream(request: Any) -> None:
        response = await request.respond()
        await response.send("one")
        raise Broken

    over_asgi(app, "GET /stream", wrap=WithLifespan)
    assert errors(ended) == [["Broken"]]
    assert (ended[0].failed, ended[0].disconnected, ended[0].status) == (True, False, 200)


# Connexion

SPECIFICATION = {
    "openapi": "3.0.0",
    "info": {"title": "shop", "version": "1"},
    "servers": [{"url": "/v1"}],
    "paths": {
        path: {
            "get": {
                "operationId": f"shop_handlers.{handler}",
                "parameters": [{"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}}],
                "responses": {"200": {"description": "fine"}},
            }
        }
        for path, handler in (
            ("/users/{number}", "user"),
            ("/broken/{number}", "broken"),
            ("/gone/{number}", "gone"),
        )
    },
}


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    import sys

    module = ModuleType("shop_handlers")
    monkeypatch.setitem(sys.modules, "shop_handlers", module)

    def user(number: int) -> Any:
        from connexion.context import scope

        scope["newrelic.suppress_apdex_metric"] = "yes"  # in the copy that handlers have
        return str(number), 200

    def broken(number: int) -> Any:
        raise Broken

    def gone(number: int) -> Any:
        from connexion.exceptions import ProblemException

        raise ProblemException(status=410, title="gone")

    module.user, module.broken, module.gone = user, broken, gone  # type: ignore[attr-defined]
    return module


def connexion_app(kind: str) -> Any:
    connexion = pytest.importorskip("connexion")
    from weighbridge.middleware.connexion import instrument

    app = getattr(connexion, kind)("shop")
    app.add_api(SPECIFICATION)
    instrument(app)
    return app


@pytest.mark.application_blocks
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["AsyncApp", "FlaskApp"])
def test_connexion(kind: str, handlers: ModuleType, ended: Ended) -> None:
    asked = ("/v1/users/1", "/v1/users/2", "/v1/broken/1", "/v1/gone/1", "/v1/nowhere", "/nowhere", "/v1/users/seven")
    asked_all = (*(f"GET {path}" for path in asked), "POST /v1/users/1")
    over_asgi(connexion_app(kind), *asked_all, wrap=WithLifespan)
    number = "{number}"  # whether an answer comes from the Flask inside or from in front of it
    assert names(ended) == [
        f"Route/GET /v1/users/{number}",
        f"Route/GET /v1/users/{number}",
        f"Route/GET /v1/broken/{number}",
        f"Route/GET /v1/gone/{number}",
        "StatusCode/404",
        "StatusCode/404",
        "StatusCode/404",
        "Route/POST /v1/users/{number}",
    ]
    assert errors(ended) == [[], [], ["Broken"], [], [], [], [], []]
    assert [transaction.apdex for transaction in ended[:2]] == [None, None]


# Whatever a client sends

ROUTES = {
    "Quart": {
        "/users/<int:number>",
        "/sync/<name>",
        "/b/<name>",
        "/broken/<name>",
        "/gone/<name>",
        "/static/<path:filename>",
    },
    "Falcon": {"/users/{number:int}", "/broken/{number:int}", "/gone/{number:int}"},
    "Falcon, asynchronous": {"/users/{number:int}", "/broken/{number:int}", "/gone/{number:int}"},
    "Pyramid": {"/users/{number}", "/broken/{name}", "/gone/{name}", f"/{PYRAMID_BOOK}", f"/{PYRAMID_BOOK}/edit"},
    "Sanic": {"/users/<number:int>", "/b/<name:str>", "/broken/<name:str>", "/gone/<name:str>"},
    "Connexion": {"/v1/users/{number}", "/v1/broken/{number}", "/v1/gone/{number}", "/{path}"},  # a redirect to /v1/
}
MAKE: dict[str, Callable[[], Any]] = {
    "Quart": quart_app,
    "Falcon": lambda: falcon_app(False),
    "Falcon, asynchronous": lambda: falcon_app(True),
    "Pyramid": pyramid_app,
    "Sanic": lambda: WithLifespan(sanic_app()),
    "Connexion": lambda: WithLifespan(connexion_app("AsyncApp")),
}
_made = cache(lambda which: MAKE[which]())
_PARTS = ("users", "sync", "b", "broken", "gone", "v1", "shelf", "edit", "1", "2")
_PATH = st.sampled_from(["/users/1", "/users/2", "/v1/users/1", "/broken/1", "/b/c", "/shelf/edit"]) | wild(_PARTS)


@pytest.mark.application_blocks
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("which", MAKE)
@UNTRUSTED
@given(method=METHOD, path=_PATH, host=HOST, headers=HEADERS, query=TEXT)
def test_no_client_makes_names(
    loop: asyncio.AbstractEventLoop,
    handlers: ModuleType,
    capsys: Any,
    which: str,
    method: str,
    path: str,
    host: str,
    headers: dict[str, str],
    query: str,
) -> None:
    app = _made(which)

    def serve() -> None:
        if which in {"Falcon", "Pyramid"}:
            environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
            environ |= {"HTTP_HOST": host, "QUERY_STRING": query, "REQUEST_METHOD": method}
            wsgi_helpers.attempt(WSGITransactionMiddleware(app), path, **environ)
            return
        pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        scope = {"headers": [(b"host", host.encode("latin-1")), *pairs], "query_string": query.encode("latin-1")}
        loop.run_until_complete(asgi_helpers.attempt(ASGITransactionMiddleware(app), path, method=method, **scope))

    made = names_made(serve)
    assert len(made) == 1
    assert has_known_method(made[0]), made
    assert made[0].startswith("WebTransaction/StatusCode/") or made[0].partition(" ")[2] in ROUTES[which]
