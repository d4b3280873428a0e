"""How long a request waited in front of us, as proxies write it into a header."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .clock import epoch
from .process import QUEUE_HEADERS, runtime

__all__ = ["QUEUE_HEADERS", "queue_time_in", "queue_time_of"]

_EARLIEST: Final = 946_684_800.0
"""Epoch seconds of the year 2000: what lies before is no time of a request."""
_UNITS: Final = (1.0, 1e3, 1e6)
"""Seconds, milliseconds and microseconds are told apart by magnitude."""
_LATEST: Final = 32_503_680_000.0
"""Epoch seconds of the year 3000, below the year 2000 in milliseconds."""
_LONGEST: Final = 200
"""Characters of a value that are looked at: any client may send one, of any length."""
_MAX_DIGITS: Final = 30


def queue_time_in(values: Iterable[str | None]) -> float | None:
    """The queue time that the first of some headers' values gives which is a time; ``None`` where none is."""
    for value in values:
        waited = queue_time_of(value) if value else None
        if waited is not None:
            return waited
    return None


def queue_time_of(value: str) -> float | None:
    """Seconds between the time in a header (``t=`` optional; s, ms or µs since the epoch) and now.

    A time in the future gives 0. What is no time gives ``None``, and so does one
    that is further back than the setting ``max_queue_time``. Where a header came
    several times the last is believed: what is nearest to us has set it.
    """
    if "," not in value:
        return _wait(value[-_LONGEST:])
    times = map(_wait, reversed(value[-_LONGEST:].split(",")))
    return next((waited for waited in times if waited is not None), None)


def _wait(value: str) -> float | None:
    text = value.strip().removeprefix("t=")
    digits = text.replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _MAX_DIGITS:  # float() takes much else
        return None
    number = float(text)
    for unit in _UNITS:
        if _EARLIEST <= number / unit < _LATEST:
            waited = epoch() - number / unit
            return max(0.0, waited) if waited <= runtime.settings.max_queue_time else None
    return None
