"""The statements by which rows are read and added up.

Sums are made by SQLite; histograms are fetched and added up here, many at once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from ..recording.histogram import merge
from ..recording.snapshot import Series
from .answers import ErrorKey, Selection, StoredInstance
from .figures import Tally
from .levels import Range
from .tallies import SUMS, merge_intact

__all__ = [
    "SERIES",
    "error_rows",
    "errors_by_step",
    "instances",
    "matching",
    "series_matching",
    "statuses_in",
    "tallies_by",
]

SERIES: Final = 'series.application, series.kind, series."group", series.name'
"""The columns that make a `Series`."""

_FEW: Final = 20
"""Up to so many series are looked up one by one in each unit of time; for more, all rows of a range are read."""

_LOOKED_UP: Final = """
    WITH RECURSIVE unit (at) AS (SELECT :start UNION ALL SELECT at + :span FROM unit WHERE at + :span < :end),
    wanted (number) AS (VALUES {numbers})
    SELECT {columns} FROM unit CROSS JOIN wanted CROSS JOIN tally
    ON span = :span AND start = unit.at AND series = wanted.number
"""
_SCANNED: Final = """
    SELECT {columns} FROM tally
    WHERE span = :span AND start >= :start AND start < :end AND series IN (VALUES {numbers})
"""
_TOTALS: Final = ", ".join([*(f"sum({column})" for column in SUMS), "min(minimum)", "max(maximum)"])

_ERRORS: Final = f"""
    SELECT error.type, error.message, error.expected, sum(error_count.count), max(start), {SERIES}
    FROM error_count JOIN error ON error.id = error_count.error JOIN series ON series.id = error.series
    WHERE span = ? AND start >= ? AND start < ? AND {{where}} GROUP BY error.id
"""

_ERRORS_BY_STEP: Final = """
    SELECT error.type, error.message, error.expected, start / ?, sum(error_count.count)
    FROM error_count JOIN error ON error.id = error_count.error JOIN series ON series.id = error.series
    WHERE span = ? AND start >= ? AND start < ? AND {where} GROUP BY 1, 2, 3, 4
"""


def matching(selection: Selection) -> tuple[str, list[object]]:
    """A condition on the columns of the table ``series``, and its arguments."""
    wanted = [(f'series."{column}" = ?', value) for column, value in selection._asdict().items() if value is not None]
    return " AND ".join(["1", *(condition for condition, _ in wanted)]), [value for _, value in wanted]


def series_matching(connection: sqlite3.Connection, selection: Selection, whole: bool) -> dict[int, Series]:
    """The selected series by number; or, as ``whole``, those that stand for all of an application and kind."""
    where, arguments = matching(selection)
    rows = connection.execute(f"SELECT id, {SERIES} FROM series WHERE whole = ? AND {where}", (int(whole), *arguments))
    return {row[0]: Series(*row[1:]) for row in rows}


def tallies_by(
    connection: sqlite3.Connection, key: str, ranges: Sequence[Range], series: Collection[int]
) -> dict[int, Tally]:
    """What was counted of some series, added up by an SQL expression over the columns ``series`` and ``start``."""
    tallies: dict[int, Tally] = {}
    encoded: dict[int, list[bytes]] = {}
    for part in ranges if series else ():
        for row in _select(connection, f"{key} AS key, {_TOTALS}", part, series, "GROUP BY key"):
            tallies.setdefault(row[0], Tally()).add(_tally(row[1:]))
        for number, apdex_t, histogram in _select(connection, f"{key}, apdex_t, histogram", part, series):
            encoded.setdefault(number, []).append(histogram)
            if apdex_t is not None:
                tallies[number].apdex_t = apdex_t
    for number, histograms in encoded.items():
        tallies[number].histogram = merge_intact(histograms)
    return tallies


def _select(
    connection: sqlite3.Connection, columns: str, part: Range, series: Collection[int], ending: str = ""
) -> Iterator[tuple[Any, ...]]:
    form = _LOOKED_UP if len(series) <= _FEW else _SCANNED
    statement = form.format(columns=columns, numbers=", ".join(f"({number:d})" for number in series))
    return connection.execute(statement + ending, part._asdict())


def _tally(values: Sequence[Any]) -> Tally:
    tally = Tally(minimum=values[-2], maximum=values[-1])
    for column, value in zip(SUMS, values[:-2], strict=True):
        setattr(tally, column, value)
    return tally


def statuses_in(connection: sqlite3.Connection, ranges: Sequence[Range], series: Collection[int]) -> dict[int, int]:
    """HTTP statuses and how often they were sent."""
    statuses: dict[int, int] = {}
    for part in ranges if series else ():
        merge(merge_intact([row[0] for row in _select(connection, "statuses", part, series)]), statuses)
    return statuses


def error_rows(
    connection: sqlite3.Connection, ranges: Sequence[Range], selection: Selection
) -> Iterator[tuple[tuple[str, str, bool], int, int, Series]]:
    """Type, message and whether expected; count; last start; and series of each distinct error in each range."""
    where, arguments = matching(selection)
    for part in ranges:
        for row in connection.execute(_ERRORS.format(where=where), (*part, *arguments)):
            yield (row[0], row[1], bool(row[2])), row[3], row[4], Series(*row[5:])


def errors_by_step(
    connection: sqlite3.Connection, ranges: Sequence[Range], selection: Selection, step: int
) -> Iterator[tuple[ErrorKey, int, int]]:
    """Each distinct error in each range, the number of the step (seconds since the epoch / ``step``), and its count."""
    where, arguments = matching(selection)
    for part in ranges:
        for row in connection.execute(_ERRORS_BY_STEP.format(where=where), (step, *part, *arguments)):
            yield ErrorKey(row[0], row[1], bool(row[2])), row[3], row[4]


def instances(connection: sqlite3.Connection) -> dict[int, StoredInstance]:
    """All reporting processes by number."""
    lost: dict[int, dict[str, int]] = {}
    for number, cause, count in connection.execute("SELECT instance, cause, count FROM loss ORDER BY cause"):
        lost.setdefault(number, {})[cause] = count
    rows = connection.execute("SELECT id, key, host, pid, program, started, seen FROM instance")
    return {
        number: StoredInstance(key, host, pid, program, started, seen, lost.get(number, {}))
        for number, key, host, pid, program, started, seen in rows
    }
