"""weighbridge in front of every application, where a framework or server takes applications.

For the suites of others: what they test is to behave as it does without us. It
is put in place when the module in question is imported, in the process of the
tests and, by a ``.pth`` file, in those that they start. In front of each middleware
stands a counter, so that what was asked can be compared with what was recorded.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

import wrapt

__all__ = ["FRAMEWORK", "asked", "wrap"]

FRAMEWORK: Final = "WRAPPED_BY_SUITES"
"""The environment variable that names the framework."""

asked: Final[list[str]] = []
"""What was asked for, in this process."""
_thread: Final = threading.local()


@contextmanager
def _asked(path: str) -> Iterator[None]:
    """Count a request, unless it is made by one and within it: that is a part of that one's work."""
    within, _thread.within = getattr(_thread, "within", False), True
    if not within:
        asked.append(path)
    try:
        yield
    finally:
        _thread.within = within


def _wsgi(application: Any) -> Any:
    """An application behind our middleware, behind the counter."""
    from weighbridge.middleware import WSGITransactionMiddleware

    middleware = WSGITransactionMiddleware(application)

    def counting(environ: Any, start_response: Any) -> Any:
        with _asked(environ.get("PATH_INFO", "")):
            return middleware(environ, start_response)

    return counting


def _asgi(application: Any) -> Any:
    """An application behind our middleware, behind the counter."""
    from weighbridge.middleware import ASGITransactionMiddleware

    middleware = ASGITransactionMiddleware(application)

    async def counting(scope: Any, receive: Any, send: Any) -> Any:
        if scope["type"] == "http":
            asked.append(scope["path"])
        return await middleware(scope, receive, send)

    return counting


def _behind(wrapper: Callable[[Any], Any], owner: type, method: str) -> None:
    """Have a method of a class that is an application itself called behind the middleware."""
    original = getattr(owner, method)

    @functools.wraps(original)
    def behind(self: Any, *arguments: Any) -> Any:
        return wrapper(functools.partial(original, self))(*arguments)

    setattr(owner, method, behind)


def _after_init(wrapper: Callable[[Any], Any], owner: type) -> None:
    """Have what a class keeps as ``app`` stand behind the middleware."""
    original = owner.__init__

    @functools.wraps(original)
    def init(self: Any, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        self.app = wrapper(self.app)

    owner.__init__ = init  # type: ignore[misc]


def _flask(module: ModuleType) -> None:
    _behind(_wsgi, module.Flask, "wsgi_app")


def _bottle(module: ModuleType) -> None:
    _behind(_wsgi, module.Bottle, "wsgi")


def _werkzeug_client(module: ModuleType) -> None:
    original = module.run_wsgi_app

    @functools.wraps(original)
    def run_wsgi_app(app: Any, *arguments: Any, **options: Any) -> Any:
        return original(_wsgi(app), *arguments, **options)

    module.run_wsgi_app = run_wsgi_app  # type: ignore[attr-defined]


def _werkzeug_server(module: ModuleType) -> None:
    _after_init(_wsgi, module.BaseWSGIServer)


def _starlette_client(module: ModuleType) -> None:
    _after_init(_asgi, module._TestClientTransport)


def _uvicorn_protocol(module: ModuleType) -> None:
    for name in ("H11Protocol", "HttpToolsProtocol"):
        if name in vars(module):
            _after_init(_asgi, getattr(module, name))


def _django(module: ModuleType) -> None:
    """Ours is the first of the middleware, whatever a test has set, and the counter in front of it."""
    handler = module.BaseHandler
    original = handler.load_middleware

    @functools.wraps(original)
    def load_middleware(self: Any, *arguments: Any, **options: Any) -> None:
        settings, module.settings = module.settings, _WithOurs(module.settings)  # type: ignore[attr-defined]
        try:
            original(self, *arguments, **options)
        finally:
            module.settings = settings  # type: ignore[attr-defined]
        self._middleware_chain = _counted(self._middleware_chain)

    handler.load_middleware = load_middleware


class _WithOurs:
    """Django's settings, with our middleware."""

    def __init__(self, settings: Any) -> None:
        self._settings = settings

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._settings, name)
        return ["weighbridge.middleware.DjangoTransactionMiddleware", *value] if name == "MIDDLEWARE" else value


def _counted(chain: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def counting(request: Any) -> Any:
        with _asked(request.path):
            return chain(request)

    return counting


_HOOKS: Final[dict[str, dict[str, Callable[[ModuleType], None]]]] = {
    "bottle": {"bottle": _bottle},
    "django": {"django.core.handlers.base": _django},
    "fastapi": {"starlette.testclient": _starlette_client},
    "flask": {"flask.app": _flask},
    "starlette": {"starlette.testclient": _starlette_client},
    "uvicorn": {
        "uvicorn.protocols.http.h11_impl": _uvicorn_protocol,
        "uvicorn.protocols.http.httptools_impl": _uvicorn_protocol,
    },
    "werkzeug": {"werkzeug.serving": _werkzeug_server, "werkzeug.test": _werkzeug_client},
}


@functools.cache
def wrap() -> None:
    """Stand in front of the applications of the framework that the environment names, if it names one."""
    for module, hook in _HOOKS.get(os.environ.get(FRAMEWORK, ""), {}).items():
        assert module not in sys.modules, f"{module} was imported before it could be wrapped"
        wrapt.register_post_import_hook(hook, module)
