"""Rows of counts: adding them to a store, and rolling them up within it."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from importlib import import_module
from typing import Final

from ...log import log_once
from ...recording.histogram import CorruptHistogram, decode, encode, merge_to_encoded
from ...recording.snapshot import MinuteRow
from ..statistics import Totals

__all__ = [
    "COLUMNS",
    "MERGED",
    "add",
    "add_errors",
    "define_functions",
    "merge_intact",
    "move",
    "roll_up",
    "totals_of",
    "values",
]


COLUMNS: Final = tuple(field.name for field in fields(Totals))
"""The counts of a row, in the order of `Totals`: the histogram and the statuses come last, encoded."""

_NO_SUMS: Final = {
    "minimum": "min(minimum)",
    "maximum": "max(maximum)",
    "apdex_t": "latest(start, apdex_t) FILTER (WHERE apdex_t IS NOT NULL)",
    "histogram": "merged(histogram)",
    "statuses": "merged(statuses)",
}
_SUMS: Final = [column for column in COLUMNS if column not in _NO_SUMS]

MERGED: Final = ", ".join(_NO_SUMS.get(column, f"sum({column})") for column in COLUMNS[:-1])
"""The columns of a row without the statuses, merged over many rows."""

_ON_CONFLICT: Final = f"""
ON CONFLICT (span, start, series) DO UPDATE SET
    {", ".join(f"{column} = {column} + excluded.{column}" for column in _SUMS)},
    minimum = min(minimum, excluded.minimum),
    maximum = max(maximum, excluded.maximum),
    apdex_t = coalesce(excluded.apdex_t, apdex_t),
    statuses = merged_pair(statuses, excluded.statuses),
    histogram = merged_pair(histogram, excluded.histogram)
"""
_ON_ERROR_CONFLICT: Final = "ON CONFLICT (span, start, error) DO UPDATE SET count = count + excluded.count"

_ADD: Final = f"""
INSERT INTO tally (span, start, series, {", ".join(COLUMNS)})
VALUES (?, ?, ?, {", ".join("?" * len(COLUMNS))}) {_ON_CONFLICT}
"""

_ADD_ERRORS: Final = f"""
INSERT INTO error_count (span, start, error, count) VALUES (?, ?, ?, ?) {_ON_ERROR_CONFLICT}
"""

_ROLL_UP: Final = f"""
INSERT INTO tally (span, start, series, {", ".join(COLUMNS)})
SELECT ?, ?, series, {MERGED}, merged(statuses) FROM tally WHERE span = ? AND start >= ? AND start < ? GROUP BY series
"""

_ROLL_UP_ERRORS: Final = """
INSERT INTO error_count (span, start, error, count)
SELECT ?, ?, error, sum(count) FROM error_count WHERE span = ? AND start >= ? AND start < ? GROUP BY error
"""

_MOVE: Final = f"""
INSERT INTO tally (span, start, series, {", ".join(COLUMNS)})
SELECT span, start, replacement, {MERGED}, merged(statuses)
FROM tally JOIN evicted ON kind = 'series' AND number = series
WHERE span = ? AND start > ? AND start <= ? GROUP BY start, replacement {_ON_CONFLICT}
"""

_MOVE_ERRORS: Final = f"""
INSERT INTO error_count (span, start, error, count)
SELECT span, start, replacement, sum(count)
FROM error_count JOIN evicted ON kind = 'error' AND number = error
WHERE span = ? AND start > ? AND start <= ? GROUP BY start, replacement {_ON_ERROR_CONFLICT}
"""


def totals_of(row: MinuteRow) -> Totals:
    """Return the totals of a snapshot's row."""
    return Totals(
        row.count, row.total, row.minimum, row.maximum, row.errors,
        row.satisfied, row.tolerating, row.frustrated, row.apdex_t,
        row.response_starts, row.response_start_total, row.queued, row.queue_total, row.disconnected,
        dict(row.histogram), _storable(row.statuses),
    )  # fmt: skip


