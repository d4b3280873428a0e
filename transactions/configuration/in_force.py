"""The settings in force in this process, in the form that every call needs; no other module holds any of them.

This module is imported with the package, so it is light. What reads the settings, and puts them here, is in
``activation.py``, which is imported when they are first needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from .own_code import OwnCode
    from .privacy import Privacy
    from .records import Configuration, SettingEntry
    from .settings import Settings

__all__ = ["QUEUE_HEADERS", "SettingsInForce", "in_force"]

QUEUE_HEADERS: Final = ("x-request-start", "x-queue-start")
"""Headers in which a proxy tells when it received the request, hence how long that was queued."""

_KEY: Final = "configuration"


class SettingsInForce:
    """The configuration, and what follows from it. Nothing is read before the first call.

    The settings, and what is derived from them, are missing until they have been
    loaded for the first time.
    """

    __slots__ = (
        "_configuration",
        "deferred",
        "error_statuses",
        "loaded",
        "own_code",
        "privacy",
        "queue_headers",
        "settings",
        "written",
    )

    error_statuses: frozenset[int]
    own_code: OwnCode
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
        """Whether the settings, and what is derived from them, are those of the configuration."""

    @property
    def configuration(self) -> Configuration | None:
        """The configuration in force, with the origins of the settings and the problems found; ``None`` before."""
        return self._configuration.get(_KEY)

    def put(self, configuration: Configuration) -> None:
        """Put a configuration into force, from the next loading on."""
        self._configuration[_KEY] = configuration
        self.renew()

    def put_first(self, configuration: Configuration) -> Configuration:
        """Put a configuration into force unless there is one already; return the one that is in force."""
        return self._configuration.setdefault(_KEY, configuration)

    def apdex_t(self, application: str, path: str) -> float:
        """Return the Apdex threshold in seconds for a transaction's path."""
        settings = self.settings.for_application(application)
        return settings.transaction_apdex_t.get(path, settings.apdex_t)

    def renew(self) -> None:
        """Have the settings loaded again at the next call; until then those loaded before stay in use."""
        self.loaded = False

    def reset(self) -> None:
        """Drop the configuration: the next call reads the environment again."""
        self._configuration.clear()
        self.written.clear()
        self.renew()


in_force: Final = SettingsInForce()
