"""Sanic's routes, and the exceptions that it answers with a 500, if an ASGI server runs it.

One line, before the application is wrapped::

    app = Sanic("shop")
    weighbridge.middleware.sanic.instrument(app)
    asgi = ASGITransactionMiddleware(app)

Sanic's own server does not support middleware around an application: requests to it are not measured.
"""

from __future__ import annotations

from typing import Any

from .framework_hooks import note_failure, note_route, note_unrouted
from .known_routers import publishes_its_routes

__all__ = ["instrument"]


def instrument(app: Any) -> None:
    """Listen to the signals by which Sanic reports a request's route and exceptions."""
    publishes_its_routes("sanic.app", "Sanic")
    app.add_signal(_begins, "http.routing.before")
    app.add_signal(_is_routed, "http.routing.after")
    app.add_signal(_fails, "http.lifecycle.exception")


async def _begins(**_: Any) -> None:
    note_unrouted()


async def _is_routed(route: Any, **_: Any) -> None:
    note_route(f"/{route.path}")


async def _fails(exception: BaseException, **_: Any) -> None:
    note_failure(exception)
