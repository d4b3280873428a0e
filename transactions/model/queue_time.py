"""How long a request waited in front of us, as proxies write it into a header."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .clock import epoch

__all__ = ["QUEUE_HEADERS", "queue_time_in", "queue_time_of"]

QUEUE_HEADERS: Final = ("x-request-start", "x-queue-start")

_EARLIEST: Final = 946_684_800.0
"""Epoch seconds of the year 2000: what lies before is no time of a request."""
_UNITS: Final = (1.0, 1e3, 1e6)
"""Seconds, milliseconds and microseconds are told apart by magnitude."""
_LATEST: Final = 32_503_680_000.0
"""Epoch seconds of the year 3000, below the year 2000 in milliseconds."""


def queue_time_in(values: Iterable[str | None]) -> float | None:
    """The queue time that the first of some headers' values gives which is a time; ``None`` where none is."""
    times = map(queue_time_of, filter(None, values))
    return next((waited for waited in times if waited is not None), None)


def queue_time_of(value: str) -> float | None:
    """Seconds between the time in a header (``t=`` optional; s, ms or µs since the epoch) and now.

    A time in the future gives 0; what is no time gives ``None``.
    """
    try:
        number = float(value.strip().removeprefix("t="))
    except ValueError:
        return None
    for unit in _UNITS:
        if _EARLIEST <= number / unit < _LATEST:
            return max(0.0, epoch() - number / unit)
    return None
