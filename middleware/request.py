"""The transaction of a request that came in by a door."""

from __future__ import annotations

from ..transactions.log import swallowed
from ..transactions.model.request import RequestTransaction
from .request_keys import BACKGROUND, IGNORE, NO_APDEX, NO_TRACE, PARAMS, apply_changed

__all__ = ["DoorTransaction"]


class DoorTransaction(RequestTransaction):
    """It hears what its request says of it, also while the request is handled."""

    __slots__ = ()

    def refresh(self) -> None:
        """Apply the request's keys that have changed since the last call. Never raises."""
        request = self.request
        try:
            if request is not None and (
                BACKGROUND in request
                or IGNORE in request
                or NO_APDEX in request
                or NO_TRACE in request
                or PARAMS in request
            ):
                apply_changed(self, request)
        except Exception:
            swallowed("DoorTransaction.refresh")

    def mounted(self, route: str, mount_now: str) -> str:
        """A route behind that part of its mount point which was added since the request reached us."""
        if mount_now != self.mount and mount_now.startswith(self.mount):
            return mount_now[len(self.mount) :].rstrip("/") + route
        return route
