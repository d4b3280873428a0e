"""The state of this process: its default application, and whether anything is measured for it yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from ..configuration.in_force import in_force
from ..handoff import handoff
from ..late_imports import late_imports
from ..log import capture_internal_exception, log_import_failure, log_once
from .applications import Application, ApplicationArgument, application_named
from .naming import as_text

if TYPE_CHECKING:
    from ..configuration import Settings

__all__ = ["DISABLED", "ProcessState", "process_state"]

DISABLED: Final = Application("nobody")
"""Value of `ProcessState.enabled_for` if nothing is measured (yet). Never the application of a transaction."""


class ProcessState:
    """What is decided once for all transactions of the process, and looked at as each of them begins."""

    __slots__ = ("_named_by", "application", "beginnings", "early", "enabled_for", "has_entry_point")

    application: Application
    """The default application; until the settings are read, one with the default name."""

    def __init__(self) -> None:
        self.application = Application("Python Application")
        self._named_by: Settings | None = None
        """The settings that have named the default application."""
        self.beginnings: int = 0
        """How often anybody got ready for a transaction to begin.

        It has grown if any has begun; by how much says nothing, as whoever opens many gets ready once.
        """
        self.early: bool = False
        """Whether the program's own code has not begun yet, and may still replace parts of the standard library."""
        self.has_entry_point: bool = False
        """Whether anything was made that can open a transaction."""
        self.reset()

    def reset(self) -> None:
        """Begin anew: the next transaction is the first one, and finds the settings that are in force by then."""
        in_force.renew()
        self.enabled_for: Application = DISABLED
        """The default application once a transaction has been measured; until then `DISABLED`."""

    def load(self) -> None:
        """Read the settings, unless they have been read, and name the default application.

        Raises:
            ImportError, OSError: the modules that read them cannot be imported at this moment.
        """
        if not in_force.loaded:
            with late_imports:
                # imported late: it brings dataclasses and the table of settings
                from ..configuration.activation import load  # noqa: PLC0415
            load(in_force)
        settings = in_force.settings
        if settings is not self._named_by:
            self.application = application_named(settings.app_name) or Application(settings.app_name)
            self._named_by = settings

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
        if in_force.settings.enabled and self.enabled_for is DISABLED:
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


process_state: Final = ProcessState()