def _storable(statuses: Mapping[int, int]) -> dict[int, int]:
    """Return the statuses that can be stored: applications send any numbers; invalid ones are counted as 0."""
    kept: dict[int, int] = {}
    for status, count in statuses.items():
        number = status if 0 <= status <= 999 else 0
        kept[number] = kept.get(number, 0) + count
    return kept


def add(connection: sqlite3.Connection, rows: Iterable[tuple[object, ...]]) -> None:
    """Add rows, each a width, a start, a series and `values`, to those in the store."""
    connection.executemany(_ADD, rows)


def add_errors(connection: sqlite3.Connection, rows: Iterable[tuple[int, int, int, int]]) -> None:
    """Add counts of distinct errors, each with width, start and the error's number, to those in the store."""
    connection.executemany(_ADD_ERRORS, rows)


def values(totals: Totals) -> tuple[object, ...]:
    """Return totals as the columns of a row."""
    counts = (getattr(totals, column) for column in COLUMNS[:-2])
    return (*counts, encode(totals.histogram), encode(totals.statuses))


def roll_up(connection: sqlite3.Connection, interval: tuple[int, int], finer: int) -> None:
    """Make the rows of one interval, given as (width, start), from those of the next finer width."""
    width, start = interval
    arguments = (width, start, finer, start, start + width)
    connection.execute(_ROLL_UP, arguments)
    connection.execute(_ROLL_UP_ERRORS, arguments)


def move(connection: sqlite3.Connection, kind: str, part: tuple[int, int, int]) -> int:
    """Move evicted rows to their replacements, given (span, after start, to start); return how many were moved."""
    table, statement = ("tally", _MOVE) if kind == "series" else ("error_count", _MOVE_ERRORS)
    connection.execute(statement, part)
    return connection.execute(
        f"DELETE FROM {table} WHERE span = ? AND start > ? AND start <= ?"
        f" AND {kind} IN (SELECT number FROM evicted WHERE kind = ?)",
        (*part, kind),
    ).rowcount


def _calls_back_into_another_interpreter() -> bool:
    """Whether calls from SQLite wait for the main interpreter's lock, held by the same thread (before Python 3.11)."""
    if sys.version_info >= (3, 11):
        return False
    interpreters = import_module("_xxsubinterpreters")
    return bool(interpreters.get_current() != interpreters.get_main())


_CALLS_NEVER_RETURN: Final = _calls_back_into_another_interpreter()
"""Determined at import, in one of the program's threads, as the recorder's thread imports nothing."""


def define_functions(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that the statements above use.

    Raises:
        sqlite3.NotSupportedError: calls from SQLite into Python would never return.
    """
    if _CALLS_NEVER_RETURN:
        message = "the store cannot be used in a sub-interpreter of Python 3.10: use the main one, or Python 3.11"
        raise sqlite3.NotSupportedError(message)
    connection.create_function("merged_pair", 2, _merged_pair)
    connection.create_aggregate("merged", 1, _Merged)  # type: ignore[arg-type]
    connection.create_aggregate("latest", 2, _Latest)  # type: ignore[arg-type]


def merge_intact(encoded: Sequence[bytes]) -> bytes:
    """Merge encoded histograms; a damaged one is left out and logged, so that it does not spoil the others."""
    try:
        return merge_to_encoded(encoded)
    except CorruptHistogram as error:
        log_once("corrupt histogram", "the store holds a damaged histogram, which is left out: %s", error)
    return merge_to_encoded(one for one in encoded if _intact(one))


def _intact(encoded: bytes) -> bool:
    try:
        decode(encoded)
    except CorruptHistogram:
        return False
    return True


def _merged_pair(first: bytes, second: bytes) -> bytes:
    return merge_intact((first, second))


class _Merged(list[bytes]):
    """Aggregate function: merges all encoded histograms of a group."""

    step = list.append

    def finalize(self) -> bytes:
        return merge_intact(self)


class _Latest(dict[int, float]):
    """Aggregate function: the value with the greatest key."""

    step = dict.__setitem__

    def finalize(self) -> float:
        return self[max(self)]
