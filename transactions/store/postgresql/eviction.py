"""Eviction of names after a limit has been reached, to make room for new ones.

Names with the fewest calls in the last hour go first, and among equals those seen
longest ago: a tenth of the limit at a time. Their counts are added to `OTHER` at every
resolution, so that no sum changes. A name that comes back later is new.

It is done in short steps, each a transaction of its own: note what is to be evicted,
with its replacement; move the rows of one interval after the other, the finest first,
as coarser ones are made from them; delete the names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from ...recording.name_limits import OTHER, overflow_of
from ...recording.snapshot import Series
from ..names import SCOPES
from ..resolutions import COARSE_WIDTHS, FINEST, FOREVER, SINCE_EVER, floor_to
from .drivers import Session
from .names import Names
from .tables import ERRORS, TOTALS

__all__ = ["keep_counters", "next_eviction_step"]

_ROWS_AT_ONCE: Final = 10_000
"""Approximate number of rows that one step scans."""
_WIDTHS: Final = (FINEST, *COARSE_WIDTHS, SINCE_EVER)
_HOUR: Final = 3600

_Replacements = dict[int, int]
"""Evicted numbers, with those under which their rows are counted from then on."""


def next_eviction_step(session: Session, now: float) -> Callable[[], None] | None:
    """Return the next step, to be taken in the same transaction, or ``None``; ``now`` is in epoch seconds."""
    under_way = session.execute("SELECT kind, width, start FROM @eviction_progress ORDER BY kind LIMIT 1").fetchone()
    if under_way is not None:
        return partial(_move_rows, session, *under_way)
    over_limit = session.execute("SELECT kind, whose FROM @over_limit LIMIT 1").fetchone()
    if over_limit is None:
        return None
    kind, whose = over_limit
    return partial(_evict, session, kind, whose, now)


# Choice of what is evicted

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


def _evict(session: Session, kind: str, whose: str, now: float) -> None:
    """Choose what to evict because of a limit that was reached, if it still is."""
    session.execute("DELETE FROM @over_limit WHERE (kind, whose) = (%s, %s)", (kind, whose))
    names = Names(session)
    if kind == "error":
        _note(names, "error", _least_errors(session, names, int(whose), now))
        return
    if kind == "series":
        evicted = _least_series(session, names, whose, now)
    else:
        whose, evicted = OTHER, _least_applications(session, names, now)
    _note(names, "series", evicted)
    _note(names, "error", _pass_on_errors(session))
    if evicted:
        session.execute(_COUNT_NAMES, (len(evicted),))
        session.execute(_COUNT_DROPPED, (floor_to(now, FINEST), json.dumps([whose]), len(evicted)))


def _note(names: Names, kind: str, evicted: _Replacements) -> None:
    if evicted:
        names.evict(kind, evicted)


def _least(session: Session, statement: str, now: float, limit: int, whose: Mapping[str, object]) -> list[Any]:
    """Select the least used rows, a tenth of a limit."""
    arguments = {"hour": now - _HOUR, "ahead": now + _HOUR, "other": OTHER, "number": max(1, limit // 10), **whose}
    return session.execute(statement, arguments).fetchall()


def _least_applications(session: Session, names: Names, now: float) -> _Replacements:
    """Choose applications, with all of their series, including those of their totals."""
    evicted: _Replacements = {}
    if names.count_applications() < names.MAX_APPLICATIONS:
        return evicted
    for (application,) in _least(session, _APPLICATIONS, now, names.MAX_APPLICATIONS, {}):
        rows = session.execute(
            'SELECT id, kind, "group", name, whole FROM @series WHERE application = %s', (application,)
        )
        for number, kind, group, name, whole in rows.fetchall():
            overflow, scope = overflow_of(Series(OTHER, kind, group, "")), SCOPES[whole]
            evicted[number] = (
                names.series(overflow, now)
                if scope == "name"
                else names.totals_series(overflow, now, scope, "" if scope == "all" else name)
            )
    return evicted


def _least_series(session: Session, names: Names, application: str, now: float) -> _Replacements:
    if names.count_series(application) < names.MAX_SERIES:
        return {}
    found = _least(session, _SERIES, now, names.MAX_SERIES, {"application": application})
    return {
        number: names.series(overflow_of(Series(application, kind, group, "")), now) for number, kind, group in found
    }


def _least_errors(session: Session, names: Names, series: int, now: float) -> _Replacements:
    """Choose errors, whose messages are no longer kept then; if they were not kept already, nor are their types."""
    if names.count_errors(series) < names.MAX_ERRORS:
        return {}
    evicted = {
        number: names.overflow_error(series, OTHER if message == OTHER else type_, bool(expected), int(now))
        for number, type_, message, expected in _least(session, _ERRORS, now, names.MAX_ERRORS, {"series": series})
    }
    return {number: replacement for number, replacement in evicted.items() if number not in evicted.values()}


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


def _pass_on_errors(session: Session) -> _Replacements:
    """Pass the errors of evicted series to the replacements; return those they already have, to be evicted as well."""
    session.execute(_MOVE_ERRORS)
    return dict(session.execute(_ALIKE).fetchall())


def _move_rows(session: Session, kind: str, width: int, start: int) -> None:
    """Move the rows of one interval that begins after ``start``."""
    table = TOTALS if kind == "series" else ERRORS
    row = session.execute(
        f"SELECT start FROM {table.name} WHERE width = {width:d} AND start > {start:d}"
        f" ORDER BY start OFFSET {_ROWS_AT_ONCE} LIMIT 1"
    ).fetchone()
    until = FOREVER if row is None else int(row[0])
    if table.move(session, (width, start, until)) and width > FINEST:
        session.execute("UPDATE @resolution SET late = late + 1 WHERE width = %s", (width,))
    if row is not None:
        _proceed(session, kind, width, until)
    elif width != _WIDTHS[-1]:
        _proceed(session, kind, _WIDTHS[_WIDTHS.index(width) + 1], -FOREVER)
    else:
        _forget(session, kind)


def _proceed(session: Session, kind: str, width: int, start: int) -> None:
    session.execute("UPDATE @eviction_progress SET width = %s, start = %s WHERE kind = %s", (width, start, kind))


def _forget(session: Session, kind: str) -> None:
    """Delete evicted names, which have no rows any more; samples and open transactions get the replacements."""
    for table in ("sample", "running") if kind == "series" else ():
        session.execute(
            f"UPDATE @{table} AS kept SET series = replacement FROM @evicted AS evicted"
            " WHERE evicted.kind = 'series' AND evicted.number = kept.series"
        )
    session.execute(f"DELETE FROM @{kind} WHERE id IN (SELECT number FROM @evicted WHERE kind = %s)", (kind,))
    for table in ("evicted", "eviction_progress"):
        session.execute(f"DELETE FROM @{table} WHERE kind = %s", (kind,))


# What has been counted since ever, of names that are forgotten

_TO_FORGET: Final = f"""
SELECT DISTINCT old.id, old.application, old.kind, old."group" FROM @series AS old
JOIN @totals AS totals ON totals.width = {SINCE_EVER} AND totals.series = old.id
JOIN @series AS alive ON (alive.application, alive.kind, alive.whole) = (old.application, old.kind, 1)
WHERE old.seen < %(unused)s AND alive.seen >= %(unused)s AND old.whole = 0 AND old.name != %(other)s
"""

_STAY: Final = """
UPDATE @series AS series SET seen = %(unused)s
WHERE seen < %(unused)s AND whole = 0 AND name = %(other)s AND EXISTS (
    SELECT 1 FROM @series AS alive
    WHERE (alive.application, alive.kind, alive.whole) = (series.application, series.kind, 1)
    AND alive.seen >= %(unused)s
)
"""


def keep_counters(session: Session, unused: int) -> None:
    """Count under `OTHER` what was ever counted of names that were seen before ``unused``, and are to be forgotten.

    An application that is forgotten as a whole takes its counts with it. Their other rows have expired, so they are
    evicted as by a limit.
    """
    names = Names(session)
    session.execute(_STAY, {"unused": unused, "other": OTHER})
    rows = session.execute(_TO_FORGET, {"unused": unused, "other": OTHER}).fetchall()
    evicted = {
        number: names.series(overflow_of(Series(application, kind, group, "")), unused)
        for number, application, kind, group in rows
    }
    if evicted:
        values = ", ".join(f"('series', {number:d}, {replacement:d})" for number, replacement in evicted.items())
        session.execute(f"INSERT INTO @evicted (kind, number, replacement) VALUES {values} ON CONFLICT DO NOTHING")
        TOTALS.move(session, (SINCE_EVER, -1, 0))
        session.execute(f"DELETE FROM @evicted WHERE kind = 'series' AND number IN ({', '.join(map(str, evicted))})")
