"""Mounts stand in names as they are written in the program, never as a client writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import Any
from wsgiref.util import shift_path_info

import bottle
import fastapi
import flask
import litestar
import pytest
from litestar.params import FromPath
from litestar.types import Receive, Scope, Send
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route, Router
from starlette.staticfiles import StaticFiles
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from weighbridge import FinishedTransaction
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware, starlette_routes

from . import asgi_helpers, wsgi_helpers

Ended = list[FinishedTransaction]
Run = Callable[..., Any]


def names(ended: Ended) -> set[str]:
    return {transaction.path.removeprefix("WebTransaction/") for transaction in ended}


# Starlette and FastAPI


async def answer(request: Any) -> PlainTextResponse:
    return PlainTextResponse("hello")


def leaf(path: str = "/u/{id}") -> Starlette:
    return Starlette(routes=[Route(path, answer)])


def api(**options: Any) -> fastapi.FastAPI:
    app = fastapi.FastAPI(**options)
    app.get("/items/{id}")(lambda: "item")
    return app


def included() -> fastapi.FastAPI:
    """A router with mounts, plain routes and a host, which is included with a prefix that has a parameter."""
    app, router = fastapi.FastAPI(), fastapi.APIRouter()
    router.mount("/sub/{sub}", api())
    router.add_route("/plain", answer)
    router.get("/own")(lambda: "own")
    app.include_router(router, prefix="/in/{tenant}")
    return app


def outer_api() -> fastapi.FastAPI:
    app = fastapi.FastAPI()
    app.mount("/tenants/{tenant}", api())
    return app


def two_of_one() -> Starlette:
    """One application in two places, and a mount that takes what another would."""
    app = leaf()
    return Starlette(routes=[Mount("/fixed", app), Mount("/{one}/at/{two}", app), Mount("/{any}", app)])


ROUTERS = [
    (
        lambda: Starlette(routes=[Mount("/org/{org}", routes=[Route("/u/{id}", answer)])]),
        "/org/{}/u/1",
        "/org/{org}/u/{id}",
    ),
    (lambda: Router([Mount("/org/{org}", app=leaf())]), "/org/{}/u/1", "/org/{org}/u/{id}"),
    (
        lambda: Router([Mount("/a/{b}", routes=[Mount("", routes=[Mount("/c/{d:int}", app=leaf())])])]),
        "/a/{}/c/7/u/1",
        "/a/{b}/c/{d}/u/{id}",
    ),
    (
        lambda: Router([Mount("/org/{org}", app=leaf(), middleware=[Middleware(GZipMiddleware)])]),
        "/org/{}/u/1",
        "/org/{org}/u/{id}",
    ),
    (
        lambda: Router([Mount("/f/{t}", app=StaticFiles(directory=Path(__file__).parent))]),
        "/f/{}/none",
        "/f/{t}/{path}",
    ),
    (lambda: Router([Mount("/deep/{rest:path}", app=leaf("/{id}"))]), "/deep/{}/x/y/1", "/deep/{rest}/{id}"),
    (
        lambda: Router([Host("{sub}.example", app=Router([Mount("/o/{org}", app=leaf())]))]),
        "/o/{}/u/1",
        "/o/{org}/u/{id}",
    ),
    (lambda: Router([Host("no.example", leaf()), Mount("/o/{org}", leaf())]), "/o/{}/u/1", "/o/{org}/u/{id}"),
    (two_of_one, "/{}/u/1", "/{any}/u/{id}"),
    (two_of_one, "/{}/at/7/u/1", "/{one}/at/{two}/u/{id}"),
    (outer_api, "/tenants/{}/items/7", "/tenants/{tenant}/items/{id}"),
    (outer_api, "/tenants/{}/docs", "/tenants/{tenant}/docs"),
    (lambda: Router([Mount("/o/{org}", app=api())]), "/o/{}/items/7", "/o/{org}/items/{id}"),
    (included, "/in/{}/own", "/in/{tenant}/own"),
    (included, "/in/{}/plain", "/in/{tenant}/plain"),
    (included, "/in/{}/sub/3/items/7", "/in/{tenant}/sub/{sub}/items/{id}"),
]


@pytest.mark.application_blocks
@pytest.mark.filterwarnings("ignore:.*:starlette.routing.StarletteDeprecationWarning")
@pytest.mark.parametrize(("made", "path", "expected"), ROUTERS)
def test_mounts_of_starlette_and_fastapi(
    made: Callable[[], Any], path: str, expected: str, run: Run, ended: Ended
) -> None:
    app = ASGITransactionMiddleware(made())
    for tenant in ("acme", "0", "org", "u"):
        run(lambda path: asgi_helpers.attempt(app, path, headers=[(b"host", b"a.example")]), path.format(tenant))
    assert names(ended) == {f"Route/GET {expected}"}


def test_a_mount_that_is_written_as_it_is_sent_is_remembered(run: Run, ended: Ended) -> None:
    app = ASGITransactionMiddleware(Router([Mount("/fixed", app=leaf()), Mount("/{any}", app=leaf())]))
    for path in ("/fixed/u/1", "/one/u/1", "/fixed/u/2", "/two/u/1", "/fixed/nowhere", "/two/nowhere"):
        run(asgi_helpers.get, app, path)
    assert names(ended) == {"Route/GET /fixed/u/{id}", "Route/GET /{any}/u/{id}", "StatusCode/404"}


def test_what_is_remembered_of_mounts_is_bounded(run: Run, monkeypatch: pytest.MonkeyPatch, ended: Ended) -> None:
    monkeypatch.setattr(starlette_routes, "_MAX_LITERAL", 3)
    apps = [ASGITransactionMiddleware(Router([Mount("/fixed", app=leaf())])) for _ in range(10)]
    for app in apps:
        run(asgi_helpers.get, app, "/fixed/u/1")
    assert len(starlette_routes._literal) <= 3
    assert names(ended) == {"Route/GET /fixed/u/{id}"}


def test_a_mount_behind_something_that_hides_its_router_is_not_shown(run: Run, ended: Ended) -> None:
    """What is found is that Starlette's mounts have taken it, and not how the second of them is written."""
    inner = Router([Mount("/{tenant}", app=leaf())])

    async def hiding(scope: Any, receive: Any, send: Any) -> None:
        await inner(scope, receive, send)

    app = ASGITransactionMiddleware(Router([Mount("/a", app=hiding)]))
    for tenant in range(3):
        run(asgi_helpers.get, app, f"/a/{tenant}/u/1")
    assert names(ended) == {"Route/GET /{mount}/u/{id}"}


