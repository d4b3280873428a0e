"""What ASGI requests are called: the raw path, what the framework routed to, or a name that was given."""

from __future__ import annotations

from typing import Any

import fastapi
import litestar
import pytest
from litestar.params import FromPath
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Host, Mount, Route
from starlette.staticfiles import StaticFiles

from weighbridge import FinishedTransaction, background_task, set_transaction_name
from weighbridge.middleware import ASGITransactionMiddleware

from .asgi_helpers import Run, attempt, get, hello

Ended = list[FinishedTransaction]


def paths(ended: Ended) -> list[str]:
    return [transaction.path for transaction in ended]


@pytest.mark.parametrize(
    ("path", "name"), [("/", "/"), ("", "/"), ("/books/7", "/books/7"), ("/bücher/€", "/bücher/€"), ("books", "books")]
)
def test_a_raw_path(path: str, name: str, run: Run, ended: Ended) -> None:
    run(lambda: get(ASGITransactionMiddleware(hello), path, raw_path=b"", query_string=b"page=2"))
    (only,) = ended
    assert (only.group, only.name) == ("Uri", name)
    assert only.attributes["request.path"] == path


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"name": "site"}, "WebTransaction/Function/site"),
        ({"name": "site", "group": "Python/Shop"}, "WebTransaction/Python/Shop/site"),
        ({"group": "Python/Shop"}, "WebTransaction/Uri/books"),
    ],
)
def test_the_name_that_the_middleware_was_given(options: Any, path: str, run: Run, ended: Ended) -> None:
    run(get, ASGITransactionMiddleware(hello, **options))
    assert paths(ended) == [path]


def test_an_inner_middleware_adds_its_name_and_no_transaction(run: Run, ended: Ended) -> None:
    inner = ASGITransactionMiddleware(hello, application="inner", name="inner")
    run(get, ASGITransactionMiddleware(inner, application="outer", name="outer"))
    assert [(t.path, t.application) for t in ended] == [("WebTransaction/Function/inner", "outer")]


# Starlette


async def answer(request: Any) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def named(request: Any) -> PlainTextResponse:
    set_transaction_name("mine")
    return PlainTextResponse("named")


@background_task(name="job")
async def job(request: Any) -> PlainTextResponse:
    return PlainTextResponse("job")


async def broken(request: Any) -> PlainTextResponse:
    raise LookupError("shelf")


async def stream(request: Any) -> StreamingResponse:
    return StreamingResponse(iter(["one", "two"]))


ROUTES = [
    Route("/", answer),
    Route("/books/{number:int}", answer, methods=["GET", "POST"]),
    Route("/named", named),
    Route("/job", job),
    Route("/broken", broken),
    Route("/stream", stream),
    Mount("/admin", routes=[Route("/users/{name}", answer), Mount("/deep", routes=[Route("/{leaf}", answer)])]),
    Mount("/bare", app=hello),
    Mount("/tenants/{tenant}", routes=[Route("/books", answer)]),
    Mount("/inner", app=Starlette(routes=[Route("/page/{number}", answer)])),
    Host("api.example", app=Starlette(routes=[Route("/v/{version}", answer)])),
]


def site(**options: Any) -> Starlette:
    return Starlette(routes=ROUTES, **options)


STARLETTE = [
    ("GET", "/", "WebTransaction/Route/GET /"),
    ("GET", "/books/7", "WebTransaction/Route/GET /books/{number}"),
    ("POST", "/books/7", "WebTransaction/Route/POST /books/{number}"),
    ("GET", "/stream", "WebTransaction/Route/GET /stream"),
    ("GET", "/named", "WebTransaction/Function/mine"),
    ("GET", "/job", "OtherTransaction/Function/job"),
    ("GET", "/admin/users/ann", "WebTransaction/Route/GET /admin/users/{name}"),
    ("GET", "/admin/deep/leaf", "WebTransaction/Route/GET /admin/deep/{leaf}"),
    ("GET", "/bare/some/where", "WebTransaction/Route/GET /bare/{path}"),
    ("GET", "/tenants/acme/books", "WebTransaction/Route/GET /tenants/{tenant}/books"),
    ("GET", "/inner/page/2", "WebTransaction/Route/GET /inner/page/{number}"),
    ("GET", "/nowhere", "WebTransaction/StatusCode/404"),
    ("GET", "/admin/nowhere", "WebTransaction/StatusCode/404"),
    ("GET", "/inner/nowhere", "WebTransaction/StatusCode/404"),
    ("GET", "/books/7/", "WebTransaction/StatusCode/307"),
    ("DELETE", "/books/7", "WebTransaction/Route/DELETE /books/{number}"),
    ("GET", "/broken", "WebTransaction/Route/GET /broken"),
]


