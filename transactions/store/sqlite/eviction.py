"""Names that are evicted from a file, and the rows that are moved: see ``store/eviction.py``.

Both sets of tables have rows of a name (see ``tables.py``), which are moved independently of each other: a process
of version 4 evicts names too, and knows only the former set.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal

from ...recording.name_limits import OTHER
from ..eviction import Replacements
from ..groups import GroupRows, Groups, evict_groups
from ..resolutions import FINEST, FOREVER, SINCE_EVER
from .dropped import add_dropped
from .ids import Ids, begin_to_move
from .statements import SQLiteStatements
from .tables import ERRORS, FORMER_TOTALS, GROUPS, TOTALS, Table

__all__ = ["EvictableIds"]

_SERIES: Final = """
SELECT id, kind, "group" FROM series LEFT JOIN (
    SELECT series, sum(count) AS calls FROM (
        SELECT series, count FROM totals WHERE span = 60 AND start >= :hour UNION ALL
        SELECT series, count FROM tally WHERE span = 60 AND start >= :hour
    ) GROUP BY series
) ON series = id
WHERE application = :application AND whole = 0 AND name != :other
ORDER BY coalesce(calls, 0), CASE WHEN seen > :ahead THEN 0 ELSE seen END, id LIMIT :number
"""

_APPLICATIONS: Final = """
SELECT application FROM series LEFT JOIN (
    SELECT series, sum(count) AS calls FROM (
        SELECT series, count FROM totals WHERE span = 60 AND start >= :hour UNION ALL
        SELECT series, count FROM tally WHERE span = 60 AND start >= :hour
    ) GROUP BY series
) ON series = id
WHERE whole = 1 AND application != :other GROUP BY application
ORDER BY sum(coalesce(calls, 0)), max(CASE WHEN seen > :ahead THEN 0 ELSE seen END), min(id) LIMIT :number
"""

_ERRORS: Final = """
SELECT id, type, message, expected FROM error LEFT JOIN (
    SELECT error, sum(count) AS calls FROM error_count WHERE span = 60 AND start >= :hour GROUP BY error
) ON error = id
WHERE series = :series AND NOT (type = :other AND message = :other)
ORDER BY coalesce(calls, 0), CASE WHEN seen > :ahead THEN 0 ELSE seen END, id LIMIT :number
"""

_LEAST_USED: Final = {"application": _APPLICATIONS, "series": _SERIES, "error": _ERRORS}

_COUNT_NAMES: Final = """
INSERT INTO loss (instance, cause, count) SELECT * FROM (
    SELECT instance, 'names', ? FROM instance_clock ORDER BY report DESC LIMIT 1
) WHERE true ON CONFLICT (instance, cause) DO UPDATE SET count = count + excluded.count
"""
"""Counts evicted names as a loss of the instance that reported last."""


# Moving the rows

_REPLACEMENT: Final = "(SELECT replacement FROM evicted WHERE kind = 'series' AND number = series)"
_EVICTED: Final = "(SELECT number FROM evicted WHERE kind = 'series')"

_ALIKE: Final = """
SELECT old.id, new.id FROM error AS old
JOIN evicted ON evicted.kind = 'series' AND evicted.number = old.series
JOIN error AS new ON new.series = replacement
AND (new.type, new.message, new.expected) = (old.type, old.message, old.expected)
"""


class _FormerRows:
    """The `MovedRows` of the former totals, or of errors."""

    def __init__(self, connection: sqlite3.Connection, kind: str) -> None:
        self._connection = connection
        self._kind = kind
        self._table = FORMER_TOTALS if kind == "series" else ERRORS

    def end_of_step(self, width: int, start: int, at_most: int) -> int:
        return _end_of_step(self._connection, self._table, (width, start), at_most)

    def move(self, part: tuple[int, int, int]) -> bool:
        evicted = f"SELECT number, replacement FROM evicted WHERE kind = '{self._kind}'"
        return self._table.move(self._connection, self._kind, evicted, part) > 0

    def note_late(self, width: int) -> None:
        self._connection.execute("UPDATE level SET late = late + 1 WHERE span = ?", (width,))

    def has_rows(self, width: int) -> bool:
        return _has_rows(self._connection, self._table, width)

    def proceed(self, width: int, start: int) -> None:
        progress = "UPDATE eviction_progress SET span = ?, start = ? WHERE kind = ?"
        self._connection.execute(progress, (width, start, self._kind))

    def finish(self) -> None:
        """Delete evicted names; samples and open transactions get the replacements."""
        for table in ("sample", "running") if self._kind == "series" else ():
            self._connection.execute(f"UPDATE {table} SET series = {_REPLACEMENT} WHERE series IN {_EVICTED}")
        self._connection.execute(
            f"DELETE FROM {self._kind} WHERE id IN (SELECT number FROM evicted WHERE kind = ?)", (self._kind,)
        )
        for table in ("evicted", "eviction_progress"):
            self._connection.execute(f"DELETE FROM {table} WHERE kind = ?", (self._kind,))
        if self._kind == "series":
            self._connection.execute("DELETE FROM moved_series WHERE done")


class _PresentRows:
    """The `MovedRows` of totals and error groups.

    Names that a process of version 4 has evicted are gone already; those that this one evicts go afterwards.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def end_of_step(self, width: int, start: int, at_most: int) -> int:
        return _end_of_step(self._connection, TOTALS, (width, start), at_most)

    def move(self, part: tuple[int, int, int]) -> bool:
        moved = "SELECT number, replacement FROM moved_series WHERE NOT done"
        counts = [table.move(self._connection, "series", moved, part) for table in (TOTALS, GROUPS)]
        return any(counts)

    def note_late(self, width: int) -> None:
        self._connection.execute("UPDATE resolution SET late = late + 1 WHERE span = ?", (width,))

    def has_rows(self, width: int) -> bool:
        return _has_rows(self._connection, TOTALS, width)

    def proceed(self, width: int, start: int) -> None:
        self._connection.execute("UPDATE moved_progress SET span = ?, start = ?", (width, start))

    def finish(self) -> None:
        self._connection.execute("DELETE FROM moved_progress")
        self._connection.execute("DELETE FROM moved_series WHERE number NOT IN (SELECT id FROM series)")
        self._connection.execute("UPDATE moved_series SET done = 1")


