"""Starlette."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route, Router

from .async_programs import ASYNC
from .bodies import ASYNC_STREAMS, FILE, STATUSES, STREAMS, async_endless, media_type
from .front import ANSWERED, COPIED, JOINED, Answering, asgi_front, asgi_inside
from .hooks import HOOKS, HookMiddleware, at_async
from .jobs import Broken, Taken, coroutine_job, job
from .measuring import measured_asgi
from .sync_programs import SYNC


def _sync(program: Callable[[Any], object]) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:
        program(request.scope)
        return PlainTextResponse("done")

    return endpoint


def _async(program: Callable[[Any], Any]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        await program(request.scope)
        return PlainTextResponse("done")

    return endpoint


def _status(status: int) -> Callable[[Request], Response]:
    return lambda request: Response(status_code=status)


def _stream(name: str, streams: Any) -> Callable[[Request], Response]:
    return lambda request: StreamingResponse(streams[name](request.scope), media_type=media_type(name))


async def _raise(request: Request) -> Response:
    raise Broken


async def _answered(request: Request) -> Response:
    raise Taken


async def _upload(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def _after(request: Request) -> Response:
    return PlainTextResponse("done", background=BackgroundTask(job, request.scope))


async def _after_async(request: Request) -> Response:
    return PlainTextResponse("done", background=BackgroundTask(coroutine_job, request.scope))


async def _done(request: Request) -> Response:
    return PlainTextResponse("done")


def routes() -> list[BaseRoute]:
    """What every Starlette application here answers."""
    return [
        *(Route(f"/sync/{name}", _sync(program)) for name, program in SYNC.items()),
        *(Route(f"/async/{name}", _async(program)) for name, program in ASYNC.items()),
        *(Route(f"/status/{code}", _status(code)) for code in STATUSES),
        *(Route(f"/stream/{name}", _stream(name, STREAMS)) for name in STREAMS),
        *(Route(f"/async-stream/{name}", _stream(name, ASYNC_STREAMS)) for name in ASYNC_STREAMS),
        *(Route(f"/hook/{moment}", _done) for moment in HOOKS),
        Route("/raise", _raise),
        Route(ANSWERED, _answered),
        Route("/upload", _upload, methods=["POST"]),
        Route("/after", _after),
        Route("/after-async", _after_async),
        Route("/file", lambda request: FileResponse(FILE)),
        Route("/items/{number:int}", _done),
        Route("/endless", lambda request: StreamingResponse(async_endless(request.scope))),
        Route(COPIED, _done),
        Route(JOINED, _done),
        Mount("/prefixed", routes=[Route("/here", _done)]),
        Mount("/tenants/{tenant}", routes=[Route("/here", _done)]),
        Mount("/mounted", Starlette(routes=[Route("/here", _done)])),
    ]


async def _dispatch(request: Request, call_next: Any) -> Any:
    await at_async("before", request.url.path, request.scope)
    response = await call_next(request)
    await at_async("after", request.url.path, request.scope)
    return response


def _made(middleware: Middleware) -> Any:
    return _measured(Starlette(routes=routes(), middleware=[middleware, Middleware(Answering)]))


def _measured(app: Any) -> Any:
    return asgi_front(measured_asgi(asgi_inside(app)))


application = _made(Middleware(HookMiddleware))
behind = _made(Middleware(BaseHTTPMiddleware, dispatch=_dispatch))
router = _measured(HookMiddleware(Answering(Router(routes()))))
"""A router is an application too."""
