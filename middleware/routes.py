"""What a request was routed to, read from what the frameworks themselves publish.

No framework is imported or patched: what is not loaded cannot have routed anything.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ..transactions.log import swallowed
from ..transactions.stack.current import running
from .django_routes import look_up_django_route
from .request import DoorTransaction

__all__ = ["listen_to_frameworks", "read_asgi_route", "read_wsgi_route"]


def read_wsgi_route(transaction: DoorTransaction, environ: Mapping[str, Any]) -> None:
    """Note the rule that Flask (Werkzeug), Bottle or Django matched; read while the response starts."""
    request = environ.get("werkzeug.request")
    if request is not None:
        if hasattr(request, "url_rule"):  # a bare Werkzeug application has no router
            _note(transaction, getattr(request.url_rule, "rule", None), environ.get("SCRIPT_NAME", ""))
    elif "bottle.app" in environ:
        route = environ.get("bottle.route")
        _note(transaction, getattr(route, "rule", None), environ.get("SCRIPT_NAME", ""))
    elif not transaction.routed:
        look_up_django_route(transaction, environ)


def _note(transaction: DoorTransaction, route: Any, mount_now: str) -> None:
    if isinstance(route, str):
        transaction.route = transaction.mounted(route, mount_now)
    else:
        transaction.routed = False


def read_asgi_route(transaction: DoorTransaction, scope: Mapping[str, Any]) -> None:
    """Note the route that FastAPI, Starlette or Litestar put into the scope, or Django's; read at the end."""
    route = scope.get("route")
    if not transaction.routed:
        look_up_django_route(transaction, scope)
    elif route is not None:
        _note(transaction, _starlette_path(route, scope), scope.get("root_path", ""))
    elif "path_template" in scope:
        _note(transaction, scope["path_template"], scope.get("root_path", ""))
    elif "app" in scope:
        _note(transaction, _older_starlette_path(scope), scope.get("root_path", ""))


def _starlette_path(route: Any, scope: Mapping[str, Any]) -> Any:
    fastapi = scope.get("fastapi")
    effective = fastapi.get("effective_route_context") if isinstance(fastapi, Mapping) else None
    path = getattr(effective, "path_format", None)
    return path if path is not None else getattr(route, "path_format", None)


def _older_starlette_path(scope: Mapping[str, Any]) -> Any:
    """Before Starlette 1.7 the scope has the endpoint only: the route is the one that leads to it."""
    endpoint = scope.get("endpoint")
    routes = getattr(scope["app"], "routes", None)
    if endpoint is None or routes is None:
        return None
    return next((path for path, leads_to in _leaves(routes) if leads_to is endpoint), None)


def _leaves(routes: Any) -> Any:
    for route in routes:
        below = getattr(route, "routes", None)
        if below:
            yield from _leaves(below)
        elif hasattr(route, "path_format"):
            yield route.path_format, getattr(route, "endpoint", None)


_connected: set[tuple[str, str]] = set()


def listen_to_frameworks() -> None:
    """Hear, from their own signals, what Flask and Django do with a request. Never raises.

    Both tell of exceptions that they turn into a 500 page; Django also tells that it takes a request on.
    """
    try:
        _connect("flask", "got_request_exception", _on_flask_exception)
        _connect("django.core.signals", "got_request_exception", _on_django_exception)
        _connect("django.core.signals", "request_started", _on_django_request)
    except Exception:
        swallowed("listen_to_frameworks")


def _connect(module: str, signal: str, receiver: Any) -> None:
    if (module, signal) in _connected or module not in sys.modules:
        return
    found = getattr(sys.modules[module], signal, None)
    if found is not None:
        found.connect(receiver)
        _connected.add((module, signal))


def _on_flask_exception(sender: Any, exception: BaseException | None = None, **_: Any) -> None:
    try:
        _notice(exception)
    except Exception:
        swallowed("flask.got_request_exception")


def _on_django_request(sender: Any = None, **_: Any) -> None:
    """From now on the request counts as not routed, until a route is noted."""
    try:
        transaction = running()
        if isinstance(transaction, DoorTransaction):
            transaction.routed = False
    except Exception:
        swallowed("django.core.signals.request_started")


def _on_django_exception(sender: Any = None, **_: Any) -> None:
    try:
        _notice(sys.exc_info()[1])
    except Exception:
        swallowed("django.core.signals.got_request_exception")


def _notice(exception: BaseException | None) -> None:
    transaction = running()
    if transaction is None or exception is None:
        return
    transaction.notice_exception(exception)
    if isinstance(transaction, DoorTransaction) and "werkzeug.request" in (transaction.request or ()):
        read_wsgi_route(transaction, transaction.request or {})
