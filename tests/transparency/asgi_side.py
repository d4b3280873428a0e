"""An ASGI server that notes all that an application does to it, and a spy that notes what reaches the application."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from .asked import Asked
from .noted import keep_context, note

__all__ = ["MODES", "Scope", "lived", "served", "spying", "talked"]

MODES = ("silent", "refusing", "cancelling")
"""What servers do when a client has gone: they ignore what is sent, refuse it, or cancel the application."""

Message = dict[str, Any]


class Scope(dict[str, Any]):
    """Can be told from other dicts."""


def scope_of(asked: Asked, mode: str) -> Scope:
    return Scope(
        {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4" if mode == "refusing" else "2.3"},
            "http_version": "1.1",
            "method": asked.method,
            "scheme": "http",
            "path": asked.path,
            "raw_path": asked.path.encode(),
            "query_string": asked.query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in asked.complete_headers()],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8000),
            "extensions": {"http.response.trailers": {}, "http.response.pathsend": {}},
            "state": {},
        }
    )


class Server:
    """One request, and its client."""

    def __init__(self, asked: Asked, mode: str) -> None:
        self.asked, self.mode = asked, mode
        self.seen: list[str] = []
        self.gone = asyncio.Event()
        self.bodies = 0
        body = asked.body or [b""]
        self.incoming = [
            {"type": "http.request", "body": part, "more_body": number < len(body)}
            for number, part in enumerate(body, 1)
        ][: asked.uploads]
        if asked.uploads is not None or asked.parts == 0:
            self.gone.set()

    async def receive(self) -> Message:
        self.seen.append("receive")
        if self.incoming:
            await asyncio.sleep(0)
            return self.incoming.pop(0)
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if "headers" in message:
            message = {**message, "headers": list(message["headers"])}
        self.seen.append(f"send {sorted(message.items())}")
        if self.mode == "refusing" and self.gone.is_set():
            raise OSError("the client has gone")
        self.bodies += "body" in message
        if "body" in message and not message.get("more_body"):
            self.gone.set()  # as servers have it: nothing more is to come
        if self.bodies == self.asked.parts:
            self.gone.set()
            if self.mode == "cancelling":
                self.task.cancel()
        await asyncio.sleep(0)

    async def run(self, app: Any) -> None:
        self.task = asyncio.ensure_future(app(scope_of(self.asked, self.mode), self.receive, self.send))
        with suppress(asyncio.CancelledError):
            await asyncio.wait([self.task])
            self.seen.append("cancelled" if self.task.cancelled() else f"raised {self.task.exception()!r}")


def served(app: Any, asked: Asked, mode: str) -> list[str]:
    """What a server sees of one request, from the first call to the last."""

    async def main() -> list[str]:
        server = Server(asked, mode)
        await server.run(app)
        return server.seen

    return asyncio.run(main())


def _conversation(app: Any, scope: dict[str, Any], incoming: Sequence[Message]) -> list[str]:
    """What a server sees of a connection in which it sends these messages."""
    seen: list[str] = []
    waiting = list(incoming)

    async def receive() -> Message:
        seen.append("receive")
        await asyncio.sleep(0)
        return waiting.pop(0)

    async def send(message: Message) -> None:
        seen.append(f"send {sorted(message.items())}")

    async def main() -> None:
        try:
            await app(scope, receive, send)
        except Exception as exception:
            seen.append(f"raised {exception!r}")

    asyncio.run(main())
    return seen


def talked(app: Any) -> list[str]:
    """A websocket, on which something is said."""
    scope = {**scope_of(Asked("", "/socket"), "silent"), "type": "websocket", "scheme": "ws", "subprotocols": []}
    said = [{"type": "websocket.receive", "text": text} for text in ("one", "two")]
    return _conversation(
        app, scope, [{"type": "websocket.connect"}, *said, {"type": "websocket.disconnect", "code": 1000}]
    )


def lived(app: Any) -> list[str]:
    """The life of an application."""
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    return _conversation(app, scope, [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])


class spying:  # noqa: N801  used as a function is
    """The application, with notes of what it is called with."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        for key, value in sorted(scope.items()):
            note(f"scope {key} {value if isinstance(value, (str, bytes, tuple, list)) else type(value).__name__}")

        async def spied_receive() -> Message:
            message: Message = await receive()
            note(f"received {sorted(message.items())}")
            return message

        async def spied_send(message: Message) -> None:
            try:
                await send(message)
            except BaseException as exception:
                note(f"send raised {type(exception).__name__}")
                raise
            note("sent")

        keep_context()
        await self.app(scope, spied_receive, spied_send)
        note(f"scope has {sorted(scope)}")
