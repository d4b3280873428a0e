"""Queries: the statements that read rows and sum them up.

Rows are summed up within SQLite, so that a query returns one row for each line of the result.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from ...recording.histogram import decode, merge_encoded
from ...recording.snapshot import Series
from ..cache import Row, RowCache
from ..liveness import has_ended
from ..resolutions import FINEST, FOREVER, Resolution, RowRange
from ..results import ErrorKey, Selection, StoredInstance
from ..statistics import Totals
from .clocks import SILENT
from .rows import MERGED
from .schema import CLOCKS_SINCE, check

__all__ = [
    "SERIES",
    "error_rows",
    "errors_by_step",
    "first_start",
    "instances",
    "last_seen",
    "matching",
    "reporting",
    "series_matching",
    "series_named",
    "statuses_in",
    "times_of",
    "totals_by",
]

SERIES: Final = 'series.application, series.kind, series."group", series.name'
"""The columns that make a `Series`."""

_FEW: Final = 20
_UNITS: Final = 2000
"""Up to `_FEW` series in up to this many intervals are looked up one by one; for more, a range's rows are all read."""

_LOOKED_UP: Final = """
    WITH RECURSIVE part (span, first, last) AS (VALUES {parts}), wanted (number) AS (VALUES {numbers}),
    unit (span, at, last) AS (
        SELECT * FROM part UNION ALL SELECT span, at + span, last FROM unit WHERE at + span < last
    )
    SELECT {columns} FROM unit CROSS JOIN wanted CROSS JOIN tally
    ON tally.span = unit.span AND start = unit.at AND series = wanted.number {ending}
"""
_SCANNED: Final = """
    WITH part (span, first, last) AS (VALUES {parts})
    SELECT {columns} FROM part CROSS JOIN tally ON tally.span = part.span AND start >= part.first AND start < part.last
    WHERE series IN (VALUES {numbers}) {ending}
"""

_FIRST: Final = """
    SELECT start FROM tally WHERE span = ? AND start >= ? AND start < ? AND series IN ({numbers}) ORDER BY start LIMIT 1
"""

_ERRORS: Final = f"""
    SELECT error.type, error.message, error.expected, sum(error_count.count), max(start), {SERIES}
    FROM error_count JOIN error ON error.id = error_count.error JOIN series ON series.id = error.series
    WHERE span = ? AND start >= ? AND start < ? AND {{where}} GROUP BY error.id
"""

_ERRORS_BY_STEP: Final = """
    SELECT error.type, error.message, error.expected, {number}, sum(error_count.count)
    FROM error_count JOIN error ON error.id = error_count.error JOIN series ON series.id = error.series
    WHERE span = ? AND start >= ? AND start < ? AND {where} GROUP BY 1, 2, 3, 4
"""


def matching(selection: Selection) -> tuple[str, list[object]]:
    """Return a condition on the columns of the table ``series``, and its arguments."""
    wanted = [(f'series."{column}" = ?', value) for column, value in selection._asdict().items() if value is not None]
    return " AND ".join(["1", *(condition for condition, _ in wanted)]), [value for _, value in wanted]


def series_matching(connection: sqlite3.Connection, selection: Selection, whole: bool) -> dict[int, Series]:
    """Return the selected series by id; if ``whole``, those that stand for all of an application and kind."""
    where, arguments = matching(selection)
    rows = connection.execute(f"SELECT id, {SERIES} FROM series WHERE whole = ? AND {where}", (int(whole), *arguments))
    return {row[0]: Series(*row[1:]) for row in rows}


def series_named(connection: sqlite3.Connection, wanted: Collection[Series]) -> dict[int, Series]:
    """Return those of the wanted series that the store has, by id."""
    found: dict[int, Series] = {}
    for series in wanted:
        found |= series_matching(connection, Selection(*series), whole=False)
    return found


def totals_by(
    connection: sqlite3.Connection,
    cache: RowCache | None,
    keys: Sequence[str],
    ranges: Sequence[RowRange],
    series: Collection[int],
) -> dict[tuple[int, ...], Totals]:
    """Return the totals of some series, grouped by SQL expressions over the columns ``series`` and ``start``."""
    rows = _grouped(connection, cache, keys, MERGED, ranges, series)
    return {key: _add_up(some) for key, some in rows.items()}


def times_of(
    connection: sqlite3.Connection, cache: RowCache, ranges: Sequence[RowRange], series: Collection[int]
) -> dict[int, float]:
    """Return the total time (seconds) of each series that has transactions, without reading their histograms."""
    rows = _grouped(connection, cache, ["series"], "sum(total)", ranges, series)
    return {number: sum(total for (total,) in some) for (number,), some in rows.items()}


def _grouped(
    connection: sqlite3.Connection,
    cache: RowCache | None,
    keys: Sequence[str],
    sums: str,
    ranges: Sequence[RowRange],
    series: Collection[int],
) -> dict[tuple[int, ...], list[Row]]:
    """Return sums by key, at most three rows each: minutes before the rolled-up rows, those, and minutes after them."""
    columns, width = ", ".join([*keys, sums]), len(keys)
    ending = f"GROUP BY {', '.join(str(number) for number in range(1, width + 1))}" if keys else "GROUP BY NULL"
    found: dict[tuple[int, ...], list[Row]] = {}
    for parts in _in_order(ranges) if series else ():
        question = (columns, *parts, *series)
        read = partial(_select, connection, columns, parts, series, ending)
        for row in cache.rows(question, read) if cache and parts[0].width > FINEST else read():
            found.setdefault(row[:width], []).append(row[width:])
    return found


