"""A middleware that does nothing: what it costs to stand in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any

from .subject import ASGIApplication, Subject

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["Measured"]


class Measured(Subject):
    """Calls the application and nothing else."""

    def wsgi(self, app: WSGIApplication) -> WSGIApplication:
        return _WSGI(app)

    def asgi(self, app: ASGIApplication) -> ASGIApplication:
        return _ASGI(app)

    def task(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def passing(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return passing


class _WSGI:
    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.app(environ, start_response)


class _ASGI:
    def __init__(self, app: ASGIApplication) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)
