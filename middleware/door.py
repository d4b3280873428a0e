"""What the doors have in common: options that never change, around an application."""

from __future__ import annotations

from typing import Any

from ..transactions.entries.web import joined
from ..transactions.model.applications import Application, ApplicationArgument
from ..transactions.model.naming import text_of
from ..transactions.model.process import here
from ..transactions.stack.current import current
from .routes import listen_to_frameworks

__all__ = ["Door"]


class Door:
    """An application behind a door. Attribute access and binding are those of the application."""

    __slots__ = ("__wrapped__", "_application", "_group", "_name")

    def __init__(
        self, app: Any, application: ApplicationArgument = None, name: str | None = None, group: str | None = None
    ) -> None:
        self.__wrapped__: Any = app
        self._application = application
        self._name = text_of(name, "name=")
        self._group = text_of(group, "group=")
        listen_to_frameworks()

    def __getattr__(self, attribute: str) -> Any:
        if attribute == "__wrapped__":  # not there yet: a copy or a pickle is being made
            raise AttributeError(attribute)
        return getattr(self.__wrapped__, attribute)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Around a function that is a method, bind as the function does."""
        bind = getattr(type(self.__wrapped__), "__get__", None)
        if instance is None or bind is None:
            return self
        bound = bind(self.__wrapped__, instance, owner)
        return type(self)(bound, self._application, self._name, self._group)

    def _reports_to(self) -> Application:
        return here.application if self._application is None else here.application_of(self._application)

    def _joins(self) -> bool:
        """Whether an outer web entry measures the request already; then only our name applies."""
        return current.get() is not None and joined(self._name, self._group) is not None
