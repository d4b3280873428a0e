"""A WSGI server for tests: it notes, in order, everything that an application does to it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from weighbridge.middleware import WSGITransactionMiddleware

Event = tuple[Any, ...]


def request(method: str = "GET", path: str = "/books", **more: Any) -> dict[str, Any]:
    """A complete environ."""
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": ""}
    setup_testing_defaults(environ)
    return {**environ, **more}


class Server:
    """One request after PEP 3333: headers go out with the first chunk, ``close()`` is called once at the end."""

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self.status = ""
        self.headers: list[tuple[str, str]] = []

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], Any]:
        self.seen.append(("start", status, tuple(headers), exc_info and repr(exc_info[1])))
        self.status, self.headers = status, headers
        return lambda data: self.seen.append(("write", data))

    def run(self, app: Any, environ: dict[str, Any]) -> list[Event]:
        """Serve the whole response; an exception is noted, not raised."""
        try:
            self.send(app(environ, self.start_response))
        except BaseException as exception:
            self.seen.append(("raised", type(exception), str(exception)))
        return self.seen

    def send(self, body: Any) -> None:
        try:
            for chunk in body:
                self.seen.append(("chunk", chunk))
        finally:
            if hasattr(body, "close"):
                self.seen.append(("close",))
                body.close()


def get(app: Any, path: str = "/books", **environ: Any) -> Server:
    """Serve one request and give the server that has seen it; exceptions are raised."""
    server = Server()
    server.send(app(request(path=path, **environ), server.start_response))
    return server


def attempt(app: Any, path: str = "/books", **environ: Any) -> Server:
    """As `get`, for an application that may raise."""
    server = Server()
    with suppress(Exception):
        server.send(app(request(path=path, **environ), server.start_response))
    return server


def linted(app: Any) -> Any:
    """The middleware with a strict judge on either side of it."""
    return validator(WSGITransactionMiddleware(validator(app)))


PLAIN = [("Content-Type", "text/plain")]


def hello(environ: Any, start_response: Any) -> Any:
    """The smallest application."""
    start_response("200 OK", list(PLAIN))  # a list of its own: servers add to it
    return [b"hello"]
