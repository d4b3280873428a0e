"""The tables of counts by resolution: adding rows to them, rolling rows up, and moving them.

Two sets of tables have resolutions of their own. The first is what versions 1 to 4 of the store have: processes of such
a version may go on writing to it, and it has the counts of distinct errors. The second is where this version writes.
Readers add both up.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from ...recording.totals import COLUMNS, GREATEST, HISTOGRAMS, SUMS
from ..intact import merged_counts, merged_histograms
from ..joined import joined
from ..resolutions import SINCE_EVER

__all__ = [
    "ERRORS",
    "FORMER",
    "FORMER_TOTALS",
    "GROUPS",
    "METRICS",
    "PRESENT",
    "READ_AS_TOTALS",
    "TOTALS",
    "Table",
    "TableSet",
    "add_former_to_ever",
    "define_functions",
    "merged_columns",
    "summed_columns",
]

_MERGES: Final[Mapping[str, tuple[str, str]]] = {
    "sum": ("sum({0})", "{0} + excluded.{0}"),
    "least": ("min({0})", "min({0}, excluded.{0})"),
    "greatest": ("max({0})", "max({0}, excluded.{0})"),
    "latest": ("latest(start, {0}) FILTER (WHERE {0} IS NOT NULL)", "coalesce(excluded.{0}, {0})"),
    "counts": ("merged({0})", "merged_pair({0}, excluded.{0})"),
    "histogram": ("merged_histogram({0})", "merged_histogram_pair({0}, excluded.{0})"),
}
"""By kind of column, how it is merged over many rows, and with that of a row that is there already."""
_MERGED: Final[Mapping[str, str]] = {kind: ways[0] for kind, ways in _MERGES.items()}
_SUMMED: Final[Mapping[str, str]] = {**_MERGED, "histogram": "joined({0})"}


_INTO: Final = "INSERT INTO {name} (span, start, {keys}, {columns})"


class Table:
    """The statements for one table, whose rows are told by ``span``, ``start`` and keys.

    Args:
        name: the table.
        keys: what its rows are about.
        columns: its other columns, each with the way in which it is merged (see `_MERGES`).
    """

    def __init__(self, name: str, keys: Sequence[str], columns: Mapping[str, str]) -> None:
        self.name: str = name
        self._keys = ", ".join(keys)
        self._columns = ", ".join(columns)
        self._merged = ", ".join(_MERGES[kind][0].format(column) for column, kind in columns.items())
        updates = ", ".join(f"{column} = {_MERGES[kind][1].format(column)}" for column, kind in columns.items())
        self._on_conflict = f"ON CONFLICT (span, start, {self._keys}) DO UPDATE SET {updates}"
        self._into = _INTO.format(name=name, keys=self._keys, columns=self._columns)
        self._add = f"{self._into} VALUES ({', '.join('?' * (2 + len(keys) + len(columns)))}) {self._on_conflict}"

    def add(self, connection: sqlite3.Connection, rows: Iterable[Sequence[object]]) -> None:
        """Add rows, each a width, a start, the keys and the other columns, to those that are there."""
        connection.executemany(self._add, rows)

    def roll_up(self, connection: sqlite3.Connection, interval: tuple[int, int], finer: int) -> None:
        """Make the rows of one interval, given as (width, start), from those of the next finer width."""
        width, start = interval
        connection.execute(
            f"{self._into} SELECT ?, ?, {self._keys}, {self._merged} FROM {self.name}"
            f" WHERE span = ? AND start >= ? AND start < ? GROUP BY {self._keys}",
            (width, start, finer, start, start + width),
        )

    def add_to_ever(self, connection: sqlite3.Connection, width: int, end: int) -> None:
        """Add the rows of a width that start before ``end`` to those of all time."""
        connection.execute(
            f"{self._into} SELECT {SINCE_EVER}, 0, {self._keys}, {self._merged} FROM {self.name}"
            f" WHERE span = ? AND start < ? GROUP BY {self._keys} {self._on_conflict}",
            (width, end),
        )

    def take_over(self, connection: sqlite3.Connection, statement: str, arguments: Sequence[object]) -> None:
        """Add the rows that a statement selects; it must have a WHERE clause."""
        connection.execute(f"{self._into} {statement} {self._on_conflict}", arguments)

    def delete(self, connection: sqlite3.Connection, width: int, start: int, end: int) -> None:
        """Delete the rows of a width that start at ``start`` or later and before ``end``."""
        connection.execute(f"DELETE FROM {self.name} WHERE span = ? AND start >= ? AND start < ?", (width, start, end))

    def move(self, connection: sqlite3.Connection, key: str, moved: str, part: tuple[int, int, int]) -> int:
        """Give rows another key; return how many got one.

        Args:
            connection: of a transaction.
            key: the key that changes.
            moved: a query for the former and the new key, as ``number`` and ``replacement``.
            part: the width of the rows, after which start, and up to which.
        """
        keys = self._keys.replace(key, "replacement")
        connection.execute(
            f"{self._into} SELECT span, start, {keys}, {self._merged} FROM {self.name} JOIN ({moved}) ON number = {key}"
            f" WHERE span = ? AND start > ? AND start <= ? GROUP BY start, {keys} {self._on_conflict}",
            part,
        )
        return connection.execute(
            f"DELETE FROM {self.name} WHERE span = ? AND start > ? AND start <= ?"
            f" AND {key} IN (SELECT number FROM ({moved}))",
            part,
        ).rowcount


_FORMER_COLUMNS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("count", "total"), "sum"),
    "minimum": "least",
    "maximum": "greatest",
    **dict.fromkeys(("errors", "satisfied", "tolerating", "frustrated"), "sum"),
    "apdex_t": "latest",
    **dict.fromkeys(("response_starts", "response_start_total", "queued", "queue_total", "disconnected"), "sum"),
    **dict.fromkeys(("histogram", "statuses"), "counts"),  # in the former grid, as older writers expect it
}


def _kind_of(column: str) -> str:
    if column in SUMS:
        return "sum"
    kinds = {"minimum": "least", "apdex_t": "latest", "statuses": "counts"}
    kinds |= dict.fromkeys(GREATEST, "greatest") | dict.fromkeys(HISTOGRAMS, "histogram")
    return kinds[column]


FORMER_TOTALS: Final = Table("tally", ("series",), _FORMER_COLUMNS)
ERRORS: Final = Table("error_count", ("error",), {"count": "sum"})
TOTALS: Final = Table("totals", ("series",), {column: _kind_of(column) for column in COLUMNS})
GROUPS: Final = Table("error_group_count", ("error_group", "series"), {"count": "sum"})
METRICS: Final = Table(
    "custom_metric_totals",
    ("metric",),
    {"count": "sum", "total": "sum", "minimum": "least", "maximum": "greatest"},
)


@dataclass(frozen=True)
class TableSet:
    """Tables that share resolutions."""

    levels: str
    """The table that says which of their rows are complete."""
    totals: Table
    tables: tuple[Table, ...]


FORMER: Final = TableSet("level", FORMER_TOTALS, (FORMER_TOTALS, ERRORS))
PRESENT: Final = TableSet("resolution", TOTALS, (TOTALS, GROUPS, METRICS))


# Reading both as totals

_NOTHING: Final = {"queue_histogram": "x''"}
_IN_NANOSECONDS: Final = "CAST(round({0} * 1e9) AS INTEGER)"
_TIMES: Final = ("total", "minimum", "maximum", "response_start_total", "queue_total")

_AS_TOTALS: Final[Mapping[str, str]] = {
    **{column: column if column in _FORMER_COLUMNS else _NOTHING.get(column, "0") for column in COLUMNS},
    **{column: _IN_NANOSECONDS.format(column) for column in _TIMES},
    "succeeded": "(count - errors)",
    "failed": "errors",
}
"""The columns of totals as expressions over the former ones, which have seconds and no outcomes."""

READ_AS_TOTALS: Final[Mapping[TableSet, Mapping[str, str]]] = {
    FORMER: _AS_TOTALS,
    PRESENT: {column: column for column in COLUMNS},
}


def merged_columns(source: TableSet, columns: Iterable[str]) -> str:
    """Return the columns of totals, merged over many rows of a table of totals."""
    return _made_of(source, columns, _MERGED)


def summed_columns(source: TableSet, columns: Iterable[str]) -> str:
    """Return the same with histograms joined: whoever reads them adds them up."""
    return _made_of(source, columns, _SUMMED)


def _made_of(source: TableSet, columns: Iterable[str], ways: Mapping[str, str]) -> str:
    expressions = READ_AS_TOTALS[source]
    return ", ".join(ways[_kind_of(column)].format(expressions[column]) for column in columns)


def add_former_to_ever(connection: sqlite3.Connection, width: int, end: int) -> None:
    """Add the former totals of a width that start before ``end`` to the totals of all time."""
    TOTALS.take_over(
        connection,
        f"SELECT {SINCE_EVER}, 0, series, {merged_columns(FORMER, COLUMNS)} FROM tally"
        " WHERE span = ? AND start < ? GROUP BY series",
        (width, end),
    )


# Functions for the statements


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
    connection.create_function("merged_histogram_pair", 2, _merged_histogram_pair)
    connection.create_aggregate("merged", 1, _Merged)  # type: ignore[arg-type]
    connection.create_aggregate("merged_histogram", 1, _MergedHistogram)  # type: ignore[arg-type]
    connection.create_aggregate("joined", 1, _Joined)  # type: ignore[arg-type]
    connection.create_aggregate("latest", 2, _Latest)  # type: ignore[arg-type]


def _merged_pair(first: bytes, second: bytes) -> bytes:
    return merged_counts((first, second))


def _merged_histogram_pair(first: bytes, second: bytes) -> bytes:
    return merged_histograms((first, second))


class _Merged(list[bytes]):
    """Aggregate function: merges all encoded counts of a group."""

    step = list.append

    def finalize(self) -> bytes:
        return merged_counts(self)


class _MergedHistogram(list[bytes]):
    """Aggregate function: merges all encoded histograms of a group, of whatever grid."""

    step = list.append

    def finalize(self) -> bytes:
        return merged_histograms(self)


class _Joined(list[bytes]):
    """Aggregate function: joins all encoded histograms of a group."""

    step = list.append

    def finalize(self) -> bytes:
        return joined(self)


class _Latest(dict[int, float]):
    """Aggregate function: the value with the greatest key."""

    step = dict.__setitem__

    def finalize(self) -> float:
        return self[max(self)]
