"""The parameters of a page: its content is determined by its address."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import tzinfo
from types import MappingProxyType
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlencode

from weighbridge.reporting.zones import MOMENTS, find_zone, parse_moment
from weighbridge.transactions.configuration.limits import read_length
from weighbridge.transactions.model.finished import Kind
from weighbridge.transactions.store.resolutions import FINEST
from weighbridge.transactions.store.results import Selection
from weighbridge.transactions.store.sample_filter import SampleFilter
from weighbridge.transactions.store.statistics import Window

from .columns import ORDERS

__all__ = [
    "COMPARISONS",
    "FILTERS",
    "PAUSED",
    "RANGES",
    "REFRESHES",
    "SAMPLE_ORDERS",
    "BadParameter",
    "State",
    "in_minutes",
    "parse",
]

RANGES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "3h": 10800, "6h": 21600, "12h": 43200, "24h": 86400,
        "3d": 3 * 86400, "7d": 7 * 86400, "14d": 14 * 86400, "30d": 30 * 86400,
    }
)  # fmt: skip
"""The ranges to choose from, in seconds up to now."""

COMPARISONS: Final[Mapping[str, int]] = MappingProxyType({"none": 0, "day": 1, "week": 7})
"""The number of days by which the compared range is earlier."""

REFRESHES: Final = ("10", "30", "60", "300")
"""Seconds from one refresh to the next."""

PAUSED: Final = ("no", "yes")
"""Whether refreshing is paused."""

SAMPLE_ORDERS: Final = ("slowest", "latest")
"""Which samples come first."""

FILTERS: Final = ("status", "min_duration", "max_duration", "attribute", "error_class", "order")
"""What samples are chosen by, besides what all pages have."""

_ZONE_NAME: Final = re.compile(r"[A-Za-z0-9_+/-]{1,64}")
_STATUS: Final = re.compile(r"[1-9](?:xx|[0-9]{2})")
_LONGEST: Final = 400 * 86400.0
_LATEST: Final = 253402300799.0
"""The end of the year 9999, the last that dates can express."""


class BadParameter(ValueError):
    """A parameter of a request is invalid; the message names it and says what is valid."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"parameter {name!r}: {reason}")
        self.name = name


@dataclass(frozen=True)
class State:
    """What a page shows; the fields are the parameters of the same names."""

    app: str = ""
    """Empty: the first application by name."""
    kind: Kind = "web"
    range: str = "30m"
    since: float | None = None
    """Epoch seconds; together with ``until`` it replaces ``range``."""
    until: float | None = None
    tz: str = ""
    """IANA name of the zone that determines when days begin, what is compared, and what a moment without a zone
    means; empty: the server's zone."""
    compare: str = "none"
    mark: float | None = None
    """Epoch seconds; the time since then is compared with the time before."""
    sort: str = "time"
    reverse: str = "no"
    page: int = 1
    """Which part of a long table, counted from 1."""
    search: str = ""
    group: str = ""
    name: str = ""
    queue: str = ""
    """The queue of which the page of jobs shows the figures; empty: all together."""
    t: float | None = None
    """The Apdex threshold (seconds) to try out."""
    sample: int | None = None
    """The ``id`` of a sample."""
    error: int | None = None
    """The ``id`` of a group of errors."""
    refresh: str = "10"
    paused: str = "no"
    host: str = ""
    """The host whose figures are shown; empty: of all."""
    version: str = ""
    """The version of the program whose figures are shown; empty: of all."""
    status: str = ""
    """Of the samples that are shown: such as ``404``, or ``5xx``."""
    min_duration: float | None = None
    """Seconds that they took at least."""
    max_duration: float | None = None
    """Seconds that they took at most."""
    attribute: str = ""
    """The name and the value of an attribute that they have, with an equals sign between."""
    error_class: str = ""
    """The class of an error that they have, or ``any``."""
    order: str = "slowest"
    """Whether the slowest or the latest of them come first."""
    hide: str = ""
    """Lines of charts that are switched off; it is read by the page's script alone."""

    @property
    def zone(self) -> tzinfo | None:
        """Return the time zone; the server's if none is named, or an unknown one."""
        return find_zone(self.tz) if self.tz else None

    @property
    def selection(self) -> Selection:
        """Return what is selected of the transactions."""
        return Selection(self.app, self.kind, host=self.host or None, version=self.version or None)

    @property
    def wanted(self) -> SampleFilter:
        """Return what the samples must be like that are shown."""
        return SampleFilter(
            self.search, self.status, self.min_duration, self.max_duration, self.attribute, self.error_class
        )

    @property
    def unfiltered(self) -> State:
        """Return the state without what only a choice among samples is made by."""
        return self.changed(**{name: _DEFAULTS[name] for name in FILTERS})

    def window(self, now: float) -> Window:
        """Return the time range that is shown, as of ``now`` (epoch seconds)."""
        if self.since is None:
            return Window(now - RANGES[self.range], now)
        if self.since >= now:
            raise BadParameter("since", "is not in the past")
        return in_minutes(Window(self.since, self.until or now), now)

    def changed(self, **changes: Any) -> State:
        """Return a state with some values changed."""
        return replace(self, **changes)

    def query(self, **changes: Any) -> str:
        """Return the query string, without parameters that have their default value."""
        state = replace(self, **changes)
        given = {name: getattr(state, name) for name in _DEFAULTS}
        told = {name: _written(value) for name, value in given.items() if value != _DEFAULTS[name]}
        return urlencode(told, errors="replace")


