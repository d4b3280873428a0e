"""An ASGI server for tests, and a strict judge of what passes between a server and an application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import anyio
import anyio.lowlevel

Event = tuple[Any, ...]
Scope = dict[str, Any]
Message = dict[str, Any]

PLAIN = [(b"content-type", b"text/plain")]


def http(path: str = "/books", method: str = "GET", **more: Any) -> Scope:
    """A complete HTTP scope."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"shop.example")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "extensions": {"http.response.trailers": {}, "http.response.pathsend": {}},
        **more,
    }


class Server:
    """One request: it notes, in order, everything that an application does to it."""

    def __init__(self, *incoming: Message) -> None:
        self.seen: list[Event] = []
        self.incoming = list(incoming) or [{"type": "http.request", "body": b"", "more_body": False}]
        self.received = 0

    async def receive(self) -> Message:
        self.received += 1
        await anyio.lowlevel.checkpoint()
        return self.incoming.pop(0) if self.incoming else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.seen.append(("send", message))
        await anyio.lowlevel.checkpoint()

    async def run(self, app: Any, scope: Scope) -> list[Event]:
        """Serve one request; an exception is noted, not raised."""
        try:
            await app(scope, self.receive, self.send)
        except Exception as exception:
            self.seen.append(("raised", type(exception), str(exception)))
        return self.seen


async def get(app: Any, path: str = "/books", **scope: Any) -> Server:
    """Serve one request and give the server that has seen it; exceptions are raised."""
    server = Server()
    await app(http(path, **scope), server.receive, server.send)
    return server


async def attempt(app: Any, path: str = "/books", **scope: Any) -> Server:
    """As `get`, for an application that may raise."""
    server = Server()
    with suppress(Exception):
        await app(http(path, **scope), server.receive, server.send)
    return server


def start(status: int = 200, **more: Any) -> Message:
    return {"type": "http.response.start", "status": status, "headers": PLAIN, **more}


def body(data: bytes = b"", more: bool = False) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def hello(scope: Scope, receive: Any, send: Any) -> None:
    """The smallest application."""
    await send(start())
    await send(body(b"hello"))


class Judge:
    """Raises `AssertionError` where a server or an application departs from the ASGI specification for HTTP."""

    def __init__(self, scope: Scope) -> None:
        self.expects = {"http.response.start"}
        self.trailers = False
        self.disconnected = False
        self.body_received = False
        self.check_scope(scope)

    @staticmethod
    def check_scope(scope: Scope) -> None:
        assert type(scope) is dict
        assert scope["type"] == "http"
        assert isinstance(scope["method"], str)
        assert isinstance(scope["path"], str)
        assert isinstance(scope["query_string"], bytes)
        assert all(isinstance(part, bytes) for header in scope["headers"] for part in header)

    def received(self, message: Message) -> None:
        assert type(message) is dict
        if message["type"] == "http.disconnect":
            self.disconnected = True
            return
        assert message["type"] == "http.request"
        assert not self.body_received, "a message after the last of the request"
        assert not self.disconnected, "a message after the disconnect"
        assert isinstance(message.get("body", b""), bytes)
        self.body_received = not message.get("more_body", False)

    def sent(self, message: Message) -> None:
        assert type(message) is dict
        kind = message["type"]
        assert kind in self.expects, f"{kind} where one of {self.expects} was due"
        getattr(self, kind.replace(".", "_"))(message)

    def http_response_start(self, message: Message) -> None:
        assert type(message["status"]) is int
        for name, value in message.get("headers", ()):
            assert isinstance(name, bytes)
            assert isinstance(value, bytes)
            assert name == name.lower()
        self.trailers = message.get("trailers", False)
        self.expects = {"http.response.body", "http.response.pathsend"}

    def http_response_body(self, message: Message) -> None:
        assert isinstance(message.get("body", b""), bytes)
        assert isinstance(message.get("more_body", False), bool)
        self.expects = {"http.response.body"} if message.get("more_body", False) else self.after_the_body()

    def http_response_pathsend(self, message: Message) -> None:
        assert isinstance(message["path"], str)
        self.expects = self.after_the_body()

    def http_response_trailers(self, message: Message) -> None:
        self.expects = {"http.response.trailers"} if message.get("more_trailers", False) else set()

    def after_the_body(self) -> set[str]:
        return {"http.response.trailers"} if self.trailers else set()


def judged(app: Any) -> Any:
    """An application between which and its server a judge stands."""

    async def with_judge(scope: Scope, receive: Any, send: Any) -> None:
        judge = Judge(scope)

        async def judged_receive() -> Message:
            message: Message = await receive()
            judge.received(message)
            return message

        def judged_send(message: Message) -> Awaitable[None]:
            judge.sent(message)
            result: Awaitable[None] = send(message)
            assert hasattr(result, "__await__")
            return result

        await app(scope, judged_receive, judged_send)

    return with_judge


Run = Callable[..., Any]
"""Runs an asynchronous function to its end on an event loop."""
