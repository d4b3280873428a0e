"""What stands in front of every application: it sets the request's keys, as a server's configuration would.

Each key comes in a header: ``x-newrelic-app-name`` becomes ``newrelic.app_name``.
"""

from __future__ import annotations

from typing import Any, Final

_WSGI: Final = "HTTP_X_NEWRELIC_"
_ASGI: Final = b"x-newrelic-"


def wsgi_front(application: Any) -> Any:
    """The keys of the headers in the environ."""

    def front(environ: dict[str, Any], start_response: Any) -> Any:
        found = {name: value for name, value in environ.items() if name.startswith(_WSGI)}
        environ |= {f"newrelic.{name.removeprefix(_WSGI).lower()}": value for name, value in found.items()}
        return application(environ, start_response)

    return front


def asgi_front(application: Any) -> Any:
    """The keys of the headers in the scope."""

    async def front(scope: dict[str, Any], receive: Any, send: Any) -> None:
        found = {name: value for name, value in scope.get("headers", ()) if name.startswith(_ASGI)}
        scope.update({_key(name): value.decode() for name, value in found.items()})
        await application(scope, receive, send)

    return front


def _key(header: bytes) -> str:
    return f"newrelic.{header.removeprefix(_ASGI).decode().replace('-', '_')}"
