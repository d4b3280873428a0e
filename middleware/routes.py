"""What a request was routed to, read from what the frameworks themselves publish.

No framework is imported or patched: what is not loaded cannot have routed anything.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..transactions.log import swallowed
from ..transactions.model.request import NO_ROUTE, RequestTransaction
from ..transactions.stack.current import running
from .django_routes import look_up_django_route
from .request import DoorTransaction

__all__ = ["listen_to_frameworks", "read_asgi_route", "read_wsgi_route"]

_NO_ROUTER: Final = object()
"""In the place of Flask's rule: a bare Werkzeug application has no router."""


def read_wsgi_route(transaction: DoorTransaction, environ: Mapping[str, Any]) -> None:
    """Note the rule that Flask (Werkzeug), Bottle or Django matched; read while the response starts."""
    request = environ.get("werkzeug.request")
    if request is not None:
        rule = getattr(request, "url_rule", _NO_ROUTER)
        if rule is not _NO_ROUTER:
            _note(transaction, getattr(rule, "rule", None), environ.get("SCRIPT_NAME", ""))
    elif "bottle.app" in environ:
        mount = environ.get("SCRIPT_NAME", "").rstrip("/")  # Bottle's own mounts leave one there
        _note(transaction, _bottle_rule(environ), mount + _bottle_mount(environ))
    elif transaction.route is not None and hasattr(transaction, "asked_django"):
        look_up_django_route(transaction, environ)


def _bottle_rule(environ: Mapping[str, Any]) -> Any:
    """The rule that matched; ``None`` where that is the way to a mounted application which then found none."""
    route = environ.get("bottle.route")
    mounted = getattr(route, "config", {}).get("mountpoint.target")
    return None if mounted is environ["bottle.app"] else getattr(route, "rule", None)


def _bottle_mount(environ: Mapping[str, Any]) -> str:
    """Where Bottle has mounted the application that took the request.

    When the response starts that is back in ``PATH_INFO``, and what the mounted
    application saw is in ``bottle.raw_path``.
    """
    path, seen = environ.get("PATH_INFO", ""), environ.get("bottle.raw_path", "")
    return path[: -len(seen)] if seen and path != seen and path.endswith(seen) else ""


def _note(transaction: DoorTransaction, route: Any, mount_now: str) -> None:
    if isinstance(route, str):
        transaction.route = route if mount_now == transaction.mount else transaction.mounted(route, mount_now)
    elif transaction.route is None:
        transaction.route = NO_ROUTE


def read_asgi_route(transaction: DoorTransaction, scope: Mapping[str, Any]) -> None:
    """Note the route that FastAPI, Starlette or Litestar put into the scope, or Django's, unless one is noted.

    Read while the response starts, and at the end where there is none.
    """
    if transaction.route:
        return
    if transaction.route is not None and hasattr(transaction, "asked_django"):
        look_up_django_route(transaction, scope)
    elif scope.get("path_template"):
        _note_below_mounts(transaction, scope["path_template"], scope)
    elif "route" in scope:
        _note_below_mounts(transaction, _starlette_path(scope["route"], scope), scope)
    elif "route_handler" in scope and "path_template" not in scope:
        _note_below_mounts(transaction, _litestar_path(scope), scope)
    elif "path_template" in scope:
        _note_below_mounts(transaction, _litestar_mount(scope), scope)
    elif "app" in scope:
        _note_below_mounts(transaction, _starlette_path(_route_to_endpoint(scope), scope), scope)


def _note_below_mounts(transaction: DoorTransaction, route: Any, scope: Mapping[str, Any]) -> None:
    """Note a route behind what Starlette's mounts have added to ``root_path`` since the request reached us.

    ``app_root_path`` is what it was before the first of them, with the setting of the application in it.
    """
    now = scope.get("root_path", "")
    if now == transaction.mount and type(route) is str:  # most of them are behind none
        transaction.route = route
        return
    before = max(transaction.mount, scope.get("app_root_path", now), key=len)
    mounts = now[len(before) :].rstrip("/") if now.startswith(before) else ""
    _note(transaction, mounts + route if isinstance(route, str) else None, "")


