"""Queue time: how long a request waited before it reached us, from a header that proxies set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..configuration.in_force import QUEUE_HEADERS, in_force
from .clock import epoch

__all__ = ["QUEUE_HEADERS", "queue_time_in", "queue_time_of"]

_EARLIEST: Final = 946_684_800.0
"""Epoch seconds of the year 2000; anything earlier is not the time of a request."""
_UNITS: Final = (1.0, 1e3, 1e6)
"""Divisors for seconds, milliseconds and microseconds, which are distinguished by magnitude."""
_LATEST: Final = 32_503_680_000.0
"""Epoch seconds of the year 3000: less than the year 2000 in milliseconds, so that magnitudes do not overlap."""
_LONGEST: Final = 200
"""Characters of a value that are parsed: any client may send one, of any length."""
_MAX_DIGITS: Final = 30


def queue_time_in(values: Iterable[object]) -> float | None:
    """Return the queue time from the first header value that holds a time; ``None`` if none does."""
    for value in values:
        waited = queue_time_of(value) if isinstance(value, str) and value else None
        if waited is not None:
            return waited
    return None


def queue_time_of(value: str) -> float | None:
    """Return the seconds between the time in a header (``t=`` optional; s, ms or µs since the epoch) and now.

    A time in the future gives 0. Anything that is not a time gives ``None``, and
    so does a time further back than the setting ``max_queue_time``. Of several
    values the last one counts: the proxy nearest to us has set it.
    """
    if "," not in value:
        return _wait(value[-_LONGEST:])
    times = map(_wait, reversed(value[-_LONGEST:].split(",")))
    return next((waited for waited in times if waited is not None), None)


def _wait(value: str) -> float | None:
    text = value.strip().removeprefix("t=")
    digits = text.replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _MAX_DIGITS:  # float() accepts much else
        return None
    number = float(text)
    for unit in _UNITS:
        if _EARLIEST <= number / unit < _LATEST:
            waited = epoch() - number / unit
            return max(0.0, waited) if waited <= in_force.settings.max_queue_time else None
    return None
