"""The route of a request, read from what the frameworks themselves publish in environ and scope.

No framework is imported or patched: one that is not loaded cannot have routed anything.
If a middleware has made a copy of environ or scope, the framework's copy is read: see
`calling_frames`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ..transactions.model.request import NO_ROUTE, RequestTransaction
from .bottle_routes import is_bottle, routed_by_bottle
from .calling_frames import dispatched_part, request_of_caller, request_of_raiser
from .django_routes import look_up_django_route
from .flask_routes import flask_request, was_flask
from .framework_signals import listen_to_flask_requests
from .litestar_routes import (
    has_starlette_below,
    is_litestar,
    is_mounted_by_litestar,
    leaf_of_litestar,
    litestar_mount,
    routed_by_litestar,
)
from .mounts import asgi_mounts, mounts_passed
from .starlette_routes import (
    ANYTHING,
    is_starlette,
    leads_to,
    leaf_of_starlette,
    routed_by_starlette,
    routed_to_default,
)

__all__ = ["read_asgi_route", "read_wsgi_route"]

Request = Mapping[str, Any]


def _copy_elsewhere(transaction: RequestTransaction, own: Request) -> Request | None:
    """Return the framework's copy of the request, if there is one; after an exception only if no response started."""
    copy, exception = request_of_caller(own), sys.exc_info()[1]
    if copy is None and exception is not None and not getattr(transaction, "_response_start_time", 0.0):
        return request_of_raiser(own, exception)
    return copy


# WSGI


def read_wsgi_route(transaction: RequestTransaction, environ: Request) -> None:
    """Note the rule that Flask, Bottle or Django matched, unless one is noted. Called as the response starts."""
    if transaction._route:
        return
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    if rule is not None:  # a shortcut for most requests
        now = environ.get("SCRIPT_NAME", "")
        transaction._route = (
            rule.rule if now == transaction._mount_path else mounts_passed(transaction, now) + rule.rule
        )
        return
    route = _route_in_environ(transaction, environ)
    if route is None:
        copy = _copy_elsewhere(transaction, environ)
        route = None if copy is None else _route_in_environ(transaction, copy)
    if route is not None:
        transaction._route = route
    elif transaction._route is NO_ROUTE:
        _note_unpublished(transaction, environ, mounts_passed(transaction, environ.get("SCRIPT_NAME", "")))


def _route_in_environ(transaction: RequestTransaction, environ: Request) -> str | None:
    """Return the route in an environ; `NO_ROUTE` if its framework found none, ``None`` if there is no framework."""
    request = flask_request(environ)
    if request is not None:
        rule = getattr(request.url_rule, "rule", None)
    elif is_bottle(environ):
        rule = routed_by_bottle(environ)
    elif was_flask(environ):
        listen_to_flask_requests()  # too late here: from now on Flask's signal is used
        return NO_ROUTE
    else:
        return None
    now = environ.get("SCRIPT_NAME", "").rstrip("/")  # Bottle's own mounts leave a slash there
    return NO_ROUTE if rule is None else mounts_passed(transaction, now) + rule


# ASGI


def read_asgi_route(transaction: RequestTransaction, scope: Request) -> None:
    """Note the route that FastAPI, Starlette, Litestar or Django found, unless one is noted.

    Called as the response starts, or at the end if there is none.
    """
    if transaction._route:
        return
    if scope.get("root_path", "") == transaction._mount_path:  # a shortcut for most requests
        leaf = leaf_of_litestar(scope) if "path_template" in scope else leaf_of_starlette(scope)
        if leaf:
            transaction._route = leaf
            return
    route = _innermost_route(transaction, scope)
    if route is not None:
        transaction._route = route
    elif transaction._route is NO_ROUTE:
        _note_unpublished(transaction, scope, "")


def _innermost_route(transaction: RequestTransaction, scope: Request) -> str | None:
    """Return the route in our scope or in the framework's copy of it; see `_route_in_scope`."""
    route = _route_in_scope(transaction, scope)
    if route and not (route.endswith(ANYTHING) or is_mounted_by_litestar(scope)):
        return route
    copy = _copy_elsewhere(transaction, scope)
    if copy is not None:
        return _route_in_scope(transaction, copy)
    if route and hasattr(transaction, "_handled_by"):  # the mounted application found none
        return NO_ROUTE
    return route


def _route_in_scope(transaction: RequestTransaction, scope: Request) -> str | None:
    """Return the route in a scope; `NO_ROUTE` if its framework found none, ``None`` if there is no framework."""
    if is_mounted_by_litestar(scope):
        mount = litestar_mount(scope, transaction._request_path)
        if leads_to(scope.get("endpoint"), scope["app"]):
            return asgi_mounts(transaction, scope) + mount
        if not has_starlette_below(scope):
            return mount
        below = _starlette_route(transaction, scope)
        return mount + below if below else NO_ROUTE
    if is_litestar(scope):
        route = routed_by_litestar(scope)
        return NO_ROUTE if route is None else asgi_mounts(transaction, scope) + route
    return _starlette_route(transaction, scope) if is_starlette(scope) else None


def _starlette_route(transaction: RequestTransaction, scope: Request) -> str:
    route: str | None = routed_by_starlette(scope)
    if route is None and (transaction.status or 500) < 400:
        route = routed_to_default(scope)
    return NO_ROUTE if route is None else asgi_mounts(transaction, scope) + route


# Applications that publish no route


def _note_unpublished(transaction: RequestTransaction, request: Request, mounts: str) -> None:
    """Name a request after the mount of the application that responded, or by looking Django's route up."""
    handled_by: Any = getattr(transaction, "_handled_by", None)
    if handled_by is None:
        path = transaction._request_path[len(transaction._mount_path) :]
        mounts = mounts or dispatched_part(request, path)
        if mounts:
            transaction._route = mounts + ANYTHING
    elif handled_by:
        look_up_django_route(transaction, *handled_by)