@pytest.mark.parametrize(("method", "path", "expected"), STARLETTE)
@pytest.mark.parametrize("where", ["outside", "in the list", "in the list, behind BaseHTTPMiddleware"])
def test_starlette(method: str, path: str, expected: str, where: str, run: Run, ended: Ended) -> None:
    behind = [Middleware(BaseHTTPMiddleware, dispatch=pass_on)] if "behind" in where else []
    ours = [] if where == "outside" else [Middleware(ASGITransactionMiddleware)]
    app: Any = site(middleware=[*ours, *behind])
    run(lambda: attempt(ASGITransactionMiddleware(app) if where == "outside" else app, path, method=method))
    assert paths(ended) == [expected]
    assert ended[0].failed == (path == "/broken")


async def pass_on(request: Any, call_next: Any) -> Any:
    return await call_next(request)


def test_starlette_by_host(run: Run, ended: Ended) -> None:
    run(lambda: get(ASGITransactionMiddleware(site()), "/v/2", headers=[(b"host", b"api.example")]))
    assert paths(ended) == ["WebTransaction/Route/GET /v/{version}"]


def test_starlette_with_the_servers_own_root_path(run: Run, ended: Ended) -> None:
    """What was in root_path when the request reached us is no part of the route."""
    run(lambda: get(ASGITransactionMiddleware(site()), "/site/admin/users/ann", root_path="/site"))
    assert paths(ended) == ["WebTransaction/Route/GET /admin/users/{name}"]


def test_a_middleware_below_a_mount(run: Run, ended: Ended) -> None:
    app = Starlette(routes=[Mount("/outer", app=ASGITransactionMiddleware(site()))])
    run(get, app, "/outer/admin/users/ann")
    assert paths(ended) == ["WebTransaction/Route/GET /admin/users/{name}"]


@pytest.mark.application_blocks
def test_static_files(run: Run, ended: Ended, tmp_path: Any) -> None:
    (tmp_path / "style.css").write_text("p {}")
    app = Starlette(routes=[Mount("/static", app=StaticFiles(directory=tmp_path))])
    run(get, ASGITransactionMiddleware(app), "/static/style.css")
    run(attempt, ASGITransactionMiddleware(app), "/static/none.css")
    assert [(t.path, t.status) for t in ended] == [
        ("WebTransaction/Route/GET /static/{path}", 200),
        ("WebTransaction/Route/GET /static/{path}", 404),
    ]


# FastAPI


def api(**options: Any) -> fastapi.FastAPI:
    app = fastapi.FastAPI(**options)
    users, deep = fastapi.APIRouter(prefix="/users"), fastapi.APIRouter()

    @app.get("/direct/{number}")
    async def direct(number: int) -> int:
        return number

    @app.get("/sync/{number}")
    def sync(number: int) -> int:
        return number

    @users.get("/{name}")
    async def user(name: str) -> str:
        return name

    @deep.get("/{leaf}")
    async def leaf(leaf: str) -> str:
        return leaf

    @app.get("/broken")
    async def broken() -> None:
        raise LookupError("shelf")

    users.include_router(deep, prefix="/{name}/deep")
    app.include_router(users)
    app.include_router(users, prefix="/v2")
    return app


FASTAPI = [
    ("/direct/7", "WebTransaction/Route/GET /direct/{number}"),
    ("/sync/7", "WebTransaction/Route/GET /sync/{number}"),
    ("/users/ann", "WebTransaction/Route/GET /users/{name}"),
    ("/v2/users/ann", "WebTransaction/Route/GET /v2/users/{name}"),
    ("/users/ann/deep/leaf", "WebTransaction/Route/GET /users/{name}/deep/{leaf}"),
    ("/v2/users/ann/deep/leaf", "WebTransaction/Route/GET /v2/users/{name}/deep/{leaf}"),
    ("/direct/seven", "WebTransaction/Route/GET /direct/{number}"),  # a 422
    ("/nowhere", "WebTransaction/StatusCode/404"),
    ("/broken", "WebTransaction/Route/GET /broken"),
]


