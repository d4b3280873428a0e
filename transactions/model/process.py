"""The runtime state of this process: its settings, once they are read, and its default application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

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
"""Headers in which a proxy tells when it received the request, hence how long that was queued."""

DISABLED: Final = Application("nobody")
"""Value of `RuntimeState.enabled_for` if nothing is measured (yet). Never the application of a transaction."""


class RuntimeState:
    """The settings in the form that every call needs. Nothing is read before the first call."""

    __slots__ = (
        "application",
        "beginnings",
        "deferred",
        "early",
        "enabled_for",
        "error_statuses",
        "has_entry_point",
        "loaded",
        "privacy",
        "queue_headers",
        "settings",
    )

    application: Application
    """The default application; until the settings are read, one with the default name."""
    error_statuses: frozenset[int]
    privacy: Privacy
    queue_headers: frozenset[bytes]
    """`QUEUE_HEADERS` as bytes, as in ASGI; empty if the setting ``queue_time`` is off."""
    settings: Settings

    def __init__(self) -> None:
        self.application = Application("Python Application")
        self.beginnings: int = 0
        """How often anybody got ready for a transaction to begin.

        It has grown if any has begun; by how much says nothing, as whoever opens many gets ready once.
        """
        self.early: bool = False
        """Whether the program's own code has not begun yet, and may still replace parts of the standard library."""
        self.has_entry_point: bool = False
        """Whether anything was made that can open a transaction."""
        self.deferred: Callable[[], object] | None = None
        """A call of `initialize` that could not be carried out yet; repeated before the settings are read."""
        self.reset()

    def reset(self) -> None:
        """Read the settings again at the next call; until then those read before stay in use."""
        self.loaded: bool = False
        self.enabled_for: Application = DISABLED
        """The default application once a transaction has been measured; until then `DISABLED`."""

    def load(self) -> None:
        """Read the settings, unless they have been read.

        Raises:
            ImportError, OSError: the modules that read them cannot be imported at this moment.
        """
        if not self.loaded:
            deferred, self.deferred = self.deferred, None
            if deferred is not None:
                deferred()
            with late_imports:
                # imported late: these bring dataclasses and the table of settings
                from ..configuration.in_force import current  # noqa: PLC0415
                from ..configuration.privacy import Privacy  # noqa: PLC0415
            self.settings = current().settings
            self.privacy = Privacy(self.settings)
            self.error_statuses = self.settings.error_statuses
            self.queue_headers = frozenset(map(str.encode, QUEUE_HEADERS if self.settings.queue_time else ()))
            self.application = application_named(self.settings.app_name) or Application(self.settings.app_name)
            self.loaded = True

    def try_load(self) -> bool:
        """Read the settings, unless they have been read; return whether that succeeded. A failure is logged once."""
        try:
            self.load()
        except (ImportError, OSError) as problem:
            log_import_failure(problem)
            return False
        except Exception:
            capture_internal_exception("the settings")
            return False
        return True  # even if another thread calls `reset` at this very moment

    def prepare(self) -> bool:
        """Get ready for a transaction to begin; return whether to measure it.

        If the settings cannot be read, the transaction is counted as dropped. The
        first one wakes the recorder, so that even a task that never ends is reported.
        """
        self.beginnings += 1
        if not self.try_load():
            handoff.record_dropped("transactions")
            return False
        if self.settings.enabled and self.enabled_for is DISABLED:
            self.enabled_for = self.application
            handoff.notify_first()
        return self.enabled_for is not DISABLED

    def resolve_application(self, argument: ApplicationArgument) -> Application:
        """Return the application that an ``application=`` argument refers to."""
        if argument is None:
            return self.application
        if issubclass(type(argument), Application):
            return cast("Application", argument)
        text = as_text(argument) if issubclass(type(argument), str) else None
        found = None if text is None else application_named(text)
        if found is None:
            matter = ("application", type(argument).__name__ if text is None else text[:80])
            log_once(matter, "%.80r names no application: the default is used", argument)
            return self.application
        return found

    def apdex_t(self, application: Application, path: str) -> float:
        """Return the Apdex threshold in seconds for a transaction's path."""
        settings = self.settings.for_application(application)
        return settings.transaction_apdex_t.get(path, settings.apdex_t)


runtime: Final = RuntimeState()
