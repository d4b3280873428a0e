"""The settings, as one frozen object. Reading them is the work of ``loading.py``.

What a setting is called, what is valid and what it means stands here once: the
reader, ``weighbridge config`` and the table in the README all follow these fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, NamedTuple, TypeVar, cast

from .values import (
    APDEX_TABLE,
    APPLICATION,
    APPLICATIONS,
    CLASSES,
    DAYS,
    FILE,
    LOG_LEVEL,
    NAMES,
    SECONDS,
    STATUSES,
    SWITCH,
    ValueKind,
    whole,
)

__all__ = ["APPLICATION_SETTINGS", "DEFAULTS", "SETTINGS", "ApplicationSettings", "SettingInfo", "Settings"]

T = TypeVar("T")


class SettingInfo(NamedTuple):
    """One row of the table of settings."""

    name: str
    kind: ValueKind
    meaning: str
    default: Any


def _setting(default: T, kind: ValueKind, meaning: str) -> T:
    """A dataclass field; typed as its value, as type checkers expect of a default."""
    metadata = {"kind": kind, "meaning": meaning}
    made: Any = field(default_factory=dict[str, Any], metadata=metadata)
    if not isinstance(default, Mapping):
        made = field(default=default, metadata=metadata)
    return cast("T", made)


_EMPTY: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True)
class ApplicationSettings:
    """The settings that may differ from one application to the next."""

    apdex_t: float = _setting(0.5, SECONDS, "Apdex threshold T in seconds: satisfied up to T, tolerating up to 4 T.")
    transaction_apdex_t: Mapping[str, float] = _setting(
        _EMPTY, APDEX_TABLE, "T in seconds for single transactions, by path (`WebTransaction/Route/GET /export`)."
    )


@dataclass(frozen=True)
class Settings(ApplicationSettings):
    """All settings in force in this process."""

    app_name: str = _setting(
        "Python Application", APPLICATION, "The default application; `a;b` reports to `a` and also to `b`."
    )
    enabled: bool = _setting(True, SWITCH, "Off: nothing is measured, except requests that carry `newrelic.enabled`.")
    applications: Mapping[str, ApplicationSettings] = _setting(
        _EMPTY, APPLICATIONS, "Settings of single applications, by name; what they do not say holds as for all."
    )

    store: str | None = _setting(
        None, FILE, "The store's file; `:memory:` keeps nothing; without it, in the user's state directory."
    )
    flush_interval: float = _setting(5.0, SECONDS, "Seconds between two writes to the store.")
    shutdown_timeout: float = _setting(2.5, SECONDS, "Seconds that a normal exit waits at most for the last write.")
    keep_minutes: float = _setting(
        3.0, DAYS, "Days for which figures are kept minute by minute; older ones by the hour."
    )
    keep_hours: float = _setting(90.0, DAYS, "Days for which hourly figures are kept.")
    keep_samples: float = _setting(7.0, DAYS, "Days for which samples are kept.")

    error_statuses: frozenset[int] = _setting(
        frozenset(range(500, 600)), STATUSES, "HTTP statuses that fail a web transaction."
    )
    expected_errors: frozenset[str] = _setting(
        frozenset[str](), CLASSES, "Exception classes that are kept but do not fail a transaction."
    )
    ignored_errors: frozenset[str] = _setting(frozenset[str](), CLASSES, "Exception classes that are not kept at all.")

    queue_time: bool = _setting(True, SWITCH, "Read `X-Request-Start` and `X-Queue-Start`.")
    capture_params: bool = _setting(
        False, SWITCH, "Keep the query parameters of every request with its samples, less the denied ones."
    )
    denied_params: frozenset[str] = _setting(
        frozenset(
            "password passwd pwd secret token api_key apikey access_token auth authorization session sessionid "
            "csrf csrfmiddlewaretoken credit_card card_number cvv ssn".split()
        ),
        NAMES,
        "Names of query parameters, in any case, whose values are never kept; a list replaces this one.",
    )

    max_names: int = _setting(
        1000,
        whole(1, 1_000_000),
        "Distinct names (kind, group and name) per application; the surplus is counted under `<other>`.",
    )
    max_samples: int = _setting(
        200, whole(0, 1_000_000), "Samples that one process keeps between two writes to the store."
    )
    max_errors: int = _setting(
        500, whole(0, 1_000_000), "Distinct errors that one process keeps between two writes to the store."
    )
    max_backlog: int = _setting(
        100_000,
        whole(1, 100_000_000),
        "Finished transactions that may wait in memory before they are counted; "
        "the surplus is dropped, and how many were dropped is counted.",
    )

    log_file: str | None = _setting(
        None, FILE, "Where our own log lines go: a file, `stdout` or `stderr`; without it, to the host's `logging`."
    )
    log_level: str = _setting("info", LOG_LEVEL, "The least serious log lines that are written.")

    def for_application(self, name: str) -> ApplicationSettings:
        """What holds for the application of that name."""
        return self.applications.get(name, self)


DEFAULTS: Final = Settings()


def _infos(owner: type[ApplicationSettings]) -> dict[str, SettingInfo]:
    return {made.name: _info(made.name, made.metadata) for made in fields(owner)}


def _info(name: str, metadata: Mapping[str, Any]) -> SettingInfo:
    return SettingInfo(name, metadata["kind"], metadata["meaning"], getattr(DEFAULTS, name))


SETTINGS: Final[Mapping[str, SettingInfo]] = _infos(Settings)
"""Every setting, by name."""
APPLICATION_SETTINGS: Final[Mapping[str, SettingInfo]] = _infos(ApplicationSettings)
"""Those that an application may have of its own, by name."""
