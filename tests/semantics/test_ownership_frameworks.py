"""Section 3 behind the frameworks themselves: their own tasks and threads carry the request on, the user's do not."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from types import ModuleType
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI
from starlette.applications import Starlette
from starlette.background import BackgroundTask as AfterResponse
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from weighbridge import BackgroundTask, background_task, current_transaction
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware

pytestmark = pytest.mark.anyio

Paths = Callable[[], list[str]]

BELONGS = ["OtherTransaction/Function/job"]
ROUTE = "WebTransaction/Route/GET /page"


@background_task(name="job")
def job() -> None:
    pass


@background_task(name="job")
async def async_job() -> None:
    await anyio.lowlevel.checkpoint()


async def get(app: Any, path: str = "/page") -> httpx.Response:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        return await client.get(path)


def starlette(endpoint: Any, *middleware: Middleware) -> Starlette:
    return Starlette(routes=[Route("/page", endpoint)], middleware=[Middleware(ASGITransactionMiddleware), *middleware])


async def transparent(request: Request, call_next: Any) -> Response:
    answer: Response = await call_next(request)
    return answer


BEHIND_BASE_HTTP_MIDDLEWARE = Middleware(BaseHTTPMiddleware, dispatch=transparent)


# Starlette


async def calling(request: Request) -> Response:
    job()
    return PlainTextResponse("done")


async def awaiting(request: Request) -> Response:
    await async_job()
    return PlainTextResponse("done")


def in_a_worker_thread(request: Request) -> Response:
    job()
    return PlainTextResponse("done")


async def in_the_threadpool(request: Request) -> Response:
    await run_in_threadpool(job)
    return PlainTextResponse("done")


async def reading_the_body_first(request: Request) -> Response:
    await request.body()
    await async_job()
    return PlainTextResponse("done")


async def in_a_streams_body(request: Request) -> Response:
    async def body() -> AsyncIterator[str]:
        yield "a"
        await async_job()
        yield "b"

    return StreamingResponse(body())


async def in_a_sync_streams_body(request: Request) -> Response:
    def body() -> Iterator[str]:
        yield "a"
        job()
        yield "b"

    return StreamingResponse(body())


ENDPOINTS = [
    calling,
    awaiting,
    in_a_worker_thread,
    in_the_threadpool,
    reading_the_body_first,
    in_a_streams_body,
    in_a_sync_streams_body,
]


@pytest.mark.filterwarnings(
    "ignore:.*Request.stream:pytest.PytestUnraisableExceptionWarning"
)  # Starlette's own, on trio
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.__name__)
@pytest.mark.parametrize("layers", [0, 1, 3], ids="behind {} BaseHTTPMiddleware".format)
async def test_what_starlette_runs_for_the_request_belongs_to_it(endpoint: Any, layers: int, paths: Paths) -> None:
    answer = await get(starlette(endpoint, *[BEHIND_BASE_HTTP_MIDDLEWARE] * layers))
    assert (answer.status_code, paths()) == (200, BELONGS)


@pytest.mark.filterwarnings(
    "ignore:.*Request.stream:pytest.PytestUnraisableExceptionWarning"
)  # Starlette's own, on trio
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.__name__)
async def test_the_same_where_the_middleware_is_outermost(endpoint: Any, paths: Paths) -> None:
    app = Starlette(routes=[Route("/page", endpoint)], middleware=[BEHIND_BASE_HTTP_MIDDLEWARE])
    answer = await get(ASGITransactionMiddleware(app))
    assert (answer.status_code, paths()) == (200, BELONGS)


class SendingInAJob:
    """A middleware of the user's, whose ``send`` may run in a task of a response's own."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_in_a_job(message: Any) -> None:
            if message["type"] == "http.response.start":
                await async_job()
            await send(message)

        await self.app(scope, receive, send_in_a_job)


@pytest.mark.application_blocks  # Starlette asks the system about the file, and for the types of files
@pytest.mark.parametrize("response", [FileResponse, lambda path: StreamingResponse(iter([b"a"]))])
async def test_what_a_response_sends_by_a_task_of_its_own_belongs(response: Any, paths: Paths) -> None:
    async def endpoint(request: Request) -> Response:
        return response(__file__)  # type: ignore[no-any-return]

    answer = await get(starlette(endpoint, Middleware(SendingInAJob)))
    assert (answer.status_code, paths()) == (200, BELONGS)


@pytest.mark.parametrize("layers", [0, 1])
async def test_a_task_group_of_the_users_code_is_on_its_own(layers: int, paths: Paths) -> None:
    async def endpoint(request: Request) -> Response:
        async with anyio.create_task_group() as group:
            group.start_soon(async_job)
        return PlainTextResponse("done")

    await get(starlette(endpoint, *[BEHIND_BASE_HTTP_MIDDLEWARE] * layers))
    assert paths() == [*BELONGS, ROUTE]


