"""What stands in front of every application: it sets the request's keys, as a server's configuration would."""

from __future__ import annotations

from typing import Any

KEYS = "x-keys"
"""The header that names them: ``app_name=shop&set_background_task=on``."""


def _keys(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.split("&") if pair)
    return {f"newrelic.{name}": value for name, _, value in pairs}


def wsgi_front(application: Any) -> Any:
    """The keys of the header in the environ."""

    def front(environ: dict[str, Any], start_response: Any) -> Any:
        environ.update(_keys(environ.get("HTTP_X_KEYS", "")))
        return application(environ, start_response)

    return front


def asgi_front(application: Any) -> Any:
    """The keys of the header in the scope."""

    async def front(scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", ()))
        scope.update(_keys(headers.get(KEYS.encode(), b"").decode()))
        await application(scope, receive, send)

    return front
