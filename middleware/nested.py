"""Nested middleware: the inner one opens no transaction, and tells the outer one's what it sees.

The inner middleware's request may be a copy of the outer one, or one of the other
protocol that an adapter has made of it.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast

from ..transactions.context.current import get_current
from ..transactions.log import capture_internal_exception
from ..transactions.model.clock import monotonic
from ..transactions.model.identity import ExplicitName
from ..transactions.model.request import RequestTransaction
from ..transactions.model.transaction import Transaction
from ..transactions.wrappers.web import get_outer, join_outer
from .request import MiddlewareTransaction
from .request_keys import is_enabled
from .routes import read_asgi_route, read_wsgi_route

__all__ = ["InnerRequestObserver", "inner_request", "join_request"]

Request = Mapping[str, Any]

_OUTER: Final = ("wsgi_environ", "asgi.scope")
"""Keys under which an adapter (a2wsgi) keeps the request that it has translated."""


def join_request(outer: Transaction, request: Request, explicit_name: ExplicitName | None) -> bool:
    """Join the transaction that measures a request already, giving it the inner name; return whether there is one."""
    if join_outer(explicit_name) is not None:
        return True
    if not _is_translated(outer, request):
        return False
    if explicit_name is not None and outer._is_active:
        outer._rename(*explicit_name)
    return True


def _is_translated(outer: Transaction, request: Request) -> bool:
    """Whether an adapter has translated the outer request into this one, to run it in another task or thread."""
    return isinstance(outer, MiddlewareTransaction) and any(request.get(key) is outer._request for key in _OUTER)


def inner_request(request: Request, route: str | None, onward: Callable[..., Any]) -> InnerRequestObserver | None:
    """Return an observer for a middleware that has joined, if its request is not the outer middleware's own.

    Args:
        request: the environ or scope of the inner middleware.
        route: the initial route of its requests (see `TransactionMiddleware`).
        onward: the ``start_response`` or ``send`` that was passed to the inner middleware.
    """
    outer = get_current()
    if not isinstance(outer, RequestTransaction) or outer._is_finished or not is_enabled(request, True):
        return None
    if _has(outer, request) or not (get_outer() is outer or _is_translated(outer, request)):
        return None
    return InnerRequestObserver(outer, request, route, onward)


def _has(outer: RequestTransaction, request: Request) -> bool:
    """Whether the outer transaction has this very request."""
    own = getattr(outer, "_request", None)
    return any(request is one for one in getattr(own, "maps", (own,)))


class InnerRequestObserver:
    """Reports what happens to an inner middleware's request to the transaction that it has joined.

    Its methods serve as ``send`` and ``start_response`` for the application behind the inner middleware.
    """

    __slots__ = ("_onward", "_outer", "_request")

    def __init__(
        self, outer: RequestTransaction, request: Request, route: str | None, onward: Callable[..., Any]
    ) -> None:
        self._outer = outer
        self._request = request
        self._onward = onward
        if outer._route is None:
            outer._route = route
        if isinstance(outer, MiddlewareTransaction):  # it watches the keys of both
            both = cast("tuple[dict[str, Any], ...]", (request, outer._request))  # nobody writes to them
            outer._request = ChainMap(*both)

    def send(self, message: Any) -> Awaitable[None]:
        """Pass a message on."""
        try:
            if message["type"] == "http.response.start":
                self._starts(message["status"], read_asgi_route)
        except Exception:
            capture_internal_exception("InnerRequestObserver.send")
        return self._onward(message)  # type: ignore[no-any-return]

    def fails(self) -> None:
        """Read the route after the application has raised, and something further out responds. Never raises."""
        try:
            if not self._outer._is_finished:
                read_asgi_route(self._outer, self._request)
        except Exception:
            capture_internal_exception("InnerRequestObserver.fails")

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        """Pass the start of the response on."""
        try:
            self._starts(status, read_wsgi_route)
        except Exception:
            capture_internal_exception("InnerRequestObserver.start_response")
        if exc_info is None:
            return self._onward(status, headers)
        try:
            return self._onward(status, headers, exc_info)
        finally:
            exc_info = None  # a traceback refers to this frame

    def _starts(self, status: Any, read_route: Callable[[RequestTransaction, Request], None]) -> None:
        outer = self._outer
        if outer._is_finished:
            return
        if outer._response_head is None and not isinstance(
            outer, MiddlewareTransaction
        ):  # a call form sees no response by itself
            outer._response_head = ()
            outer._response_start_time = monotonic()
            outer._status = status
        read_route(outer, self._request)
