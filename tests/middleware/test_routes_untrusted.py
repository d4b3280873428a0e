"""A client decides nothing about names: whatever it sends, there are no more than the program has written."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import bottle
import fastapi
import flask
import litestar
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from litestar.params import FromPath
from litestar.types import Receive, Scope, Send
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route, Router
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from weighbridge import FinishedTransaction
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware
from weighbridge.transactions.handoff import handoff
from weighbridge.transactions.model.http_methods import METHODS, OTHER_METHOD

from . import asgi_helpers, wsgi_helpers
from .store_helpers import rows
from .untrusted_helpers import HEADERS, HOST, METHOD, TEXT, UNTRUSTED, has_known_method, names_made, wild

Ended = list[FinishedTransaction]
Run = Callable[..., Any]


# Methods


class Endpoint(HTTPEndpoint):
    async def get(self, request: Any) -> PlainTextResponse:
        return PlainTextResponse("hello")


async def answer(request: fastapi.Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


def site(**options: Any) -> Starlette:
    routes = [Route("/e", Endpoint), Route("/any", answer, methods=[*METHODS, "PURGE"]), Route("/u/{id:int}", answer)]
    mounts = [Mount("/m/{tenant}", routes=routes), Mount("/fixed", app=Starlette(routes=routes))]
    return Starlette(routes=[*routes, *mounts, Host("{sub}.host.example", Router(routes))], **options)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_the_methods_of_the_field_stand_in_names(method: str, run: Run, ended: Ended) -> None:
    run(lambda: asgi_helpers.get(ASGITransactionMiddleware(site()), "/any", method=method))
    wsgi_helpers.get(WSGITransactionMiddleware(shop()), "/any", REQUEST_METHOD=method)
    assert {transaction.path for transaction in ended} == {f"WebTransaction/Route/{method} /any"}


@pytest.mark.parametrize("method", ["FOO", "get", "PURGE", "GET ", "_OTHER", "G" * 5000, "Pötch"])
def test_every_other_is_one(method: str, run: Run, ended: Ended) -> None:
    """The real one is in the attributes, which only samples show."""
    run(lambda: asgi_helpers.get(ASGITransactionMiddleware(site()), "/e", method=method))
    run(lambda: asgi_helpers.get(ASGITransactionMiddleware(site()), "/m/a/any", method=method))
    assert [transaction.path for transaction in ended] == [
        f"WebTransaction/Route/{OTHER_METHOD} /e",
        f"WebTransaction/Route/{OTHER_METHOD} /m/{{tenant}}/any",
    ]
    assert {transaction.attributes["request.method"] for transaction in ended} == {method[:255]}


def test_made_up_methods_hide_no_route() -> None:
    """Neither in the store, nor by a key each, by which transactions are counted."""
    app = ASGITransactionMiddleware(site(), "flooded")

    async def flood() -> None:
        for number in range(1500):
            await asgi_helpers.get(app, "/e", method=f"FOO{number}")
        await asgi_helpers.get(app, "/u/7")

    asyncio.run(flood())
    found = {row.series.name: row.totals.count for row in rows() if row.series.application == "flooded"}
    assert found == {"_OTHER /e": 1500, "GET /u/{id}": 1}
    assert len([key for key in handoff.buffers if "flooded" in str(key[0].application.name)]) <= 2


# Whatever a client sends


def shop() -> flask.Flask:
    app = flask.Flask("shop")
    app.add_url_rule("/e", "e", lambda: "hello")
    app.add_url_rule("/any", "any", lambda: "any", methods=[*METHODS, "PURGE"])
    app.add_url_rule("/u/<int:number>", "user", lambda number: str(number))
    return app


class PerTenant:
    """It takes the first part of the path, whatever that is, and the host besides."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"].startswith("/t/"):
            tenant, slash, rest = environ["PATH_INFO"][3:].partition("/")
            environ = {**environ, "SCRIPT_NAME": f"{environ['SCRIPT_NAME']}/t/{tenant}", "PATH_INFO": slash + rest}
        return self.app(environ, start_response)


def library() -> bottle.Bottle:
    app, inner = bottle.Bottle(), bottle.Bottle()
    for one in (app, inner):
        one.route("/e", callback=lambda: "hello")
        one.route("/any", [*METHODS, "PURGE"], callback=lambda: "any")
        one.route("/u/<number:int>", callback=lambda number: str(number))
    app.mount("/fixed/", inner)
    return app


def api() -> fastapi.FastAPI:
    app, inner, router = fastapi.FastAPI(), fastapi.FastAPI(), fastapi.APIRouter()
    for one in (inner, router):
        one.get("/e")(answer)
        one.add_api_route("/any", answer, methods=[*METHODS])
        one.get("/u/{id}")(answer)
    app.include_router(router)
    app.mount("/m/{tenant}", inner)
    app.mount("/fixed", inner)
    return app


