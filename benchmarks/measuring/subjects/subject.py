"""What the harness needs of a subject."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["Subject"]

ASGIApplication = Callable[..., Any]


class Subject:
    """One way to measure requests and calls; this one does not measure."""

    def wsgi(self, app: WSGIApplication) -> WSGIApplication:
        """The application with the subject around it."""
        return app

    def asgi(self, app: ASGIApplication) -> ASGIApplication:
        """The application with the subject around it."""
        return app

    def task(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with the subject around it."""
        return function

    def settle(self) -> None:
        """Do now what would otherwise be done in the background soon."""

    def recorded(self) -> int | None:
        """How many requests and calls were really recorded up to the last `settle`; ``None`` where none can be."""
        return None
