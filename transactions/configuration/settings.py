"""The settings, as one frozen object; ``loading.py`` reads them.

Name, valid values and meaning of a setting are defined here and nowhere else: the
reader, ``weighbridge config`` and the table in the reference all use these fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

from .redaction import redacted
from .values import (
    APDEX_TABLE,
    APPLICATION,
    APPLICATIONS,
    CLASSES,
    CODE,
    DAYS,
    LABEL,
    LOG_FILE,
    LOG_LEVEL,
    MORE_STATUSES,
    NAMES,
    PATTERNS,
    SECONDS,
    STATUSES,
    STORE,
    SWITCH,
    TRACEBACKS,
    ValueKind,
    whole,
)

if TYPE_CHECKING:
    from .alerts import Alert

__all__ = ["APPLICATION_SETTINGS", "DEFAULTS", "SETTINGS", "ApplicationSettings", "SettingInfo", "Settings"]

T = TypeVar("T")


class SettingInfo(NamedTuple):
    """One row of the table of settings."""

    name: str
    kind: ValueKind
    meaning: str
    default: Any
    ours_alone: bool
    """Whether it is not read from among the agent's settings (``[newrelic]``, ``NEW_RELIC_...``)."""


def _setting(default: T, kind: ValueKind, meaning: str, *, ours_alone: bool = False) -> T:
    """Return a dataclass field; typed as its value, as type checkers expect of a default."""
    metadata = {"kind": kind, "meaning": meaning, "ours_alone": ours_alone}
    made: Any = field(default_factory=dict[str, Any], metadata=metadata)
    if not isinstance(default, Mapping):
        made = field(default=default, metadata=metadata)
    return cast("T", made)


_EMPTY: Final[Mapping[str, Any]] = {}


def _read_alerts(value: object, _so_far: object) -> object:
    from .alerts import read_alerts  # noqa: PLC0415 - few programs have any, and none judges them itself

    return read_alerts(value)


def _read_link_template(value: object, _so_far: object) -> object:
    from .link_template import read_link_template  # noqa: PLC0415 - only who shows the page needs it

    return read_link_template(value)


_LINK: Final = ValueKind(
    "template",
    "an address with https:// or http:// that has names of attributes in braces, such as "
    "`https://logs.example.com/search?q={request.id}`",
    _read_link_template,
)
_ALERTS: Final = ValueKind("tables", "tables `[[weighbridge.alerts]]`, each with a name and one limit", _read_alerts)


@dataclass(frozen=True)
class ApplicationSettings:
    """The settings that may differ from one application to the next."""

    apdex_t: float = _setting(0.5, SECONDS, "Apdex threshold T in seconds: satisfied up to T, tolerating up to 4 T.")
    transaction_apdex_t: Mapping[str, float] = _setting(
        _EMPTY, APDEX_TABLE, "T in seconds for single transactions, by path (`WebTransaction/Route/GET /export`)."
    )


