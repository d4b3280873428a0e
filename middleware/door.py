"""What the doors have in common: options that never change, around an application."""

from __future__ import annotations

from typing import Any, ClassVar

from ..transactions.entries.web import joined
from ..transactions.model.applications import ApplicationArgument
from ..transactions.model.label import DEFAULT_GROUP, Given, LabelSource
from ..transactions.model.naming import text_of
from ..transactions.stack.current import current, found
from .routes import listen_to_frameworks
from .signature import ConstructorSignature

__all__ = ["Door"]


class Door:
    """An application behind a door."""

    __slots__ = ("__wrapped__", "_application", "_given", "_labels")

    __signature__: ClassVar[ConstructorSignature] = ConstructorSignature()

    def __init__(
        self, app: Any, application: ApplicationArgument = None, name: str | None = None, group: str | None = None
    ) -> None:
        self.__wrapped__: Any = app
        self._application = application
        text = text_of(name, "name=")
        self._name_all(None if text is None else Given(text_of(group, "group=") or DEFAULT_GROUP, text))
        listen_to_frameworks()

    def _name_all(self, given: Given | None) -> None:
        self._given = given
        self._labels: LabelSource = LabelSource(self._application, False, given)

    def _joins(self) -> bool:
        """Whether an outer web entry measures the request already; then only our name applies."""
        outer = found()
        if outer is not None and outer.over:  # where steps were interleaved one may be left
            current.set(None)
        return outer is not None and joined(self._given) is not None