def test_a_middleware_below_a_mount_with_a_parameter(run: Run, ended: Ended) -> None:
    inner = Router([Mount("/b/{c}", app=leaf())])
    app = Router([Mount("/a/{tenant}", app=ASGITransactionMiddleware(inner))])
    for tenant in ("x", "yy", "zzz"):
        run(asgi_helpers.get, app, f"/a/{tenant}/b/{tenant}/u/1")
    assert names(ended) == {"Route/GET /b/{c}/u/{id}"}


def test_what_the_router_gives_its_default(run: Run, ended: Ended) -> None:
    """A front end, say. What that does not have either is named by its status."""

    async def front(scope: Any, receive: Any, send: Any) -> None:
        await send(asgi_helpers.start(200 if scope["path"] == "/about" else 404))
        await send(asgi_helpers.body(b"front"))

    app = Starlette(routes=[Route("/api", answer)])
    app.router.default = front
    for path in ("/api", "/about", "/wp-login.php"):
        run(asgi_helpers.get, ASGITransactionMiddleware(app), path)
    assert [t.path for t in ended] == [
        "WebTransaction/Route/GET /api",
        "WebTransaction/Route/GET /{path}",
        "WebTransaction/StatusCode/404",
    ]


@pytest.mark.application_blocks
@pytest.mark.skipif(not hasattr(fastapi.FastAPI, "frontend"), reason="FastAPI has no front ends yet")
def test_a_front_end_of_fastapi(run: Run, ended: Ended, tmp_path: Path) -> None:
    (tmp_path / "page.js").write_text("1")
    app = fastapi.FastAPI()
    app.frontend("/ui", directory=str(tmp_path))
    for path in ("/ui/page.js", "/ui/none.js", "/other"):
        run(asgi_helpers.attempt, ASGITransactionMiddleware(app), path)
    assert names(ended) == {"Route/GET /ui/{path}", "StatusCode/404"}


# Litestar


def lit(inner: Any) -> litestar.Litestar:
    @litestar.get("/")
    async def root() -> str:
        return "root"

    @litestar.get("/books/{number:int}")
    async def book(number: FromPath[int]) -> int:
        return number

    @litestar.asgi("/same", is_mount=True, copy_scope=False)
    async def same(scope: Scope, receive: Receive, send: Send) -> None:
        await inner(scope, receive, send)

    @litestar.asgi("/copied", is_mount=True, copy_scope=True)
    async def copied(scope: Scope, receive: Receive, send: Send) -> None:
        await inner(scope, receive, send)

    router = litestar.Router("/v1", route_handlers=[same, copied])
    return litestar.Litestar(route_handlers=[root, book, router], logging_config=None)


