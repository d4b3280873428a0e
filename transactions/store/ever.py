"""All that was ever counted: rows of all time, with those that have not expired yet.

A counter that is read here only grows. What expires is added to the rows of all time
in the transaction that deletes it; what is being evicted counts under its replacement
from the moment at which that is decided, however many steps it takes to move the rows.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from ..recording.name_limits import overflow_of
from ..recording.snapshot import Series
from ..recording.totals import Totals
from .cache import RowCache
from .resolutions import (
    COARSE_WIDTHS,
    COARSEST,
    FINEST,
    FOREVER,
    SINCE_EVER,
    Resolution,
    RowRange,
    covering_ranges,
    floor_to,
)
from .results import CountedEver, ErrorType, Selection
from .rows import Grouping, Row, Rows, Scope, Sums
from .statistics import Window
from .sums import add_up

__all__ = ["counted_ever"]

_EACH: Final = Grouping(by_series=True)
_HOUR: Final = 3600
_EXPIRED: Final = RowRange(SINCE_EVER, 0, 1)
"""The rows of all time."""

_Numbers = Mapping[int, Series]
"""Series by number; several numbers may stand for one series."""


def counted_ever(rows: Rows, cache: RowCache, max_names: int | None) -> CountedEver:
    """Return all that was ever counted; with a limit, the names beyond it together."""
    reading = _Reading(rows, cache)
    names = reading.series("name")
    shown = names if max_names is None else _first(reading, names, max_names)
    return CountedEver(
        applications=reading.totals(reading.series("all")),
        names=reading.totals({number: shown.get(number) or overflow_of(one) for number, one in names.items()}),
        hosts=reading.totals(reading.series("host")),
        versions=reading.totals(reading.series("version")),
        queues=reading.totals(reading.series("queue")),
        statuses=reading.statuses(),
        errors=reading.errors(),
        custom_metrics=reading.custom_metrics(),
        composition=_composition(rows.evictions(), names, shown),
    )


def _first(reading: _Reading, names: _Numbers, limit: int) -> _Numbers:
    """Return the names that took the most time by the last full hour, then those that were seen first.

    So which they are changes once an hour at most, and is the same for all who read the store.
    """
    if len(names) <= limit:
        return names
    times = reading.times_by_full_hour(names)
    ranked = sorted(names, key=lambda number: (-times.get(number, 0), number))
    return {number: names[number] for number in ranked[:limit]}


def _composition(evictions: int, names: _Numbers, shown: _Numbers) -> str:
    if len(shown) == len(names):
        return f"{evictions}"
    return f"{evictions}-{zlib.crc32(repr(sorted(shown)).encode()):08x}"


class _Reading:
    """Reads rows of all time and those of each resolution, as far as they add up to everything."""

    def __init__(self, rows: Rows, cache: RowCache) -> None:
        self._rows = rows
        self._cache = cache
        self._evicted = rows.evicted()
        self._ranges = _kept_ranges(rows)

    def series(self, scope: Scope) -> dict[int, Series]:
        """Return the series of a scope; the numbers of evicted ones stand for their replacements."""
        found = self._rows.series(Selection(), scope)
        moved = {number: found[other] for number, other in self._evicted.items() if other in found}
        return {number: one for number, one in found.items() if number not in self._evicted} | moved

    def totals(self, series: _Numbers) -> dict[Series, Totals]:
        """Return the totals of each series that was ever counted."""
        found: dict[Series, list[Row]] = {}
        for row in self._sums("totals", series, self._ranges):
            found.setdefault(series[row[0]], []).append(row[1:])
        return {one: add_up(some) for one, some in found.items()}

    def times_by_full_hour(self, series: Collection[int]) -> dict[int, int]:
        """Return the total time of each series by the last full hour."""
        found: dict[int, int] = {}
        for number, total in self._sums("time", series, [part for part in self._ranges if part.width >= _HOUR]):
            found[number] = found.get(number, 0) + total
        return found

    def statuses(self) -> dict[str, dict[int, int]]:
        """Return how often each HTTP status was sent, by application."""
        numbers: dict[str, list[int]] = {}
        for number, one in self.series("all").items():
            if one.kind == "web":
                numbers.setdefault(one.application, []).append(number)
        return {name: self._rows.statuses([_EXPIRED, *self._ranges], some) for name, some in numbers.items()}

    def errors(self) -> dict[ErrorType, int]:
        """Return how often errors of each type occurred."""
        found: dict[ErrorType, int] = {}
        for error, count, _, series in self._rows.errors([_EXPIRED, *self._ranges], Selection()):
            key = ErrorType(series.application, series.kind, error.type, error.expected)
            found[key] = found.get(key, 0) + count
        return found

    def custom_metrics(self) -> dict[tuple[str, str], tuple[int, float]]:
        """Return number and total of the values of each custom metric."""
        found: dict[tuple[str, str], tuple[int, float]] = {}
        for application, name, number, total, _, _ in self._rows.custom_metrics([_EXPIRED, *self._ranges], None):
            before = found.get((application, name), (0, 0.0))
            found[application, name] = (before[0] + number, before[1] + total)
        return found

    def _sums(self, columns: Sums, series: Collection[int], ranges: Iterable[RowRange]) -> Iterable[Row]:
        """Yield number and columns of each series and range; what is rolled up is read once.

        What expires in between goes from one of the ranges to the rows of all time, so their count is asked for too.
        """
        numbers = sorted(series)
        expired = list(self._rows.sums(columns, _EACH, [_EXPIRED], numbers))
        yield from expired
        for part in ranges:
            read = partial(self._rows.sums, columns, _EACH, [part], numbers)
            question = (columns, part, _total(expired), *numbers)
            yield from read() if part.width == FINEST else self._cache.rows(question, read)


def _total(rows: Sequence[Row]) -> int:
    """Return what grows whenever anything expires: the sum of the first column after the number."""
    return sum(row[1] for row in rows)


def _kept_ranges(rows: Rows) -> list[RowRange]:
    """Return the ranges that hold every row which has not expired; days are all read, the incomplete ones too."""
    firsts = [rows.first_row(width, 0) for width in (FINEST, *COARSE_WIDTHS)]
    first = min((start for start in firsts if start is not None), default=FOREVER)
    everything = Window(floor_to(first, COARSEST), FOREVER)
    return covering_ranges(everything, map(_with_all_days, rows.resolutions().values()))


def _with_all_days(resolution: Resolution) -> Resolution:
    """Two sets of rows may expire a day one after the other: what one of them still has counts until then."""
    return resolution._replace(complete_from=-FOREVER) if resolution.width == COARSEST else resolution
