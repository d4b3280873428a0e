"""How finely the past is kept: minutes for some days, hours and more for months.

Every level holds *all* transactions of its stretch of time, so a window is read
from few rows: whole days from the level of days, the rest from finer ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from .figures import Window

__all__ = [
    "BUCKETS_AT_MOST",
    "COARSEST",
    "COARSE_SPANS",
    "FINEST",
    "FOREVER",
    "Level",
    "Range",
    "bounded_step",
    "cover",
    "end_of",
    "floored",
    "split_at",
    "step_for",
]

FINEST: Final = 60
COARSE_SPANS: Final = (600, 3600, 21600, 86400)
"""Seconds; each a multiple of the one before, from which it is rolled up."""
COARSEST: Final = COARSE_SPANS[-1]
FOREVER: Final = 1 << 62

BUCKETS_AT_MOST: Final = 10_000
"""Of a timeline."""

_STEPS: Final = (60, 120, 300, 600, 1800, 3600, 10800, 21600, 86400)


class Level(NamedTuple):
    """The rows of one span, and for which stretch of time (epoch seconds) they are all there."""

    span: int
    complete_from: int
    """Older rows have expired."""
    complete_until: int
    """From here on nothing is rolled up yet; the level of minutes never ends."""
    late: int | None = None
    """How often something was added to rows that had been rolled up; not told by stores of older versions."""


class Range(NamedTuple):
    """Rows to be read: those of this span that start at ``start`` or later and before ``end``."""

    span: int
    start: int
    end: int


def floored(moment: float, span: int) -> int:
    """The start of the unit of time that a moment (epoch seconds) is in."""
    return math.floor(moment / span) * span


def cover(window: Window, levels: Iterable[Level]) -> list[Range]:
    """The fewest rows that hold every minute which the window overlaps, each moment once, in order of time.

    Where minutes are no longer kept, the window is widened to the units that are.
    """
    coarse_first = sorted(levels, reverse=True)
    ranges: list[Range] = []
    cursor, end = floored(window.since, FINEST), math.ceil(window.until / FINEST) * FINEST
    while window.since < window.until and cursor < end:
        span, start = _unit_at(cursor, end, coarse_first)
        if not span:
            later = [level.complete_from for level in coarse_first if level.complete_from > cursor]
            cursor = min(later, default=end)
            continue
        cursor = _end_of_run(span, start, end, coarse_first)
        _extend(ranges, Range(span, start, cursor))
    return ranges


def end_of(window: Window, ranges: Iterable[Range]) -> float:
    """Where a window ends (epoch seconds) as it is widened by the rows to be read, but for that of its last minute."""
    return max([window.until, *(part.end for part in ranges if part.span > FINEST)])


def step_for(window: Window, buckets: int) -> int:
    """The smallest step (seconds) that divides a window into at most so many buckets; one that is read quickly.

    The steps of longer windows are made of rows that are rolled up; at most a day.
    """
    return next((step for step in _STEPS if window.until - window.since <= step * buckets), COARSEST)


def bounded_step(window: Window, step: int) -> int:
    """The step (seconds) itself, or one that divides a very long window into at most `BUCKETS_AT_MOST` buckets."""
    least = (window.until - window.since) / BUCKETS_AT_MOST
    if step >= least:
        return step
    return max(step_for(window, BUCKETS_AT_MOST), math.ceil(least / COARSEST) * COARSEST if least > COARSEST else 0)


def split_at(ranges: Iterable[Range], border: int) -> tuple[list[Range], list[Range]]:
    """The parts before and after a moment that no unit reaches across."""
    before = [part._replace(end=min(part.end, border)) for part in ranges if part.start < border]
    after = [part._replace(start=max(part.start, border)) for part in ranges if part.end > border]
    return before, after


def _unit_at(cursor: int, end: int, coarse_first: Sequence[Level]) -> tuple[int, int]:
    """Span and start of the unit to read next; span 0 where nothing is kept."""
    for span, complete_from, complete_until, _ in coarse_first:
        if cursor % span == 0 and complete_from <= cursor and cursor + span <= min(end, complete_until):
            return span, cursor
    for span, complete_from, complete_until, _ in reversed(coarse_first):
        start = floored(cursor, span)
        if complete_from <= start and start + span <= complete_until:
            return span, start
    return 0, 0


def _end_of_run(span: int, start: int, end: int, coarse_first: Sequence[Level]) -> int:
    """Where units of a span that follow each other end: at the end of all, or where coarser ones take their place.

    However long a window is, it is gone through in a few steps.
    """
    least, reached = start + span, end
    for level in coarse_first:
        limit = min(end, level.complete_until)
        if level.span == span:
            reached = min(reached, floored(limit, span))
        elif level.span > span:
            first = math.ceil(max(least, level.complete_from) / level.span) * level.span
            reached = min(reached, first) if first + level.span <= limit else reached
    return max(least, reached)


def _extend(ranges: list[Range], unit: Range) -> None:
    if ranges and ranges[-1].span == unit.span and ranges[-1].end == unit.start:
        ranges[-1] = ranges[-1]._replace(end=unit.end)
    else:
        ranges.append(unit)
