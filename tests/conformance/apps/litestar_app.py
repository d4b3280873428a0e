"""Litestar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import Litestar, Request, Router, asgi, get, post
from litestar.background_tasks import BackgroundTask
from litestar.response import File, Response, Stream

from .async_programs import ASYNC
from .bodies import ASYNC_STREAMS, FILE, STATUSES, STREAMS, async_endless, media_type
from .front import ANSWERED, COPIED, JOINED, asgi_front, asgi_inside
from .hooks import HOOKS, at_async
from .jobs import Broken, Taken, coroutine_job, job
from .measuring import measured_asgi
from .sync_programs import SYNC

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
    async def handler() -> None:
        """Nothing but the status."""

    return get(f"/status/{status}", status_code=status)(handler)


def _stream(path: str, name: str, streams: Any) -> Any:
    async def handler(request: AnyRequest) -> Stream:
        return Stream(streams[name](request.scope), media_type=media_type(name))

    return get(f"/{path}/{name}")(handler)


@get("/raise")
async def _raise() -> str:
    raise Broken


@get(ANSWERED)
async def _answered() -> str:
    raise Taken


def _answer(request: AnyRequest, exception: Exception) -> Response[str]:
    return Response("taken", status_code=409)


@post("/upload", status_code=200)
async def _upload(request: AnyRequest) -> str:
    return str(len(await request.body()))


@get("/after")
async def _after(request: AnyRequest) -> Response[str]:
    return Response("done", background=BackgroundTask(job, request.scope))


@get("/after-async")
async def _after_async(request: AnyRequest) -> Response[str]:
    return Response("done", background=BackgroundTask(coroutine_job, request.scope))


@get("/file")
async def _file() -> File:
    return File(FILE)


@get("/items/{number:int}")
async def _item(number: int) -> str:
    return str(number)


@get([f"/hook/{moment}" for moment in HOOKS])
async def _hook() -> str:
    return "done"


@get([COPIED, JOINED])
async def _copied() -> str:
    return "done"


@get("/here")
async def _here() -> str:
    return "done"


@asgi("/mounted", is_mount=True)
async def _mounted(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


@get("/endless")
async def _endless(request: AnyRequest) -> Stream:
    return Stream(async_endless(request.scope))


async def _before_request(request: AnyRequest) -> None:
    await at_async("before", request.url.path, request.scope)


application = asgi_front(
    measured_asgi(
        asgi_inside(
            Litestar(
                [
                    *(_sync(name, program) for name, program in SYNC.items()),
                    *(_async(name, program) for name, program in ASYNC.items()),
                    *(_status(code) for code in STATUSES),
                    *(_stream("stream", name, STREAMS) for name in STREAMS),
                    *(_stream("async-stream", name, ASYNC_STREAMS) for name in ASYNC_STREAMS),
                    *(
                        _raise,
                        _answered,
                        _upload,
                        _after,
                        _after_async,
                        _file,
                        _item,
                        _hook,
                        _mounted,
                        _endless,
                        _copied,
                    ),
                    Router("/prefixed", route_handlers=[_here]),
                ],
                before_request=_before_request,
                exception_handlers={Taken: _answer},
            )
        )
    )
)
