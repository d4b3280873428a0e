"""What keeps a store small: rolling up what is complete, and letting go of what is old.

Each step is a short transaction of its own, and whichever process comes by does
it: what is due is read from the store itself, in the same transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Final

from ..configuration.settings import DEFAULTS, Settings
from .clocks import TrustedTime
from .eviction import next_eviction_step
from .levels import COARSE_SPANS, COARSEST, FINEST, FOREVER, Level, floored
from .samples import bound_samples
from .tallies import roll_up

__all__ = ["DEFAULT_RETENTION", "Retention", "first_row", "levels_of", "next_step", "reopen"]

_GRACE: Final = 60
"""Seconds after the end of a unit of time until it is rolled up. What comes later still is added at every level."""
_INSTANCES_AT_MOST: Final = 10_000
"""Of a store; those that reported last are remembered."""
_DAY: Final = 86400
_HOUR: Final = 3600

Levels = Mapping[int, Level]
Step = Callable[[], None]


@dataclass(frozen=True)
class Retention:
    """For how many days things are kept."""

    minutes: float = DEFAULTS.keep_minutes
    hours: float = DEFAULTS.keep_hours
    samples: float = DEFAULTS.keep_samples

    @classmethod
    def of(cls, settings: Settings) -> Retention:
        """What the settings say."""
        return cls(settings.keep_minutes, settings.keep_hours, settings.keep_samples)

    @property
    def longest(self) -> float:
        """Seconds for which any figures are kept."""
        return max(self.hours, self.minutes) * _DAY

    def oldest(self, span: int, now: float) -> int:
        """From when on the rows of a span are kept (epoch seconds, on a boundary of the next kept span)."""
        if span < _HOUR:
            return floored(now - self.minutes * _DAY, _HOUR)
        return floored(now - self.longest, _DAY)


DEFAULT_RETENTION: Final = Retention()


def levels_of(connection: sqlite3.Connection) -> dict[int, Level]:
    """The levels of the store, by span.

    Raises:
        sqlite3.DatabaseError: the store is damaged.
    """
    rows = connection.execute("SELECT * FROM level").fetchall()
    if {row[0] for row in rows} != {FINEST, *COARSE_SPANS} or not all(isinstance(value, int) for value in chain(*rows)):
        raise sqlite3.DatabaseError("what it says of its levels is damaged")
    return {row[0]: Level(*row) for row in rows}


def next_step(connection: sqlite3.Connection, retention: Retention, now: TrustedTime) -> Step | None:
    """One of the steps that are due, to be taken in the same transaction; ``None`` if there is none."""
    levels = levels_of(connection)
    return (
        _giving_back(connection, levels, now.latest)
        or _rolling_up(connection, levels, retention, now)
        or _expiring(connection, levels, retention, now.trusted)
        or next_eviction_step(connection, now.earliest)
    )


# Rolling up


def _finer(span: int) -> int:
    index = COARSE_SPANS.index(span)
    return COARSE_SPANS[index - 1] if index else FINEST


def _rolling_up(connection: sqlite3.Connection, levels: Levels, retention: Retention, now: TrustedTime) -> Step | None:
    """A unit of time is over, and its finer rows are all there."""
    for span in COARSE_SPANS:
        start = levels[span].complete_until
        if start + span + _GRACE <= now.earliest and start + span <= levels[_finer(span)].complete_until:
            return partial(_roll_up, connection, levels, (span, start), retention, now)
    return None


def _roll_up(
    connection: sqlite3.Connection, levels: Levels, unit: tuple[int, int], retention: Retention, now: TrustedTime
) -> None:
    span, start = unit
    finer = _finer(span)
    first = first_row(connection, finer, start)
    if first is not None and first < start + span:
        roll_up(connection, unit, finer)
        reached = start + span
    else:
        nothing_until = now.earliest - _GRACE if first is None else min(first, now.earliest - _GRACE)
        reached = floored(min(nothing_until, levels[finer].complete_until), span)
    connection.execute("UPDATE level SET complete_until = ? WHERE span = ?", (max(reached, start + span), span))
    bound_samples(connection, None if now.trusted is None else now.trusted - retention.samples * _DAY)
    _bound_instances(connection)
    if span == COARSEST and now.trusted is not None:
        _forget(connection, retention, now.trusted)


def first_row(connection: sqlite3.Connection, span: int, start: int) -> int | None:
    """Where the first row of a span is that starts at ``start`` or later (epoch seconds)."""
    return _outermost(connection, "min", span, start, FOREVER)


def _last_row(connection: sqlite3.Connection, span: int, end: int) -> int | None:
    """Where the last row of a span is that starts before ``end``."""
    return _outermost(connection, "max", span, -FOREVER, end)


def _outermost(connection: sqlite3.Connection, which: str, span: int, start: int, end: int) -> int | None:
    row = connection.execute(
        f"SELECT {which}(start) FROM ("
        f"SELECT {which}(start) AS start FROM tally WHERE span = :span AND start >= :start AND start < :end UNION ALL "
        f"SELECT {which}(start) FROM error_count WHERE span = :span AND start >= :start AND start < :end)",
        {"span": span, "start": start, "end": end},
    ).fetchone()
    return None if row[0] is None else int(row[0])


# Undoing what a wrong clock has done


def _giving_back(connection: sqlite3.Connection, levels: Levels, latest: float) -> Step | None:
    """More is rolled up than is over by anybody's clock: what comes would be late, and be added at every level."""
    for span in reversed(COARSE_SPANS):
        level, until = levels[span], floored(latest, span)
        if level.complete_until > until + span and levels[FINEST].complete_from <= until:
            return partial(_give_back, connection, level, until)
    return None


