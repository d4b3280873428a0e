"""The transaction of a request that came in by a door."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from ..transactions.log import swallowed
from ..transactions.model.applications import Application
from ..transactions.model.request import RequestTransaction
from .request_keys import LIVE_KEYS, apply_changed

__all__ = ["DoorTransaction", "has_any"]


def has_any(request: Mapping[str, Any], keys: Set[str]) -> bool:
    """Whether a request has any of a few keys: one look for all of them."""
    return not request.keys().isdisjoint(keys)


class DoorTransaction(RequestTransaction):
    """It can read its request until it ends, and refers to it no longer than that."""

    __slots__ = ("mount", "request")

    def __init__(
        self,
        application: Application,
        group: str | None,
        name: str | None,
        method: str | None,
        request_path: str,
        request: Mapping[str, Any],
        mount: str,
    ) -> None:
        super().__init__(application, group, name, method, request_path)
        self.request: Mapping[str, Any] | None = request
        """The environ or scope, while the transaction runs."""
        self.mount = mount
        """The mount point (``SCRIPT_NAME``, ``root_path``) as it was when the request reached us."""

    def refresh(self) -> None:
        """Apply the request's keys that have changed since the last call. Never raises."""
        request = self.request
        if request is None or request.keys().isdisjoint(LIVE_KEYS):
            return
        try:
            apply_changed(self, request)
        except Exception:
            swallowed("DoorTransaction.refresh")

    def look_back(self) -> None:
        """Read from the request what is known only at its end."""
        self.refresh()
        super().look_back()

    def freeze(self) -> bool:
        """Stop the clock for good and let go of the request."""
        frozen = super().freeze()
        self.request = None
        return frozen

    def mounted(self, route: str, mount_now: str) -> str:
        """A route behind that part of its mount point which was added since the request reached us."""
        if mount_now != self.mount and mount_now.startswith(self.mount):
            return mount_now[len(self.mount) :].rstrip("/") + route
        return route
