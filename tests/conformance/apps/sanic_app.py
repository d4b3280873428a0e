"""Sanic, on an ASGI server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio.to_thread
import sanic

from .async_programs import ASYNC
from .bodies import ASYNC_STREAMS, FILE, STATUSES, STREAMS, async_endless, media_type
from .front import ANSWERED, COPIED, JOINED, asgi_front, asgi_inside
from .hooks import HOOKS, at_async
from .jobs import Broken, Taken, coroutine_job
from .measuring import instrument, measured_asgi
from .sync_programs import SYNC

Handler = Callable[..., Any]

app = sanic.Sanic("conformance", configure_logging=False)
prefixed = sanic.Blueprint("prefixed", url_prefix="/prefixed")


def _sync(program: Callable[[Any], object]) -> Handler:
    async def handler(request: sanic.Request) -> Any:
        await anyio.to_thread.run_sync(program, request.scope)
        return sanic.text("done")

    return handler


def _async(program: Callable[[Any], Any]) -> Handler:
    async def handler(request: sanic.Request) -> Any:
        await program(request.scope)
        return sanic.text("done")

    return handler


def _status(status: int) -> Handler:
    async def handler(request: sanic.Request) -> Any:
        return sanic.empty(status)

    return handler


async def _send(request: sanic.Request, chunks: Any, kind: str) -> None:
    response = await request.respond(content_type=kind)
    async for chunk in chunks:
        await response.send(chunk)
    await response.eof()


async def _stepwise(chunks: Any) -> Any:
    """Sanic streams what is asynchronous only."""
    while (chunk := await anyio.to_thread.run_sync(next, chunks, None)) is not None:
        yield chunk


def _stream(name: str) -> Handler:
    async def handler(request: sanic.Request) -> Any:
        await _send(request, _stepwise(STREAMS[name](request.scope)), media_type(name))

    return handler


def _async_stream(name: str) -> Handler:
    async def handler(request: sanic.Request) -> Any:
        await _send(request, ASYNC_STREAMS[name](request.scope), media_type(name))

    return handler


async def _raise(request: sanic.Request) -> Any:
    raise Broken


async def _answered(request: sanic.Request) -> Any:
    raise Taken


@app.exception(Taken)
async def _answer(request: sanic.Request, error: Taken) -> Any:
    return sanic.text("taken", status=409)


async def _upload(request: sanic.Request) -> Any:
    return sanic.text(str(len(request.body)))


async def _after(request: sanic.Request) -> Any:
    app.add_task(coroutine_job(request.scope))
    return sanic.text("done")


async def _file(request: sanic.Request) -> Any:
    return await sanic.response.file(FILE)


async def _endless(request: sanic.Request) -> Any:
    await _send(request, async_endless(request.scope), "text/plain")


async def _done(request: sanic.Request, **parameters: object) -> Any:
    return sanic.text("done")


@app.on_request
async def _before(request: sanic.Request) -> None:
    await at_async("before", request.path, request.scope)


@app.on_response
async def _after_request(request: sanic.Request, response: Any) -> None:
    await at_async("after", request.path, request.scope)


def _handlers() -> dict[str, Handler]:
    return {
        **{f"/sync/{name}": _sync(program) for name, program in SYNC.items()},
        **{f"/async/{name}": _async(program) for name, program in ASYNC.items()},
        **{f"/status/{code}": _status(code) for code in STATUSES},
        **{f"/stream/{name}": _stream(name) for name in STREAMS},
        **{f"/async-stream/{name}": _async_stream(name) for name in ASYNC_STREAMS},
        **dict.fromkeys((*(f"/hook/{moment}" for moment in HOOKS), COPIED, JOINED), _done),
        "/raise": _raise,
        ANSWERED: _answered,
        "/after": _after,
        "/after-async": _after,
        "/file": _file,
        "/items/<number:int>": _done,
        "/endless": _endless,
    }


for _path, _handler in _handlers().items():
    app.add_route(_handler, _path, name=f"get{_path}".translate(str.maketrans("/-<:>", "_____")), methods=["GET"])
app.add_route(_upload, "/upload", name="upload", methods=["POST"])
prefixed.add_route(_done, "/here", name="here")
app.blueprint(prefixed)
app.config.REQUEST_MAX_SIZE = 10_000_000
instrument("sanic", app)

application = asgi_front(measured_asgi(asgi_inside(app)))
