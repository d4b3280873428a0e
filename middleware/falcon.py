"""Falcon's routes, and the exceptions that it turns into a 500.

Add one line before the application is wrapped, for WSGI and ASGI alike::

    app = falcon.App()
    weighbridge.middleware.falcon.instrument(app)
    app = WSGITransactionMiddleware(app)

Sinks and static routes have no template; their requests are named after the status.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from .framework_hooks import note_exception, note_route, note_unrouted
from .known_routers import publishes_its_routes

__all__ = ["instrument"]


def instrument(app: Any) -> None:
    """Have a ``falcon.App`` or ``falcon.asgi.App`` report its routes and unhandled errors.

    Errors are reported by a handler for ``Exception`` that calls the handler it
    replaces, so add your own handler for ``Exception`` before this call, or call it again.
    """
    handled = app._error_handlers[Exception]  # Falcon's own, or the user's: there is no public way to ask
    if getattr(handled, "__module__", None) == __name__:
        return
    is_asgi = any(base.__module__ == "falcon.asgi.app" for base in type(app).__mro__)
    app.add_error_handler(Exception, _telling_async(handled) if is_asgi else _telling(handled))
    if not any(isinstance(one, _Routes) for one in app._unprepared_middleware):
        publishes_its_routes("falcon.app", "App")
        app.add_middleware(_Routes())


class _Routes:
    """A middleware for Falcon, which calls ``process_resource`` when it has found a route."""

    def process_request(self, req: Any, resp: Any) -> None:
        note_unrouted()

    def process_resource(self, req: Any, resp: Any, resource: Any, params: Any) -> None:
        note_route(req.uri_template, req.root_path)

    async def process_request_async(self, req: Any, resp: Any) -> None:
        note_unrouted()

    async def process_resource_async(self, req: Any, resp: Any, resource: Any, params: Any) -> None:
        note_route(req.uri_template, req.root_path)


def _telling(handled: Callable[..., None]) -> Callable[..., None]:
    def handler(req: Any, resp: Any, error: Exception, params: Any) -> None:
        note_exception(error)
        handled(req, resp, error, params)

    return handler


def _telling_async(handled: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def handler(req: Any, resp: Any, error: Exception, params: Any, **more: Any) -> None:
        note_exception(error)
        await handled(req, resp, error, params, **more)

    return handler
