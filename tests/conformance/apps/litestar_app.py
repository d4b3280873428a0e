"""Litestar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import Litestar, Request, get, post
from litestar.background_tasks import BackgroundTask
from litestar.response import Response, Stream

from weighbridge.middleware import ASGITransactionMiddleware

from .front import asgi_front
from .programs import ASYNC, STATUSES, SYNC, Broken, async_chunks_with_job, async_endless, chunks_with_job, job

AnyRequest = Request[Any, Any, Any]


def _sync(name: str, program: Callable[[Any], object]) -> Any:
    def handler(request: AnyRequest) -> str:
        program(request.scope)
        return "done"

    return get(f"/sync/{name}", sync_to_thread=True)(handler)


def _async(name: str, program: Callable[[Any], Any]) -> Any:
    async def handler(request: AnyRequest) -> str:
        await program(request.scope)
        return "done"

    return get(f"/async/{name}")(handler)


def _status(status: int) -> Any:
    async def handler() -> Response[None]:
        return Response(None, status_code=status)

    return get(f"/status/{status}", status_code=status)(handler)


@get("/raise")
async def _raise() -> str:
    raise Broken


@post("/upload", status_code=200)
async def _upload(request: AnyRequest) -> str:
    return str(len(await request.body()))


@get("/after")
async def _after(request: AnyRequest) -> Response[str]:
    return Response("done", background=BackgroundTask(job, request.scope))


@get("/stream")
async def _stream(request: AnyRequest) -> Stream:
    return Stream(chunks_with_job(request.scope))


@get("/async-stream")
async def _async_stream(request: AnyRequest) -> Stream:
    return Stream(async_chunks_with_job(request.scope))


@get("/endless")
async def _endless() -> Stream:
    return Stream(async_endless())


application = asgi_front(
    ASGITransactionMiddleware(
        Litestar(
            [
                *(_sync(name, program) for name, program in SYNC.items()),
                *(_async(name, program) for name, program in ASYNC.items()),
                *(_status(code) for code in STATUSES),
                *(_raise, _upload, _after, _stream, _async_stream, _endless),
            ],
            request_max_body_size=10_000_000,
        )
    )
)
