"""Whether an application belongs to a framework that publishes its routes.

If it does, a response that is given before routing (a redirect to HTTPS, a refused
host, a preflight request) is not named after its path, as clients can make up any
number of paths.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import MemberDescriptorType, MethodType
from typing import Any, Final

__all__ = ["has_router", "layers", "publishes_its_routes"]

_routers: Final = {
    ("bottle", "Bottle"),
    ("cheroot.wsgi", "PathInfoDispatcher"),
    ("connexion.apps.abstract", "AbstractApp"),
    ("django.core.handlers.base", "BaseHandler"),
    ("flask.app", "Flask"),
    ("hypercorn.middleware.dispatcher", "_DispatcherMiddleware"),
    ("litestar.app", "Litestar"),
    ("quart.app", "Quart"),
    ("starlette.applications", "Starlette"),
    ("starlette.routing", "Router"),
    ("werkzeug.exceptions", "HTTPException"),
}
"""Classes, by module and name. Dispatchers respond themselves to what they do not find, as exceptions always do."""

_INNER: Final = ("__wrapped__", "app", "application", "wsgi_app", "wsgi_application", "inner")
"""Attributes in which middleware keep the application they wrap."""
_DEEPEST: Final = 50


def publishes_its_routes(module: str, name: str) -> None:
    """Register a framework's class whose routes one of our integrations reports."""
    _routers.add((module, name))


def has_router(app: Any) -> bool:
    """Whether an application is or wraps one of a known framework, as far as its attributes show."""
    return any(_is_known(type(layer)) for layer in layers(app))


def layers(app: Any) -> Iterator[Any]:
    """Yield an application and the ones it wraps, outermost first."""
    for _ in range(_DEEPEST):
        if app is None:
            return
        yield app
        app = _inner(app)


def _is_known(kind: type) -> bool:
    return any((base.__module__, base.__qualname__) in _routers for base in kind.__mro__)


def _inner(app: Any) -> Any:
    """Return the wrapped application, without running the application's own code, which may load it lazily."""
    if isinstance(app, MethodType):
        return app.__self__
    if isinstance(app, partial):
        return app.func
    by_protocol = _stored(app, "application_mapping")  # of Channels
    if isinstance(by_protocol, dict):
        return by_protocol.get("http")
    return next((inner for inner in (_stored(app, name) for name in _INNER) if inner is not None), None)


def _stored(app: Any, name: str) -> Any:
    """Return the value stored in an instance attribute or a slot."""
    try:
        return object.__getattribute__(app, "__dict__")[name]
    except (AttributeError, KeyError):
        slots = (vars(base).get(name) for base in type(app).__mro__)
    slot = next((slot for slot in slots if isinstance(slot, MemberDescriptorType)), None)
    return None if slot is None else slot.__get__(app)
