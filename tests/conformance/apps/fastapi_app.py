"""FastAPI: the programs run in endpoints, and in the dependencies of endpoints that do nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Request, Response
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.responses import FileResponse, PlainTextResponse, StreamingResponse

from .async_programs import ASYNC
from .bodies import ASYNC_STREAMS, FILE, STATUSES, STREAMS, async_endless, media_type
from .front import ANSWERED, COPIED, JOINED, Answering, asgi_front, asgi_inside
from .hooks import HOOKS, HookMiddleware, at_async
from .jobs import Broken, Taken, coroutine_job, job
from .measuring import measured_asgi
from .sync_programs import SYNC


def _sync(program: Callable[[Any], object]) -> Callable[[Request], str]:
    def endpoint(request: Request) -> str:
        program(request.scope)
        return "done"

    return endpoint


def _async(program: Callable[[Any], Any]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> str:
        await program(request.scope)
        return "done"

    return endpoint


def _depending(dependency: Callable[[Request], Any]) -> Callable[..., Any]:
    async def endpoint(found: str = Depends(dependency)) -> str:
        return found

    return endpoint


def _status(status: int) -> Callable[[], Response]:
    return lambda: Response(status_code=status)


def _stream(name: str, streams: Any) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:
        return StreamingResponse(streams[name](request.scope), media_type=media_type(name))

    return endpoint


async def _raise() -> None:
    raise Broken


async def _answered() -> None:
    raise Taken


async def _upload(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def _after(request: Request, tasks: BackgroundTasks) -> str:
    tasks.add_task(job, request.scope)
    return "done"


async def _after_async(request: Request, tasks: BackgroundTasks) -> str:
    tasks.add_task(coroutine_job, request.scope)
    return "done"


def _entered(request: Request) -> Iterator[str]:
    job(request.scope)
    yield "done"


def _left(request: Request) -> Iterator[str]:
    yield "done"
    job(request.scope)


async def _item(number: int) -> int:
    return number


async def _done() -> str:
    return "done"


def _endless(request: Request) -> Response:
    return StreamingResponse(async_endless(request.scope))


def _others() -> dict[str, Callable[..., Any]]:
    streams = {f"/stream/{name}": _stream(name, STREAMS) for name in STREAMS}
    async_streams = {f"/async-stream/{name}": _stream(name, ASYNC_STREAMS) for name in ASYNC_STREAMS}
    return {
        **streams,
        **async_streams,
        **{f"/hook/{moment}": _done for moment in HOOKS},
        **{f"/status/{code}": _status(code) for code in STATUSES},
        "/raise": _raise,
        ANSWERED: _answered,
        "/after": _after,
        "/after-async": _after_async,
        "/dependency/entry": _depending(_entered),
        "/dependency/exit": _depending(_left),
        "/file": lambda: FileResponse(FILE),
        "/items/{number}": _item,
        COPIED: _done,
        JOINED: _done,
        "/endless": _endless,
    }


def _fill(app: FastAPI | APIRouter, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    mounted, prefixed = FastAPI(), APIRouter(prefix="/prefixed")
    for name, program in SYNC.items():
        app.get(f"/sync/{name}")(wrap(_sync(program)))
    for name, coroutine in ASYNC.items():
        app.get(f"/async/{name}")(wrap(_async(coroutine)))
    for path, endpoint in _others().items():
        app.get(path)(endpoint)
    app.post("/upload")(_upload)
    mounted.get("/here")(_done)
    prefixed.get("/here")(_done)
    app.include_router(prefixed)
    app.mount("/mounted", mounted)
    app.mount("/tenants/{tenant}", mounted)


def _made(wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Any:
    app = _filled(wrap)
    app.add_middleware(HookMiddleware)
    return asgi_front(measured_asgi(asgi_inside(app)))


def _filled(wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> FastAPI:
    app = FastAPI()
    _fill(app, wrap)
    app.add_middleware(Answering)
    return app


def _behind() -> Any:
    app = _filled(_as_it_is)

    @app.middleware("http")
    async def hooks(request: Request, call_next: Any) -> Any:
        await at_async("before", request.url.path, request.scope)
        response = await call_next(request)
        await at_async("after", request.url.path, request.scope)
        return response

    return asgi_front(measured_asgi(asgi_inside(app)))


def _as_it_is(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    return endpoint


def _router() -> Any:
    """A router is an application too, once there is somebody to close what its requests have opened."""
    app = APIRouter()
    _fill(app, _as_it_is)
    return asgi_front(measured_asgi(asgi_inside(HookMiddleware(Answering(AsyncExitStackMiddleware(app))))))


application = _made(_as_it_is)
behind = _behind()
depending = _made(_depending)
router = _router()
