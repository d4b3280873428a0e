"""What holds for this process: its settings, once they are read, and its default application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..handoff import handoff
from ..late_imports import late_imports
from ..log import capture_internal_exception, log_import_failure, log_once
from .applications import Application, ApplicationArgument, application_named
from .naming import as_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..configuration import Privacy, Settings

__all__ = ["DISABLED", "QUEUE_HEADERS", "RuntimeState", "runtime"]

QUEUE_HEADERS: Final = ("x-request-start", "x-queue-start")
"""Headers that may tell how long a request has waited in front of us."""

DISABLED: Final = Application("nobody")
"""As `RuntimeState.enabled_for`: nothing is measured, or not yet. Nothing is ever made for it."""


class RuntimeState:
    """The settings in the form in which every call needs them. Nothing is read before the first call."""

    __slots__ = (
        "application",
        "deferred",
        "enabled_for",
        "error_statuses",
        "loaded",
        "privacy",
        "queue_headers",
        "settings",
    )

    application: Application
    """The default one; until the settings are read, what it is called by default."""
    error_statuses: frozenset[int]
    privacy: Privacy
    queue_headers: frozenset[bytes]
    """`QUEUE_HEADERS` as ASGI names them; none where they are not to be read."""
    settings: Settings

    def __init__(self) -> None:
        self.application = Application("Python Application")
        self.deferred: Callable[[], object] | None = None
        """What the program said about its settings while they could not be read; to be done before they are."""
        self.reset()

    def reset(self) -> None:
        """Read the settings anew at the next call; what runs already goes by those that held until now."""
        self.loaded: bool = False
        self.enabled_for: Application = DISABLED
        """The default application, once something is measured."""

    def load(self) -> None:
        """Read the settings if that has not been done.

        Raises:
            ImportError, OSError: their modules cannot be imported at this moment.
        """
        if not self.loaded:
            deferred, self.deferred = self.deferred, None
            if deferred is not None:
                deferred()
            with late_imports:
                # dataclasses, and the table of settings
                from ..configuration.in_force import current  # noqa: PLC0415
                from ..configuration.privacy import Privacy  # noqa: PLC0415
            self.settings = current().settings
            self.privacy = Privacy(self.settings)
            self.error_statuses = self.settings.error_statuses
            self.queue_headers = frozenset(map(str.encode, QUEUE_HEADERS if self.settings.queue_time else ()))
            self.application = application_named(self.settings.app_name) or Application(self.settings.app_name)
            self.loaded = True

    def try_load(self) -> bool:
        """Read the settings if that has not been done; whether they are read now. Where not, that is logged once."""
        try:
            self.load()
        except (ImportError, OSError) as problem:
            log_import_failure(problem)
            return False
        except Exception:
            capture_internal_exception("the settings")
            return False
        return True  # also where another thread wants them read anew at this very moment

    def prepare(self) -> bool:
        """A transaction may be about to begin: whether it is measured. Where that cannot be told, it counts as lost.

        From the first one on the process reports: a task that never ends is seen, too.
        """
        if not self.try_load():
            handoff.record_dropped("transactions")
            return False
        if self.settings.enabled and self.enabled_for is DISABLED:
            self.enabled_for = self.application
            handoff.notify_first()
        return self.enabled_for is not DISABLED

    def resolve_application(self, argument: ApplicationArgument) -> Application:
        """The application that an ``application=`` argument means."""
        if argument is None:
            return self.application
        if type(argument) is Application:
            return argument
        text = as_text(argument)
        found = None if text is None else application_named(text)
        if found is None:
            matter = ("application", type(argument) if text is None else text[:80])
            log_once(matter, "%.80r names no application: the default is used", argument)
            return self.application
        return found

    def apdex_t(self, application: Application, path: str) -> float:
        """The Apdex threshold in seconds that holds for a transaction's path."""
        settings = self.settings.for_application(application)
        return settings.transaction_apdex_t.get(path, settings.apdex_t)


runtime: Final = RuntimeState()