@pytest.mark.parametrize(("path", "expected"), FASTAPI)
@pytest.mark.parametrize("where", ["outside", "in the list"])
def test_fastapi(path: str, expected: str, where: str, ended: Ended) -> None:
    import asyncio

    app: Any = api()
    if where == "in the list":
        app.add_middleware(ASGITransactionMiddleware)
    else:
        app = ASGITransactionMiddleware(app)
    asyncio.run(attempt(app, path))
    assert paths(ended) == [expected]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/bare/some/where", "WebTransaction/Route/GET /bare/{path}"),
        ("/static/none.css", "WebTransaction/Route/GET /static/{path}"),
        ("/inner/direct/7", "WebTransaction/Route/GET /inner/direct/{number}"),
        ("/inner/nowhere", "WebTransaction/StatusCode/404"),
        ("/inner/bare/x", "WebTransaction/Route/GET /inner/bare/{path}"),
    ],
)
def test_what_is_mounted_below_fastapi(path: str, expected: str, run: Run, ended: Ended, tmp_path: Any) -> None:
    app, inner = api(), api()
    inner.mount("/bare", hello)
    app.mount("/bare", hello)
    app.mount("/static", StaticFiles(directory=tmp_path))
    app.mount("/inner", inner)
    run(attempt, ASGITransactionMiddleware(app), path)
    assert paths(ended) == [expected]


def test_litestar_mounted_below_starlette(run: Run, ended: Ended) -> None:
    app = Starlette(routes=[Mount("/lit", app=lit())])
    for path in ("/lit/books/7", "/lit/nowhere"):
        run(attempt, ASGITransactionMiddleware(app), path)
    assert paths(ended) == ["WebTransaction/Route/GET /lit/books/{number}", "WebTransaction/StatusCode/404"]


def test_fastapi_mounted_below_starlette(run: Run, ended: Ended) -> None:
    app = Starlette(routes=[Mount("/api", app=api())])
    run(get, ASGITransactionMiddleware(app), "/api/direct/7")
    run(get, ASGITransactionMiddleware(app), "/api/v2/users/ann")
    assert paths(ended) == [
        "WebTransaction/Route/GET /api/direct/{number}",
        "WebTransaction/Route/GET /api/v2/users/{name}",
    ]


def test_the_root_path_setting_of_an_application_does_not_count(run: Run, ended: Ended) -> None:
    with pytest.warns(fastapi.exceptions.FastAPIDeprecationWarning):
        app = api(root_path="/proxied")
    app.mount("/inner", api())
    run(get, ASGITransactionMiddleware(app), "/proxied/direct/7")
    run(get, ASGITransactionMiddleware(app), "/proxied/inner/direct/7")
    assert paths(ended) == [
        "WebTransaction/Route/GET /direct/{number}",
        "WebTransaction/Route/GET /inner/direct/{number}",
    ]


# Litestar


def lit() -> Any:
    @litestar.get("/books/{number:int}")
    async def book(number: FromPath[int]) -> int:
        return number

    @litestar.get("/broken")
    async def broken() -> None:
        raise LookupError("shelf")

    @litestar.asgi("/bare", is_mount=True, copy_scope=False)
    async def bare(scope: Any, receive: Any, send: Any) -> None:
        await hello(scope, receive, send)

    class Users(litestar.Controller):
        path = "/users"

        @litestar.get("/{name:str}")
        async def user(self, name: FromPath[str]) -> str:
            return name

    router = litestar.Router("/v1", route_handlers=[Users])
    return litestar.Litestar(route_handlers=[book, broken, bare, router], logging_config=None)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/books/7", "WebTransaction/Route/GET /books/{number}"),
        ("GET", "/v1/users/ann", "WebTransaction/Route/GET /v1/users/{name}"),
        ("GET", "/nowhere", "WebTransaction/StatusCode/404"),
        ("DELETE", "/books/7", "WebTransaction/StatusCode/405"),
        ("GET", "/broken", "WebTransaction/Route/GET /broken"),
        ("GET", "/bare/some/where", "WebTransaction/Route/GET /bare"),
    ],
)
def test_litestar(method: str, path: str, expected: str, ended: Ended) -> None:
    import asyncio

    asyncio.run(attempt(ASGITransactionMiddleware(lit()), path, method=method))
    assert paths(ended) == [expected]


def test_a_request_that_was_not_routed_and_then_fails_is_none_of_djangos(run: Run, ended: Ended) -> None:
    """It is looked at twice, and Django is loaded here: only what Django has taken on is asked for there."""
    pytest.importorskip("django.core.signals")

    class Failing:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            sent = [message async for message in self.messages(scope, receive)]
            await send(sent[0])
            raise ValueError("half way")

        async def messages(self, scope: Any, receive: Any) -> Any:
            kept: list[Any] = []

            async def keep(message: Any) -> None:
                kept.append(message)

            await self.app(scope, receive, keep)
            for message in kept:
                yield message

    run(lambda: attempt(ASGITransactionMiddleware(Failing(Starlette())), "/nowhere"))
    assert paths(ended) == ["WebTransaction/StatusCode/404"]
