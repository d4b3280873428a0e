"""Making room for new names where a bound has been reached.

What was called least in the last hour, and of that what was seen longest ago, is
counted under `OTHER` from then on, and so is what the store has of it, at every
resolution: no sum changes. That is done in short steps: first it is noted what is
leaving, and who its heir is; then one stretch of rows after the other is moved,
the finest first, as coarser ones are made from them; then its name is forgotten.
One that comes back is new.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from ..recording.snapshot import Series
from ..recording.surplus import OTHER, surplus_of
from .levels import COARSE_SPANS, FINEST, FOREVER
from .losses import add_losses
from .names import Names
from .tallies import move

__all__ = ["making_room"]

_AT_ONCE: Final = 10_000
"""Rows that one step goes through, about."""
_SPANS: Final = (FINEST, *COARSE_SPANS)
_HOUR: Final = 3600


def making_room(connection: sqlite3.Connection, now: float) -> Callable[[], None] | None:
    """The next step, if there is one; ``now``: epoch seconds."""
    under_way = connection.execute("SELECT kind, span, start FROM moved ORDER BY kind LIMIT 1").fetchone()
    if under_way is not None:
        return partial(_move_some, connection, *under_way)
    crowded = connection.execute("SELECT kind, whose FROM crowded LIMIT 1").fetchone()
    if crowded is None:
        return None
    kind, whose = crowded
    if kind == "series":
        return partial(_choose_series, connection, whose, now)
    return partial(_choose_errors, connection, int(whose), now)


# Who leaves

_SERIES: Final = """
SELECT id, kind, "group" FROM series LEFT JOIN (
    SELECT series, sum(count) AS calls FROM tally WHERE span = 60 AND start >= :hour GROUP BY series
) ON series = id
WHERE application = :application AND whole = 0 AND name != :other
ORDER BY coalesce(calls, 0), CASE WHEN seen > :ahead THEN 0 ELSE seen END, id LIMIT :number
"""

_ERRORS: Final = """
SELECT id, type, message, expected FROM error LEFT JOIN (
    SELECT error, sum(count) AS calls FROM error_count WHERE span = 60 AND start >= :hour GROUP BY error
) ON error = id
WHERE series = :series AND NOT (type = :other AND message = :other)
ORDER BY coalesce(calls, 0), CASE WHEN seen > :ahead THEN 0 ELSE seen END, id LIMIT :number
"""


def _choose_series(connection: sqlite3.Connection, application: str, now: float) -> None:
    names, surplus = Names(connection), max(1, Names.SERIES_AT_MOST // 10)
    arguments = {**_moments(now), "application": application, "number": surplus}
    is_full = names.count("series", "application", application) >= Names.SERIES_AT_MOST
    chosen = connection.execute(_SERIES, arguments).fetchall() if is_full else []
    heirs = {
        number: names.series(surplus_of(Series(application, kind, group, "")), now) for number, kind, group in chosen
    }
    _let_leave(connection, "series", application, heirs.items())
    connection.execute(_COUNT_NAMES, (len(heirs),))
    add_losses(connection, now, [application], {"names": len(heirs)})
    _hand_errors_down(connection)


def _choose_errors(connection: sqlite3.Connection, series: int, now: float) -> None:
    names, surplus = Names(connection), max(1, Names.ERRORS_AT_MOST // 10)
    arguments = {**_moments(now), "series": series, "number": surplus}
    is_full = names.count("error", "series", series) >= Names.ERRORS_AT_MOST
    heirs = {
        number: names.surplus_error(series, OTHER if message == OTHER else type_, bool(expected), int(now))
        for number, type_, message, expected in (connection.execute(_ERRORS, arguments).fetchall() if is_full else ())
    }
    leaving = ((number, heir) for number, heir in heirs.items() if number not in heirs.values())
    _let_leave(connection, "error", series, leaving)


_COUNT_NAMES: Final = """
INSERT INTO loss (instance, cause, count) SELECT * FROM (
    SELECT instance, 'names', ? FROM witness ORDER BY report DESC LIMIT 1
) WHERE true ON CONFLICT (instance, cause) DO UPDATE SET count = count + excluded.count
"""
"""Of the instance that reported last."""


def _moments(now: float) -> dict[str, object]:
    return {"hour": now - _HOUR, "ahead": now + _HOUR, "other": OTHER}


def _let_leave(connection: sqlite3.Connection, kind: str, whose: object, leaving: Iterable[tuple[int, int]]) -> None:
    connection.execute("DELETE FROM crowded WHERE (kind, whose) = (?, ?)", (kind, str(whose)))
    connection.executemany(
        "INSERT INTO leaving (kind, number, heir) VALUES (?, ?, ?)", [(kind, *pair) for pair in leaving]
    )
    connection.execute("INSERT OR REPLACE INTO moved VALUES (?, ?, ?)", (kind, FINEST, -FOREVER))


# What becomes of their rows


def _move_some(connection: sqlite3.Connection, kind: str, span: int, start: int) -> None:
    table = "tally" if kind == "series" else "error_count"
    row = connection.execute(
        f"SELECT start FROM {table} WHERE span = ? AND start > ? ORDER BY start LIMIT 1 OFFSET ?",
        (span, start, _AT_ONCE),
    ).fetchone()
    until = FOREVER if row is None else row[0]
    if move(connection, kind, (span, start, until)) and span > FINEST:
        connection.execute("UPDATE level SET late = late + 1 WHERE span = ?", (span,))
    if row is not None:
        connection.execute("UPDATE moved SET start = ? WHERE kind = ?", (until, kind))
    elif span != _SPANS[-1]:
        following = _SPANS[_SPANS.index(span) + 1]
        connection.execute("UPDATE moved SET span = ?, start = ? WHERE kind = ?", (following, -FOREVER, kind))
    else:
        _forget(connection, kind)


_HEIR: Final = "(SELECT heir FROM leaving WHERE kind = 'series' AND number = series)"
_LEAVING: Final = "(SELECT number FROM leaving WHERE kind = 'series')"


def _forget(connection: sqlite3.Connection, kind: str) -> None:
    """None of its rows is left: what refers to it refers to its heir now, and its name is free."""
    if kind == "series":
        for table in ("sample", "running"):
            connection.execute(f"UPDATE {table} SET series = {_HEIR} WHERE series IN {_LEAVING}")
    connection.execute(f"DELETE FROM {kind} WHERE id IN (SELECT number FROM leaving WHERE kind = ?)", (kind,))
    connection.execute("DELETE FROM leaving WHERE kind = ?", (kind,))
    connection.execute("DELETE FROM moved WHERE kind = ?", (kind,))


def _hand_errors_down(connection: sqlite3.Connection) -> None:
    """Errors become those of the heir; where it has the same ones, they are leaving, too."""
    connection.execute(f"UPDATE OR IGNORE error SET series = {_HEIR} WHERE series IN {_LEAVING}")
    alike = connection.execute(
        "SELECT old.id, new.id FROM error AS old JOIN leaving ON leaving.kind = 'series' AND number = old.series"
        " JOIN error AS new ON new.series = heir AND (new.type, new.message, new.expected) ="
        " (old.type, old.message, old.expected)"
    ).fetchall()
    if alike:
        _let_leave(connection, "error", "", alike)