def _starlette_path(route: Any, scope: Mapping[str, Any]) -> Any:
    """How a route is written, without the mounts in front of it; ``None`` where there is none.

    Where the last one found is a mount, its path is in ``root_path`` already. If it leads
    to a router, that has found nothing; anything else has taken the request.
    """
    if hasattr(route, "routes"):
        return None if route.routes else "/{path}"
    fastapi = scope.get("fastapi")
    if type(fastapi) is dict and "effective_route_context" in fastapi:  # a route of a router that was included
        path = getattr(fastapi["effective_route_context"], "path_format", None)
        if path is not None:
            return path
    return getattr(route, "path_format", None)


def _route_to_endpoint(scope: Mapping[str, Any]) -> Any:
    """Before Starlette 1.7, and for FastAPI's mounts, the scope has the endpoint only: the route that leads to it."""
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return None
    path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
    routes = [route for route in _leaves(getattr(scope["app"], "routes", ())) if _end(route) is endpoint]
    return next((route for route in routes if _fits(route, path)), routes[0] if routes else None)


def _fits(route: Any, path: str) -> bool:
    """Whether it is this route of several with one endpoint; the part of a mount is no longer in the path."""
    return hasattr(route, "routes") or route.path_regex.match(path) is not None


def _leaves(routes: Any) -> Iterator[Any]:
    for route in routes:
        below = getattr(route, "routes", None)
        if below:
            yield from _leaves(below)
        else:
            yield route


def _end(route: Any) -> Any:
    return getattr(route, "endpoint", None) or getattr(route, "app", None)


def _litestar_path(scope: Mapping[str, Any]) -> Any:
    """Litestar's first releases tell the handler only: its path, or that of its paths which fits."""
    handler = scope["route_handler"]
    routes = getattr(scope.get("app"), "routes", ())
    paths = [route.path_format for route in routes if handler in _handlers(route)]
    return next((path for path in paths if _describes(path, scope["path"])), paths[0] if paths else None)


def _handlers(route: Any) -> Any:
    return getattr(route, "route_handlers", None) or (getattr(route, "route_handler", None),)


def _describes(path_format: str, path: str) -> bool:
    """Whether a path is one of ``/users/{id}``."""
    wanted, given = path_format.split("/"), path.rstrip("/").split("/")
    return len(wanted) == len(given) and all(
        part.startswith("{") or part == found for part, found in zip(wanted, given, strict=True)
    )


def _litestar_mount(scope: Mapping[str, Any]) -> Any:
    """The path under which Litestar mounted the application that took the request."""
    return next(iter(getattr(scope.get("route_handler"), "paths", ())), None)


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
    if found is None:
        return
    _connected.add((module, signal))
    try:
        found.connect(receiver)
    except RuntimeError:  # Flask before 2.3 has signals only where blinker is installed
        return


def _on_flask_exception(sender: Any, exception: BaseException | None = None, **_: Any) -> None:
    try:
        _notice(exception)
    except Exception:
        swallowed("flask.got_request_exception")


def _on_django_request(sender: Any = None, **_: Any) -> None:
    """From now on the request counts as not routed, until a route is noted."""
    try:
        transaction = running()
        if isinstance(transaction, DoorTransaction) and transaction.route is None:
            transaction.route = NO_ROUTE
            transaction.asked_django = True
    except Exception:
        swallowed("django.core.signals.request_started")


def _on_django_exception(sender: Any = None, **_: Any) -> None:
    try:
        _notice(sys.exc_info()[1])
    except Exception:
        swallowed("django.core.signals.got_request_exception")


def _notice(exception: BaseException | None) -> None:
    transaction = running()
    if exception is None or not isinstance(transaction, RequestTransaction):
        return
    transaction.told_of(exception)
    if isinstance(transaction, DoorTransaction) and "werkzeug.request" in transaction.request:
        read_wsgi_route(transaction, transaction.request)
