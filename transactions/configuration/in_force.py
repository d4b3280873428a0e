"""The settings in force in this process, in the form that every call needs; no other module holds any of them.

It is imported with the package, so it is light: what reads settings is loaded when they are first needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..late_imports import late_imports

if TYPE_CHECKING:
    from collections.abc import Callable

    from .privacy import Privacy
    from .records import Configuration, SettingEntry
    from .settings import Settings

__all__ = ["QUEUE_HEADERS", "SettingsInForce", "in_force"]

QUEUE_HEADERS: Final = ("x-request-start", "x-queue-start")
"""Headers in which a proxy tells when it received the request, hence how long that was queued."""

_KEY: Final = "configuration"


class SettingsInForce:
    """The configuration, and what follows from it. Nothing is read before the first call.

    `settings` and what is derived from them are missing until `load` has succeeded
    for the first time.
    """

    __slots__ = (
        "_configuration",
        "deferred",
        "error_statuses",
        "loaded",
        "privacy",
        "queue_headers",
        "settings",
        "written",
    )

    error_statuses: frozenset[int]
    privacy: Privacy
    queue_headers: frozenset[bytes]
    """`QUEUE_HEADERS` as bytes, as in ASGI; empty if the setting ``queue_time`` is off."""
    settings: Settings

    def __init__(self) -> None:
        self._configuration: dict[str, Configuration] = {}
        """Holds one key: if two threads read the settings at the same time, the first to store them here wins."""
        self.written: dict[str, SettingEntry] = {}
        """What the program has written to its settings, by name: it holds from then on, whatever is read later."""
        self.deferred: Callable[[], object] | None = None
        """A call of `initialize` that could not be carried out yet; repeated before the settings are read."""
        self.loaded: bool = False
        """Whether what is derived from the configuration is up to date."""

    @property
    def configuration(self) -> Configuration | None:
        """The configuration in force, with the origins of the settings and the problems found; ``None`` before."""
        return self._configuration.get(_KEY)

    def put(self, configuration: Configuration) -> None:
        """Put a configuration into force, from the next call of `load` on."""
        self._configuration[_KEY] = configuration
        self.renew()

    def put_first(self, configuration: Configuration) -> Configuration:
        """Put a configuration into force unless there is one already; return the one that is in force."""
        return self._configuration.setdefault(_KEY, configuration)

    def load(self) -> Settings:
        """Return the settings, reading them unless they have been read.

        Raises:
            ImportError, OSError: the modules that read them cannot be imported at this moment.
        """
        if not self.loaded:
            deferred, self.deferred = self.deferred, None
            if deferred is not None:
                deferred()
            with late_imports:
                # imported late: these bring dataclasses and the table of settings
                from .activation import current  # noqa: PLC0415
                from .privacy import Privacy  # noqa: PLC0415
            self.settings = settings = current().settings
            self.privacy = Privacy(settings)
            self.error_statuses = settings.error_statuses
            self.queue_headers = frozenset(map(str.encode, QUEUE_HEADERS if settings.queue_time else ()))
            self.loaded = True
        return self.settings

    def apdex_t(self, application: str, path: str) -> float:
        """Return the Apdex threshold in seconds for a transaction's path."""
        settings = self.settings.for_application(application)
        return settings.transaction_apdex_t.get(path, settings.apdex_t)

    def renew(self) -> None:
        """Derive everything again at the next call of `load`; until then what was derived before stays in use."""
        self.loaded = False

    def reset(self) -> None:
        """Drop the configuration; the next call of `load` reads the environment again."""
        self._configuration.clear()
        self.written.clear()
        self.renew()


in_force: Final = SettingsInForce()