def _in_order(ranges: Sequence[RowRange]) -> Iterator[Sequence[RowRange]]:
    """Yield minutes before rolled-up rows, those, and minutes after them: in order, as the latest threshold counts."""
    rolled_up = [part for part in ranges if part.width > FINEST]
    first = ranges.index(rolled_up[0]) if rolled_up else 0
    after = [part for part in ranges[first:] if part.width == FINEST]
    return filter(None, (ranges[:first], rolled_up, after))


def _select(
    connection: sqlite3.Connection, columns: str, ranges: Sequence[RowRange], series: Collection[int], ending: str
) -> Iterator[Row]:
    intervals = sum((part.end - part.start) // part.width for part in ranges)
    statement = (_LOOKED_UP if len(series) <= _FEW and intervals <= _UNITS else _SCANNED).format(
        columns=columns,
        parts=", ".join(["(?, ?, ?)"] * len(ranges)),
        numbers=", ".join(f"({number:d})" for number in series),
        ending=ending,
    )
    return connection.execute(statement, [value for part in ranges for value in part])


def _add_up(rows: Sequence[Row]) -> Totals:
    """Return the sum of all rows; each has the columns of `MERGED`."""
    whole = Totals.of(Totals(*row[:-1]) for row in rows)
    whole.histogram = merge_encoded([row[-1] for row in rows])
    return whole


def first_start(
    connection: sqlite3.Connection, resolutions: Iterable[Resolution], series: Collection[int], since: float
) -> int | None:
    """Return the start of the first row of some series; before ``since`` that of a coarser row containing it will do.

    The coarsest rows are searched first, then finer ones within the row that was found.
    """
    start, end, found = 0, FOREVER, False
    statement = _FIRST.format(numbers=", ".join(f"{number:d}" for number in series))
    for resolution in sorted(resolutions, reverse=True):
        if found and (end <= since or resolution.complete_from > start):
            break
        row = connection.execute(statement, (resolution.width, start, end)).fetchone()
        if row is not None:
            start, end, found = row[0], row[0] + resolution.width, True
        elif not found:
            start = max(start, resolution.complete_until)
    return start if found else None


def statuses_in(connection: sqlite3.Connection, ranges: Sequence[RowRange], series: Collection[int]) -> dict[int, int]:
    """Return HTTP statuses with the number of times they were sent."""
    rows = _select(connection, "merged(statuses)", ranges, series, "GROUP BY NULL") if ranges and series else ()
    return next((decode(row[0]) for row in rows), {})


def error_rows(
    connection: sqlite3.Connection, ranges: Sequence[RowRange], selection: Selection
) -> Iterator[tuple[tuple[str, str, bool], int, int, Series]]:
    """Yield (type, message, expected), count, last start and series of each distinct error in each range."""
    where, arguments = matching(selection)
    for part in ranges:
        for row in connection.execute(_ERRORS.format(where=where), (*part, *arguments)):
            yield (row[0], row[1], bool(row[2])), row[3], row[4], Series(*row[5:])


def errors_by_step(
    connection: sqlite3.Connection, ranges: Sequence[RowRange], selection: Selection, number: str
) -> Iterator[tuple[ErrorKey, int, int]]:
    """Yield each distinct error in each range, the number of the step (given by an expression), and its count."""
    where, arguments = matching(selection)
    for part in ranges:
        for row in connection.execute(_ERRORS_BY_STEP.format(where=where, number=number), (*part, *arguments)):
            yield ErrorKey(row[0], row[1], bool(row[2])), row[3], row[4]


def instances(connection: sqlite3.Connection) -> dict[int, StoredInstance]:
    """Return all processes that have reported, by id."""
    lost: dict[int, dict[str, int]] = {}
    for number, cause, count in connection.execute("SELECT instance, cause, count FROM loss ORDER BY cause"):
        lost.setdefault(number, {})[cause] = count
    rows = connection.execute("SELECT id, key, host, pid, program, started, seen FROM instance")
    return {
        number: StoredInstance(key, host, pid, program, started, seen, lost.get(number, {}))
        for number, key, host, pid, program, started, seen in rows
    }


def last_seen(connection: sqlite3.Connection) -> float | None:
    """Return the time of the last report (epoch seconds), by its process's clock; ``None`` if there was none."""
    if check(connection) < CLOCKS_SINCE:
        statement = "SELECT max(seen) FROM instance"
    else:
        statement = f"SELECT max(seen) FROM instance WHERE seen <= coalesce({_LAST}, seen) + 60"
    return connection.execute(statement).fetchone()[0]  # type: ignore[no-any-return]


_LAST: Final = """(
    SELECT other.seen FROM instance AS other JOIN instance_clock ON instance_clock.instance = other.id
    ORDER BY report DESC LIMIT 1
)"""


def reporting(connection: sqlite3.Connection, now: float) -> dict[int, StoredInstance]:
    """Return the processes that still run, by id; ``now`` is in epoch seconds.

    For a process on this machine the operating system is asked. Any other is
    considered gone if it has not reported for some time while others did, by their
    clocks; and all of them are, if no process has reported for some time.
    """
    known = instances(connection)
    quiet = max(0.0, now - max((instance.seen for instance in known.values()), default=now))
    silent: dict[int, tuple[str, float]] = {}
    if check(connection) >= CLOCKS_SINCE:
        rows = connection.execute(
            "SELECT instance, process, store_clock.elapsed - instance_clock.elapsed FROM instance_clock, store_clock"
        )
        silent = {number: (process, seconds + quiet) for number, process, seconds in rows}
    return {
        number: instance
        for number, instance in known.items()
        if not _is_gone(instance.pid, *silent.get(number, ("", now - instance.seen)))
    }


def _is_gone(pid: int, process: str, silent: float) -> bool:
    ended = has_ended(pid, process)
    return silent > SILENT if ended is None else ended