def _end_of_step(connection: sqlite3.Connection, table: Table, after: tuple[int, int], at_most: int) -> int:
    row = connection.execute(
        f"SELECT start FROM {table.name} WHERE span = ? AND start > ? ORDER BY start LIMIT 1 OFFSET ?",
        (*after, at_most),
    ).fetchone()
    return FOREVER if row is None else int(row[0])


def _has_rows(connection: sqlite3.Connection, table: Table, width: int) -> bool:
    return connection.execute(f"SELECT 1 FROM {table.name} WHERE span = ? LIMIT 1", (width,)).fetchone() is not None


# What has been counted since ever, of names that are forgotten

_FORGOTTEN: Final = """
SELECT DISTINCT old.id, old.application, old.kind, old."group" FROM series AS old
JOIN totals ON totals.span = 0 AND totals.series = old.id
JOIN series AS alive ON (alive.application, alive.kind, alive.whole) = (old.application, old.kind, 1)
WHERE old.seen < :unused AND alive.seen >= :unused AND old.whole = 0 AND old.name != :other
"""

_OF_A_TYPE: Final = """
SELECT old.id AS number, kept.id AS replacement FROM error AS old JOIN series AS whose ON whose.id = old.series
JOIN (
    SELECT min(error.id) AS id, application, kind, type, expected
    FROM error JOIN series ON series.id = error.series
    WHERE error.seen >= {unused:d} AND series.seen >= {unused:d} GROUP BY application, kind, type, expected
) AS kept ON (kept.application, kept.kind, kept.type, kept.expected)
    = (whose.application, whose.kind, old.type, old.expected)
WHERE old.seen < {unused:d} OR whose.seen < {unused:d}
"""
"""Errors that are forgotten, with one of the same type that is not."""

_STAY: Final = """
UPDATE series SET seen = :unused WHERE seen < :unused AND whole = 0 AND name = :other AND EXISTS (
    SELECT 1 FROM series AS alive
    WHERE (alive.application, alive.kind, alive.whole) = (series.application, series.kind, 1)
    AND alive.seen >= :unused
)
"""


