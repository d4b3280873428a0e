"""Connexion: its own application, and the one that is made of Flask, of one specification."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import connexion
from connexion.context import scope
from connexion.lifecycle import ConnexionResponse
from connexion.resolver import Resolver
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse

from .async_programs import ASYNC
from .bodies import ASYNC_STREAMS, FILE, STATUSES, STREAMS, async_endless, media_type
from .front import ANSWERED, COPIED, JOINED, asgi_front, asgi_inside
from .jobs import Broken, Taken, coroutine_job, job
from .measuring import instrument, measured_asgi
from .sync_programs import SYNC

Handler = Callable[..., Any]


def _scope() -> Any:
    return scope._get_current_object()


def _sync(program: Callable[[Any], object]) -> Handler:
    def handler() -> Any:
        program(_scope())
        return PlainTextResponse("done")

    return handler


def _async(program: Callable[[Any], Any]) -> Handler:
    async def handler() -> Any:
        await program(_scope())
        return PlainTextResponse("done")

    return handler


def _status(status: int) -> Handler:
    async def handler() -> Any:
        return Response(status_code=status)

    return handler


def _stream(name: str, streams: Any) -> Handler:
    async def handler() -> Any:
        return StreamingResponse(streams[name](_scope()), media_type=media_type(name))

    return handler


async def _raise() -> Any:
    raise Broken


async def _answered() -> Any:
    raise Taken


def _answer(request: object, error: Exception) -> Any:
    return ConnexionResponse(status_code=409, body="taken")


async def _upload(body: bytes = b"") -> Any:
    return PlainTextResponse(str(len(body)))


async def _after() -> Any:
    return PlainTextResponse("done", background=BackgroundTask(job, _scope()))


async def _after_async() -> Any:
    return PlainTextResponse("done", background=BackgroundTask(coroutine_job, _scope()))


async def _file() -> Any:
    return FileResponse(FILE)


async def _endless() -> Any:
    return StreamingResponse(async_endless(_scope()))


async def _done() -> Any:
    return PlainTextResponse("done")


async def _item(number: int) -> Any:
    return PlainTextResponse(str(number))


def _handlers() -> dict[str, Handler]:
    return {
        **{f"/sync/{name}": _sync(program) for name, program in SYNC.items()},
        **{f"/async/{name}": _async(program) for name, program in ASYNC.items()},
        **{f"/status/{code}": _status(code) for code in STATUSES},
        **{f"/stream/{name}": _stream(name, STREAMS) for name in STREAMS},
        **{f"/async-stream/{name}": _stream(name, ASYNC_STREAMS) for name in ASYNC_STREAMS},
        "/raise": _raise,
        ANSWERED: _answered,
        "/after": _after,
        "/after-async": _after_async,
        "/file": _file,
        "/items/{number}": _item,
        "/endless": _endless,
        COPIED: _done,
        JOINED: _done,
    }


_NUMBER = {"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}}


def _operation(path: str) -> dict[str, Any]:
    return {
        "operationId": path,
        "parameters": [_NUMBER] if "{" in path else [],
        "responses": {"200": {"description": "fine", "content": {"text/plain": {"schema": {"type": "string"}}}}},
    }


def _specification(base_path: str, paths: dict[str, Any]) -> dict[str, Any]:
    return {
        "openapi": "3.0.0",
        "info": {"title": "conformance", "version": "1"},
        "servers": [{"url": base_path}],
        "paths": paths,
    }


HANDLERS = {**_handlers(), "/upload": _upload, "/here": _done}
SPECIFICATION = _specification("/", {path: {"get": _operation(path)} for path in _handlers()})
UPLOAD = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
SPECIFICATION["paths"]["/upload"] = {"post": {**_operation("/upload"), "requestBody": UPLOAD}}
PREFIXED = _specification("/prefixed", {"/here": {"get": _operation("/here")}})


def _made(app: Any) -> Any:
    resolver = Resolver(HANDLERS.__getitem__)
    app.add_api(SPECIFICATION, resolver=resolver)
    app.add_api(PREFIXED, resolver=resolver)
    app.add_error_handler(Taken, _answer)
    instrument("connexion", app)
    return asgi_front(measured_asgi(asgi_inside(app)))


application = _made(connexion.AsyncApp(__name__))
