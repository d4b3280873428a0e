"""What the doors have in common: options that never change, around an application."""

from __future__ import annotations

from typing import Any, ClassVar

from ..transactions.model.applications import ApplicationArgument
from ..transactions.model.label import DEFAULT_GROUP, Given, LabelSource
from ..transactions.model.naming import text_of
from ..transactions.model.request import NO_ROUTE
from ..transactions.stack.current import found
from .framework_signals import listen_to_frameworks
from .joining import join
from .known_routers import has_router
from .signature import ConstructorSignature

__all__ = ["Door"]


class Door:
    """An application behind a door."""

    __slots__ = ("__wrapped__", "_application", "_given", "_labels", "_unrouted")

    __signature__: ClassVar[ConstructorSignature] = ConstructorSignature()

    def __init__(
        self, app: Any, application: ApplicationArgument = None, name: str | None = None, group: str | None = None
    ) -> None:
        self.__wrapped__: Any = app
        self._application = application
        self._unrouted: str | None = None
        """What a request was routed to of which no framework tells; known from the first one on."""
        text = text_of(name, "name=")
        self._name_all(None if text is None else Given(text_of(group, "group=") or DEFAULT_GROUP, text))
        listen_to_frameworks()

    def _name_all(self, given: Given | None) -> None:
        self._given = given
        self._labels: LabelSource = LabelSource(self._application, False, given)

    def _prepare(self) -> bool:
        """A transaction may be about to begin; whether it is measured."""
        if self._labels.made_for is None:  # the first one: by now the application is complete
            self._unrouted = NO_ROUTE if has_router(self.__wrapped__) else None
        return self._labels.prepare()

    def _joins(self, request: Any) -> bool:
        """Whether an outer web entry measures the request already: we add our name, and what the request says."""
        outer = found()
        return outer is not None and join(outer, request, self._given)
