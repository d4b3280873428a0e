"""weighbridge, as one installs it, with a store in a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import weighbridge

from .subject import ASGIApplication, Subject

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["Measured"]


class Measured(Subject):
    """Both middleware and the decorator; the store is what the environment names."""

    def wsgi(self, app: WSGIApplication) -> WSGIApplication:
        return weighbridge.WSGITransactionMiddleware(app)

    def asgi(self, app: ASGIApplication) -> ASGIApplication:
        return weighbridge.ASGITransactionMiddleware(app)

    def task(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return weighbridge.background_task()(function)

    def settle(self) -> None:
        """Count and write what has finished."""
        weighbridge.flush()

    def recorded(self) -> int:
        """What the store has."""
        from ..stored import counted  # loads sqlite3, which a request does not need

        return counted(weighbridge.global_settings().store)
