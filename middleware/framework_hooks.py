"""What a framework tells of the request that it handles, by its signals or by a plug of ours.

The request is the one of the calling context: these need neither environ nor
scope, so that it does not matter which copy of them the framework was given.
None of them raises.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import MutableMapping
from typing import Any, cast

from ..transactions.context.current import get_active
from ..transactions.log import capture_internal_exception
from ..transactions.model.request import NO_ROUTE, RequestTransaction
from .mounts import mounts_passed
from .request import MiddlewareTransaction

__all__ = ["current_request", "hear_keys_of", "note_exception", "note_failure", "note_route", "note_unrouted"]


def current_request() -> RequestTransaction | None:
    """The transaction of the request that is handled here, if it is measured."""
    transaction = get_active()
    return transaction if isinstance(transaction, RequestTransaction) else None


def hear_keys_of(request: MutableMapping[str, Any]) -> None:
    """The application is given this copy of environ or scope: the keys that it sets there hold."""
    try:
        transaction = current_request()
        if isinstance(transaction, MiddlewareTransaction) and not transaction._is_finished:
            transaction._request = ChainMap(request, cast("dict[str, Any]", transaction._request))
    except Exception:
        capture_internal_exception("hear_keys_of")


def note_unrouted() -> None:
    """A framework has the request and has found no route yet."""
    try:
        transaction = current_request()
        if transaction is None or transaction._route:
            return
        transaction._route = NO_ROUTE
        if isinstance(transaction, MiddlewareTransaction):
            transaction._handled_by = ()
    except Exception:
        capture_internal_exception("note_unrouted")


def note_route(route: str | None, mount: str = "") -> None:
    """A framework has found a route. The first that does is right: it may call another application by itself.

    Args:
        route: as it is written in the program, with a slash in front; ``None`` where there is none.
        mount: ``SCRIPT_NAME`` or ``root_path`` as the framework has it.
    """
    if route is None:
        note_unrouted()
        return
    try:
        transaction = current_request()
        if transaction is not None and not transaction._route:
            transaction._route = mounts_passed(transaction, mount) + route
    except Exception:
        capture_internal_exception("note_route")


def note_exception(exception: BaseException | None) -> None:
    """A framework answers a request with a page about an exception, or lets it escape: it counts if that is a 5xx."""
    try:
        transaction = current_request()
        if transaction is not None and exception is not None:
            transaction._report_exception(exception)
    except Exception:
        capture_internal_exception("note_exception")


def note_failure(exception: BaseException) -> None:
    """As `note_exception`, of a framework that lets none escape: where the response has started, its body breaks."""
    try:
        transaction = current_request()
        if isinstance(transaction, MiddlewareTransaction) and transaction._response_head is not None:
            transaction._break_off(exception)
        else:
            note_exception(exception)
    except Exception:
        capture_internal_exception("note_failure")
