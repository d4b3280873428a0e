"""Totals of many rows, read once as far as they belong to the past."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from ..recording.histogram import Histogram
from ..recording.totals import GREATEST, HISTOGRAMS, SUMS, PlainTotals, Totals, seconds
from .cache import RowCache
from .intact import intact_histogram, merged_histograms
from .joined import joined, parts_of
from .resolutions import FINEST, FOREVER, Resolution, RowRange
from .rows import COLUMNS_OF, Grouping, Row, Rows, Sums

__all__ = [
    "added_up",
    "averages_of",
    "compact",
    "first_start",
    "last_start",
    "plain_totals_of",
    "sums_by",
    "times_of",
    "totals_by",
]

_EACH: Final = Grouping(by_series=True)
_FEW_PARTS: Final = 12
"""So few histograms are kept as they are: to merge them when they are needed takes less than to do so twice."""


def _latest(thresholds: Sequence[float | None]) -> float | None:
    return next((one for one in reversed(thresholds) if one is not None), None)


def _histogram(column: Iterable[bytes]) -> Histogram:
    return intact_histogram([part for value in column for part in parts_of(value)])


def _merge_of(name: str) -> Callable[..., Any]:
    """Return what a column of several rows becomes."""
    merges: dict[str, Callable[..., Any]] = {"minimum": min, "apdex_t": _latest}
    merges |= dict.fromkeys(SUMS, sum) | dict.fromkeys(GREATEST, max) | dict.fromkeys(HISTOGRAMS, _histogram)
    return merges[name]


_MERGES: Final = {columns: [_merge_of(name) for name in names] for columns, names in COLUMNS_OF.items()}


def sums_by(
    rows: Rows,
    cache: RowCache | None,
    columns: Sums,
    grouping: Grouping,
    ranges: Sequence[RowRange],
    series: Collection[int],
) -> dict[tuple[int, ...], Row]:
    """Return the columns of some series, added up, by group: without histograms, they are read much faster.

    Of each group a few rows are read: of the minutes before rolled-up rows, of those, and of the minutes after them.
    """
    width = len(grouping.keys)
    found: dict[tuple[int, ...], list[Row]] = {}
    in_order = list(_in_order(ranges)) if series else []
    for place, parts in enumerate(in_order):
        # Minutes that rolled-up rows follow are rolled up themselves: they change only when something comes late.
        is_past = parts[0].width > FINEST or place + 1 < len(in_order)
        read = partial(rows.sums, columns, grouping, parts, series)
        question, kept = (columns, grouping, *parts, *series), partial(compact, columns, read)
        for row in cache.rows(question, kept) if cache and is_past else read():
            found.setdefault(row[:width], []).append(row[width:])
    return {key: added_up(columns, some) for key, some in found.items()}


def added_up(columns: Sums, rows: Sequence[Row]) -> Row:
    """Return rows as one, with decoded histograms."""
    if len(rows) == 1 and columns != "totals":
        return rows[0]
    merged = zip(_MERGES[columns], zip(*rows, strict=True), strict=True)
    return tuple([merge(column) for merge, column in merged])


def compact(columns: Sums, read: Callable[[], Iterable[Row]]) -> Iterable[Row]:
    """Read rows as they are kept, in few bytes: with one histogram where many are joined."""
    if columns != "totals":
        return read()
    numbers = -len(HISTOGRAMS)
    return ((*row[:numbers], *map(_kept, row[numbers:])) for row in read())


def _kept(value: bytes) -> bytes:
    parts = parts_of(value)
    return value if len(parts) <= _FEW_PARTS else joined([merged_histograms(parts)])


def totals_by(
    rows: Rows, cache: RowCache, grouping: Grouping, ranges: Sequence[RowRange], series: Collection[int]
) -> dict[tuple[int, ...], Totals]:
    """Return the totals of some series by group."""
    return {key: Totals(*row) for key, row in sums_by(rows, cache, "totals", grouping, ranges, series).items()}


def times_of(rows: Rows, cache: RowCache, ranges: Sequence[RowRange], series: Collection[int]) -> dict[int, int]:
    """Return the total time (nanoseconds) of each series that has transactions, without reading their histograms."""
    found = sums_by(rows, cache, "time", _EACH, ranges, series)
    return {number: total for (number,), (total,) in found.items()}


def averages_of(rows: Rows, cache: RowCache, ranges: Sequence[RowRange], series: Collection[int]) -> dict[int, float]:
    """Return the average (seconds) of each series that has transactions."""
    found = sums_by(rows, cache, "average", _EACH, ranges, series)
    return {number: seconds(total) / count for (number,), (count, total) in found.items()}


def plain_totals_of(
    rows: Rows, cache: RowCache, ranges: Sequence[RowRange], series: Collection[int]
) -> dict[int, PlainTotals]:
    """Return the totals of each series that has transactions, without reading their histograms."""
    found = sums_by(rows, cache, "plain", _EACH, ranges, series)
    return {number: PlainTotals(*row) for (number,), row in found.items()}


def _in_order(ranges: Sequence[RowRange]) -> Iterator[Sequence[RowRange]]:
    """Yield minutes before rolled-up rows, those, and minutes after them: in order, as the latest threshold counts."""
    rolled_up = [part for part in ranges if part.width > FINEST]
    first = ranges.index(rolled_up[0]) if rolled_up else 0
    after = [part for part in ranges[first:] if part.width == FINEST]
    return filter(None, (ranges[:first], rolled_up, after))


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
