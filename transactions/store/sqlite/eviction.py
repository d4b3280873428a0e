"""Eviction of names after a limit has been reached, to make room for new ones.

Names with the fewest calls in the last hour go first, and among equals those seen
longest ago: a tenth of the limit at a time. Their counts in the store are added to
`OTHER` at every resolution, so that no sum changes. A name that comes back later
is new.

The rows of a series can only be found by scanning all rows, which is done in short
steps, each a transaction of its own: note what is to be evicted, with its
replacement; move the rows of one interval after the other, the finest first, as
coarser ones are made from them; delete the names.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from ...recording.name_limits import OTHER, overflow_of
from ...recording.snapshot import Series
from ..names import SCOPES
from ..resolutions import COARSE_WIDTHS, FINEST, FOREVER, SINCE_EVER
from .dropped import add_dropped
from .ids import BEGIN_TO_MOVE, Ids
from .tables import ERRORS, FORMER_TOTALS, GROUPS, TOTALS, Table

__all__ = ["keep_counters", "next_eviction_step"]

_ROWS_AT_ONCE: Final = 10_000
"""Approximate number of rows that one step scans."""
_WIDTHS: Final = (FINEST, *COARSE_WIDTHS, SINCE_EVER)
_HOUR: Final = 3600

_Replacements = dict[int, int]
"""Evicted ids, with the ids under which their rows are counted from then on."""


def next_eviction_step(connection: sqlite3.Connection, now: float) -> Callable[[], None] | None:
    """Return the next step, to be taken in the same transaction, or ``None``; ``now`` is in epoch seconds."""
    moving = connection.execute("SELECT span, start FROM moved_progress").fetchone()
    if moving is not None:
        return partial(_move_totals, connection, *moving)
    under_way = connection.execute("SELECT kind, span, start FROM eviction_progress ORDER BY kind LIMIT 1").fetchone()
    if under_way is not None:
        return partial(_move_rows, connection, *under_way)
    over_limit = connection.execute("SELECT kind, whose FROM over_limit LIMIT 1").fetchone()
    if over_limit is None:
        return None
    kind, whose = over_limit
    return partial(_evict, connection, kind, whose, now)


# Choice of what is evicted

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

_COUNT_NAMES: Final = """
INSERT INTO loss (instance, cause, count) SELECT * FROM (
    SELECT instance, 'names', ? FROM instance_clock ORDER BY report DESC LIMIT 1
) WHERE true ON CONFLICT (instance, cause) DO UPDATE SET count = count + excluded.count
"""
"""Counts evicted names as a loss of the instance that reported last."""


def _evict(connection: sqlite3.Connection, kind: str, whose: str, now: float) -> None:
    """Choose what to evict because of a limit that was reached, if it still is."""
    connection.execute("DELETE FROM over_limit WHERE (kind, whose) = (?, ?)", (kind, whose))
    names = Ids(connection)
    if kind == "error":
        _note(connection, "error", _least_errors(connection, names, int(whose), now))
        return
    if kind == "series":
        evicted = _least_series(connection, names, whose, now)
    else:
        whose, evicted = OTHER, _least_applications(connection, names, now)
    _note(connection, "series", evicted)
    _note(connection, "error", _pass_on_errors(connection))
    connection.execute(_COUNT_NAMES, (len(evicted),))
    add_dropped(connection, now, [whose], {"names": len(evicted)})


def _note(connection: sqlite3.Connection, kind: str, evicted: _Replacements) -> None:
    if evicted:
        rows = [(kind, number, replacement) for number, replacement in evicted.items()]
        connection.executemany("INSERT INTO evicted (kind, number, replacement) VALUES (?, ?, ?)", rows)
        connection.execute("INSERT OR REPLACE INTO eviction_progress VALUES (?, ?, ?)", (kind, FINEST, -FOREVER))
    if evicted and kind == "series":
        connection.executemany("INSERT OR REPLACE INTO moved_series VALUES (?, ?, 0)", evicted.items())
        connection.execute(BEGIN_TO_MOVE)


def _least(connection: sqlite3.Connection, statement: str, now: float, limit: int, **whose: object) -> list[Any]:
    """Select the least used rows, a tenth of a limit."""
    arguments = {"hour": now - _HOUR, "ahead": now + _HOUR, "other": OTHER, "number": max(1, limit // 10), **whose}
    return connection.execute(statement, arguments).fetchall()


def _least_applications(connection: sqlite3.Connection, names: Ids, now: float) -> _Replacements:
    """Choose applications, with all of their series, including those of their totals."""
    evicted: _Replacements = {}
    if names.count_applications() < Ids.MAX_APPLICATIONS:
        return evicted
    for (application,) in _least(connection, _APPLICATIONS, now, Ids.MAX_APPLICATIONS):
        rows = connection.execute(
            'SELECT id, kind, "group", name, whole FROM series WHERE application = ?', (application,)
        )
        for number, kind, group, name, whole in rows.fetchall():
            overflow, scope = overflow_of(Series(OTHER, kind, group, "")), SCOPES[whole]
            evicted[number] = (
                names.series(overflow, now)
                if scope == "name"
                else names.totals_series(overflow, now, scope, "" if scope == "all" else name)
            )
    return evicted


def _least_series(connection: sqlite3.Connection, names: Ids, application: str, now: float) -> _Replacements:
    if names.count("series", "application", application) < Ids.MAX_SERIES:
        return {}
    found = _least(connection, _SERIES, now, Ids.MAX_SERIES, application=application)
    return {
        number: names.series(overflow_of(Series(application, kind, group, "")), now) for number, kind, group in found
    }


def _least_errors(connection: sqlite3.Connection, names: Ids, series: int, now: float) -> _Replacements:
    """Choose errors, whose messages are no longer kept then; if they were not kept already, nor are their types."""
    if names.count("error", "series", series) < Ids.MAX_ERRORS:
        return {}
    evicted = {
        number: names.overflow_error(series, OTHER if message == OTHER else type_, bool(expected), int(now))
        for number, type_, message, expected in _least(connection, _ERRORS, now, Ids.MAX_ERRORS, series=series)
    }
    return {number: replacement for number, replacement in evicted.items() if number not in evicted.values()}


# Moving the rows

_REPLACEMENT: Final = "(SELECT replacement FROM evicted WHERE kind = 'series' AND number = series)"
_EVICTED: Final = "(SELECT number FROM evicted WHERE kind = 'series')"

_ALIKE: Final = """
SELECT old.id, new.id FROM error AS old
JOIN evicted ON evicted.kind = 'series' AND evicted.number = old.series
JOIN error AS new ON new.series = replacement
AND (new.type, new.message, new.expected) = (old.type, old.message, old.expected)
"""


def _pass_on_errors(connection: sqlite3.Connection) -> _Replacements:
    """Pass the errors of evicted series to the replacements; return those they already have, to be evicted as well."""
    connection.execute(f"UPDATE OR IGNORE error SET series = {_REPLACEMENT} WHERE series IN {_EVICTED}")
    return dict(connection.execute(_ALIKE).fetchall())


def _move_rows(connection: sqlite3.Connection, kind: str, width: int, start: int) -> None:
    """Move the rows of one interval that begins after ``start``."""
    table = FORMER_TOTALS if kind == "series" else ERRORS
    until = _end_of_step(connection, table, width, start)
    evicted = f"SELECT number, replacement FROM evicted WHERE kind = '{kind}'"
    if table.move(connection, kind, evicted, (width, start, until)) and width > FINEST:
        connection.execute("UPDATE level SET late = late + 1 WHERE span = ?", (width,))
    following = _following(connection, table, width) if until == FOREVER else width
    if following is None:
        _forget(connection, kind)
    else:
        connection.execute(
            "UPDATE eviction_progress SET span = ?, start = ? WHERE kind = ?",
            (following, -FOREVER if until == FOREVER else until, kind),
        )


def _end_of_step(connection: sqlite3.Connection, table: Table, width: int, start: int) -> int:
    """Return up to which start the rows after ``start`` are moved in one step; `FOREVER` if that is all."""
    row = connection.execute(
        f"SELECT start FROM {table.name} WHERE span = ? AND start > ? ORDER BY start LIMIT 1 OFFSET ?",
        (width, start, _ROWS_AT_ONCE),
    ).fetchone()
    return FOREVER if row is None else int(row[0])


def _move_totals(connection: sqlite3.Connection, width: int, start: int) -> None:
    """Move the totals of one interval that begins after ``start``.

    Names that a process of version 4 has evicted are gone already; those that this one evicts go afterwards.
    """
    until = _end_of_step(connection, TOTALS, width, start)
    moved = "SELECT number, replacement FROM moved_series WHERE NOT done"
    changed = [table.move(connection, "series", moved, (width, start, until)) for table in (TOTALS, GROUPS)]
    if any(changed) and width > FINEST:
        connection.execute("UPDATE resolution SET late = late + 1 WHERE span = ?", (width,))
    following = _following(connection, TOTALS, width) if until == FOREVER else width
    if following is None:
        connection.execute("DELETE FROM moved_progress")
        connection.execute("DELETE FROM moved_series WHERE number NOT IN (SELECT id FROM series)")
        connection.execute("UPDATE moved_series SET done = 1")
    else:
        after = -FOREVER if until == FOREVER else until
        connection.execute("UPDATE moved_progress SET span = ?, start = ?", (following, after))


def _following(connection: sqlite3.Connection, table: Table, width: int) -> int | None:
    """Return the next width of which a table has rows; ``None`` after the last."""
    statement = f"SELECT 1 FROM {table.name} WHERE span = ? LIMIT 1"
    others = _WIDTHS[_WIDTHS.index(width) + 1 :]
    return next((other for other in others if connection.execute(statement, (other,)).fetchone()), None)


def _forget(connection: sqlite3.Connection, kind: str) -> None:
    """Delete evicted names, which have no rows any more; samples and open transactions get the replacements."""
    for table in ("sample", "running") if kind == "series" else ():
        connection.execute(f"UPDATE {table} SET series = {_REPLACEMENT} WHERE series IN {_EVICTED}")
    connection.execute(f"DELETE FROM {kind} WHERE id IN (SELECT number FROM evicted WHERE kind = ?)", (kind,))
    for table in ("evicted", "eviction_progress"):
        connection.execute(f"DELETE FROM {table} WHERE kind = ?", (kind,))
    if kind == "series":
        connection.execute("DELETE FROM moved_series WHERE done")


# What has been counted since ever, of names that are forgotten


_FORGOTTEN: Final = """
SELECT DISTINCT old.id, old.application, old.kind, old."group" FROM series AS old
JOIN totals ON totals.span = 0 AND totals.series = old.id
JOIN series AS alive ON (alive.application, alive.kind, alive.whole) = (old.application, old.kind, 1)
WHERE old.seen < :unused AND alive.seen >= :unused AND old.whole = 0 AND old.name != :other
"""


_STAY: Final = """
UPDATE series SET seen = :unused WHERE seen < :unused AND whole = 0 AND name = :other AND EXISTS (
    SELECT 1 FROM series AS alive
    WHERE (alive.application, alive.kind, alive.whole) = (series.application, series.kind, 1)
    AND alive.seen >= :unused
)
"""


def keep_counters(connection: sqlite3.Connection, unused: int) -> None:
    """Count under `OTHER` what was ever counted of names that were seen before ``unused``, and are to be forgotten.

    An application that is forgotten as a whole takes its counts with it.
    """
    names = Ids(connection)
    connection.execute(_STAY, {"unused": unused, "other": OTHER})
    rows = connection.execute(_FORGOTTEN, {"unused": unused, "other": OTHER}).fetchall()
    for number, application, kind, group in rows:
        other = names.series(overflow_of(Series(application, kind, group, "")), unused)
        moved = f"SELECT {number:d} AS number, {other:d} AS replacement"
        TOTALS.move(connection, "series", moved, (SINCE_EVER, -1, 0))
