"""The numbers under which series and errors are kept; texts are stored once."""

from __future__ import annotations

import sqlite3
from typing import ClassVar, Final

from ..recording.snapshot import ErrorCount, Series
from ..recording.surplus import OTHER, surplus_of

__all__ = ["Names", "storable"]

_HOUR: Final = 3600
_BOUNDED: Final = {"series": f"whole = 0 AND name != '{OTHER}'", "error": "true"}
"""Of which a table may not have any number of rows."""


def storable(text: str) -> str:
    """Text as it can be stored: what is no valid Unicode is shown as an escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Names:
    """Looks numbers up and gives new ones, within one transaction; counts what had to go under `OTHER`.

    What is leaving to make room (see ``room.py``) is not used any more; its heir is.
    """

    SERIES_AT_MOST: ClassVar[int] = 5000
    """Distinct series of one application."""
    ERRORS_AT_MOST: ClassVar[int] = 200
    """Distinct errors of one series; above it only the types are told apart, and above twice that nothing."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._series: dict[tuple[Series, bool], int] = {}
        self._known: dict[tuple[str, object], int] = {}
        """How many series an application has, and how many errors a series, as far as that was asked."""
        self._heirs: dict[tuple[str, int], int] = {
            (kind, number): heir for kind, number, heir in connection.execute("SELECT * FROM leaving")
        }
        self.surplus: dict[str, int] = {}

    def whole(self, series: Series, minute: float) -> int:
        """The number for all transactions of the application and kind that a series is of."""
        return self._number(Series(series.application, series.kind, "", ""), True, minute)

    def series(self, series: Series, minute: float) -> int:
        """The number of a series that had something to count at that time (epoch seconds)."""
        return self._number(series, False, minute)

    def _number(self, series: Series, whole: bool, minute: float) -> int:
        number = self._series.get((series, whole))
        if number is None:
            number = self._series[series, whole] = self._look_up(series, whole, int(minute))
        return number

    def _look_up(self, series: Series, whole: bool, minute: int) -> int:
        application, kind, group, name = map(storable, series)
        key = (application, kind, int(whole), group, name)
        row = self._connection.execute(
            'SELECT id, seen FROM series WHERE (application, kind, whole, "group", name) = (?, ?, ?, ?, ?)', key
        ).fetchone()
        return self._new_series(series, key, minute) if row is None else self._used("series", row, minute)

    def _used(self, table: str, row: tuple[int, int], minute: int) -> int:
        """The number of what has been found: its own, or its heir's."""
        number, seen = row
        if seen <= minute - _HOUR:
            self._connection.execute(f"UPDATE {table} SET seen = ? WHERE id = ?", (minute, number))
        return self._heirs.get((table, number), number)

    def _new_series(self, series: Series, key: tuple[object, ...], minute: int) -> int:
        application, whole = str(key[0]), key[2]
        bounded = not whole and OTHER not in key
        if bounded and self.count("series", "application", application) >= self.SERIES_AT_MOST:
            self._is_crowded("series", application)
            self.surplus["names"] = self.surplus.get("names", 0) + 1
            return self._number(surplus_of(series), False, minute)
        number = self._insert(
            'INSERT INTO series (application, kind, whole, "group", name, seen) VALUES (?, ?, ?, ?, ?, ?)',
            (*key, minute),
        )
        if bounded and self._one_more("series", application) >= self.SERIES_AT_MOST:
            self._is_crowded("series", application)
        return number

    def error(self, error: ErrorCount) -> int:
        """The number of a distinct error of a series."""
        series = self.series(error.series, error.minute)
        key = (series, storable(error.type), storable(error.message), int(error.expected))
        number = self._find_error(key, error.minute)
        return number if number is not None else self._new_error(key, error)

    def _find_error(self, key: tuple[int, str, str, int], minute: int) -> int | None:
        row = self._connection.execute(
            "SELECT id, seen FROM error WHERE (series, type, message, expected) = (?, ?, ?, ?)", key
        ).fetchone()
        return None if row is None else self._used("error", row, minute)

    def _new_error(self, key: tuple[int, str, str, int], error: ErrorCount) -> int:
        series, type_, _, expected = key
        known = self.count("error", "series", series)
        if known >= self.ERRORS_AT_MOST:
            self._is_crowded("error", series)
            self.surplus["errors"] = self.surplus.get("errors", 0) + error.count
            type_ = type_ if known < 2 * self.ERRORS_AT_MOST else OTHER
            return self.surplus_error(series, type_, bool(expected), error.minute)
        if self._one_more("error", series) >= self.ERRORS_AT_MOST:
            self._is_crowded("error", series)
        return self._insert_error(key, error.minute)

    def surplus_error(self, series: int, type_: str, expected: bool, minute: int) -> int:
        """The number under which errors of a type are counted whose messages are not kept."""
        key = (series, type_, OTHER, int(expected))
        number = self._find_error(key, minute)
        return self._insert_error(key, minute) if number is None else number

    def _insert_error(self, key: tuple[int, str, str, int], minute: int) -> int:
        return self._insert(
            "INSERT INTO error (series, type, message, expected, seen) VALUES (?, ?, ?, ?, ?)", (*key, minute)
        )

    def count(self, table: str, column: str, value: object) -> int:
        """How many there are; those on their way out do not count."""
        if (table, value) not in self._known:
            row = self._connection.execute(
                f"SELECT count(*) FROM {table} WHERE {column} = ? AND {_BOUNDED[table]}"
                f" AND id NOT IN (SELECT number FROM leaving WHERE kind = ?)",
                (value, table),
            ).fetchone()
            self._known[table, value] = int(row[0])
        return self._known[table, value]

    def _one_more(self, table: str, value: object) -> int:
        self._known[table, value] += 1
        return self._known[table, value]

    def _is_crowded(self, table: str, whose: object) -> None:
        self._connection.execute("INSERT OR IGNORE INTO crowded VALUES (?, ?)", (table, whose))

    def _insert(self, statement: str, values: tuple[object, ...]) -> int:
        return int(self._connection.execute(statement, values).lastrowid or 0)
