"""The servers: where each of them takes its application."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from weighbridge.middleware.shutdown import listen_for_the_end

from .applications import measured, measured_asgi, measured_beside, measured_wsgi, replace

__all__ = [
    "cheroot",
    "daphne",
    "gevent",
    "granian_asgi",
    "granian_wsgi",
    "gunicorn",
    "hypercorn",
    "uvicorn",
    "waitress",
    "werkzeug",
    "wsgiref",
]


def gunicorn(module: ModuleType) -> None:
    """All worker classes and ``--preload`` ask the same method."""

    def wsgi(original: Any) -> Any:
        def wsgi(self: Any) -> Any:
            app = original(self)
            wrapped = measured(app)
            if wrapped is not app:
                self.callable = wrapped  # which it returns from now on
            return wrapped

        return wsgi

    replace(module.BaseApplication, "wsgi", wsgi)


def uvicorn(module: ModuleType) -> None:
    """Its own wrappers are in place when the configuration has been loaded."""

    def load(original: Any) -> Any:
        def load(self: Any) -> None:
            original(self)
            if self.interface == "wsgi":
                _measure_behind(self.loaded_app)
                listen_for_the_end()
            else:
                self.loaded_app = measured_asgi(self.loaded_app)

        return load

    replace(module.Config, "load", load)


def _measure_behind(app: Any) -> None:
    """Measure the WSGI application behind uvicorn's adapter, which carries no context into its threads."""
    while hasattr(app, "app"):
        if type(app).__name__ == "WSGIMiddleware":
            app.app = measured_wsgi(app.app)
            return
        app = app.app


def hypercorn(module: ModuleType) -> None:
    """One wrapper for each interface, whatever the loop."""
    _measure_argument(module.ASGIWrapper, measured_asgi)
    _measure_argument(module.WSGIWrapper, measured_wsgi)


def daphne(module: ModuleType) -> None:
    """The server gets it as its first argument, also from ``manage.py runserver`` of Channels."""
    _measure_argument(module.Server, measured_asgi)


def granian_asgi(module: ModuleType) -> None:
    """The lifespan and the requests get it one after the other, in each worker."""
    middleware = _Once()
    _measure_argument(module.LifespanProtocol, middleware)
    _measure_call(module, "_callback_wrapper", middleware)


def granian_wsgi(module: ModuleType) -> None:
    """Each worker wraps it."""
    _measure_call(module, "_callback_wrapper", measured_wsgi)


def waitress(module: ModuleType) -> None:
    """The command and ``waitress.serve`` both make a server by this function."""
    _measure_call(module, "create_server", measured_wsgi)


def cheroot(module: ModuleType) -> None:
    """It stands behind the address."""

    def init(original: Any) -> Any:
        def __init__(self: Any, bind_addr: Any, wsgi_app: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            original(self, bind_addr, measured_wsgi(wsgi_app), *args, **kwargs)

        return __init__

    replace(module.Server, "__init__", init)


def gevent(module: ModuleType) -> None:
    """It stands behind the listener, and may be missing."""

    def init(original: Any) -> Any:
        def __init__(self: Any, listener: Any, application: Any = None, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            original(self, listener, measured_wsgi(application), *args, **kwargs)

        return __init__

    replace(module.WSGIServer, "__init__", init)


def werkzeug(module: ModuleType) -> None:
    """The server of ``flask run``, and of ``run_simple``."""

    def init(original: Any) -> Any:
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            original(self, *args, **kwargs)
            self.app = measured_beside(self.app)

        return __init__

    replace(module.BaseWSGIServer, "__init__", init)


def wsgiref(module: ModuleType) -> None:
    """The server of the standard library, and what is derived from it: Bottle's and Pyramid's default."""

    def set_app(original: Any) -> Any:
        def set_app(self: Any, application: Any) -> None:
            original(self, measured_beside(application))

        return set_app

    replace(module.WSGIServer, "set_app", set_app)


def _measure_argument(kind: type, middleware: Any) -> None:
    """Have the application measured that is the first argument of a class."""

    def init(original: Any) -> Any:
        name = _parameter(original, 1)

        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            args, kwargs = _with_middleware(middleware, name, args, kwargs)
            original(self, *args, **kwargs)

        return __init__

    replace(kind, "__init__", init)


def _measure_call(module: ModuleType, function: str, middleware: Any) -> None:
    """Have the application measured that is the first argument of a function."""

    def call(original: Any) -> Any:
        name = _parameter(original, 0)

        def call(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = _with_middleware(middleware, name, args, kwargs)
            return original(*args, **kwargs)

        return call

    replace(module, function, call)


def _parameter(function: Any, position: int) -> str:
    return str(function.__code__.co_varnames[position])


def _with_middleware(middleware: Any, name: str, args: Any, kwargs: Any) -> tuple[Any, Any]:
    if args:
        return (middleware(args[0]), *args[1:]), kwargs
    return args, ({**kwargs, name: middleware(kwargs[name])} if name in kwargs else kwargs)


class _Once:
    """Puts one middleware around an application that is taken several times, one after the other."""

    def __init__(self) -> None:
        self._app: Any = None
        self._measured: Any = None

    def __call__(self, app: Any) -> Any:
        if self._app is not app:
            self._app, self._measured = app, measured_asgi(app)
        return self._measured
