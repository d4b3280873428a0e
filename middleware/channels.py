"""Routes of HTTP requests to Django Channels: its router, which reports the matching patterns.

Only the import changes::

    from weighbridge.middleware.channels import URLRouter

    application = ASGITransactionMiddleware(ProtocolTypeRouter({"http": URLRouter([path("live/<int:id>", consumer)])}))
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from .framework_hooks import hear_keys_of, note_route, note_unrouted
from .known_routers import has_router, publishes_its_routes

__all__ = ["URLRouter"]

publishes_its_routes("channels.routing", "URLRouter")

if TYPE_CHECKING:  # neither is typed

    class _URLRouter:
        routes: Any

        def __init__(self, routes: Any) -> None: ...

        async def __call__(self, scope: Any, receive: Any, send: Any) -> Any: ...

else:
    _URLRouter = import_module("channels.routing").URLRouter
_URLPattern: Any = import_module("django.urls").URLPattern

_SO_FAR: Final = "weighbridge.channels"
"""Key of a scope for the patterns matched by outer routers."""


class URLRouter(_URLRouter):
    """A ``channels.routing.URLRouter`` that names HTTP requests after the patterns that matched."""

    def __init__(self, routes: Iterable[Any]) -> None:
        super().__init__(list(map(_telling, routes)))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        """Route a request or a connection."""
        note_unrouted()
        return await super().__call__(scope, receive, send)


def _telling(route: Any) -> Any:
    if not isinstance(route, _URLPattern):
        return route  # Channels rejects it
    return _URLPattern(route.pattern, _Telling(route), route.default_args, route.name)


class _Telling:
    """Wraps the application that a route leads to. If that is another router, the route is named by it."""

    def __init__(self, route: Any) -> None:
        self._route = route
        self._leads_further = has_router(route.callback)
        self._path_routing = getattr(route.callback, "_path_routing", False)  # Channels recognizes routers by it

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        path = f"{scope.get(_SO_FAR, '')}{self._route.pattern}"
        if not self._leads_further:
            note_route(f"/{path}", scope.get("root_path", ""))
        inner = {**scope, _SO_FAR: path}
        hear_keys_of(inner)
        return await self._route.callback(inner, receive, send)
