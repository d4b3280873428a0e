"""Ids of series and errors, whose texts are stored once."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from ...recording.name_limits import OTHER, overflow_of
from ...recording.snapshot import ErrorCount, Series
from ..limits import NameLimits
from ..names import SCOPES, storable
from ..resolutions import FINEST, FOREVER
from ..rows import Scope

__all__ = ["Ids", "begin_to_move"]

_HOUR: Final = 3600
_BOUNDED: Final = {"series": f"whole = 0 AND name != '{OTHER}'", "error": "1"}
"""Conditions for the rows of a table that count towards its limit."""

_COUNT_APPLICATIONS: Final = """
WITH RECURSIVE known (application) AS (
    SELECT min(application) FROM series UNION ALL
    SELECT (SELECT min(application) FROM series WHERE application > known.application) FROM known
    WHERE application IS NOT NULL
)
SELECT count(application) FROM known WHERE application != :other
"""
"""Goes from one application to the next by the index, however many names each of them has."""
_COUNT_EVICTED: Final = """
SELECT count(DISTINCT application) FROM series
WHERE whole = 1 AND id IN (SELECT number FROM evicted WHERE kind = 'series')
"""


_COUNT_PARTS: Final = f"""
SELECT count(*) FROM series WHERE (application, kind, whole) = (?, ?, ?) AND name != '{OTHER}'
"""
_LEAST_RECENT_PARTS: Final = f"""
SELECT id FROM series WHERE (application, kind, whole) = (?, ?, ?) AND name != '{OTHER}' ORDER BY seen, id LIMIT ?
"""
_MARK: Final = """
INSERT INTO mark (application, moment, kind, name) SELECT :application, :moment, 'version', :name
WHERE NOT EXISTS (SELECT 1 FROM mark WHERE (application, kind, name) = (:application, 'version', :name))
"""
"""The first report of a version marks its moment, whether it is of web or of other transactions."""
_MOVE: Final = "INSERT OR REPLACE INTO moved_series VALUES (?, ?, 0)"
_FROM_THE_FIRST: Final = f"INSERT OR REPLACE INTO moved_progress VALUES (1, {FINEST}, {-FOREVER})"
_SKIP_MOVED: Final = """
UPDATE {table} SET replacement = moved.replacement FROM moved_series AS moved
WHERE moved.number = {table}.replacement AND {condition}
"""
"""A replacement may itself make room, before all rows have reached it: they go to where its own go."""


def begin_to_move(connection: sqlite3.Connection, replacements: Mapping[int, int]) -> None:
    """Count series under others from now on; their totals follow in steps, from the first row on."""
    connection.executemany(_MOVE, replacements.items())
    for table, condition in (("moved_series", "true"), ("evicted", "kind = 'series'")):
        while connection.execute(_SKIP_MOVED.format(table=table, condition=condition)).rowcount:
            pass  # one link of a chain at a time
    connection.execute(_FROM_THE_FIRST)


class Ids(NameLimits):
    """Looks ids up and creates new ones within one transaction; counts what had to be put under `OTHER`.

    The id of a name that is being evicted (see ``eviction.py``) is no longer used; its replacement is.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._series: dict[tuple[Series, Scope], int] = {}
        self._known: dict[tuple[str, object], int] = {}
        """Numbers of series by application, and of errors by series, as far as they have been queried."""
        self._replacements: dict[tuple[str, int], int] = {
            (kind, number): replacement for kind, number, replacement in connection.execute("SELECT * FROM evicted")
        }
        self._applications: dict[str, bool] = {}
        """Whether applications are admitted, as far as that has been queried."""
        self._old_applications: int | None = None
        self._new_applications = 0
        self.overflow: dict[str, int] = {}

    def totals_series(self, series: Series, minute: float, scope: Scope = "all", value: str = "") -> int:
        """Return the id of what stands for all transactions of a series' application and kind, or of a part of them."""
        application = self.admitted(series.application)
        return self._id(Series(application, series.kind, "", value), scope, minute)

    def series(self, series: Series, minute: float) -> int:
        """Return the id of a series that has counts at that time (epoch seconds)."""
        if not self._is_admitted(series.application):
            self._count_overflow("names", 1)
            series = overflow_of(series._replace(application=OTHER))
        return self._id(series, "name", minute)

    def admitted(self, application: str) -> str:
        """Return the application itself, or the one that counts for those beyond the limit."""
        return application if self._is_admitted(application) else OTHER

    def _is_admitted(self, application: str) -> bool:
        """Whether an application is known, or may be added."""
        if application not in self._applications:
            self._applications[application] = application == OTHER or self._admit(storable(application))
        return self._applications[application]

    def _admit(self, application: str) -> bool:
        known = "SELECT id FROM series WHERE application = ? LIMIT 1"
        if self._connection.execute(known, (application,)).fetchone() is not None:
            return not self._is_evicted(application)
        is_admitted = self.count_applications() < self.MAX_APPLICATIONS
        self._new_applications += is_admitted
        if self.count_applications() >= self.MAX_APPLICATIONS:
            self._note_over_limit("application", "")
        return is_admitted

    def _is_evicted(self, application: str) -> bool:
        if not self._replacements:
            return False
        totals_rows = self._connection.execute(
            "SELECT id FROM series WHERE application = ? AND whole = 1", (application,)
        )
        return any(("series", number) in self._replacements for (number,) in totals_rows)

    def count_applications(self) -> int:
        """Return the number of applications, without `OTHER` and those that are being evicted."""
        if self._old_applications is None:
            (count,) = self._connection.execute(_COUNT_APPLICATIONS, {"other": OTHER}).fetchone()
            (evicted,) = self._connection.execute(_COUNT_EVICTED).fetchone() if self._replacements else (0,)
            self._old_applications = int(count - evicted)
        return self._old_applications + self._new_applications

    def _id(self, series: Series, scope: Scope, minute: float) -> int:
        number = self._series.get((series, scope))
        if number is None:
            number = self._series[series, scope] = self._look_up(series, scope, int(minute))
        return number

    def _look_up(self, series: Series, scope: Scope, minute: int) -> int:
        application, kind, group, name = map(storable, series)
        key = (application, kind, SCOPES.index(scope), group, name)
        row = self._connection.execute(
            'SELECT id, seen FROM series WHERE (application, kind, whole, "group", name) = (?, ?, ?, ?, ?)', key
        ).fetchone()
        if row is not None:
            return self._touch("series", row, minute)
        return self._new_series(series, key, minute) if scope == "name" else self._new_part(series, scope, key, minute)

    def _touch(self, table: str, row: tuple[int, int], minute: int) -> int:
        """Note that a row that was found is in use; return its id, or that of its replacement."""
        number, seen = row
        if seen <= minute - _HOUR:
            self._connection.execute(f"UPDATE {table} SET seen = ? WHERE id = ?", (minute, number))
        return self._replacements.get((table, number), number)

    def _new_series(self, series: Series, key: tuple[object, ...], minute: int) -> int:
        application = str(key[0])
        bounded = OTHER not in key
        if bounded and self.count_series(application) >= self.MAX_SERIES:
            self._note_over_limit("series", application)
            self._count_overflow("names", 1)
            return self._id(overflow_of(series), "name", minute)
        number = self._insert_series(key, minute)
        if bounded and self._count_new("series", application) >= self.MAX_SERIES:
            self._note_over_limit("series", application)
        return number

    def _new_part(self, series: Series, scope: Scope, key: tuple[object, ...], minute: int) -> int:
        """Add a host, a version or a queue; if there are too many, those seen longest ago make room."""
        limit = self.MAX_OF_SCOPE.get(scope)
        if limit is not None and series.name != OTHER:
            (known,) = self._connection.execute(_COUNT_PARTS, key[:3]).fetchone()
            if known >= limit:
                other = self._id(series._replace(name=OTHER), scope, minute)
                self._evict_parts(key, max(1, limit // 10), other)
        if scope == "version":
            self._connection.execute(_MARK, {"application": key[0], "moment": minute, "name": key[-1]})
        return self._insert_series(key, minute)

    def _evict_parts(self, key: tuple[object, ...], number: int, other: int) -> None:
        """Count the least recent parts under another id from now on; rows follow in steps (see ``eviction.py``)."""
        evicted = self._connection.execute(_LEAST_RECENT_PARTS, (*key[:3], number)).fetchall()
        gone = {one for (one,) in evicted}
        begin_to_move(self._connection, dict.fromkeys(gone, other))
        self._connection.executemany("DELETE FROM series WHERE id = ?", evicted)
        self._series = {known: one for known, one in self._series.items() if one not in gone}
        self._replacements = {key: other if one in gone else one for key, one in self._replacements.items()}

    def _insert_series(self, key: tuple[object, ...], minute: int) -> int:
        return self._insert(
            'INSERT INTO series (application, kind, whole, "group", name, seen) VALUES (?, ?, ?, ?, ?, ?)',
            (*key, minute),
        )

    def error(self, error: ErrorCount) -> int:
        """Return the id of a distinct error of a series."""
        series = self.series(error.series, error.minute)
        key = (series, storable(error.type), storable(error.message), int(error.expected))
        number = self._find_error(key, error.minute)
        return number if number is not None else self._new_error(key, error)

    def _find_error(self, key: tuple[int, str, str, int], minute: int) -> int | None:
        row = self._connection.execute(
            "SELECT id, seen FROM error WHERE (series, type, message, expected) = (?, ?, ?, ?)", key
        ).fetchone()
        return None if row is None else self._touch("error", row, minute)

    def _new_error(self, key: tuple[int, str, str, int], error: ErrorCount) -> int:
        series, type_, _, expected = key
        known = self.count_errors(series)
        if known >= self.MAX_ERRORS:
            self._note_over_limit("error", series)
            self._count_overflow("errors", error.count)
            type_ = type_ if known < 2 * self.MAX_ERRORS else OTHER
            return self.overflow_error(series, type_, bool(expected), error.minute)
        if self._count_new("error", series) >= self.MAX_ERRORS:
            self._note_over_limit("error", series)
        return self._insert_error(key, error.minute)

    def overflow_error(self, series: int, type_: str, expected: bool, minute: int) -> int:
        """Return the id under which errors of a type are counted if their messages are not kept."""
        key = (series, type_, OTHER, int(expected))
        number = self._find_error(key, minute)
        return self._insert_error(key, minute) if number is None else number

    def _insert_error(self, key: tuple[int, str, str, int], minute: int) -> int:
        return self._insert(
            "INSERT INTO error (series, type, message, expected, seen) VALUES (?, ?, ?, ?, ?)", (*key, minute)
        )

    def count_series(self, application: str) -> int:
        """Return the number of an application's series, without `OTHER` and those that are being evicted."""
        return self._count("series", "application", application)

    def count_errors(self, series: int) -> int:
        """Return the number of a series' errors, without those that are being evicted."""
        return self._count("error", "series", series)

    def _count(self, table: str, column: str, value: object) -> int:
        if (table, value) not in self._known:
            row = self._connection.execute(
                f"SELECT count(*) FROM {table} WHERE {column} = ? AND {_BOUNDED[table]}"
                f" AND id NOT IN (SELECT number FROM evicted WHERE kind = ?)",
                (value, table),
            ).fetchone()
            self._known[table, value] = int(row[0])
        return self._known[table, value]

    def _count_new(self, table: str, value: object) -> int:
        self._known[table, value] += 1
        return self._known[table, value]

    def _count_overflow(self, cause: str, count: int) -> None:
        self.overflow[cause] = self.overflow.get(cause, 0) + count

    def _note_over_limit(self, table: str, whose: object) -> None:
        self._connection.execute("INSERT OR IGNORE INTO over_limit VALUES (?, ?)", (table, whose))

    def _insert(self, statement: str, values: tuple[object, ...]) -> int:
        return int(self._connection.execute(statement, values).lastrowid or 0)
