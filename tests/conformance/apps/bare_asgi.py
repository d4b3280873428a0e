"""ASGI without a framework: no router, every request is named by its path."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio.to_thread

from weighbridge.middleware import ASGITransactionMiddleware

from .front import asgi_front
from .programs import (
    ASYNC,
    STATUSES,
    SYNC,
    Broken,
    async_chunks_with_job,
    async_endless,
    chunks_with_job,
    coroutine_job,
)

Scope = dict[str, Any]


async def _lifespan(receive: Any, send: Any) -> None:
    for _ in range(2):
        message = await receive()
        await send({"type": f"{message['type']}.complete"})


async def _start(send: Any, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})


async def _answer(send: Any, body: bytes, status: int = 200) -> None:
    await _start(send, status)
    await send({"type": "http.response.body", "body": body})


async def _stream(send: Any, chunks: AsyncIterator[bytes]) -> None:
    await _start(send, 200)
    async for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _in_threads(scope: Scope) -> AsyncIterator[bytes]:
    for chunk in await anyio.to_thread.run_sync(list, chunks_with_job(scope)):
        yield chunk


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


async def _leave_aware(receive: Any, send: Any) -> None:
    """Stop when the client is gone, as frameworks do."""
    async with anyio.create_task_group() as group:

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        group.start_soon(watch)
        await _stream(send, async_endless())
        group.cancel_scope.cancel()


async def _after(scope: Scope, receive: Any, send: Any) -> None:
    await _answer(send, b"done")
    await coroutine_job(scope)


async def _raise(scope: Scope, receive: Any, send: Any) -> None:
    raise Broken


_ANSWERS: dict[str, Callable[[Scope, Any, Any], Awaitable[None]]] = {
    "/raise": _raise,
    "/after": _after,
    "/endless": lambda scope, receive, send: _leave_aware(receive, send),
    "/stream": lambda scope, receive, send: _stream(send, _in_threads(scope)),
    "/async-stream": lambda scope, receive, send: _stream(send, async_chunks_with_job(scope)),
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


application = asgi_front(ASGITransactionMiddleware(_app))
