"""Names that are evicted from a server, and the rows that are moved: see ``store/eviction.py``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal

from ...recording.name_limits import OTHER
from ..eviction import Replacements
from ..groups import GroupRows, Groups, evict_groups
from ..resolutions import FINEST, FOREVER, SINCE_EVER, floor_to
from .drivers import Session
from .names import Names
from .statements import ServerStatements
from .tables import ERRORS, GROUPS, GROUPS_SINCE, TOTALS, SummedTable, TotalsTable

__all__ = ["EvictableServerNames"]

_SERIES: Final = """
SELECT id, kind, "group" FROM @series AS series LEFT JOIN (
    SELECT series, sum(count) AS calls FROM @totals WHERE width = 60 AND start >= %(hour)s GROUP BY series
) AS called ON called.series = series.id
WHERE application = %(application)s AND whole = 0 AND name != %(other)s
ORDER BY coalesce(calls, 0), CASE WHEN seen > %(ahead)s THEN 0 ELSE seen END, id LIMIT %(number)s
"""

_APPLICATIONS: Final = """
SELECT application FROM @series AS series LEFT JOIN (
    SELECT series, sum(count) AS calls FROM @totals WHERE width = 60 AND start >= %(hour)s GROUP BY series
) AS called ON called.series = series.id
WHERE whole = 1 AND application != %(other)s GROUP BY application
ORDER BY sum(coalesce(calls, 0)), max(CASE WHEN seen > %(ahead)s THEN 0 ELSE seen END), min(id) LIMIT %(number)s
"""

_ERRORS: Final = """
SELECT id, type, message, expected FROM @error AS error LEFT JOIN (
    SELECT error, sum(count) AS calls FROM @error_count WHERE width = 60 AND start >= %(hour)s GROUP BY error
) AS called ON called.error = error.id
WHERE series = %(series)s AND NOT (type = %(other)s AND message = %(other)s)
ORDER BY coalesce(calls, 0), CASE WHEN seen > %(ahead)s THEN 0 ELSE seen END, id LIMIT %(number)s
"""

_LEAST_USED: Final = {"application": _APPLICATIONS, "series": _SERIES, "error": _ERRORS}

_COUNT_NAMES: Final = """
INSERT INTO @loss (instance, cause, count)
SELECT id, 'names', %s FROM @instance ORDER BY received DESC, id DESC LIMIT 1
ON CONFLICT (instance, cause) DO UPDATE SET count = loss.count + excluded.count
"""
"""Counts evicted names as a loss of the instance that reported last."""
_COUNT_DROPPED: Final = """
INSERT INTO @dropped VALUES (%s, 'names', %s, %s)
ON CONFLICT (start, cause, applications) DO UPDATE SET count = dropped.count + excluded.count
"""


# Moving the rows

_ALIKE: Final = """
SELECT old.id, new.id FROM @error AS old
JOIN @evicted AS evicted ON evicted.kind = 'series' AND evicted.number = old.series
JOIN @error AS new ON new.series = replacement AND (new.digest, new.expected) = (old.digest, old.expected)
"""
_MOVE_ERRORS: Final = """
UPDATE @error AS error SET series = replacement FROM (
    SELECT DISTINCT ON (replacement, digest, expected) old.id, replacement FROM @error AS old
    JOIN @evicted AS evicted ON evicted.kind = 'series' AND evicted.number = old.series
    WHERE NOT EXISTS (
        SELECT 1 FROM @error AS there
        WHERE (there.series, there.digest, there.expected) = (replacement, old.digest, old.expected)
    ) ORDER BY replacement, digest, expected, old.id
) AS passed_on WHERE error.id = passed_on.id
"""


class _Rows:
    """The `MovedRows` of totals with those of error groups, or of errors."""

    def __init__(self, session: Session, version: int, kind: str) -> None:
        self._session = session
        self._kind = kind
        self._has_groups = kind == "series" and version >= GROUPS_SINCE
        self._table = TOTALS if kind == "series" else ERRORS

    def end_of_step(self, width: int, start: int, at_most: int) -> int:
        row = self._session.execute(
            f"SELECT start FROM {self._table.name} WHERE width = {width:d} AND start > {start:d}"
            f" ORDER BY start OFFSET {at_most:d} LIMIT 1"
        ).fetchone()
        return FOREVER if row is None else int(row[0])

    def move(self, part: tuple[int, int, int]) -> bool:
        moved = [self._table.move(self._session, part)]
        if self._has_groups:
            moved.append(GROUPS.move(self._session, part))
        return any(moved)

    def note_late(self, width: int) -> None:
        self._session.execute("UPDATE @resolution SET late = late + 1 WHERE width = %s", (width,))

    def has_rows(self, width: int) -> bool:
        return True  # asking takes as long as a step that finds none

    def proceed(self, width: int, start: int) -> None:
        progress = "UPDATE @eviction_progress SET width = %s, start = %s WHERE kind = %s"
        self._session.execute(progress, (width, start, self._kind))

    def finish(self) -> None:
        """Delete evicted names; samples and open transactions get the replacements."""
        for table in ("sample", "running") if self._kind == "series" else ():
            self._session.execute(
                f"UPDATE @{table} AS kept SET series = replacement FROM @evicted AS evicted"
                " WHERE evicted.kind = 'series' AND evicted.number = kept.series"
            )
        evicted = "SELECT number FROM @evicted WHERE kind = %s"
        self._session.execute(f"DELETE FROM @{self._kind} WHERE id IN ({evicted})", (self._kind,))
        for table in ("evicted", "eviction_progress"):
            self._session.execute(f"DELETE FROM @{table} WHERE kind = %s", (self._kind,))


# What has been counted since ever, of names that are forgotten

_FORGOTTEN: Final = f"""
SELECT DISTINCT old.id, old.application, old.kind, old."group" FROM @series AS old
JOIN @totals AS totals ON totals.width = {SINCE_EVER} AND totals.series = old.id
JOIN @series AS alive ON (alive.application, alive.kind, alive.whole) = (old.application, old.kind, 1)
WHERE old.seen < %(unused)s AND alive.seen >= %(unused)s AND old.whole = 0 AND old.name != %(other)s
"""

_OF_A_TYPE: Final = """
SELECT old.id AS number, kept.id AS replacement FROM @error AS old JOIN @series AS whose ON whose.id = old.series
JOIN (
    SELECT min(error.id) AS id, application, kind, type, expected
    FROM @error AS error JOIN @series AS series ON series.id = error.series
    WHERE error.seen >= %(unused)s AND series.seen >= %(unused)s GROUP BY application, kind, type, expected
) AS kept ON (kept.application, kept.kind, kept.type, kept.expected)
    = (whose.application, whose.kind, old.type, old.expected)
