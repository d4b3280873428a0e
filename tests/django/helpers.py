"""Django's handlers, asked as servers ask them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from types import SimpleNamespace
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler

from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware

__all__ = ["ASGI", "WSGI", "Side"]


class WSGI:
    """A WSGI handler, and requests to it as a server makes them."""

    middleware = WSGITransactionMiddleware

    def __init__(self, wrap: Callable[[Any], Any] = lambda app: app) -> None:
        self.app = wrap(WSGIHandler())

    def get(self, url: str, **environ: Any) -> SimpleNamespace:
        """Ask for a page and read all of it."""
        answer = self.start(url, **environ)
        with closing(answer.body):
            answer.content = b"".join(answer.body)
        return answer

    def start(self, url: str, checked: bool = True, **environ: Any) -> SimpleNamespace:
        """Ask for a page; its body is the caller's to read and to close."""
        answer = SimpleNamespace()
        path, _, query = url.partition("?")
        request: dict[str, Any] = {"SCRIPT_NAME": "", **environ, "PATH_INFO": path, "QUERY_STRING": query}
        setup_testing_defaults(request)

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., Any]:
            answer.status, answer.headers = int(status[:3]), headers
            return lambda data: None

        answer.body = (validator(self.app) if checked else self.app)(request, start_response)
        return answer


class ASGI:
    """An ASGI handler, and requests to it as a server makes them."""

    middleware = ASGITransactionMiddleware

    def __init__(self, wrap: Callable[[Any], Any] = lambda app: app) -> None:
        self.app = wrap(ASGIHandler())

    def get(self, url: str, leave_after: int = 1000, **scope: Any) -> SimpleNamespace:
        """Ask for a page and read all of it, or go away after some body messages."""
        return asyncio.run(self._get(url, leave_after, scope))

    async def _get(self, url: str, leave_after: int, more: dict[str, Any]) -> SimpleNamespace:
        answer = SimpleNamespace(status=0, content=b"")
        gone = asyncio.Event()
        inbox = [{"type": "http.request", "body": b"", "more_body": False}]
        bodies = 0

        async def receive() -> dict[str, Any]:
            if inbox:
                return inbox.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            nonlocal bodies
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                return
            answer.content += message.get("body", b"")
            bodies += 1
            if bodies >= leave_after:
                gone.set()
                await asyncio.sleep(0.05)

        await self.app(self._scope(url, more), receive, send)
        return answer

    @staticmethod
    def _scope(url: str, more: dict[str, Any]) -> dict[str, Any]:
        path, _, query = url.partition("?")
        return {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
            "headers": [(b"host", b"testserver")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), **more,
        }  # fmt: skip


Side = type[WSGI] | type[ASGI]
