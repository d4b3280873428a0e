"""The numbers under which series and errors are kept; texts are stored once."""

from __future__ import annotations

import sqlite3
from typing import Final

from ..recording.snapshot import ErrorCount, Series

__all__ = ["OTHER", "Names", "storable"]

OTHER: Final = "<other>"
"""The name under which the surplus is counted."""

_SERIES_AT_MOST: Final = 5000
"""Distinct series of one application in a store."""
_ERRORS_AT_MOST: Final = 200
"""Distinct errors of one series in a store; above it only the types are told apart, and above twice that nothing."""
_DAY: Final = 86400


def storable(text: str) -> str:
    """Text as it can be stored: what is no valid Unicode is shown as an escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Names:
    """Looks numbers up and gives new ones, within one transaction; counts what had to go under `OTHER`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._series: dict[tuple[Series, bool], int] = {}
        self.surplus: dict[str, int] = {}

    def whole(self, series: Series, minute: float) -> int:
        """The number for all transactions of the application and kind that a series is of."""
        return self._known(Series(series.application, series.kind, "", ""), True, minute)

    def series(self, series: Series, minute: float) -> int:
        """The number of a series that had something to count at that time (epoch seconds)."""
        return self._known(series, False, minute)

    def _known(self, series: Series, whole: bool, minute: float) -> int:
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
        if row is None:
            return self._new_series(series, key, minute)
        if row[1] < minute - _DAY:
            self._connection.execute("UPDATE series SET seen = ? WHERE id = ?", (minute, row[0]))
        return int(row[0])

    def _new_series(self, series: Series, key: tuple[object, ...], minute: int) -> int:
        application, _, whole, *_ = key
        if not whole and OTHER not in key and self._count("series", "application", application) >= _SERIES_AT_MOST:
            self.surplus["names"] = self.surplus.get("names", 0) + 1
            return self._known(series._replace(group=OTHER, name=OTHER), False, minute)
        return self._insert(
            'INSERT INTO series (application, kind, whole, "group", name, seen) VALUES (?, ?, ?, ?, ?, ?)',
            (*key, minute),
        )

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
        if row is None:
            return None
        if row[1] < minute - _DAY:
            self._connection.execute("UPDATE error SET seen = ? WHERE id = ?", (minute, row[0]))
        return int(row[0])

    def _new_error(self, key: tuple[int, str, str, int], error: ErrorCount) -> int:
        series, type_, message, expected = key
        known = self._count("error", "series", series)
        if known >= _ERRORS_AT_MOST:
            self.surplus["errors"] = self.surplus.get("errors", 0) + error.count
            type_, message = (type_ if known < 2 * _ERRORS_AT_MOST else OTHER), OTHER
            number = self._find_error((series, type_, message, expected), error.minute)
            if number is not None:
                return number
        return self._insert(
            "INSERT INTO error (series, type, message, expected, seen) VALUES (?, ?, ?, ?, ?)",
            (series, type_, message, expected, error.minute),
        )

    def _count(self, table: str, column: str, value: object) -> int:
        row = self._connection.execute(f"SELECT count(*) FROM {table} WHERE {column} = ?", (value,)).fetchone()
        return int(row[0])

    def _insert(self, statement: str, values: tuple[object, ...]) -> int:
        return int(self._connection.execute(statement, values).lastrowid or 0)