class EvictableIds:
    """The `EvictableNames` of a file, within one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._names: Ids | None = None

    @property
    def names(self) -> Ids:
        """The numbers of names."""
        if self._names is None:  # hardly any look whether a step is due finds one
            self._names = Ids(self._connection)
        return self._names

    def under_way(self) -> tuple[_FormerRows | _PresentRows | GroupRows, int, int] | None:
        """Return the rows that are being moved, with the width and the start after which the next step begins."""
        moving = self._connection.execute("SELECT span, start FROM moved_progress").fetchone()
        if moving is not None:
            return _PresentRows(self._connection), *moving
        progress = "SELECT kind, span, start FROM eviction_progress ORDER BY kind LIMIT 1"
        kind, *moving = self._connection.execute(progress).fetchone() or (None,)
        if kind is not None:
            return _FormerRows(self._connection, kind), *moving
        moving = self._connection.execute("SELECT span, start FROM moved_group_progress").fetchone()
        return None if moving is None else (GroupRows(SQLiteStatements(self._connection), self._move_groups), *moving)

    def over_limit(self) -> tuple[str, str] | None:
        """Return the kind of a limit that was reached, and whose it is."""
        row = self._connection.execute("SELECT kind, whose FROM over_limit LIMIT 1").fetchone()
        return None if row is None else (row[0], row[1])

    def forget_limit(self, kind: str, whose: str) -> None:
        """Forget that a limit was reached."""
        self._connection.execute("DELETE FROM over_limit WHERE (kind, whose) = (?, ?)", (kind, whose))

    def least_used(
        self, kind: Literal["application", "series", "error"], arguments: Mapping[str, object]
    ) -> Sequence[tuple[Any, ...]]:
        """Return the least used applications, series or errors."""
        return self._connection.execute(_LEAST_USED[kind], dict(arguments)).fetchall()

    def series_of(self, application: str) -> Iterable[tuple[int, Any, str, str, int]]:
        """Return number, kind, group, name and scope of all series of an application."""
        statement = 'SELECT id, kind, "group", name, whole FROM series WHERE application = ?'
        return self._connection.execute(statement, (application,)).fetchall()

    def evict(self, kind: Literal["series", "error"], evicted: Replacements) -> None:
        """Note that names are evicted, whose rows are to be moved."""
        rows = [(kind, number, replacement) for number, replacement in evicted.items()]
        self._connection.executemany("INSERT INTO evicted (kind, number, replacement) VALUES (?, ?, ?)", rows)
        begin = "INSERT OR REPLACE INTO eviction_progress VALUES (?, ?, ?)"
        self._connection.execute(begin, (kind, FINEST, -FOREVER))
        if kind == "series":
            begin_to_move(self._connection, evicted)

    def evict_groups(self, application: str, now: float) -> None:
        """Note which error groups make room for new ones, if there still are too many."""
        sql = SQLiteStatements(self._connection)
        evict_groups(sql, Groups(sql, self.names, partial(GROUPS.add, self._connection)), application, now)

    def _move_groups(self, part: tuple[int, int, int]) -> bool:
        return GROUPS.move(self._connection, "error_group", "SELECT number, replacement FROM moved_group", part) > 0

    def pass_on_errors(self) -> Replacements:
        """Pass the errors of evicted series to the replacements; return those they have already."""
        self._connection.execute(f"UPDATE OR IGNORE error SET series = {_REPLACEMENT} WHERE series IN {_EVICTED}")
        return dict(self._connection.execute(_ALIKE).fetchall())

    def count_evicted(self, number: int, application: str, now: float) -> None:
        """Count evicted names as a loss of the instance that reported last."""
        self._connection.execute(_COUNT_NAMES, (number,))
        add_dropped(self._connection, now, [application], {"names": number})

    def keep_overflow(self, unused: int) -> None:
        """Have the series under which evicted ones are counted stay, as if they had been seen at ``unused``."""
        self._connection.execute(_STAY, {"unused": unused, "other": OTHER})

    def forgotten(self, unused: int) -> Iterable[tuple[int, str, Any, str]]:
        """Return number, application, kind and group of series that were seen before ``unused`` and have counts."""
        return self._connection.execute(_FORGOTTEN, {"unused": unused, "other": OTHER}).fetchall()

    def move_counters(self, evicted: Replacements) -> None:
        """Count under the replacements what was ever counted."""
        for number, replacement in evicted.items():
            moved = f"SELECT {number:d} AS number, {replacement:d} AS replacement"
            TOTALS.move(self._connection, "series", moved, (SINCE_EVER, -1, 0))

    def move_error_counters(self, unused: int) -> None:
        """Count what was ever counted of errors that were seen before ``unused`` with one of the type that is kept."""
        ERRORS.move(self._connection, "error", _OF_A_TYPE.format(unused=unused), (SINCE_EVER, -1, 0))
