"""FastAPI: the programs run in endpoints, and in the dependencies of endpoints that do nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import BackgroundTasks, Depends, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse

from weighbridge.middleware import ASGITransactionMiddleware

from .front import asgi_front
from .programs import ASYNC, STATUSES, SYNC, Broken, async_chunks_with_job, async_endless, chunks_with_job, job


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


async def _raise() -> None:
    raise Broken


async def _upload(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def _after(request: Request, tasks: BackgroundTasks) -> str:
    tasks.add_task(job, request.scope)
    return "done"


def _stream(request: Request) -> Response:
    return StreamingResponse(chunks_with_job(request.scope))


def _async_stream(request: Request) -> Response:
    return StreamingResponse(async_chunks_with_job(request.scope))


def _endless() -> Response:
    return StreamingResponse(async_endless())


def _made(wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Any:
    app = FastAPI()
    for name, program in SYNC.items():
        app.get(f"/sync/{name}")(wrap(_sync(program)))
    for name, coroutine in ASYNC.items():
        app.get(f"/async/{name}")(wrap(_async(coroutine)))
    for code in STATUSES:
        app.get(f"/status/{code}")(_status(code))
    app.get("/raise")(_raise)
    app.post("/upload")(_upload)
    for path, endpoint in {"/after": _after, "/stream": _stream, "/async-stream": _async_stream}.items():
        app.get(path)(endpoint)
    app.get("/endless")(_endless)
    return asgi_front(ASGITransactionMiddleware(app))


application = _made(lambda endpoint: endpoint)
depending = _made(_depending)
