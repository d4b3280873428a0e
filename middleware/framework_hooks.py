"""Hooks by which frameworks report on the request they handle, called from their signals or our integrations.

They act on the current transaction and need neither environ nor scope, so it does
not matter which copy of these the framework works with. None of them raises.
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
    """Return the transaction of the request that is being handled here, if it is measured."""
    transaction = get_active()
    return transaction if isinstance(transaction, RequestTransaction) else None


def hear_keys_of(request: MutableMapping[str, Any]) -> None:
    """Follow the keys in this copy of environ or scope, too: it is the one that the application sees."""
    try:
        transaction = current_request()
        if isinstance(transaction, MiddlewareTransaction) and not transaction._is_finished:
            transaction._request = ChainMap(request, cast("dict[str, Any]", transaction._request))
    except Exception:
        capture_internal_exception("hear_keys_of")


def note_unrouted() -> None:
    """Note that a framework handles the request and has found no route yet."""
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
    """Note the route that a framework has found. The first one stays, as the view may call other applications.

    Args:
        route: as it is written in the program, with a leading slash; ``None`` if there is none.
        mount: ``SCRIPT_NAME`` or ``root_path`` as the framework sees it.
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
    """Note an exception that a framework turns into a response or lets escape: an error if the response is a 5xx."""
    try:
        transaction = current_request()
        if transaction is not None and exception is not None:
            transaction._report_exception(exception)
    except Exception:
        capture_internal_exception("note_exception")


def note_failure(exception: BaseException) -> None:
    """Note an exception of a framework that lets none escape: once the response has started, it breaks the body."""
    try:
        transaction = current_request()
        if isinstance(transaction, MiddlewareTransaction) and transaction._response_head is not None:
            transaction._break_off(exception)
        else:
            note_exception(exception)
    except Exception:
        capture_internal_exception("note_failure")
