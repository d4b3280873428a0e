"""What the doors have in common: options that never change, around an application."""

from __future__ import annotations

from typing import Any

from ..transactions.entries.web import joined
from ..transactions.model.applications import ApplicationArgument
from ..transactions.model.naming import text_of
from ..transactions.stack.current import current
from .routes import listen_to_frameworks

__all__ = ["Door"]


class Door:
    """An application behind a door."""

    __slots__ = ("__wrapped__", "_application", "_group", "_name")

    def __init__(
        self, app: Any, application: ApplicationArgument = None, name: str | None = None, group: str | None = None
    ) -> None:
        self.__wrapped__: Any = app
        self._application = application
        self._name = text_of(name, "name=")
        self._group = text_of(group, "group=")
        listen_to_frameworks()

    def _joins(self) -> bool:
        """Whether an outer web entry measures the request already; then only our name applies."""
        return current.get() is not None and joined(self._name, self._group) is not None