def in_minutes(window: Window, now: float) -> Window:
    """Extend a window to the end of its last minute, if that is over, as calls are counted by the minute."""
    return window._replace(until=max(window.until, min(math.ceil(window.until / FINEST) * FINEST, now)))


def parse(query: str, by_browser: bool = False) -> State:
    """Read the state from a query string.

    Args:
        query: the query string, without the question mark.
        by_browser: the page's script has added the viewer's time zone, which this machine may not know.

    Raises:
        BadParameter: a parameter is unknown, given twice or invalid.
    """
    given = _given(query)
    tz = _zone_name(given.pop("tz", ""), by_browser)
    zone = find_zone(tz) if tz else None
    values: dict[str, Any] = {name: _read(name, value, zone) for name, value in given.items()}
    return _checked(State(**values, tz=tz))


def _given(query: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in _pairs(query):
        if name not in _DEFAULTS:
            raise BadParameter(name, f"there is no such parameter; there are {', '.join(_DEFAULTS)}")
        if name in given:
            raise BadParameter(name, "is given twice")
        given[name] = value
    return given


def _read(name: str, value: str, zone: tzinfo | None) -> Any:
    return _moment(name, value, zone) if name in _MOMENTS else _READERS[name](name, value)


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=40)
    except ValueError as error:
        raise BadParameter("?", str(error)) from None


def _checked(state: State) -> State:
    if state.until is not None and state.since is None:
        raise BadParameter("until", "needs since")
    if state.since is not None and state.until is not None and state.since >= state.until:
        raise BadParameter("since", "must lie before until")
    if state.since is not None and state.until is not None and state.until - state.since > _LONGEST:
        raise BadParameter("since", "lies more than 400 days before until")
    if state.host and state.version:
        raise BadParameter("version", "cannot go with host: figures are kept by the one and by the other, not by both")
    return state


def _written(value: object) -> str:
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _text(name: str, value: str) -> str:
    if len(value) > 1000:
        raise BadParameter(name, "is longer than 1000 characters")
    return value


def _stripped(name: str, value: str) -> str:
    return _text(name, value.strip())


def _titles(name: str, value: str) -> str:
    """Read titles of lines: up to five names of transactions, which may be long."""
    if len(value) > 4000:
        raise BadParameter(name, "is longer than 4000 characters")
    return value


