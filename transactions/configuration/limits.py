"""Limits on figures, by which ``weighbridge check`` and alerts judge: how they are written, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

__all__ = ["LENGTHS", "MEASURES", "Limit", "Measure", "Severity", "read_length", "read_limit"]

Severity = Literal["ok", "warning", "critical"]

LENGTHS: Final = "30s, 5m, 25h or 7d"
"""Lengths of time, for messages."""

_UNITS: Final[Mapping[str, float]] = MappingProxyType({"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0})
_LENGTH: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?(ms|s|m|h|d)")
_SHARE: Final = re.compile(r"(\d{1,3}(?:\.\d{1,9})?) ?%")
_NUMBER: Final = re.compile(r"\d{1,9}(?:\.\d{1,9})?")
_LONGEST: Final = 400 * 86400.0
"""Seconds."""


def read_length(text: str) -> float:
    """Read a length of time above 0, in seconds.

    >>> read_length("800ms"), read_length("25h")
    (0.8, 90000.0)

    Raises:
        ValueError: it is none; the message says what would be.
    """
    found = _LENGTH.fullmatch(text.strip().lower())
    if found is None:
        unit = " has no unit: it" if _NUMBER.fullmatch(text.strip()) else ""
        raise ValueError(f"{text.strip()!r}{unit} must be a length of time, such as 800ms, {LENGTHS}")
    seconds = float(found[1]) * _UNITS[found[2]]
    if not 0 < seconds <= _LONGEST:
        raise ValueError(f"{text.strip()!r} must be more than nothing, and at most 400d")
    return seconds


def _share(text: str) -> float:
    found = _SHARE.fullmatch(text.strip())
    if found is None or float(found[1]) > 100:
        raise ValueError(f"{text.strip()!r} must be a percentage, such as 2% or 0.5%")
    return float(found[1]) / 100


def _score(text: str) -> float:
    if not _NUMBER.fullmatch(text.strip()) or float(text) > 1:
        raise ValueError(f"{text.strip()!r} must be a score from 0 to 1, such as 0.85")
    return float(text)


def _rate(text: str) -> float:
    written = text.strip().removesuffix("/min").strip()
    if not _NUMBER.fullmatch(written):
        raise ValueError(f"{text.strip()!r} must be a number of calls per minute, such as 10")
    return float(written)


class Measure(NamedTuple):
    """A figure that can be limited."""

    read: Callable[[str], float]
    example: str
    words: str
    """What it is called in sentences."""
    below_is_bad: bool = False


MEASURES: Final[Mapping[str, Measure]] = MappingProxyType(
    {
        "error_rate": Measure(_share, "2%,5%", "error rate"),
        "p95": Measure(read_length, "800ms,2s", "p95"),
        "average": Measure(read_length, "300ms,1s", "average"),
        "apdex": Measure(_score, "0.85,0.7", "Apdex", below_is_bad=True),
        "throughput": Measure(_rate, "10,1", "throughput", below_is_bad=True),
        "missing": Measure(read_length, "25h", "last run"),
        "queue_wait": Measure(read_length, "30s,5m", "average queue wait"),
    }
)
"""By the names that they have in the configuration; options have ``-`` in place of ``_``."""


class Limit(NamedTuple):
    """What a figure must not exceed, or must not fall below."""

    measure: str
    warning: float | None
    critical: float

    def severity_of(self, value: float) -> Severity:
        """Judge a value; the limit itself is still fine."""
        if self._is_beyond(value, self.critical):
            return "critical"
        return "ok" if self.warning is None or not self._is_beyond(value, self.warning) else "warning"

    def _is_beyond(self, value: float, bound: float) -> bool:
        return value < bound if MEASURES[self.measure].below_is_bad else value > bound


def read_limit(name: str, text: str) -> Limit:
    """Read ``WARN,CRIT``, or one value, which is the critical one.

    >>> read_limit("error_rate", "2%,5%")
    Limit(measure='error_rate', warning=0.02, critical=0.05)

    Raises:
        ValueError: it is not a limit of that measure; the message says what would be.
    """
    measure = MEASURES[name]
    parts = text.split(",")
    if len(parts) > 2:
        raise ValueError(f"{text!r} must be one value, or two with a comma between them: {measure.example}")
    *warning, critical = map(measure.read, parts)
    if warning and (warning[0] < critical if measure.below_is_bad else warning[0] > critical):
        where = "below" if measure.below_is_bad else "above"
        raise ValueError(
            f"{text!r}: the first value warns, and must not be {where} the second, such as {measure.example}"
        )
    return Limit(name, warning[0] if warning else None, critical)
