"""How long a request waited in front of us, as proxies write it into a header."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from .clock import epoch
from .numbers import whole_number
from .process import QUEUE_HEADERS, here

__all__ = ["QUEUE_HEADERS", "queue_time_in", "queue_time_of"]

_EARLIEST: Final = 946_684_800.0
"""Epoch seconds of the year 2000: what lies before is no time of a request."""
_UNITS: Final = (1.0, 1e3, 1e6)
"""Seconds, milliseconds and microseconds are told apart by magnitude."""
_LATEST: Final = 32_503_680_000.0
"""Epoch seconds of the year 3000, below the year 2000 in milliseconds."""
_SEARCHED: Final = 200
"""Characters of a value that are looked at: any client may send one, of any length."""


def queue_time_in(values: Iterable[str | None]) -> float | None:
    """The queue time that the first of some headers' values gives which is a time; ``None`` where none is."""
    times = map(queue_time_of, filter(None, values))
    return next((waited for waited in times if waited is not None), None)


def queue_time_of(value: str) -> float | None:
    """Seconds between the time in a header (``t=`` optional; s, ms or µs since the epoch) and now.

    A time in the future gives 0. What is no time gives ``None``, and so does one
    that is further back than the setting ``max_queue_time``. Where a header came
    several times the last is believed: what is nearest to us has set it.
    """
    return next(_waits(value[-_SEARCHED:]), None)


def _waits(value: str) -> Iterator[float]:
    for part in reversed(value.split(",")):
        started = _epoch_seconds(part.strip().removeprefix("t="))
        waited = None if started is None else epoch() - started
        if waited is not None and waited <= here.settings.max_queue_time:
            yield max(0.0, waited)


def _epoch_seconds(text: str) -> float | None:
    whole, _, fraction = text.partition(".")
    if whole_number(whole) is None or whole_number(fraction or "0") is None:
        return None
    number = float(text)
    return next((number / unit for unit in _UNITS if _EARLIEST <= number / unit < _LATEST), None)
