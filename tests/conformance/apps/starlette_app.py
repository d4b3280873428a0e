"""Starlette."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from weighbridge.middleware import ASGITransactionMiddleware

from .front import asgi_front
from .programs import ASYNC, STATUSES, SYNC, Broken, async_chunks_with_job, async_endless, chunks_with_job, job


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


async def _raise(request: Request) -> Response:
    raise Broken


async def _upload(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def _after(request: Request) -> Response:
    return PlainTextResponse("done", background=BackgroundTask(job, request.scope))


def routes() -> list[Route]:
    """What every Starlette application here answers."""
    return [
        *(Route(f"/sync/{name}", _sync(program)) for name, program in SYNC.items()),
        *(Route(f"/async/{name}", _async(program)) for name, program in ASYNC.items()),
        *(Route(f"/status/{code}", _status(code)) for code in STATUSES),
        Route("/raise", _raise),
        Route("/upload", _upload, methods=["POST"]),
        Route("/after", _after),
        Route("/stream", lambda request: StreamingResponse(chunks_with_job(request.scope))),
        Route("/async-stream", lambda request: StreamingResponse(async_chunks_with_job(request.scope))),
        Route("/endless", lambda request: StreamingResponse(async_endless())),
    ]


async def _dispatch(request: Request, call_next: Any) -> Any:
    return await call_next(request)


application = asgi_front(ASGITransactionMiddleware(Starlette(routes=routes())))
behind = asgi_front(
    ASGITransactionMiddleware(
        Starlette(routes=routes(), middleware=[Middleware(BaseHTTPMiddleware, dispatch=_dispatch)])
    )
)
