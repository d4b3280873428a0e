"""Connexion's routes, and the exceptions that it turns into a 500.

Add one line before the application is wrapped::

    app = connexion.AsyncApp(__name__)
    weighbridge.middleware.connexion.instrument(app)
    asgi = ASGITransactionMiddleware(app)

Without it, failed requests have neither a route nor an error class.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..transactions.log import capture_internal_exception
from ..transactions.model.request import NO_ROUTE
from .framework_hooks import current_request, hear_keys_of, note_exception
from .nested import InnerRequestObserver
from .routes import read_asgi_route

__all__ = ["instrument"]


def instrument(app: Any) -> None:
    """Add middleware to a ``connexion.AsyncApp`` or ``FlaskApp``, in front of its router and of your handlers."""
    position = import_module("connexion.middleware").MiddlewarePosition
    app.add_middleware(_InFrontOfRouter, position.BEFORE_ROUTING)
    app.add_middleware(_InFrontOfHandlers, position.BEFORE_CONTEXT)


class _InFrontOfHandlers:
    """Receives the copy of the scope that the handlers see."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        hear_keys_of(scope)
        _note_operation(scope)
        await self.app(scope, receive, send)


def _note_operation(scope: Any) -> None:
    """Its path as the specification writes it, before a Flask further inside tells its own way of writing it."""
    try:
        transaction = current_request() if scope["type"] == "http" else None
        if transaction is not None:
            read_asgi_route(transaction, scope)
    except Exception:
        capture_internal_exception("weighbridge.middleware.connexion")


class _InFrontOfRouter:
    """Receives the copy of the scope into which Connexion's router writes the route."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        inner = _inner_request(scope, send)
        try:
            await self.app(scope, receive, send if inner is None else inner.send)
        except Exception as exception:
            note_exception(exception)
            if inner is not None:
                inner.fails()
            raise


def _inner_request(scope: Any, send: Any) -> InnerRequestObserver | None:
    try:
        transaction = current_request() if scope["type"] == "http" else None
        return None if transaction is None else InnerRequestObserver(transaction, scope, NO_ROUTE, send)
    except Exception:
        capture_internal_exception("weighbridge.middleware.connexion")
        return None
