"""What stands in front of every application: it sets the request's keys, as a server's configuration would.

Each key comes in a header: ``x-newrelic-app-name`` becomes ``newrelic.app_name``.
"""

from __future__ import annotations

from typing import Any, Final

from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware

from .jobs import Taken
from .measuring import BY_RUN

_WSGI: Final = "HTTP_X_NEWRELIC_"
_ASGI: Final = b"x-newrelic-"


def wsgi_front(application: Any) -> Any:
    """The keys of the headers in the environ."""

    def front(environ: dict[str, Any], start_response: Any) -> Any:
        _set_wsgi(environ)
        return application(environ, start_response)

    return application if BY_RUN else front


def asgi_front(application: Any) -> Any:
    """The keys of the headers in the scope."""

    async def front(scope: dict[str, Any], receive: Any, send: Any) -> None:
        _set_asgi(scope)
        await application(scope, receive, send)

    return application if BY_RUN else front


def _set_wsgi(environ: dict[str, Any]) -> None:
    found = {name: value for name, value in environ.items() if name.startswith(_WSGI)}
    environ |= {f"newrelic.{name.removeprefix(_WSGI).lower()}": value for name, value in found.items()}


def _set_asgi(scope: dict[str, Any]) -> None:
    found = {name: value for name, value in scope.get("headers", ()) if name.startswith(_ASGI)}
    scope.update({_key(name): value.decode() for name, value in found.items()})


def _stand_in_front() -> None:
    """Set the keys in front of the middleware that `weighbridge run` puts around what is served."""
    wsgi, asgi = WSGITransactionMiddleware.__call__, ASGITransactionMiddleware.__call__

    def wsgi_call(self: Any, environ: Any, start_response: Any) -> Any:
        _set_wsgi(environ)
        return wsgi(self, environ, start_response)

    async def asgi_call(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        _set_asgi(scope)
        return await asgi(self, scope, receive, send)

    WSGITransactionMiddleware.__call__ = wsgi_call  # type: ignore[method-assign]
    ASGITransactionMiddleware.__call__ = asgi_call  # type: ignore[method-assign]


if BY_RUN:
    _stand_in_front()


# What stands behind the middleware, in front of the framework or in its list of middleware.

ANSWERED: Final = "/answered"
"""Its handler raises what is answered further out."""

COPIED: Final = "/copied/here"
"""Its environ or scope is a copy."""
JOINED: Final = "/joined/here"
"""So it is, and has a second middleware; no call leads from there to the first."""


def wsgi_answering(application: Any) -> Any:
    """What answers an exception of the application's."""

    def answering(environ: dict[str, Any], start_response: Any) -> Any:
        try:
            return application(environ, start_response)
        except Taken:
            start_response("409 Conflict", [("Content-Type", "text/plain")])
            return [b"taken"]

    return answering


class Answering:
    """The same for ASGI."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer what has not been answered."""
        try:
            await self.app(scope, receive, send)
        except Taken:
            await send({"type": "http.response.start", "status": 409, "headers": []})
            await send({"type": "http.response.body", "body": b"taken"})


def wsgi_inside(application: Any) -> Any:
    """What passes all requests on, and some as copies."""
    joined = WSGITransactionMiddleware(application)

    def inside(environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        if path == COPIED:
            return application(dict(environ), start_response)
        return _kept(joined, dict(environ), start_response) if path == JOINED else application(environ, start_response)

    return inside


def _kept(application: Any, environ: dict[str, Any], start_response: Any) -> list[bytes]:
    started: list[Any] = []
    body = b"".join(application(environ, lambda *start: started.append(start)))
    start_response(*started[-1])
    return [body]


def asgi_inside(application: Any) -> Any:
    """What passes all requests on, and some as copies."""
    joined = ASGITransactionMiddleware(application)

    async def inside(scope: dict[str, Any], receive: Any, send: Any) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if path == COPIED:
            await application(dict(scope), receive, send)
        elif path == JOINED:
            await _kept_async(joined, dict(scope), receive, send)
        else:
            await application(scope, receive, send)

    return inside


async def _kept_async(application: Any, scope: dict[str, Any], receive: Any, send: Any) -> None:
    messages: list[Any] = []

    async def keep(message: Any) -> None:
        messages.append(message)

    await application(scope, receive, keep)
    for message in messages:
        await send(message)


def _key(header: bytes) -> str:
    return f"newrelic.{header.removeprefix(_ASGI).decode().replace('-', '_')}"
