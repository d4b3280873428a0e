"""Resolutions, in which the past is kept: minutes for some days, hours and more for months.

Every level holds *all* transactions of its stretch of time, so a window is read
from few rows: whole days from the level of days, the rest from finer ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Final, NamedTuple

from .statistics import Window

__all__ = [
    "COARSEST",
    "COARSE_WIDTHS",
    "FINEST",
    "FOREVER",
    "MAX_BUCKETS",
    "SINCE_EVER",
    "Resolution",
    "RowIntervals",
    "RowRange",
    "are_few",
    "bounded_step",
    "covering_ranges",
    "end_of",
    "floor_to",
    "split_at",
    "step_for",
]

FINEST: Final = 60
COARSE_WIDTHS: Final = (600, 3600, 21600, 86400)
"""Seconds; each a multiple of the one before, from which it is rolled up."""
COARSEST: Final = COARSE_WIDTHS[-1]
FOREVER: Final = 1 << 62
SINCE_EVER: Final = 0
"""The width of the rows, which start at 0, that hold all days that have expired."""

MAX_BUCKETS: Final = 10_000
"""Of a timeline."""

_FEW_SERIES: Final = 20
_FEW_INTERVALS: Final = 2000

_STEPS: Final = (60, 120, 180, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 86400)


class Resolution(NamedTuple):
    """Rows of one width, and the time range (epoch seconds) for which all of them are there."""

    width: int
    complete_from: int
    """Older rows have expired."""
    complete_until: int
    """From here on nothing is rolled up yet; the level of minutes never ends."""
    late: int | None = None
    """How often something was added to rows that had been rolled up; not told by stores of older versions."""


class RowRange(NamedTuple):
    """Rows to read: those of this width that start at ``start`` or later and before ``end``."""

    width: int
    start: int
    end: int


def are_few(ranges: Iterable[RowRange], series: Sized) -> bool:
    """Whether rows of some series are looked up one by one, rather than all rows of the ranges read."""
    intervals = 0
    for part in ranges:
        if not part.width:  # of all time: one interval, but no end from which to count
            return False
        intervals += (part.end - part.start) // part.width
    return len(series) <= _FEW_SERIES and intervals <= _FEW_INTERVALS


class RowIntervals:
    """Tells which rows hold a minute: its own, and coarser ones that are rolled up already.

    Args:
        resolutions: those of which there are rows.
        oldest: the start of the oldest rows that are kept (epoch seconds).
    """

    def __init__(self, resolutions: Iterable[Resolution], oldest: int) -> None:
        self._resolutions = list(resolutions)
        self._oldest = oldest
        self._known: dict[int, list[tuple[int, int]]] = {}

    def of(self, minute: int) -> Sequence[tuple[int, int]]:
        """Return width and start of each; none if it is older than all that is kept."""
        intervals = self._known.get(minute)
        if intervals is None:
            intervals = self._known[minute] = [*self._holding(minute)] if minute >= self._oldest else []
        return intervals

    def _holding(self, minute: int) -> Iterator[tuple[int, int]]:
        for resolution in self._resolutions:
            start = floor_to(minute, resolution.width)
            if resolution.complete_from <= start < resolution.complete_until:
                yield resolution.width, start

    def rolled_up(self) -> set[int]:
        """Return the widths of the coarser rows among those that were asked for."""
        return {width for intervals in self._known.values() for width, _ in intervals if width > FINEST}


def floor_to(moment: float, width: int) -> int:
    """Return the start of the interval that contains a moment (epoch seconds)."""
    return math.floor(moment / width) * width


def covering_ranges(window: Window, resolutions: Iterable[Resolution]) -> list[RowRange]:
    """The fewest rows that hold every minute which the window overlaps, each moment once, in order of time.

    Where minutes are no longer kept, the window is widened to the units that are.
    """
    coarse_first = sorted(resolutions, reverse=True)
    ranges: list[RowRange] = []
    cursor, end = floor_to(window.since, FINEST), math.ceil(window.until / FINEST) * FINEST
    while window.since < window.until and cursor < end:
        width, start = _interval_at(cursor, end, coarse_first)
        if not width:
            later = [resolution.complete_from for resolution in coarse_first if resolution.complete_from > cursor]
            cursor = min(later, default=end)
            continue
        cursor = _end_of_run(width, start, end, coarse_first)
        _extend(ranges, RowRange(width, start, cursor))
    return ranges


def end_of(window: Window, ranges: Iterable[RowRange]) -> float:
    """Where a window ends (epoch seconds) as it is widened by the rows to be read, but for that of its last minute."""
    return max([window.until, *(part.end for part in ranges if part.width > FINEST)])


def step_for(window: Window, buckets: int) -> int:
    """The smallest step (seconds) that divides a window into at most so many buckets; one that is read quickly.

    The steps of longer windows are made of rows that are rolled up; at most a day.
    """
    return next((step for step in _STEPS if window.until - window.since <= step * buckets), COARSEST)


def bounded_step(window: Window, step: int) -> int:
    """The step (seconds) itself, or one that divides a very long window into at most `MAX_BUCKETS` buckets."""
    least = (window.until - window.since) / MAX_BUCKETS
    if step >= least:
        return step
    return max(step_for(window, MAX_BUCKETS), math.ceil(least / COARSEST) * COARSEST if least > COARSEST else 0)


def split_at(ranges: Iterable[RowRange], border: int) -> tuple[list[RowRange], list[RowRange]]:
    """The parts before and after a moment that no unit reaches across."""
    before = [part._replace(end=min(part.end, border)) for part in ranges if part.start < border]
    after = [part._replace(start=max(part.start, border)) for part in ranges if part.end > border]
    return before, after


def _interval_at(cursor: int, end: int, coarse_first: Sequence[Resolution]) -> tuple[int, int]:
    """Return width and start of the interval to read next; width 0 if nothing is kept."""
    for width, complete_from, complete_until, _ in coarse_first:
        if cursor % width == 0 and complete_from <= cursor and cursor + width <= min(end, complete_until):
            return width, cursor
    for width, complete_from, complete_until, _ in reversed(coarse_first):
        start = floor_to(cursor, width)
        if complete_from <= start and start + width <= complete_until:
            return width, start
    return 0, 0


def _end_of_run(width: int, start: int, end: int, coarse_first: Sequence[Resolution]) -> int:
    """Where units of a span that follow each other end: at the end of all, or where coarser ones take their place.

    However long a window is, it is gone through in a few steps.
    """
    least, reached = start + width, end
    for resolution in coarse_first:
        limit = min(end, resolution.complete_until)
        if resolution.width == width:
            reached = min(reached, floor_to(limit, width))
        elif resolution.width > width:
            first = math.ceil(max(least, resolution.complete_from) / resolution.width) * resolution.width
            reached = min(reached, first) if first + resolution.width <= limit else reached
    return max(least, reached)


def _extend(ranges: list[RowRange], interval: RowRange) -> None:
    if ranges and ranges[-1].width == interval.width and ranges[-1].end == interval.start:
        ranges[-1] = ranges[-1]._replace(end=interval.end)
    else:
        ranges.append(interval)
