"""A door further inside of another one: it opens nothing, and tells the open transaction what it sees itself.

The request that it is given may be a copy, or one of the other protocol, into
which an adapter has translated the outer one.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, cast

from ..transactions.entries.web import joined, outer_request
from ..transactions.log import swallowed
from ..transactions.model.clock import monotonic
from ..transactions.model.label import Given
from ..transactions.model.request import RequestTransaction
from ..transactions.model.transaction import Transaction
from ..transactions.stack.current import found
from .request import DoorTransaction
from .request_keys import is_enabled
from .routes import read_asgi_route, read_wsgi_route

__all__ = ["InnerRequest", "inner_request", "join"]

Request = MutableMapping[str, Any]

_OUTER: Final = ("wsgi_environ", "asgi.scope")
"""Keys in which an adapter keeps the request that it has translated (a2wsgi)."""


def join(outer: Transaction, request: Request, given: Given | None) -> bool:
    """Whether a request is a part of the one that is measured already, which then takes the name of the inner door."""
    if joined(given) is not None:
        return True
    if not _is_translated(outer, request):
        return False
    if given is not None and outer._active:
        outer._rename(*given)
    return True


def _is_translated(outer: Transaction, request: Request) -> bool:
    """Whether an adapter made it of the outer one, to run it in a task or thread of its own."""
    return isinstance(outer, DoorTransaction) and any(request.get(key) is outer._request for key in _OUTER)


def inner_request(request: Request, route: str | None, onward: Callable[..., Any]) -> InnerRequest | None:
    """The request of a door that has joined, where it is another than that of the outer door.

    Args:
        request: the environ or scope of the inner door.
        route: what it was routed to of which no framework tells.
        onward: the ``start_response`` or ``send`` that the inner door was given.
    """
    outer = found()
    if not isinstance(outer, RequestTransaction) or outer._over or not is_enabled(request, True):
        return None
    if _has(outer, request) or not (outer_request() is outer or _is_translated(outer, request)):
        return None
    return InnerRequest(outer, request, route, onward)


def _has(outer: RequestTransaction, request: Request) -> bool:
    """Whether it was given that very request."""
    own = getattr(outer, "_request", None)
    return any(request is one for one in getattr(own, "maps", (own,)))


class InnerRequest:
    """What a door further inside tells of its own request to the transaction that it has joined.

    Its methods are the ``send`` and the ``start_response`` of the application behind the inner door.
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
        if isinstance(outer, DoorTransaction):  # it hears the keys of both
            outer._request = ChainMap(request, cast("Request", outer._request))

    def send(self, message: Any) -> Awaitable[None]:
        """Hand a message on."""
        try:
            if message["type"] == "http.response.start":
                self._starts(message["status"], read_asgi_route)
        except Exception:
            swallowed("InnerRequest.send")
        return self._onward(message)  # type: ignore[no-any-return]

    def fails(self) -> None:
        """The application has raised: somebody further out answers. Never raises."""
        try:
            if not self._outer._over:
                read_asgi_route(self._outer, self._request)
        except Exception:
            swallowed("InnerRequest.fails")

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        """Hand the start of the response on."""
        try:
            self._starts(status, read_wsgi_route)
        except Exception:
            swallowed("InnerRequest.start_response")
        if exc_info is None:
            return self._onward(status, headers)
        try:
            return self._onward(status, headers, exc_info)
        finally:
            exc_info = None  # a traceback refers to this frame

    def _starts(self, status: Any, read_route: Callable[[RequestTransaction, Request], None]) -> None:
        outer = self._outer
        if outer._over:
            return
        if outer._head is None and not isinstance(outer, DoorTransaction):  # a call form sees no response itself
            outer._head = ()
            outer._response_started = monotonic()
            outer._status = status
        read_route(outer, self._request)