async def test_a_task_group_in_a_streams_body_is_on_its_own(paths: Paths) -> None:
    async def body() -> AsyncIterator[str]:
        yield "a"
        async with anyio.create_task_group() as group:
            group.start_soon(async_job)
        yield "b"

    async def endpoint(request: Request) -> Response:
        return StreamingResponse(body())

    await get(starlette(endpoint))
    assert paths() == [*BELONGS, ROUTE]


@pytest.mark.parametrize("layers", [0, 1])
@pytest.mark.parametrize("after", [job, async_job], ids=["sync", "async"])
async def test_after_the_last_byte_it_is_on_its_own(after: Any, layers: int, paths: Paths) -> None:
    async def endpoint(request: Request) -> Response:
        return PlainTextResponse("done", background=AfterResponse(after))

    await get(starlette(endpoint, *[BEHIND_BASE_HTTP_MIDDLEWARE] * layers))
    # Behind that middleware a stream that broke looks like any other until the application returns: it is waited for.
    assert sorted(paths(), reverse=True) == [ROUTE, *BELONGS]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("layers", [0, 1])
async def test_a_task_that_the_endpoint_leaves_behind_is_on_its_own(layers: int, paths: Paths) -> None:
    left: list[asyncio.Task[None]] = []
    over = asyncio.Event()

    async def late() -> None:
        await over.wait()
        await async_job()

    async def endpoint(request: Request) -> Response:
        left.append(asyncio.create_task(late()))
        return PlainTextResponse("done")

    await get(starlette(endpoint, *[BEHIND_BASE_HTTP_MIDDLEWARE] * layers))
    over.set()
    await left[0]
    assert paths() == [ROUTE, *BELONGS]


# FastAPI


def in_fastapi(**endpoint_options: Any) -> FastAPI:
    return FastAPI(middleware=[Middleware(ASGITransactionMiddleware)], **endpoint_options)


async def test_fastapis_endpoints_and_dependencies_belong(paths: Paths) -> None:
    app = in_fastapi()

    def dependency() -> Iterator[int]:
        job()
        yield 1
        job()

    async def async_dependency() -> AsyncIterator[int]:
        await async_job()
        yield 1
        await async_job()

    @app.get("/page")
    def endpoint(one: int = Depends(dependency), two: int = Depends(async_dependency)) -> int:
        job()
        return one + two

    @app.get("/async")
    async def async_endpoint(one: int = Depends(dependency), two: int = Depends(async_dependency)) -> int:
        await async_job()
        return one + two

    assert (await get(app)).json() == (await get(app, "/async")).json() == 2
    assert paths()[0] == BELONGS[0]
    assert "OtherTransaction/Function/job" in paths()
    assert [path for path in paths() if path.startswith("Web")] == []


@pytest.mark.parametrize("after", [job, async_job], ids=["sync", "async"])
async def test_fastapis_background_tasks_are_on_their_own(after: Any, paths: Paths) -> None:
    app = in_fastapi()

    @app.get("/page")
    async def endpoint(tasks: BackgroundTasks) -> int:
        tasks.add_task(after)
        return 1

    await get(app)
    assert paths() == [ROUTE, *BELONGS]


@pytest.mark.parametrize("measured", [False, True])
async def test_a_block_in_a_sync_dependency_is_left_in_another_context_than_it_is_entered(
    measured: bool, paths: Paths
) -> None:
    app = in_fastapi() if measured else FastAPI()

    def dependency() -> Iterator[int]:
        with BackgroundTask(name="dependency"):
            yield 1

    @app.get("/page")
    async def endpoint(one: int = Depends(dependency)) -> int:
        return one

    for _ in range(2):
        assert (await get(app)).json() == 1
        assert current_transaction() is None
    assert paths() == ["OtherTransaction/Function/dependency"] * 2


# Django


