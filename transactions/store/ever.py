"""All that was ever counted: rows of all time, with those that have not expired yet.

A counter that is read here only grows. What expires is added to the rows of all time
in the transaction that deletes it; what is being evicted counts under its replacement
from the moment at which that is decided, however many steps it takes to move the rows.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Final, get_args

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
from .rows import Grouping, Row, Rows, Scope
from .statistics import Window
from .sums import added_up, compact

__all__ = ["EverCache", "counted_ever"]

_EACH: Final = Grouping(by_series=True)
_HOUR: Final = 3600
_EXPIRED: Final = RowRange(SINCE_EVER, 0, 1)
"""The rows of all time."""

_Numbers = Mapping[int, Series]
"""Series by number; several numbers may stand for one series."""


def counted_ever(rows: Rows, cache: EverCache, max_names: int | None) -> CountedEver:
    """Return all that was ever counted; with a limit, the names beyond it together."""
    reading = _Reading(rows, cache)
    names = reading.series("name")
    shown = names if max_names is None else _first(reading, names, max_names)
    return CountedEver(
        applications=reading.totals("all"),
        names=reading.totals("name", {number: shown.get(number) or overflow_of(one) for number, one in names.items()}),
        hosts=reading.totals("host"),
        versions=reading.totals("version"),
        queues=reading.totals("queue"),
        statuses=reading.statuses(),
        errors=reading.errors(),
        custom_metrics=reading.custom_metrics(),
        composition=_composition(rows.evictions(), names, shown),
        numbers={scope: reading.numbers(scope) for scope in get_args(Scope)},
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


class EverCache:
    """Totals up to the minutes that are not rolled up yet: they change every ten minutes, or when something is late."""

    def __init__(self) -> None:
        self.rows: RowCache = RowCache()
        """Of each resolution, as most of what is rolled up stays the same."""
        self._state: tuple[object, ...] = ()
        self._past: dict[Scope, tuple[Hashable, Mapping[int, Totals]]] = {}

    def validate(self, rows: Rows) -> None:
        """Forget what is not true any more: another store is read, or something was added to rolled-up rows."""
        late = [resolution.late for resolution in rows.resolutions().values()]
        state = (rows.state, *late)
        if state != self._state or None in late:
            self._state = state
            self._past.clear()
        self.rows.validate(rows.state, rows.resolutions().values())

    def past(self, scope: Scope, question: Hashable, read: Callable[[], Mapping[int, Totals]]) -> Mapping[int, Totals]:
        """Return the answer that is kept, if the question is still the same, or else the one that ``read`` gives."""
        kept = self._past.get(scope)
        if kept is None or kept[0] != question:
            kept = self._past[scope] = (question, read())
        return kept[1]


class _Reading:
    """Reads rows of all time and those of each resolution, as far as they add up to everything."""

    def __init__(self, rows: Rows, cache: EverCache) -> None:
        self._rows = rows
        self._cache = cache
        self._evicted = rows.evicted()
        self._found: dict[Scope, dict[int, Series]] = {}
        self._ranges = _kept_ranges(rows)
        cache.validate(rows)

    def _series(self, scope: Scope) -> dict[int, Series]:
        if scope not in self._found:
            self._found[scope] = self._rows.series(Selection(), scope)
        return self._found[scope]

    def series(self, scope: Scope) -> dict[int, Series]:
        """Return the series of a scope; the numbers of evicted ones stand for their replacements."""
        found = self._series(scope)
        moved = {number: found[other] for number, other in self._evicted.items() if other in found}
        return {number: one for number, one in found.items() if number not in self._evicted} | moved

    def numbers(self, scope: Scope) -> dict[Series, int]:
        """Return the number of each series of a scope that is not being evicted."""
        return {one: number for number, one in self._series(scope).items() if number not in self._evicted}

    def totals(self, scope: Scope, series: _Numbers | None = None) -> dict[Series, Totals]:
        """Return the totals of each series that was ever counted; of all of a scope, or by what they are counted as."""
        series = self.series(scope) if series is None else series
        found: dict[Series, list[Totals]] = {}
        for number, totals in chain(self._past(scope, series).items(), self._recent(series)):
            found.setdefault(series[number], []).append(totals)
        return {one: some[0] if len(some) == 1 else Totals.of(some) for one, some in found.items()}

    def _past(self, scope: Scope, series: _Numbers) -> Mapping[int, Totals]:
        numbers = tuple(sorted(series))
        rolled_up = [part for part in self._ranges if part.width > FINEST]
        expired = tuple(self._rows.sums("average", Grouping(), [_EXPIRED], numbers))
        question = (expired, *rolled_up, *numbers)
        return self._cache.past(scope, question, partial(self._add_up, numbers, rolled_up, expired))

    def _add_up(self, numbers: Sequence[int], rolled_up: Iterable[RowRange], expired: Hashable) -> dict[int, Totals]:
        """Add up what has expired and what is rolled up; what expires goes from one of them to the other."""
        found: dict[int, list[Row]] = {}
        for part in (_EXPIRED, *rolled_up):
            read = partial(compact, "totals", partial(self._rows.sums, "totals", _EACH, [part], numbers))
            for number, *row in self._cache.rows.rows((part, expired, *numbers), read):
                found.setdefault(number, []).append(tuple(row))
        return {number: Totals(*added_up("totals", some)) for number, some in found.items()}

    def _recent(self, series: Collection[int]) -> Iterator[tuple[int, Totals]]:
        for part in self._ranges:
            if part.width == FINEST:
                for number, *row in self._rows.sums("totals", _EACH, [part], series):
                    yield number, Totals(*added_up("totals", [tuple(row)]))

    def times_by_full_hour(self, series: Collection[int]) -> dict[int, int]:
        """Return the total time of each series by the last full hour."""
        ranges = [_EXPIRED, *(part for part in self._ranges if part.width >= _HOUR)]
        found: dict[int, int] = {}
        for number, total in self._rows.sums("time", _EACH, ranges, series):
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
        """Return how often errors of each type occurred; those of evicted series count where the series do."""
        names, counted_as = self._series("name"), self.series("name")
        moved = {names[one]: counted_as[one] for one in self._evicted if one in names and one in counted_as}
        found: dict[ErrorType, int] = {}
        for error, count, _, whose in self._rows.errors([_EXPIRED, *self._ranges], Selection()):
            series = moved.get(whose, whose)
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


def _kept_ranges(rows: Rows) -> list[RowRange]:
    """Return the ranges that hold every row which has not expired; days are all read, the incomplete ones too."""
    firsts = [rows.first_row(width, 0) for width in (FINEST, *COARSE_WIDTHS)]
    first = min((start for start in firsts if start is not None), default=FOREVER)
    everything = Window(floor_to(first, COARSEST), FOREVER)
    return covering_ranges(everything, map(_with_all_days, rows.resolutions().values()))


def _with_all_days(resolution: Resolution) -> Resolution:
    """Two sets of rows may expire a day one after the other: what one of them still has counts until then."""
    return resolution._replace(complete_from=-FOREVER) if resolution.width == COARSEST else resolution
