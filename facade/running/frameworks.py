"""The frameworks: how their routes and exceptions are heard of, and their applications under unknown servers."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any, Final

from weighbridge import middleware
from weighbridge.middleware.framework_signals import listen_to_frameworks
from weighbridge.transactions.log import capture_internal_exception

from .applications import is_asgi, replace, watch_calls

__all__ = [
    "bottle",
    "channels",
    "connexion",
    "django",
    "falcon",
    "flask",
    "pyramid",
    "pyramid_router",
    "quart",
    "sanic",
    "starlette",
]


def flask(module: ModuleType) -> None:
    """It reports by signals and in the environ."""
    listen_to_frameworks()
    watch_calls(module.Flask, middleware.WSGIApplicationWrapper)


def quart(module: ModuleType) -> None:
    """It reports by signals."""
    listen_to_frameworks()
    watch_calls(module.Quart, middleware.ASGIApplicationWrapper)


def bottle(module: ModuleType) -> None:
    """It reports in the environ."""
    watch_calls(module.Bottle, middleware.WSGIApplicationWrapper)


def starlette(module: ModuleType) -> None:
    """It reports in the scope; FastAPI's application is one of its own."""
    watch_calls(module.Starlette, middleware.ASGIApplicationWrapper)


def pyramid_router(module: ModuleType) -> None:
    """It is the application; its routes are told by the tween."""
    watch_calls(module.Router, middleware.WSGIApplicationWrapper)


# Django


_MIDDLEWARE: Final = "weighbridge.middleware.DjangoTransactionMiddleware"


def django(module: ModuleType) -> None:
    """Its handlers build their list of middleware when they are made, with ours in front while they do."""

    def load_middleware(original: Any) -> Any:
        def load_middleware(self: Any, *args: Any, **kwargs: Any) -> Any:
            listed = _listed(module.settings)
            if listed is None:
                return original(self, *args, **kwargs)
            module.settings.MIDDLEWARE = type(listed)((_MIDDLEWARE, *listed))
            try:
                return original(self, *args, **kwargs)
            finally:
                module.settings.MIDDLEWARE = listed

        return load_middleware

    replace(module.BaseHandler, "load_middleware", load_middleware)


def _listed(settings: Any) -> Any:
    """Return the project's list of middleware; ``None`` where it has ours already."""
    try:
        listed = settings.MIDDLEWARE
        is_there = any(str(path).rpartition(".")[2] == _MIDDLEWARE.rpartition(".")[2] for path in listed)
        return listed if type(listed) in {list, tuple} and not is_there else None
    except Exception:  # Django itself will say what is wrong with the settings
        return None


# Frameworks that need a plug


def falcon(module: ModuleType) -> None:
    """Each application gets the plug when it is made, and again when it has got another handler for `Exception`."""
    interface = is_asgi(module.App.__call__)

    def init(original: Any) -> Any:
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            original(self, *args, **kwargs)
            if is_asgi(type(self).__call__) == interface:  # the one for ASGI is derived from the other
                _instrument("falcon", self)

        return __init__

    def add_error_handler(original: Any) -> Any:
        def add_error_handler(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            _instrument("falcon", self)

        return add_error_handler

    replace(module.App, "__init__", init)
    replace(module.App, "add_error_handler", add_error_handler)
    watch_calls(module.App, middleware.ASGIApplicationWrapper if interface else middleware.WSGIApplicationWrapper)


def pyramid(module: ModuleType) -> None:
    """The configuration includes the plug before it makes the application."""

    def make_wsgi_app(original: Any) -> Any:
        def make_wsgi_app(self: Any) -> Any:
            try:
                self.include("weighbridge.middleware.pyramid")
            except Exception:
                capture_internal_exception("weighbridge run")
            return original(self)

        return make_wsgi_app

    replace(module.Configurator, "make_wsgi_app", make_wsgi_app)


def sanic(module: ModuleType) -> None:
    """Each application gets the plug when it is made."""
    _instrument_new(module.Sanic, "sanic")


def connexion(module: ModuleType) -> None:
    """Each application gets the plug when it is made."""
    _instrument_new(module.AbstractApp, "connexion")


def channels(module: ModuleType) -> None:
    """Its router is replaced by one that is derived from it."""
    module.URLRouter = import_module("weighbridge.middleware.channels").URLRouter  # type: ignore[attr-defined]


def _instrument_new(kind: type, plug: str) -> None:
    def init(original: Any) -> Any:
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            original(self, *args, **kwargs)
            _instrument(plug, self)

        return __init__

    replace(kind, "__init__", init)


def _instrument(plug: str, app: Any) -> None:
    try:
        import_module(f"weighbridge.middleware.{plug}").instrument(app)
    except Exception:
        capture_internal_exception("weighbridge run")
