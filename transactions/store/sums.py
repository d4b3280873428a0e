"""Totals of many rows, read once as far as they belong to the past."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from ..recording.histogram import merge_encoded
from ..recording.totals import GREATEST, HISTOGRAMS, NUMBERS, PLAIN, SUMS, PlainTotals, Totals, seconds
from .cache import RowCache
from .resolutions import FINEST, FOREVER, Resolution, RowRange
from .rows import Grouping, Row, Rows, Sums

__all__ = [
    "add_up",
    "averages_of",
    "first_start",
    "last_start",
    "numbers_by",
    "plain_totals_of",
    "times_of",
    "totals_by",
]


def _latest(thresholds: Sequence[float | None]) -> float | None:
    return next((one for one in reversed(thresholds) if one is not None), None)


def _merge_of(name: str) -> Callable[..., Any]:
    """Return what a column of several rows becomes."""
    return sum if name in SUMS else max if name in GREATEST else min if name == "minimum" else _latest


_PLAIN_MERGES: Final = [_merge_of(name) for name in PLAIN]
_MERGES: Final = [_merge_of(name) for name in NUMBERS]


def totals_by(
    rows: Rows, cache: RowCache | None, grouping: Grouping, ranges: Sequence[RowRange], series: Collection[int]
) -> dict[tuple[int, ...], Totals]:
    """Return the totals of some series by group."""
    found = _grouped(rows, cache, "totals", grouping, ranges, series)
    return {key: add_up(some) for key, some in found.items()}


def numbers_by(
    rows: Rows, cache: RowCache | None, grouping: Grouping, ranges: Sequence[RowRange], series: Collection[int]
) -> dict[tuple[int, ...], Totals]:
    """Return the same without histograms, which are what takes long to read and to merge."""
    found = _grouped(rows, cache, "numbers", grouping, ranges, series)
    return {key: _numbers(some) for key, some in found.items()}


def times_of(rows: Rows, cache: RowCache, ranges: Sequence[RowRange], series: Collection[int]) -> dict[int, int]:
    """Return the total time (nanoseconds) of each series that has transactions, without reading their histograms."""
    found = _grouped(rows, cache, "time", Grouping(by_series=True), ranges, series)
    return {number: sum(total for (total,) in some) for (number,), some in found.items()}


def averages_of(rows: Rows, cache: RowCache, ranges: Sequence[RowRange], series: Collection[int]) -> dict[int, float]:
    """Return the average (seconds) of each series that has transactions."""
    found = _grouped(rows, cache, "average", Grouping(by_series=True), ranges, series)
    sums = ((number, map(sum, zip(*some, strict=True))) for (number,), some in found.items())
    return {number: seconds(total) / count for number, (count, total) in sums}


def plain_totals_of(
    rows: Rows, cache: RowCache, ranges: Sequence[RowRange], series: Collection[int]
) -> dict[int, PlainTotals]:
    """Return the totals of each series that has transactions, without reading their histograms."""
    found = _grouped(rows, cache, "plain", Grouping(by_series=True), ranges, series)
    return {number: _plain(some) for (number,), some in found.items()}


def _numbers(rows: Sequence[Row]) -> Totals:
    if len(rows) == 1:
        return Totals(*rows[0])
    return Totals(*[merge(column) for merge, column in zip(_MERGES, zip(*rows, strict=True), strict=True)])


def _plain(rows: Sequence[Row]) -> PlainTotals:
    if len(rows) == 1:
        return PlainTotals(*rows[0])
    return PlainTotals(*[merge(column) for merge, column in zip(_PLAIN_MERGES, zip(*rows, strict=True), strict=True)])


def _grouped(
    rows: Rows,
    cache: RowCache | None,
    columns: Sums,
    grouping: Grouping,
    ranges: Sequence[RowRange],
    series: Collection[int],
) -> dict[tuple[int, ...], list[Row]]:
    """Return sums by key, a few rows each: minutes before the rolled-up rows, those, and minutes after them."""
    width = len(grouping.keys)
    found: dict[tuple[int, ...], list[Row]] = {}
    in_order = list(_in_order(ranges)) if series else []
    for place, parts in enumerate(in_order):
        question = (columns, grouping, *parts, *series)
        read = partial(rows.sums, columns, grouping, parts, series)
        # Minutes that rolled-up rows follow are rolled up themselves: they change only when something comes late.
        is_past = parts[0].width > FINEST or place + 1 < len(in_order)
        for row in cache.rows(question, read) if cache and is_past else read():
            found.setdefault(row[:width], []).append(row[width:])
    return found


def _in_order(ranges: Sequence[RowRange]) -> Iterator[Sequence[RowRange]]:
    """Yield minutes before rolled-up rows, those, and minutes after them: in order, as the latest threshold counts."""
    rolled_up = [part for part in ranges if part.width > FINEST]
    first = ranges.index(rolled_up[0]) if rolled_up else 0
    after = [part for part in ranges[first:] if part.width == FINEST]
    return filter(None, (ranges[:first], rolled_up, after))


def add_up(rows: Sequence[Row]) -> Totals:
    """Return the sum of rows, each of which has the columns of `Totals` without the statuses."""
    columns = zip(*rows, strict=True)  # of which each loop takes its own
    whole = Totals(*[merge(column) for merge, column in zip(_MERGES, columns, strict=False)])
    for name, column in zip(HISTOGRAMS, columns, strict=True):
        setattr(whole, name, merge_encoded(column))
    return whole


def first_start(rows: Rows, resolutions: Iterable[Resolution], series: Collection[int], since: float) -> int | None:
    """Return the start of the first row of some series; before ``since`` that of a coarser row containing it will do.

    The coarsest rows are searched first, then finer ones within the row that was found.
    """
    start, end, found = 0, FOREVER, False
    for resolution in sorted(resolutions, reverse=True):
        if found and (end <= since or resolution.complete_from > start):
            break
        first = rows.first_of(series, RowRange(resolution.width, start, end))
        if first is not None:
            start, end, found = first, first + resolution.width, True
        elif not found:
            start = max(start, resolution.complete_until)
    return start if found else None


def last_start(
    rows: Rows, resolutions: Iterable[Resolution], series: Collection[int], ranges: Sequence[RowRange]
) -> int | None:
    """Return the start of the last row of some series in ranges that are in order of time, as finely as it is kept."""
    for part in reversed(ranges):
        last = rows.last_of(series, part)
        if last is not None:
            return _refined(rows, resolutions, series, RowRange(part.width, last, last + part.width))
    return None


def _refined(rows: Rows, resolutions: Iterable[Resolution], series: Collection[int], found: RowRange) -> int:
    """Return the start of the last row within a coarser one."""
    start, end = found.start, found.end
    finer = (one for one in resolutions if one.width < found.width and one.complete_from <= found.start)
    for resolution in sorted(finer, reverse=True):
        last = rows.last_of(series, RowRange(resolution.width, start, end))
        if last is not None:
            start, end = last, last + resolution.width
    return start
