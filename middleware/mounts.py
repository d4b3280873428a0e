"""How the mounts are written that a request has passed since it reached us.

A mount takes a part of the path and puts it into ``SCRIPT_NAME`` or
``root_path``. It stands in a name as it is written in the program. A part of
which nobody knows how it is written is not shown: it may be a tenant's, and
there is no end of tenants.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..transactions.model.request import RequestTransaction
from .calling_frames import dispatched_part, is_written
from .request import NOTHING, MiddlewareTransaction
from .starlette_routes import ANY_MOUNT, starlette_mounts

__all__ = ["asgi_mounts", "mounts_passed"]

_MAX_INTERNED: Final = 1000
_fixed: Final[dict[str, bool]] = {}
"""Of parts of paths that were mounts: whether they are written in the program."""


def mounts_passed(transaction: RequestTransaction, now: str) -> str:
    """The mounts that a request has passed when ``SCRIPT_NAME``, or ``root_path``, is ``now``."""
    reached = transaction._mount_path
    if now == reached or not now.startswith(reached):
        return ""
    scope = _request(transaction)
    if scope.get("root_path") == now:  # WSGI behind ASGI: what was passed is told there
        return asgi_mounts(transaction, scope)
    added = now[len(reached) :].rstrip("/")
    if not added or _is_fixed(transaction, added):
        return added
    return ANY_MOUNT if transaction._request_path.startswith(now) else ""  # else it is what a proxy told of itself


def asgi_mounts(transaction: RequestTransaction, scope: Mapping[str, Any]) -> str:
    """The same by a scope: the mounts in front of Starlette's, then those of Starlette.

    What else changes ``root_path`` is the setting of an application, and no mount.
    """
    reached = transaction._mount_path
    first = scope.get("app_root_path", scope.get("root_path", ""))
    dispatched = first[len(reached) :].rstrip("/") if first.startswith(reached) else ""
    if dispatched and not _is_fixed(transaction, dispatched):
        dispatched = ""
    return dispatched + starlette_mounts(scope, reached)


def _is_fixed(transaction: RequestTransaction, text: str) -> bool:
    """Whether a part of the path is written in the program, as far as can be told from who passed the request on."""
    known = _fixed.get(text)
    if known is None:
        if len(_fixed) >= _MAX_INTERNED:
            _fixed.clear()
        request = _request(transaction)
        known = _fixed[text] = dispatched_part(request, text) == text or is_written(request, text)
    return known


def _request(transaction: RequestTransaction) -> Mapping[str, Any]:
    return transaction._request if isinstance(transaction, MiddlewareTransaction) else NOTHING