def lit() -> Any:
    @litestar.get("/e")
    async def e() -> str:
        return "hello"

    @litestar.route("/any", http_method=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    async def any_method() -> str:
        return "any"

    @litestar.get("/u/{id:int}")
    async def user(id: FromPath[int]) -> str:  # noqa: A002
        return str(id)

    @litestar.asgi("/fixed", is_mount=True, copy_scope=True)
    async def fixed(scope: Scope, receive: Receive, send: Send) -> None:
        await asgi_helpers.hello(scope, receive, send)

    return litestar.Litestar(route_handlers=[e, any_method, user, fixed], logging_config=None)


def copying(app: Any) -> Any:
    async def copied(scope: Any, receive: Any, send: Any) -> None:
        await app(dict(scope), receive, send)

    return copied


def guarded(app: Any) -> Any:
    return TrustedHostMiddleware(CORSMiddleware(app, allow_origins=["https://a.example"]), allowed_hosts=["a.example"])


IN_THE_LIST = [
    Middleware(ASGITransactionMiddleware),
    Middleware(TrustedHostMiddleware, allowed_hosts=["a.example"]),
    Middleware(CORSMiddleware, allow_origins=["https://a.example"]),
]

WSGI = {
    "Flask": lambda: WSGITransactionMiddleware(shop()),
    "Flask behind a proxy": lambda: WSGITransactionMiddleware(ProxyFix(shop(), x_prefix=1)),
    "Flask, one part of the path a tenant": lambda: WSGITransactionMiddleware(PerTenant(shop())),
    "Flask, dispatched": lambda: WSGITransactionMiddleware(DispatcherMiddleware(shop(), {"/fixed": shop()})),
    "Bottle": lambda: WSGITransactionMiddleware(library()),
    "Bottle, one part of the path a tenant": lambda: WSGITransactionMiddleware(PerTenant(library())),
}
ASGI = {
    "Starlette": lambda: ASGITransactionMiddleware(site()),
    "Starlette, in its list": lambda: site(middleware=IN_THE_LIST),
    "Starlette in a copy": lambda: ASGITransactionMiddleware(copying(site())),
    "Starlette behind others": lambda: ASGITransactionMiddleware(guarded(site())),
    "a router": lambda: ASGITransactionMiddleware(Router(site().routes)),
    "FastAPI": lambda: ASGITransactionMiddleware(api()),
    "FastAPI in a copy": lambda: ASGITransactionMiddleware(copying(api())),
    "FastAPI behind others": lambda: ASGITransactionMiddleware(guarded(api())),
    "Litestar": lambda: ASGITransactionMiddleware(lit()),
    "Litestar in a copy": lambda: ASGITransactionMiddleware(copying(lit())),
}

_LEAVES = {"e", "any", "u/{}"}
_MOUNTS = {"", "t/", "fixed/", "m/{}/", "{}/", "m/{}/fixed/", "t/{}/"}


def is_written(name: str) -> bool:
    """Whether a name is one of those that follow from the programs above."""
    status_or_route = name.removeprefix("WebTransaction/")
    if status_or_route.startswith("StatusCode/"):
        return has_known_method(name)
    path = status_or_route.partition(" ")[2]
    bare = re.sub(r"\{\w+\}|<[^/]+>", "{}", path.strip("/"))
    known = {mount + leaf for mount in _MOUNTS for leaf in _LEAVES}
    return has_known_method(name) and bare in known | {"fixed", "fixed/{}", "docs", "openapi.json", "redoc"}


_PART = st.sampled_from(["e", "any", "u", "7", "fixed", "m", "t", "docs", "", ".", "..", "{id}", "<id>"]) | TEXT
_LEAF = st.sampled_from(["e", "any", "u/7", "u/8"])
_ROUTED = st.builds(
    "/{}{}".format, _PART.flatmap(lambda tenant: st.sampled_from([m.format(tenant) for m in sorted(_MOUNTS)])), _LEAF
)
_PATH = _ROUTED | wild(["e", "any", "u", "7", "fixed", "m", "t", "docs"])


@pytest.mark.parametrize("which", WSGI)
@UNTRUSTED
@given(method=METHOD, path=_PATH, host=HOST, headers=HEADERS, query=TEXT)
@example(method="GET", path="/t/evil/u/7", host="evil", headers={"X-Forwarded-Prefix": "/u"}, query="")
def test_no_client_makes_names_under_wsgi(
    which: str, method: str, path: str, host: str, headers: dict[str, str], query: str, capsys: Any
) -> None:
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    environ |= {"HTTP_HOST": host, "QUERY_STRING": query, "REQUEST_METHOD": method}
    made = names_made(lambda: wsgi_helpers.attempt(_made(WSGI[which]), path, **environ))
    assert len(made) == 1
    assert all(map(is_written, made)), made


@pytest.mark.parametrize("which", ASGI)
@UNTRUSTED
@given(method=METHOD, path=_PATH, host=HOST, headers=HEADERS, query=TEXT)
@example(method="OPTIONS", path="/any/where", host="evil", headers={"Origin": "x"}, query="")
def test_no_client_makes_names_under_asgi(
    loop: asyncio.AbstractEventLoop, which: str, method: str, path: str, host: str, headers: dict[str, str], query: str
) -> None:
    pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {"headers": [(b"host", host.encode("latin-1")), *pairs], "query_string": query.encode("latin-1")}
    app = _made(ASGI[which])
    made = names_made(lambda: loop.run_until_complete(asgi_helpers.attempt(app, path, method=method, **scope)))
    assert len(made) == 1
    assert all(map(is_written, made)), made


_made = cache(lambda make: make())
"""An application is made once; what it remembers of one client must not show in what the next one gets."""


def test_raw_paths_are_left_to_what_has_no_router(run: Run, ended: Ended) -> None:
    """The measure above is one that can be missed."""
    run(asgi_helpers.get, ASGITransactionMiddleware(asgi_helpers.hello), "/what/ever")
    assert not is_written(ended[0].path)
    assert is_written("WebTransaction/Route/GET /m/{tenant}/u/{id}")
