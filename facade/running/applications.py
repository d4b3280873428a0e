"""Puts the middleware around applications, from outside and once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import MethodType
from typing import Any, Final

from weighbridge import middleware
from weighbridge.middleware import base
from weighbridge.middleware.known_routers import layers
from weighbridge.transactions.context.current import get_current
from weighbridge.transactions.log import capture_internal_exception

__all__ = ["is_asgi", "measured", "measured_asgi", "measured_beside", "measured_wsgi", "replace", "watch_calls"]

Application = Any
Middleware = Callable[[Application], Application]


# Applications that a server takes


def measured_wsgi(app: Application) -> Application:
    """Return the WSGI application of a server with the middleware around it, unless it has one. Never raises."""
    _leave_it_to_the_server()
    return measured_beside(app)


def measured_asgi(app: Application) -> Application:
    """Return the ASGI application of a server with the middleware around it, unless it has one. Never raises."""
    _leave_it_to_the_server()
    return _measured(app, lambda: middleware.ASGIApplicationWrapper(app))


def measured_beside(app: Application) -> Application:
    """Do as `measured_wsgi` for a server that may run beside the one that matters (one for metrics, in a thread)."""
    return _measured(app, lambda: middleware.WSGIApplicationWrapper(app))


def measured(app: Application) -> Application:
    """Return an application of either interface with the middleware around it, unless it has one. Never raises.

    One that can be called as neither (a worker class may ask for something else) stays as it is.
    """
    if is_asgi(app):
        return measured_asgi(app) if _takes(app, _ASGI_ARGUMENTS) else app
    return measured_wsgi(app) if _takes(app, _WSGI_ARGUMENTS) else app


_WSGI_ARGUMENTS: Final = 2
_ASGI_ARGUMENTS: Final = 3


def _takes(app: Application, count: int) -> bool:
    """Whether an application can be called with that many arguments, as far as it tells."""
    from inspect import signature  # noqa: PLC0415  see `is_asgi`

    try:
        found = signature(app)
    except Exception:  # it does not tell, and its code may have run
        return True
    try:
        found.bind(*range(count))
    except TypeError:
        return False
    return True


def _measured(app: Application, wrap: Callable[[], Application]) -> Application:
    try:
        if not callable(app) or _is_measured(app):
            return app
        base.placed_from_outside = True
        return wrap()
    except Exception:
        capture_internal_exception("weighbridge run")
        return app


def _is_measured(app: Application) -> bool:
    """Whether a middleware was set by hand, or will be set by Django's list of middleware."""
    if any(isinstance(layer, base.TransactionMiddleware) for layer in layers(app)):
        return True
    django: Any = sys.modules.get("django.core.handlers.base")
    return django is not None and isinstance(app, django.BaseHandler)


def is_asgi(app: Application) -> bool:
    """Whether an application is called as ASGI 3.0 asks for."""
    from inspect import iscoroutinefunction  # noqa: PLC0415  slow to import, and needed only by who serves

    return iscoroutinefunction(app) or iscoroutinefunction(getattr(app, "__call__", None))  # noqa: B004


# Applications that a server takes which is not known


_MOST: Final = 16
"""Applications of a process that are measured by themselves, at any time."""

_own: Final[dict[int, Application]] = {}
_watched: Final[list[tuple[type, Callable[..., Any], Callable[..., Any]]]] = []


def watch_calls(kind: type, middleware: Middleware) -> None:
    """Measure each application of a class where it is called, until a server takes an application.

    This is for servers that are not known: they call the application itself, and
    what stands in front of it is not measured.
    """
    original = vars(kind)["__call__"]
    replacement = _asgi_call(original, middleware) if is_asgi(original) else _wsgi_call(original, middleware)
    replacement.__name__, replacement.__qualname__ = original.__name__, original.__qualname__
    replacement.__doc__, replacement.__module__ = original.__doc__, original.__module__
    _watched.append((kind, replacement, original))
    kind.__call__ = replacement  # type: ignore[method-assign]


def _wsgi_call(original: Callable[..., Any], middleware: Middleware) -> Callable[..., Any]:
    def __call__(self: Application, environ: Any, start_response: Any) -> Any:  # noqa: N807
        if _is_part_of_a_request():
            return original(self, environ, start_response)
        return _middleware_of(self, original, middleware)(environ, start_response)

    return __call__


def _asgi_call(original: Callable[..., Any], middleware: Middleware) -> Callable[..., Any]:
    async def __call__(self: Application, scope: Any, receive: Any, send: Any) -> Any:  # noqa: N807
        if _is_part_of_a_request():
            return await original(self, scope, receive, send)
        return await _middleware_of(self, original, middleware)(scope, receive, send)

    return __call__


def _is_part_of_a_request() -> bool:
    """Whether the application is called by another one that is measured: it is mounted there, or a middleware."""
    outer = get_current()
    return outer is not None and outer._opened_by_web


def _middleware_of(app: Application, original: Callable[..., Any], middleware: Middleware) -> Application:
    """Return the middleware of one application; it is kept here, as some have no room for an attribute."""
    found = _own.get(id(app))
    if found is None:
        if len(_own) >= _MOST:
            _own.clear()
        found = _own[id(app)] = middleware(MethodType(original, app))
    return found


def _leave_it_to_the_server() -> None:
    """Give the classes their own methods back: from now on the server's application is measured."""
    while _watched:
        kind, replacement, original = _watched.pop()
        if vars(kind).get("__call__") is replacement:
            kind.__call__ = original  # type: ignore[method-assign]


# Whatever is replaced


def replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replace an attribute of a module or class by what ``make`` makes of it; nothing happens where there is none."""
    original = vars(owner).get(name)
    if original is None:
        return
    replacement = make(original)
    replacement.__wrapped__ = original
    for attribute in ("__doc__", "__module__", "__name__", "__qualname__"):
        setattr(replacement, attribute, getattr(original, attribute, None))
    setattr(owner, name, replacement)
