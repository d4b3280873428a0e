"""The base of the WSGI and ASGI middleware: the wrapped application and options that never change.

Everything that belongs to one request is in that request's transaction, so that
one middleware serves any number of requests at the same time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ..transactions.context.current import get_current
from ..transactions.lifecycle import load_driver_early
from ..transactions.model.applications import ApplicationArgument
from ..transactions.model.identity import DEFAULT_GROUP, ExplicitName, IdentitySource
from ..transactions.model.naming import text_of
from ..transactions.model.process_state import process_state
from ..transactions.model.request import NO_ROUTE
from .framework_signals import listen_to_frameworks
from .known_routers import has_router
from .nested import join_request
from .signature import ConstructorSignature

__all__ = ["TransactionMiddleware"]

placed_from_outside: bool = False
"""Whether `weighbridge run` has wrapped an application, which may have a middleware that was set by hand besides."""


class TransactionMiddleware:
    """Base class of the middleware that wrap an application."""

    __slots__ = ("__wrapped__", "_application", "_explicit_name", "_identities", "_unrouted")

    __signature__: ClassVar[ConstructorSignature] = ConstructorSignature()

    def __init__(
        self,
        app: Callable[..., Any],
        application: ApplicationArgument = None,
        name: str | None = None,
        group: str | None = None,
    ) -> None:
        self.__wrapped__: Any = app
        self._application = application
        self._unrouted: str | None = None
        """The initial route of a request: `NO_ROUTE` for a known framework, else ``None``; set at the first request."""
        text = text_of(name, "name=")
        self._set_name(None if text is None else ExplicitName(text_of(group, "group=") or DEFAULT_GROUP, text))
        listen_to_frameworks()
        load_driver_early()

    def _set_name(self, explicit_name: ExplicitName | None) -> None:
        self._explicit_name = explicit_name
        self._identities: IdentitySource = IdentitySource(self._application, False, explicit_name)

    def _prepare(self) -> bool:
        """Get ready for a transaction to begin; return whether to measure it."""
        if self._identities.resolved_for is None:  # the first request: by now the application is complete
            self._unrouted = NO_ROUTE if has_router(self.__wrapped__) else None
        return self._identities.prepare()

    def _joins(self, request: Any) -> bool:
        """Join an outer web transaction that measures the request already, if there is one; return whether there is."""
        outer = get_current()
        if outer is None or not join_request(outer, request, self._explicit_name):
            return False
        if placed_from_outside and self._application is not None and outer.application is process_state.application:
            outer._set_application(process_state.resolve_application(self._application))  # what was set by hand counts
        return True