@pytest.fixture
def django_views(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The views of a Django site: ``sync`` under ``/page`` and ``async`` under ``/async``."""
    import django
    from django.conf import settings
    from django.http import HttpRequest
    from django.test.utils import override_settings
    from django.urls import path

    views: dict[str, Any] = {}
    urls: Any = ModuleType("semantics_urls")

    def page(request: HttpRequest) -> Any:
        return views["sync"](request)

    async def async_page(request: HttpRequest) -> Any:
        return await views["async"](request)

    urls.urlpatterns = [path("page", page), path("async", async_page)]
    monkeypatch.setitem(sys.modules, "semantics_urls", urls)
    if not settings.configured:
        settings.configure(SECRET_KEY="not one")
        django.setup()
    with override_settings(ALLOWED_HOSTS=["*"], ROOT_URLCONF="semantics_urls", MIDDLEWARE=[]):
        yield views


def serve_wsgi(app: Any, path: str) -> bytes:
    from wsgiref.util import setup_testing_defaults

    environ: dict[str, Any] = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    body = app(environ, lambda *_: None)
    try:
        return b"".join(body)
    finally:
        body.close()


@pytest.fixture
def django_request_finished() -> Iterator[list[Callable[[], None]]]:
    """What runs when Django says that a request has finished."""
    from django.core.signals import request_finished

    calls: list[Callable[[], None]] = []

    def receiver(**_: Any) -> None:
        for call in calls:
            call()

    request_finished.connect(receiver)
    yield calls
    request_finished.disconnect(receiver)


@pytest.mark.parametrize("path", ["/page", "/async"])
def test_djangos_views_under_wsgi_belong(path: str, django_views: dict[str, Any], paths: Paths) -> None:
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse

    def view(request: Any) -> HttpResponse:
        job()
        return HttpResponse("done")

    async def async_view(request: Any) -> HttpResponse:
        await async_job()
        await asyncio.create_task(async_job())
        return HttpResponse("done")

    django_views.update(sync=view, **{"async": async_view})
    assert serve_wsgi(WSGITransactionMiddleware(WSGIHandler()), path) == b"done"
    assert paths() == BELONGS


def test_djangos_request_finished_is_on_its_own(
    django_views: dict[str, Any], django_request_finished: list[Callable[[], None]], paths: Paths
) -> None:
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse

    django_views["sync"] = lambda request: HttpResponse("done")
    django_request_finished.append(job)
    serve_wsgi(WSGITransactionMiddleware(WSGIHandler()), "/page")
    assert len(paths()) == 2
    assert paths()[0].startswith("WebTransaction/")
    assert paths()[1] == BELONGS[0]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("path", ["/page", "/async"])
async def test_djangos_views_under_asgi_belong(path: str, django_views: dict[str, Any], paths: Paths) -> None:
    from django.core.handlers.asgi import ASGIHandler
    from django.http import HttpResponse

    def view(request: Any) -> HttpResponse:
        job()
        return HttpResponse("done")

    async def async_view(request: Any) -> HttpResponse:
        await async_job()
        return HttpResponse("done")

    django_views.update(sync=view, **{"async": async_view})
    answer = await get(ASGITransactionMiddleware(ASGIHandler()), path)
    assert (answer.status_code, paths()) == (200, BELONGS)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_task_of_a_django_view_is_on_its_own(django_views: dict[str, Any], paths: Paths) -> None:
    from django.core.handlers.asgi import ASGIHandler
    from django.http import HttpResponse

    async def async_view(request: Any) -> HttpResponse:
        await asyncio.create_task(async_job())
        return HttpResponse("done")

    django_views["async"] = async_view
    await get(ASGITransactionMiddleware(ASGIHandler()), "/async")
    assert len(paths()) == 2
    assert paths()[0] == BELONGS[0]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_djangos_streamed_body_belongs(django_views: dict[str, Any], paths: Paths) -> None:
    from django.core.handlers.asgi import ASGIHandler
    from django.http import StreamingHttpResponse

    async def body() -> AsyncIterator[bytes]:
        yield b"a"
        await async_job()
        yield b"b"

    async def async_view(request: Any) -> StreamingHttpResponse:
        return StreamingHttpResponse(body())

    django_views["async"] = async_view
    answer = await get(ASGITransactionMiddleware(ASGIHandler()), "/async")
    assert (answer.content, paths()) == (b"ab", BELONGS)


# Litestar


@pytest.mark.filterwarnings("ignore:.*Inferred dependency")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_litestars_handlers_dependencies_and_streams_belong(paths: Paths) -> None:
    litestar = pytest.importorskip("litestar")
    from litestar.di import Provide
    from litestar.response import Stream

    async def first() -> int:
        await async_job()
        return 1

    async def second() -> int:
        await async_job()
        return 1

    @litestar.get("/page", dependencies={"one": Provide(first), "two": Provide(second)})
    async def handler(one: int, two: int) -> int:
        return one + two

    @litestar.get("/stream")
    async def stream() -> Any:
        async def body() -> AsyncIterator[bytes]:
            yield b"a"
            await async_job()
            yield b"b"

        return Stream(body())

    @litestar.get("/task")
    async def task() -> int:
        await asyncio.create_task(async_job())
        return 1

    app = ASGITransactionMiddleware(litestar.Litestar([handler, stream, task]))
    assert (await get(app)).text == "2"
    assert (await get(app, "/stream")).text == "ab"
    assert paths() == BELONGS * 2
    assert (await get(app, "/task")).text == "1"
    assert paths() == [*BELONGS * 3, "WebTransaction/Route/GET /task"]


@pytest.mark.filterwarnings("ignore:.*Inferred dependency")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_cleanup_of_litestars_dependencies_belongs(paths: Paths) -> None:
    litestar = pytest.importorskip("litestar")
    from litestar.di import Provide

    async def first() -> AsyncIterator[int]:
        yield 1
        await async_job()

    def second() -> Iterator[int]:
        yield 1
        job()

    @litestar.get("/page", dependencies={"one": Provide(first), "two": Provide(second)})
    async def handler(one: int, two: int) -> int:
        return one + two

    assert (await get(ASGITransactionMiddleware(litestar.Litestar([handler])))).text == "2"
    assert paths() == BELONGS
