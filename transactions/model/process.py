"""What holds for this process: its settings, once they are read, and its default application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .. import configuration
from ..log import log_once
from .applications import Application, ApplicationArgument, application_named
from .outlet import outlet

if TYPE_CHECKING:
    from ..configuration.settings import Settings

__all__ = ["Process", "here"]


class Process:
    """The settings in the form in which every call needs them. Nothing is read before the first call."""

    __slots__ = ("application", "error_statuses", "measuring", "prepared", "settings")

    application: Application
    error_statuses: frozenset[int]
    settings: Settings

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Read the settings anew at the next call; what runs already goes by those that held until now."""
        self.prepared: bool = False
        self.measuring: bool = False

    def read(self) -> None:
        """Read the settings if that has not been done."""
        if not self.prepared:
            self.settings = configuration.current().settings
            self.error_statuses = self.settings.error_statuses
            self.application = application_named(self.settings.app_name) or Application(self.settings.app_name)
            self.prepared = True

    def prepare(self) -> bool:
        """A transaction may be about to begin: whether it is measured.

        From the first one on the process reports: a task that never ends is seen, too.
        """
        self.read()
        if self.settings.enabled and not self.measuring:
            self.measuring = True
            outlet.begin()
        return self.measuring

    def application_of(self, argument: ApplicationArgument) -> Application:
        """The application that an ``application=`` argument means."""
        if argument is None:
            return self.application
        if isinstance(argument, Application):
            return argument
        found = application_named(argument) if isinstance(argument, str) else None
        if found is None:
            log_once(("application", repr(argument)[:80]), "%.80r names no application: the default is used", argument)
            return self.application
        return found

    def apdex_t(self, application: Application, path: str) -> float:
        """The Apdex threshold in seconds that holds for a transaction's path."""
        settings = self.settings.for_application(application)
        return settings.transaction_apdex_t.get(path, settings.apdex_t)


here: Final = Process()
