"""What a framework tells of the request that it handles, by its signals or by a plug of ours.

The request is the one of the calling context: these need neither environ nor
scope, so that it does not matter which copy of them the framework was given.
None of them raises.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import MutableMapping
from typing import Any, Final, cast

from ..transactions.log import swallowed
from ..transactions.model.errors import class_names
from ..transactions.model.request import NO_ROUTE, RequestTransaction
from ..transactions.stack.current import running
from .mounts import mounts_passed
from .request import DoorTransaction

__all__ = ["current_request", "hear_keys_of", "note_exception", "note_route", "note_unrouted"]


def current_request() -> RequestTransaction | None:
    """The transaction of the request that is handled here, if it is measured."""
    transaction = running()
    return transaction if isinstance(transaction, RequestTransaction) else None


def hear_keys_of(request: MutableMapping[str, Any]) -> None:
    """The application is given this copy of environ or scope: the keys that it sets there hold."""
    try:
        transaction = current_request()
        if isinstance(transaction, DoorTransaction) and not transaction.over:
            transaction.request = ChainMap(request, cast("dict[str, Any]", transaction.request))
    except Exception:
        swallowed("hear_keys_of")


def note_unrouted() -> None:
    """A framework has the request and has found no route yet."""
    try:
        transaction = current_request()
        if transaction is None or transaction.route:
            return
        transaction.route = NO_ROUTE
        if isinstance(transaction, DoorTransaction):
            transaction.taken_on = ()
    except Exception:
        swallowed("note_unrouted")


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
        if transaction is not None and not transaction.route:
            transaction.route = mounts_passed(transaction, mount) + route
    except Exception:
        swallowed("note_route")


_ANSWERS: Final = {
    "connexion.exceptions:ProblemException": "status",
    "sanic.exceptions:SanicException": "status_code",
    "starlette.exceptions:HTTPException": "status_code",
    "werkzeug.exceptions:HTTPException": "code",
}
"""Exceptions that are answers, and the attribute that has the status."""


def note_exception(exception: BaseException | None) -> None:
    """A framework answers a request with a page about an exception, or lets it escape."""
    try:
        transaction = running()
        if transaction is not None and exception is not None and _status_of(exception) >= 500:
            transaction.notice_exception(exception)
    except Exception:
        swallowed("note_exception")


def _status_of(exception: BaseException) -> int:
    """The status with which it is answered: 500, unless it is itself an answer."""
    attribute = next(filter(None, map(_ANSWERS.get, class_names(exception))), "")
    status = getattr(exception, attribute, None) if attribute else None
    return status if isinstance(status, int) else 500