@pytest.mark.parametrize("inner", [leaf("/u/{id}/"), Router([Route("/u/{id}/", answer)])])
@pytest.mark.parametrize("scope", ["same", "copied"])
def test_starlette_mounted_below_litestar(scope: str, inner: Any, ended: Ended) -> None:
    import asyncio

    app = ASGITransactionMiddleware(lit(inner))
    for path in ("u/1/", "u/2/"):
        asyncio.run(asgi_helpers.attempt(app, f"/v1/{scope}/{path}"))
    assert names(ended) == {f"Route/GET /v1/{scope}/u/{{id}}/"}
    ended.clear()
    asyncio.run(asgi_helpers.attempt(app, f"/v1/{scope}/nowhere"))
    # A bare router raises what Litestar answers, when nobody knows of the copy any more.
    is_lost = scope == "copied" and isinstance(inner, Router)
    assert names(ended) == {f"Route/GET /v1/{scope}" if is_lost else "StatusCode/404"}


@pytest.mark.parametrize("scope", ["same", "copied"])
def test_an_application_without_a_router_mounted_below_litestar(scope: str, ended: Ended) -> None:
    import asyncio

    for path in ("one", "two/three"):
        asyncio.run(asgi_helpers.attempt(ASGITransactionMiddleware(lit(asgi_helpers.hello)), f"/v1/{scope}/{path}"))
    assert names(ended) == {f"Route/GET /v1/{scope}"}


def test_litestar_below_a_mount_with_a_parameter(ended: Ended) -> None:
    import asyncio

    app = ASGITransactionMiddleware(Starlette(routes=[Mount("/t/{tenant}", app=lit(asgi_helpers.hello))]))
    for path in ("/books/1", "/v1/same/x", "/nowhere"):
        for tenant in range(3):
            asyncio.run(asgi_helpers.attempt(app, f"/t/{tenant}{path}"))
    assert names(ended) == {"Route/GET /t/{tenant}/books/{number}", "Route/GET /t/{tenant}/v1/same", "StatusCode/404"}


# WSGI


def shop(name: str = "shop") -> flask.Flask:
    app = flask.Flask(name)
    app.add_url_rule("/u/<int:number>", "user", lambda number: str(number))
    return app


class PathDispatcher:
    """An application for each first part of the path, made when it is asked for."""

    def __init__(self, made: Callable[[str], Any]) -> None:
        self.made = made
        self.lock = Lock()
        self.instances: dict[str, Any] = {}

    def __call__(self, environ: Any, start_response: Any) -> Any:
        tenant = shift_path_info(environ) or ""
        with self.lock:
            app = self.instances.setdefault(f"/{tenant}", self.made(tenant))
        return app(environ, start_response)


class Tenant:
    """Made for one tenant: what it keeps is no text of the program's."""

    def __init__(self, app: Any, tenant: str) -> None:
        self.app = app
        self.prefix = f"/{tenant}"

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.app(environ, start_response)


def one_a_tenant(tenant: str) -> Any:
    return Tenant(shop(tenant), tenant)


def test_a_dispatch_by_path_is_not_one_name_a_tenant(ended: Ended) -> None:
    app = WSGITransactionMiddleware(PathDispatcher(one_a_tenant))
    for tenant in ("acme", "umbrella", "hooli", "acme"):
        wsgi_helpers.get(app, f"/{tenant}/u/7")
        wsgi_helpers.get(app, f"/{tenant}/nowhere")
    assert names(ended) == {"Route/GET /{mount}/u/<int:number>", "StatusCode/404"}


class Prefixed:
    """The recipe that every second deployment has."""

    def __init__(self, app: Any, prefix: str) -> None:
        self.app = app
        self.prefix = prefix

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"].startswith(self.prefix):
            environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(self.prefix)
            environ["SCRIPT_NAME"] += self.prefix
        return self.app(environ, start_response)


def written_out(environ: Any, start_response: Any) -> Any:
    environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/shop")
    environ["SCRIPT_NAME"] = "/shop"
    return shop()(environ, start_response)


PREFIX = "/shop"


def by_a_name(environ: Any, start_response: Any) -> Any:
    environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(PREFIX)
    environ["SCRIPT_NAME"] = PREFIX
    return shop()(environ, start_response)


