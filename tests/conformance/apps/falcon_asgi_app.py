"""Falcon, for ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import anyio.to_thread
import falcon
import falcon.asgi

from .async_programs import ASYNC
from .bodies import ASYNC_STREAMS, FILE, STATUSES, STREAMS, async_endless, media_type
from .front import ANSWERED, COPIED, JOINED, asgi_front, asgi_inside
from .hooks import HOOKS, at_async
from .jobs import Broken, Taken, coroutine_job
from .measuring import instrument, measured_asgi
from .sync_programs import SYNC

Request, Response = falcon.asgi.Request, falcon.asgi.Response
Answer = Callable[[Request, Response], Any]


class Get:
    """A resource that answers GET and HEAD."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def on_get(self, req: Request, resp: Response, **parameters: object) -> None:
        """The answer."""
        resp.text = "done"
        await self._answer(req, resp)

    on_head = on_get


class Upload:
    """A resource that answers POST."""

    async def on_post(self, req: Request, resp: Response) -> None:
        """The size of what was sent."""
        resp.text = str(len(await req.stream.read()))


class Hooks:
    """Falcon's middleware."""

    async def process_request(self, req: Request, resp: Response) -> None:
        """Before the resource."""
        await at_async("before", req.path, req.scope)

    async def process_response(self, req: Request, resp: Response, resource: object, succeeded: bool) -> None:
        """After it."""
        await at_async("after", req.path, req.scope)


def _sync(program: Callable[[Any], object]) -> Answer:
    return lambda req, resp: anyio.to_thread.run_sync(program, req.scope)


def _async(program: Callable[[Any], Any]) -> Answer:
    return lambda req, resp: program(req.scope)


def _status(status: int) -> Answer:
    async def answer(req: Request, resp: Response) -> None:
        resp.status, resp.text = status, None

    return answer


async def _stepwise(chunks: Any) -> AsyncIterator[bytes]:
    """Falcon streams what is asynchronous only."""
    while (chunk := await anyio.to_thread.run_sync(next, chunks, None)) is not None:
        yield chunk


def _stream(name: str) -> Answer:
    async def answer(req: Request, resp: Response) -> None:
        resp.text, resp.content_type, resp.stream = None, media_type(name), _stepwise(STREAMS[name](req.scope))

    return answer


def _async_stream(name: str) -> Answer:
    async def answer(req: Request, resp: Response) -> None:
        resp.text, resp.content_type, resp.stream = None, media_type(name), ASYNC_STREAMS[name](req.scope)

    return answer


async def _raise(req: Request, resp: Response) -> None:
    raise Broken


async def _answered(req: Request, resp: Response) -> None:
    raise Taken


async def _answer(req: Request, resp: Response, error: Exception, parameters: object) -> None:
    resp.status, resp.text = falcon.HTTP_409, "taken"


async def _after(req: Request, resp: Response) -> None:
    resp.schedule(partial(coroutine_job, req.scope))


async def _file(req: Request, resp: Response) -> None:
    resp.text, resp.data = None, await anyio.Path(FILE).read_bytes()


async def _endless(req: Request, resp: Response) -> None:
    resp.text, resp.stream = None, async_endless(req.scope)


async def _nothing(req: Request, resp: Response) -> None:
    """It is done already."""


app = falcon.asgi.App()
app.add_middleware(Hooks())
for _name, _program in SYNC.items():
    app.add_route(f"/sync/{_name}", Get(_sync(_program)))
for _name, _coroutine in ASYNC.items():
    app.add_route(f"/async/{_name}", Get(_async(_coroutine)))
for _code in STATUSES:
    app.add_route(f"/status/{_code}", Get(_status(_code)))
for _name in STREAMS:
    app.add_route(f"/stream/{_name}", Get(_stream(_name)))
for _name in ASYNC_STREAMS:
    app.add_route(f"/async-stream/{_name}", Get(_async_stream(_name)))
for _path in (*(f"/hook/{moment}" for moment in HOOKS), COPIED, JOINED, "/items/{number:int}"):
    app.add_route(_path, Get(_nothing))
app.add_route("/raise", Get(_raise))
app.add_route(ANSWERED, Get(_answered))
app.add_error_handler(Taken, _answer)
app.add_route("/upload", Upload())
app.add_route("/after", Get(_after))
app.add_route("/after-async", Get(_after))
app.add_route("/file", Get(_file))
app.add_route("/endless", Get(_endless))
instrument("falcon", app)

application = asgi_front(measured_asgi(asgi_inside(app)))
