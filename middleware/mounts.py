"""The mounts that a request has passed since it reached us, as they are written in the program.

A mount moves the front of the path into ``SCRIPT_NAME`` or ``root_path``. Names
show mounts as the program writes them. A part that cannot be found there is not
shown: it may be a tenant's name, and tenants have no limit.
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
"""Whether a part of a path that was a mount is written in the program, by its text."""


def mounts_passed(transaction: RequestTransaction, now: str) -> str:
    """Return the mounts that a request has passed when its ``SCRIPT_NAME`` or ``root_path`` is ``now``."""
    reached = transaction._mount_path
    if now == reached or not now.startswith(reached):
        return ""
    scope = _request(transaction)
    if scope.get("root_path") == now:  # WSGI behind ASGI: the scope knows the mounts
        return asgi_mounts(transaction, scope)
    added = now[len(reached) :].rstrip("/")
    if not added or _is_fixed(transaction, added):
        return added
    return ANY_MOUNT if transaction._request_path.startswith(now) else ""  # else it is a prefix that a proxy announced


def asgi_mounts(transaction: RequestTransaction, scope: Mapping[str, Any]) -> str:
    """Return the mounts that a scope has passed: those in front of Starlette, then Starlette's own.

    Other changes of ``root_path`` come from an application's setting, and are not mounts.
    """
    reached = transaction._mount_path
    first = scope.get("app_root_path", scope.get("root_path", ""))
    dispatched = first[len(reached) :].rstrip("/") if first.startswith(reached) else ""
    if dispatched and not _is_fixed(transaction, dispatched):
        dispatched = ""
    return dispatched + starlette_mounts(scope, reached)


def _is_fixed(transaction: RequestTransaction, text: str) -> bool:
    """Whether a part of the path is written in the program, as far as the callers show."""
    known = _fixed.get(text)
    if known is None:
        if len(_fixed) >= _MAX_INTERNED:
            _fixed.clear()
        request = _request(transaction)
        known = _fixed[text] = dispatched_part(request, text) == text or is_written(request, text)
    return known


def _request(transaction: RequestTransaction) -> Mapping[str, Any]:
    return transaction._request if isinstance(transaction, MiddlewareTransaction) else NOTHING