@pytest.mark.parametrize(
    "app",
    [
        Prefixed(shop(), "/shop"),
        ProxyFix(Prefixed(shop(), "/shop")),
        written_out,
        by_a_name,
        DispatcherMiddleware(NotFound(), {"/shop": shop()}),
        DispatcherMiddleware(shop(), {"/shop": DispatcherMiddleware(shop())}),
    ],
)
def test_a_prefix_that_is_written_in_the_program_is_shown(app: Any, ended: Ended) -> None:
    wsgi_helpers.get(WSGITransactionMiddleware(app), "/shop/u/7")
    assert names(ended) == {"Route/GET /shop/u/<int:number>"}


def test_dispatchers_in_dispatchers(ended: Ended) -> None:
    inner = DispatcherMiddleware(shop(), {"/a": shop(), "/a/b": shop()})
    app = WSGITransactionMiddleware(DispatcherMiddleware(shop(), {"/v1": inner, "/v2": PathDispatcher(one_a_tenant)}))
    for path in ("/v1/a/u/1", "/v1/a/b/u/1", "/v1/u/1", "/u/1", "/v2/acme/u/1", "/v2/hooli/u/1"):
        wsgi_helpers.get(app, path)
    assert names(ended) == {
        "Route/GET /v1/a/u/<int:number>",
        "Route/GET /v1/a/b/u/<int:number>",
        "Route/GET /v1/u/<int:number>",
        "Route/GET /u/<int:number>",
        "Route/GET /{mount}/u/<int:number>",
    }


def test_what_a_dispatcher_gives_an_application_without_a_router(ended: Ended) -> None:
    """Where others of it have one, it is named by its mount; what nobody found by its status."""
    app = DispatcherMiddleware(
        shop(), {"/metrics": wsgi_helpers.hello, "/t": PathDispatcher(lambda tenant: wsgi_helpers.hello)}
    )
    for path in ("/metrics", "/metrics/any/thing", "/nowhere", "/t/acme/x", "/t/hooli/x"):
        wsgi_helpers.get(WSGITransactionMiddleware(app), path)
    assert names(ended) == {"Route/GET /metrics/{path}", "StatusCode/404", "Route/GET /{mount}/{path}"}


@pytest.mark.parametrize("header", ["/evil", "/u", "/u/7", "//", "/u/7/more"])
def test_a_prefix_that_a_client_claims_is_not_shown(header: str, ended: Ended) -> None:
    app = WSGITransactionMiddleware(ProxyFix(shop(), x_prefix=1))
    wsgi_helpers.get(app, "/u/7", HTTP_X_FORWARDED_PREFIX=header)
    assert names(ended) <= {"Route/GET /u/<int:number>", "Route/GET /{mount}/u/<int:number>"}


# Bottle


def library() -> bottle.Bottle:
    app = bottle.Bottle()
    app.route("/u/<number:int>", callback=lambda number: str(number))
    return app


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_mounts_of_bottle(ended: Ended) -> None:
    deepest, middle, outer = library(), library(), bottle.Bottle()
    middle.mount("/deep", deepest)  # as Bottle 0.12 mounts: as it does WSGI applications
    outer.mount("/old", middle)
    outer.mount("/wsgi", wsgi_helpers.hello)
    if not bottle.__version__.startswith("0.12"):
        outer.mount("/new/<org>/", library())
    else:
        outer.route("/new/<org>/u/<number:int>", callback=lambda org, number: org)
    app = WSGITransactionMiddleware(outer)
    for path in ("/old/u/1", "/old/deep/u/1", "/new/a/u/1", "/new/b/u/1", "/wsgi/x", "/wsgi/y", "/old/deep/none"):
        wsgi_helpers.get(app, path)
    assert names(ended) == {
        "Route/GET /old/u/<number:int>",
        "Route/GET /old/deep/u/<number:int>",
        "Route/GET /new/<org>/u/<number:int>",
        "Route/GET /wsgi/<:re:.*>",
        "StatusCode/404",
    }


def test_a_hook_that_rewrites_the_path_is_no_mount_of_bottles(ended: Ended) -> None:
    """A recipe for sub-domains: the host would become a part of the name."""
    app = bottle.Bottle()
    app.route("/<host>/u/<number:int>", callback=lambda host, number: host)

    @app.hook("before_request")
    def by_host() -> None:
        environ = bottle.request.environ
        environ["PATH_INFO"] = f"/{environ['HTTP_HOST']}{environ['PATH_INFO']}"

    for host in ("a.example", "b.example"):
        wsgi_helpers.get(WSGITransactionMiddleware(app), "/u/7", HTTP_HOST=host)
    assert names(ended) == {"Route/GET /<host>/u/<number:int>"}


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """What is known of mounts is of the program, which is another one in each test."""
    from weighbridge.middleware import mounts

    mounts._fixed.clear()
    yield
    mounts._fixed.clear()
