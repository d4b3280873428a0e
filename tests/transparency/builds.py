"""Every application in every way that we stand in front of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware

from . import asgi_apps, asgi_side, django_apps, wsgi_apps, wsgi_side

__all__ = ["ASGI", "WSGI", "Build"]

Build = Callable[[bool], Any]
"""Makes an application, measured or not."""


def wrapped_wsgi(make: Callable[[], Any]) -> Build:
    """The middleware around the application, as around any."""

    def build(measured: bool) -> Any:
        app = wsgi_side.spying(make())
        return WSGITransactionMiddleware(app) if measured else app

    return build


def flask_itself(measured: bool) -> Any:
    """The middleware within the application, as the tutorial has it."""
    app = wsgi_apps.flask_app()
    app.wsgi_app = wsgi_side.spying(app.wsgi_app)  # type: ignore[method-assign]
    if measured:
        app.wsgi_app = WSGITransactionMiddleware(app.wsgi_app)  # type: ignore[method-assign]
    return app


def wrapped_asgi(make: Callable[[asgi_apps.Stack], Any]) -> Build:
    """The middleware around the application, as around any."""

    def build(measured: bool) -> Any:
        app = asgi_side.spying(make(()))
        return ASGITransactionMiddleware(app) if measured else app

    return build


def listed(make: Callable[[asgi_apps.Stack], Any]) -> Build:
    """The middleware in the framework's list, the outermost but for its own error handling."""
    return lambda measured: make([*[ASGITransactionMiddleware] * measured, asgi_side.spying])


WSGI: dict[str, Build] = {
    **{name: wrapped_wsgi(make) for name, make in wsgi_apps.APPS.items()},
    "Flask's wsgi_app": flask_itself,
    "Django": wrapped_wsgi(django_apps.wsgi_app),
    "Django's MIDDLEWARE": lambda measured: wsgi_side.spying(django_apps.wsgi_app(*[django_apps.OURS] * measured)),
}

ASGI: dict[str, Build] = {
    **{name: wrapped_asgi(make) for name, make in asgi_apps.APPS.items()},
    "Starlette's middleware": listed(asgi_apps.APPS["Starlette"]),
    "FastAPI's add_middleware": listed(asgi_apps.APPS["FastAPI"]),
    "Django": wrapped_asgi(lambda stack: django_apps.asgi_app()),
    "Django's MIDDLEWARE": lambda measured: asgi_side.spying(django_apps.asgi_app(*[django_apps.OURS] * measured)),
}