@dataclass(frozen=True, repr=False)
class Settings(ApplicationSettings):
    """All settings in force in this process."""

    def __repr__(self) -> str:
        """Show the settings that differ from the defaults, without credentials."""
        chosen = {name: value for name, value in vars(self).items() if value != getattr(DEFAULTS, name)}
        return f"Settings({', '.join(f'{name}={redacted(repr(value))}' for name, value in chosen.items())})"

    app_name: str = _setting(
        "Python Application", APPLICATION, "The default application; `a;b` reports to `a` and also to `b`."
    )
    enabled: bool = _setting(True, SWITCH, "Off: nothing is measured, except requests that carry `newrelic.enabled`.")
    applications: Mapping[str, ApplicationSettings] = _setting(
        _EMPTY, APPLICATIONS, "Settings of single applications, by name; what they do not say holds as for all."
    )

    host: str | None = _setting(
        None,
        LABEL,
        "The name of the machine, pod or function that this process is shown under; without it, the host's own name.",
        ours_alone=True,
    )
    version: str | None = _setting(
        None,
        LABEL,
        "The version of the program: figures are kept by version too.",
        ours_alone=True,
    )
    store: str | None = _setting(
        None,
        STORE,
        "The store's file, or `postgresql://...`; `:memory:` keeps nothing; without it, in the user's state directory.",
        ours_alone=True,
    )
    inbox_rows: int = _setting(
        100_000,
        whole(1, 100_000_000),
        "Snapshots that may wait in a PostgreSQL store to be merged; beyond that, figures wait in each process.",
        ours_alone=True,
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
    expected_status_codes: frozenset[int] = _setting(
        frozenset[int](), MORE_STATUSES, "Errors noticed with such a status are kept but do not fail a transaction."
    )
    ignore_status_codes: frozenset[int] = _setting(
        frozenset((*range(100, 103), *range(200, 209), 226, *range(300, 309), 404)),
        MORE_STATUSES,
        "Errors noticed with such a status are not kept at all.",
    )
    error_collector_enabled: bool = _setting(
        True, SWITCH, "Off: no class, message or traceback of an error is kept; failures are still counted."
    )

    tracebacks: str = _setting(
        "source",
        TRACEBACKS,
        "What tracebacks of failed samples show: frames with the `source` lines of own files, or `frames` alone; "
        "`off`: no traceback is kept.",
        ours_alone=True,
    )
    own_code: frozenset[str] = _setting(
        frozenset[str](),
        CODE,
        "Packages and folders that are the program's own, by which errors are grouped; without it, all that is neither "
        "in the standard library nor installed as a package.",
        ours_alone=True,
    )

    high_security: bool = _setting(
        False,
        SWITCH,
        "On: no messages of exceptions, no source lines of tracebacks, no query parameters and no custom attributes "
        "are kept, whatever else is set.",
    )
    strip_exception_messages: bool = _setting(False, SWITCH, "On: `<stripped>` is kept in place of an error's message.")
    strip_exception_messages_allowlist: frozenset[str] = _setting(
        frozenset[str](), CLASSES, "Exception classes whose messages are kept all the same."
    )
    attributes_enabled: bool = _setting(True, SWITCH, "Off: samples have no attributes.")
    attributes_include: frozenset[str] = _setting(
        frozenset[str](),
        PATTERNS,
        "Attributes of samples that are kept: those of a query (`request.parameters.page`) without `capture_params`, "
        "and what a shorter name in `attributes_exclude` would leave out.",
    )
    attributes_exclude: frozenset[str] = _setting(
        frozenset[str](), PATTERNS, "Attributes of samples that are not kept, such as `card.*`; the longer name wins."
    )

    queue_time: bool = _setting(True, SWITCH, "Read `X-Request-Start` and `X-Queue-Start`.")
    max_queue_time: float = _setting(
        300.0,
        SECONDS,
        "Seconds beyond which a queue time is taken for an error, or for a client's invention.",
        ours_alone=True,
    )
    capture_params: bool = _setting(
        False, SWITCH, "Keep the query parameters of every request with its samples, less the denied ones."
    )
    denied_params: frozenset[str] = _setting(
        frozenset(
            "password passwd pwd secret token api_key apikey access_token refresh_token client_secret private_key "
            "auth authorization bearer credential jwt otp signature session sessionid csrf csrfmiddlewaretoken "
            "credit_card card_number cvc cvv iban pin ssn".split()
        ),
        NAMES,
        "Words that keep the value of a query parameter from being kept: of six letters or more anywhere in its name, "
        "shorter ones as a word of it (`pin` in `userPin`); a list replaces this one.",
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

    max_buckets: int = _setting(
        20_000,
        whole(1, 100_000_000),
        "Counts of one name in one minute that wait in a process while the store is away; "
        "beyond that the oldest minute is dropped, and counted.",
        ours_alone=True,
    )

    alerts: tuple[Alert, ...] = _setting(
        (),
        _ALERTS,
        "Limits that `weighbridge serve` and `weighbridge collect` judge, and the webhooks that are told: "
        "[Be told](../how-to/alerts.md) has their keys.",
        ours_alone=True,
    )
    log_link: str | None = _setting(
        None,
        _LINK,
        "Where the log lines of a sample are found: an address in which `{request.id}`, `{trace.id}` or any other name "
        "of an attribute stands for its value. `weighbridge serve` shows it with each sample.",
        ours_alone=True,
    )
    otlp_metrics: bool = _setting(
        False,
        SWITCH,
        "On: `weighbridge serve` and `weighbridge collect` send metrics by OpenTelemetry's protocol, "
        "to where the `OTEL_*` variables say.",
        ours_alone=True,
    )
    otlp_samples: bool = _setting(
        False, SWITCH, "On: they send samples as traces, too; so does `weighbridge export otlp`.", ours_alone=True
    )

    log_file: str | None = _setting(
        None, LOG_FILE, "Where our own log lines go: a file, `stdout` or `stderr`; without it, to the host's `logging`."
    )
    log_level: str = _setting("info", LOG_LEVEL, "The least serious log lines that are written.")

    def for_application(self, name: str) -> ApplicationSettings:
        """Return the settings of the application of that name."""
        return self.applications.get(name, self)


DEFAULTS: Final = Settings()


def _infos(owner: type[ApplicationSettings]) -> dict[str, SettingInfo]:
    return {made.name: _info(made.name, made.metadata) for made in fields(owner)}


def _info(name: str, metadata: Mapping[str, Any]) -> SettingInfo:
    return SettingInfo(name, metadata["kind"], metadata["meaning"], getattr(DEFAULTS, name), metadata["ours_alone"])


SETTINGS: Final[Mapping[str, SettingInfo]] = _infos(Settings)
"""Every setting, by name."""
APPLICATION_SETTINGS: Final[Mapping[str, SettingInfo]] = _infos(ApplicationSettings)
"""The settings that an application may override, by name."""
