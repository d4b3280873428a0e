"""The practical floor: stand in the way, read the clock twice, append once.

No middleware that measures a response to its last byte can do less. In front of
a WSGI application it has to wrap the body, as it ends with that; in front of an
ASGI application it has to look at the messages.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from time import monotonic
from typing import TYPE_CHECKING, Any

from .subject import ASGIApplication, Subject

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["Measured"]

_finished: deque[tuple[float, float]] = deque(maxlen=1000)


class Measured(Subject):
    """Two clock reads and one append around the application."""

    def wsgi(self, app: WSGIApplication) -> WSGIApplication:
        return _WSGI(app)

    def asgi(self, app: ASGIApplication) -> ASGIApplication:
        return _ASGI(app)

    def task(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            started = monotonic()
            try:
                return function(*args, **kwargs)
            finally:
                _finished.append((started, monotonic()))

        return timed


class _WSGI:
    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started = monotonic()
        body = self.app(environ, start_response)
        if type(body) is list:
            _finished.append((started, monotonic()))
            return body
        return _Body(started, body)


class _Body:
    __slots__ = ("_body", "_next", "_started")

    def __init__(self, started: float, body: Iterable[bytes]) -> None:
        self._started = started
        self._body: Any = body
        self._next: Any = None

    def __iter__(self) -> Iterator[bytes]:
        self._next = iter(self._body).__next__
        return self

    def __next__(self) -> bytes:
        return self._next()  # type: ignore[no-any-return]

    def close(self) -> None:
        try:
            self._body.close()
        finally:
            _finished.append((self._started, monotonic()))


class _ASGI:
    def __init__(self, app: ASGIApplication) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        started = monotonic()

        def watching(message: Any) -> Any:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                _finished.append((started, monotonic()))
            return send(message)

        await self.app(scope, receive, watching)