def _give_back(connection: sqlite3.Connection, level: Level, until: int) -> None:
    """Undo the roll-up of no more than a day; what it was made of is there, and will be rolled up in its time."""
    last = _last_row(connection, level.span, level.complete_until)
    reached = until if last is None else max(until, floored(last, _DAY))
    _delete_rows(connection, level.span, reached, FOREVER)
    connection.execute("UPDATE level SET complete_until = ?, late = late + 1 WHERE span = ?", (reached, level.span))


def reopen(connection: sqlite3.Connection, retention: Retention, now: TrustedTime) -> dict[int, Level]:
    """The levels, opened again to those who report at present, where rows had expired by clocks ahead of theirs."""
    levels = levels_of(connection)
    for span, level in levels.items():
        if now.earliest < level.complete_from:
            since = _kept_since(connection, level, retention, now)
            if since < level.complete_from:
                connection.execute("UPDATE level SET complete_from = ? WHERE span = ?", (since, span))
                levels[span] = level._replace(complete_from=since)
    return levels


def _kept_since(connection: sqlite3.Connection, level: Level, retention: Retention, now: TrustedTime) -> int:
    """Minutes that are gone stay gone where hours tell of them."""
    oldest = retention.oldest(level.span, now.earliest)
    hour = _last_row(connection, _HOUR, level.complete_from) if level.span < _HOUR else None
    return oldest if hour is None else max(oldest, hour + _HOUR)


# Letting go


def _expiring(connection: sqlite3.Connection, levels: Levels, retention: Retention, now: float | None) -> Step | None:
    """There are rows that are older than they are kept for."""
    if now is None:
        return None
    for span, level in levels.items():
        expiry = _expiry(levels, retention, span, now)
        first = first_row(connection, span, -FOREVER) if level.complete_from < expiry else None
        if first is not None and first < expiry:
            return partial(_expire, connection, level, first, expiry)
    return None


def _expiry(levels: Levels, retention: Retention, span: int, now: float) -> int:
    """From when on the rows of a span stay. Minutes stay until the hours that they belong to are rolled up."""
    rolled_up = floored(levels[max(span, _HOUR)].complete_until, _HOUR if span < _HOUR else _DAY)
    return min(retention.oldest(span, now), rolled_up)


def _expire(connection: sqlite3.Connection, level: Level, first: int, expiry: int) -> None:
    """Delete the oldest rows, of no more than an hour of minutes or a day of hours at a time."""
    unit = _HOUR if level.span < _HOUR else _DAY
    reached = min(expiry, max(floored(first, unit), level.complete_from) + unit)
    _delete_rows(connection, level.span, -FOREVER, reached)
    connection.execute("UPDATE level SET complete_from = ? WHERE span = ?", (reached, level.span))


def _delete_rows(connection: sqlite3.Connection, span: int, start: int, end: int) -> None:
    for table in ("tally", "error_count"):
        connection.execute(f"DELETE FROM {table} WHERE span = ? AND start >= ? AND start < ?", (span, start, end))


def _forget(connection: sqlite3.Connection, retention: Retention, now: float) -> None:
    """Once a day: delete names, errors, links and instances that nothing refers to any more."""
    unused = retention.oldest(_HOUR, now) - 2 * _DAY
    for table in ("series", "error", "link"):
        connection.execute(f"DELETE FROM {table} WHERE seen < ?", (unused,))
    connection.execute("DELETE FROM clock_evidence WHERE day < ?", (now // _DAY - 7,))
    remembered = max(retention.samples, 1.0) * _DAY
    connection.execute(_FORGET_INSTANCES, {"seen": now - remembered, "seconds": remembered})
    _forget_what_they_reported(connection)


_FORGET_INSTANCES: Final = """
DELETE FROM instance WHERE id IN (
    SELECT id FROM instance LEFT JOIN instance_clock ON instance = id
    WHERE seen < :seen OR elapsed < (SELECT elapsed FROM store_clock) - :seconds
) AND id NOT IN (SELECT instance FROM instance_clock ORDER BY report DESC LIMIT 1000)
"""


def _bound_instances(connection: sqlite3.Connection) -> None:
    """Short scripts may be many, and each is one."""
    row = connection.execute(
        "SELECT report FROM instance_clock ORDER BY report DESC LIMIT 1 OFFSET ?", (_INSTANCES_AT_MOST,)
    ).fetchone()
    if row is not None:
        connection.execute(
            "DELETE FROM instance WHERE id IN (SELECT instance FROM instance_clock WHERE report <= ?)", row
        )
        _forget_what_they_reported(connection)


def _forget_what_they_reported(connection: sqlite3.Connection) -> None:
    for table in ("loss", "running", "instance_clock"):
        connection.execute(f"DELETE FROM {table} WHERE instance NOT IN (SELECT id FROM instance)")