WHERE old.seen < %(unused)s OR whose.seen < %(unused)s
"""
"""Errors that are forgotten, with one of the same type that is not."""

_STAY: Final = """
UPDATE @series AS series SET seen = %(unused)s
WHERE seen < %(unused)s AND whole = 0 AND name = %(other)s AND EXISTS (
    SELECT 1 FROM @series AS alive
    WHERE (alive.application, alive.kind, alive.whole) = (series.application, series.kind, 1)
    AND alive.seen >= %(unused)s
)
"""


class EvictableServerNames:
    """The `EvictableNames` of a server, within one transaction that has the lock."""

    def __init__(self, session: Session, version: int) -> None:
        self._session = session
        self._version = version
        self._names: Names | None = None

    @property
    def names(self) -> Names:
        """The numbers of names."""
        if self._names is None:  # hardly any look whether a step is due finds one
            self._names = Names(self._session)
        return self._names

    def under_way(self) -> tuple[_Rows | GroupRows, int, int] | None:
        """Return the rows that are being moved, with the width and the start after which the next step begins."""
        row = self._session.execute(
            "SELECT kind, width, start FROM @eviction_progress ORDER BY kind LIMIT 1"
        ).fetchone()
        if row is not None:
            return _Rows(self._session, self._version, row[0]), row[1], row[2]
        if self._version < GROUPS_SINCE:
            return None
        row = self._session.execute("SELECT width, start FROM @moved_group_progress").fetchone()
        move = partial(GROUPS.move_groups, self._session)
        return None if row is None else (GroupRows(ServerStatements(self._session), move), row[0], row[1])

    def over_limit(self) -> tuple[str, str] | None:
        """Return the kind of a limit that was reached, and whose it is."""
        row = self._session.execute("SELECT kind, whose FROM @over_limit LIMIT 1").fetchone()
        return None if row is None else (row[0], row[1])

    def forget_limit(self, kind: str, whose: str) -> None:
        """Forget that a limit was reached."""
        self._session.execute("DELETE FROM @over_limit WHERE (kind, whose) = (%s, %s)", (kind, whose))

    def least_used(
        self, kind: Literal["application", "series", "error"], arguments: Mapping[str, object]
    ) -> Sequence[tuple[Any, ...]]:
        """Return the least used applications, series or errors."""
        return self._session.execute(_LEAST_USED[kind], arguments).fetchall()

    def series_of(self, application: str) -> Iterable[tuple[int, Any, str, str, int]]:
        """Return number, kind, group, name and scope of all series of an application."""
        statement = 'SELECT id, kind, "group", name, whole FROM @series WHERE application = %s'
        return self._session.execute(statement, (application,)).fetchall()

    def evict(self, kind: Literal["series", "error"], evicted: Replacements) -> None:
        """Note that names are evicted, whose rows are to be moved."""
        self.names.evict(kind, evicted)

    def evict_groups(self, application: str, now: float) -> None:
        """Note which error groups make room for new ones, if there still are too many."""
        sql = ServerStatements(self._session)
        evict_groups(sql, Groups(sql, self.names, partial(GROUPS.add, self._session)), application, now)

    def pass_on_errors(self) -> Replacements:
        """Pass the errors of evicted series to the replacements; return those they have already."""
        self._session.execute(_MOVE_ERRORS)
        return dict(self._session.execute(_ALIKE).fetchall())

    def count_evicted(self, number: int, application: str, now: float) -> None:
        """Count evicted names as a loss of the instance that reported last."""
        self._session.execute(_COUNT_NAMES, (number,))
        self._session.execute(_COUNT_DROPPED, (floor_to(now, FINEST), json.dumps([application]), number))

    def keep_overflow(self, unused: int) -> None:
        """Have the series under which evicted ones are counted stay, as if they had been seen at ``unused``."""
        self._session.execute(_STAY, {"unused": unused, "other": OTHER})

    def forgotten(self, unused: int) -> Iterable[tuple[int, str, Any, str]]:
        """Return number, application, kind and group of series that were seen before ``unused`` and have counts."""
        return self._session.execute(_FORGOTTEN, {"unused": unused, "other": OTHER}).fetchall()

    def move_counters(self, evicted: Replacements) -> None:
        """Count under the replacements what was ever counted; their other rows have expired."""
        self._move_expired(TOTALS, "series", evicted)

    def _move_expired(self, table: TotalsTable | SummedTable, kind: str, moved: Replacements) -> None:
        values = ", ".join(f"('{kind}', {number:d}, {replacement:d})" for number, replacement in moved.items())
        self._session.execute(
            f"INSERT INTO @evicted (kind, number, replacement) VALUES {values} ON CONFLICT DO NOTHING"
        )
        table.move(self._session, (SINCE_EVER, -1, 0))
        gone = ", ".join(map(str, moved))
        self._session.execute(f"DELETE FROM @evicted WHERE kind = '{kind}' AND number IN ({gone})")

    def move_error_counters(self, unused: int) -> None:
        """Count what was ever counted of errors that were seen before ``unused`` with one of the type that is kept."""
        found = self._session.execute(_OF_A_TYPE, {"unused": unused}).fetchall()
        if found:
            self._move_expired(ERRORS, "error", dict(found))
