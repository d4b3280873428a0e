"""ASGI without a framework: no router, every request is named by its path."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import anyio.to_thread

from .async_programs import ASYNC
from .bodies import ASYNC_STREAMS, FILE, STATUSES, STREAMS, async_endless, media_type
from .front import ANSWERED, Answering, asgi_front
from .jobs import Broken, Taken, coroutine_job, job
from .measuring import measured_asgi
from .sync_programs import SYNC

Scope = dict[str, Any]


async def _lifespan(receive: Any, send: Any) -> None:
    for _ in range(2):
        message = await receive()
        await send({"type": f"{message['type']}.complete"})


async def _start(send: Any, status: int, kind: str = "text/plain", trailers: bool = False) -> None:
    headers = [(b"content-type", kind.encode())]
    start = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start | ({"trailers": True} if trailers else {}))


async def _answer(send: Any, body: bytes, status: int = 200) -> None:
    await _start(send, status)
    await send({"type": "http.response.body", "body": body})


async def _stream(send: Any, chunks: AsyncIterator[bytes], kind: str = "text/plain") -> None:
    await _start(send, 200, kind)
    async for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _in_threads(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (chunk := await anyio.to_thread.run_sync(next, chunks, None)) is not None:
        yield chunk


async def _file(scope: Scope, receive: Any, send: Any) -> None:
    """Where the server can send a file by its path, it does."""
    if "http.response.pathsend" not in scope.get("extensions", {}):
        return await _answer(send, await anyio.Path(FILE).read_bytes())
    await _start(send, 200)
    return await send({"type": "http.response.pathsend", "path": str(FILE)})


async def _trailers(scope: Scope, receive: Any, send: Any) -> None:
    await _start(send, 200, trailers="http.response.trailers" in scope.get("extensions", {}))
    await send({"type": "http.response.body", "body": b"done"})
    await coroutine_job(scope)
    await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"4")]})


async def _upload(receive: Any) -> bytes:
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    return str(size).encode()


async def _program(scope: Scope, kind: str, name: str) -> None:
    if kind == "sync":
        await anyio.to_thread.run_sync(SYNC[name], scope)
    else:
        await ASYNC[name](scope)


async def _leave_aware(scope: Scope, receive: Any, send: Any) -> None:
    """Stop when the client is gone, as frameworks do."""
    async with anyio.create_task_group() as group:

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        group.start_soon(watch)
        await _stream(send, async_endless(scope))
        group.cancel_scope.cancel()


async def _after(scope: Scope, receive: Any, send: Any) -> None:
    await _answer(send, b"done")
    job(scope)


async def _after_async(scope: Scope, receive: Any, send: Any) -> None:
    await _answer(send, b"done")
    await coroutine_job(scope)


async def _raise(scope: Scope, receive: Any, send: Any) -> None:
    raise Broken


async def _answered(scope: Scope, receive: Any, send: Any) -> None:
    raise Taken


def _streaming(name: str, made: Callable[[Scope], AsyncIterator[bytes]]) -> Callable[..., Awaitable[None]]:
    return lambda scope, receive, send: _stream(send, made(scope), media_type(name))


def _threaded(made: Callable[[Scope], Iterator[bytes]]) -> Callable[[Scope], AsyncIterator[bytes]]:
    return lambda scope: _in_threads(made(scope))


_ANSWERS: dict[str, Callable[[Scope, Any, Any], Awaitable[None]]] = {
    "/raise": _raise,
    ANSWERED: _answered,
    "/after": _after,
    "/after-async": _after_async,
    "/file": _file,
    "/trailers": _trailers,
    "/endless": _leave_aware,
    **{f"/stream/{name}": _streaming(name, _threaded(made)) for name, made in STREAMS.items()},
    **{f"/async-stream/{name}": _streaming(name, made) for name, made in ASYNC_STREAMS.items()},
}


async def _app(scope: Scope, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["path"] in _ANSWERS:
        await _ANSWERS[scope["path"]](scope, receive, send)
    elif scope["path"] == "/upload":
        await _answer(send, await _upload(receive))
    else:
        await _by_parts(scope, send, *scope["path"].split("/")[1:])


async def _by_parts(scope: Scope, send: Any, kind: str, name: str = "") -> None:
    if kind == "status" and int(name) in STATUSES:
        await _answer(send, b"", int(name))
    elif name in {"sync": SYNC, "async": ASYNC}.get(kind, {}):
        await _program(scope, kind, name)
        await _answer(send, b"done")
    else:
        await _answer(send, b"nothing here", 404)


application = asgi_front(measured_asgi(Answering(_app)))
