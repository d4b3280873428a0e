"""The settings, as one frozen object. Reading them is the work of ``configuration.py``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["DEFAULTS", "ApplicationSettings", "Settings"]


@dataclass(frozen=True)
class ApplicationSettings:
    """The settings that may differ from one application to the next."""

    apdex_t: float = 0.5
    """Apdex threshold T in seconds: satisfied up to T, tolerating up to 4 T."""
    transaction_apdex_t: Mapping[str, float] = field(default_factory=dict)
    """T in seconds for single transactions, by path (``WebTransaction/Route/GET /export``)."""


@dataclass(frozen=True)
class Settings(ApplicationSettings):
    """All settings in force in this process."""

    app_name: str = "Python Application"
    """The default application; ``"a;b"`` reports to ``a`` and also to ``b``."""
    enabled: bool = True
    """``False``: nothing is measured, except requests that carry ``newrelic.enabled``."""
    applications: Mapping[str, ApplicationSettings] = field(default_factory=dict)
    """Settings of single applications, by name; what they do not say holds as for all."""

    store: str | None = None
    """The store's file; ``":memory:"`` keeps nothing; ``None`` is the user's state directory."""
    flush_interval: float = 5.0
    """Seconds between two writes to the store."""
    shutdown_timeout: float = 2.5
    """Seconds that a normal exit waits at most for the last write."""
    keep_minutes: float = 3.0
    """Days for which figures are kept minute by minute; older ones by the hour."""
    keep_hours: float = 90.0
    """Days for which hourly figures are kept."""
    keep_samples: float = 7.0
    """Days for which samples are kept."""

    error_statuses: frozenset[int] = frozenset(range(500, 600))
    """HTTP statuses that fail a web transaction (``"500-599"``, ``"500 502-504"``)."""
    expected_errors: frozenset[str] = frozenset()
    """Exception classes (``module:Class``) that are kept but do not fail a transaction."""
    ignored_errors: frozenset[str] = frozenset()
    """Exception classes (``module:Class``) that are not kept at all."""

    queue_time: bool = True
    """Read ``X-Request-Start`` / ``X-Queue-Start``."""
    capture_params: bool = False
    """Keep the query parameters of every request with its samples, less the denied ones."""
    denied_params: frozenset[str] = frozenset(
        {"password", "passwd", "pwd", "secret", "token", "api_key", "apikey", "access_token", "auth", "authorization"}
        | {"session", "sessionid", "csrf", "csrfmiddlewaretoken", "credit_card", "card_number", "cvv", "ssn"}
    )
    """Names of query parameters, in lower case, whose values are never kept."""

    max_names: int = 1000
    """Distinct names (kind, group and name) per application; the surplus is counted under ``<other>``."""
    max_samples: int = 200
    """Samples that one process keeps between two writes to the store."""
    max_errors: int = 500
    """Distinct errors that one process keeps between two writes to the store."""
    max_backlog: int = 100_000
    """Finished transactions that may wait in memory before they are counted; the surplus is dropped and counted."""

    log_file: str | None = None
    """Where our own log lines go: a file, ``"stdout"``, ``"stderr"``; ``None`` leaves it to the host's ``logging``."""
    log_level: str = "info"
    """``critical``, ``error``, ``warning``, ``info`` or ``debug``."""

    def for_application(self, name: str) -> ApplicationSettings:
        """What holds for the application of that name."""
        return self.applications.get(name, self)


DEFAULTS = Settings()