def _one_of(choices: tuple[str, ...]) -> Callable[[str, str], str]:
    def read(name: str, value: str) -> str:
        if value not in choices:
            raise BadParameter(name, f"must be one of {', '.join(choices)}")
        return value

    return read


def _moment(name: str, value: str, zone: tzinfo | None) -> float:
    """Read a moment: epoch seconds, or a date and time, which is in ``zone`` if it has no offset."""
    try:
        moment = _number(value)
    except ValueError:
        moment = _date(name, value, zone)
    if not 0 <= moment <= _LATEST:
        raise BadParameter(name, "lies before 1970 or after 9999")
    return moment


def _date(name: str, value: str, zone: tzinfo | None) -> float:
    try:
        return parse_moment(value, zone)
    except ValueError:
        local = f"local time is that of {zone or 'the machine that serves; tz names another zone'}"
        raise BadParameter(name, f"must be epoch seconds, or such as {MOMENTS}; {local}") from None


def _zone_name(value: str, by_browser: bool) -> str:
    if value and not _ZONE_NAME.fullmatch(value):
        raise BadParameter("tz", "must be the name of a time zone, such as Europe/Berlin or UTC")
    if value and not by_browser and find_zone(value) is None:
        raise BadParameter("tz", f"{value!r} is no time zone that this machine knows, such as Europe/Berlin or UTC")
    return value


def _threshold(name: str, value: str) -> float:
    try:
        seconds = _number(value)
    except ValueError:
        raise BadParameter(name, "must be a number of seconds") from None
    if not 0.001 <= seconds <= 3600:
        raise BadParameter(name, "must be from 0.001 to 3600 seconds")
    return seconds


def _status(name: str, value: str) -> str:
    found = value.strip().lower()
    if found and not _STATUS.fullmatch(found):
        raise BadParameter(name, f"{value!r} must be an HTTP status such as 404, or a hundred of them such as 5xx")
    return found


def _duration(name: str, value: str) -> float | None:
    text = value.strip()
    if not text:
        return None
    try:
        seconds = _number(text) if text[-1].isdigit() else read_length(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST:
        raise BadParameter(name, f"{value!r} must be a number of seconds, or such as 800ms, 2s or 5m")
    return seconds


def _attribute(name: str, value: str) -> str:
    text = _text(name, value)
    if not text.strip():
        return ""
    if not ("=" in text and text.partition("=")[0].strip()):
        raise BadParameter(name, f"{value!r} must be a name and a value, such as customer=17")
    return text


def _identity(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()) or not 0 < int(value[:20]) < 1 << 63:
        raise BadParameter(name, "must be the id of a sample, a whole number")
    return int(value[:20])


def _page_number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()) or not 0 < int(value[:9]) <= 1_000_000:
        raise BadParameter(name, "must be a whole number from 1")
    return int(value[:9])


def _number(value: str) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


_MOMENTS: Final = frozenset({"since", "until", "mark"})
_READERS: Final[Mapping[str, Callable[[str, str], Any]]] = MappingProxyType(
    {
        "app": _text,
        "kind": cast(Callable[[str, str], Kind], _one_of(("web", "background"))),
        "range": _one_of(tuple(RANGES)),
        "compare": _one_of(tuple(COMPARISONS)),
        "sort": _one_of(tuple(ORDERS)),
        "reverse": _one_of(("no", "yes")),
        "page": _page_number,
        "search": _text,
        "group": _text,
        "name": _text,
        "queue": _text,
        "t": _threshold,
        "sample": _identity,
        "error": _identity,
        "refresh": _one_of(REFRESHES),
        "paused": _one_of(PAUSED),
        "host": _text,
        "version": _text,
        "status": _status,
        "min_duration": _duration,
        "max_duration": _duration,
        "attribute": _attribute,
        "error_class": _stripped,
        "order": _one_of(SAMPLE_ORDERS),
        "hide": _titles,
    }
)
_DEFAULTS: Final = MappingProxyType({field.name: field.default for field in fields(State)})
