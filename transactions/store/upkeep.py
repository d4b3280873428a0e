"""What keeps a store small: rolling up what is complete, and letting go of what is old.

Each step is a short transaction of its own, and whichever process comes by does
it: what is due is read from the store itself, in the same transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final

from ..configuration.settings import DEFAULTS, Settings
from .levels import COARSE_SPANS, FINEST, Level, floored
from .samples import bound_samples
from .tallies import roll_up

__all__ = ["DEFAULT_RETENTION", "Retention", "due", "first_row", "levels_of", "take_step"]

_GRACE: Final = 60
"""Seconds after the end of a unit of time until it is rolled up. What comes later still is added at every level."""
_DAY: Final = 86400
_HOUR: Final = 3600

Levels = Mapping[int, Level]


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

    def oldest(self, span: int, now: float) -> int:
        """From when on the rows of a span are kept (epoch seconds, on a boundary of the next kept span)."""
        if span < _HOUR:
            return floored(now - self.minutes * _DAY, _HOUR)
        return floored(now - max(self.hours, self.minutes) * _DAY, _DAY)


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


def due(levels: Levels, retention: Retention, now: float) -> bool:
    """Whether there is a step to take."""
    return _unit_to_roll_up(levels, now) is not None or _span_to_expire(levels, retention, now) is not None


def take_step(connection: sqlite3.Connection, retention: Retention, now: float) -> None:
    """Take one of the steps that are due: roll one unit up, or let one hour's or day's rows go."""
    levels = levels_of(connection)
    unit = _unit_to_roll_up(levels, now)
    if unit is not None:
        _roll_up(connection, levels, unit, now)
        bound_samples(connection, now - retention.samples * _DAY)
        return
    span = _span_to_expire(levels, retention, now)
    if span is not None:
        _expire(connection, levels[span], _expiry(levels, retention, span, now))
        _forget(connection, retention, now)


def _finer(span: int) -> int:
    index = COARSE_SPANS.index(span)
    return COARSE_SPANS[index - 1] if index else FINEST


def _unit_to_roll_up(levels: Levels, now: float) -> tuple[int, int] | None:
    """Span and start of a unit that is over, and whose finer rows are all there."""
    for span in COARSE_SPANS:
        start = levels[span].complete_until
        if start + span + _GRACE <= now and start + span <= levels[_finer(span)].complete_until:
            return span, start
    return None


def _roll_up(connection: sqlite3.Connection, levels: Levels, unit: tuple[int, int], now: float) -> None:
    span, start = unit
    finer = _finer(span)
    first = first_row(connection, finer, start)
    if first is not None and first < start + span:
        roll_up(connection, unit, finer)
        reached = start + span
    else:
        nothing_until = now - _GRACE if first is None else min(first, now - _GRACE)
        reached = floored(min(nothing_until, levels[finer].complete_until), span)
    connection.execute("UPDATE level SET complete_until = ? WHERE span = ?", (max(reached, start + span), span))


def first_row(connection: sqlite3.Connection, span: int, start: int) -> int | None:
    """Where the first row of a span is that starts at ``start`` or later (epoch seconds)."""
    row = connection.execute(
        "SELECT min(start) FROM ("
        "SELECT min(start) AS start FROM tally WHERE span = :span AND start >= :start UNION ALL "
        "SELECT min(start) FROM error_count WHERE span = :span AND start >= :start)",
        {"span": span, "start": start},
    ).fetchone()
    return None if row[0] is None else int(row[0])


def _span_to_expire(levels: Levels, retention: Retention, now: float) -> int | None:
    for span, level in levels.items():
        if level.complete_from < _expiry(levels, retention, span, now):
            return span
    return None


def _expiry(levels: Levels, retention: Retention, span: int, now: float) -> int:
    """From when on the rows of a span stay. Minutes stay until the hours that they belong to are rolled up."""
    rolled_up = floored(levels[max(span, _HOUR)].complete_until, _HOUR if span < _HOUR else _DAY)
    return min(retention.oldest(span, now), rolled_up)


def _expire(connection: sqlite3.Connection, level: Level, oldest: int) -> None:
    """Delete the oldest rows, of no more than an hour of minutes or a day of hours at a time."""
    first = first_row(connection, level.span, 0)
    unit = _HOUR if level.span < _HOUR else _DAY
    reached = oldest if first is None else min(oldest, max(floored(first, unit), level.complete_from) + unit)
    for table in ("tally", "error_count"):
        connection.execute(f"DELETE FROM {table} WHERE span = ? AND start < ?", (level.span, reached))
    connection.execute("UPDATE level SET complete_from = ? WHERE span = ?", (reached, level.span))


def _forget(connection: sqlite3.Connection, retention: Retention, now: float) -> None:
    """Delete names, errors, links and instances that nothing refers to any more."""
    unused = retention.oldest(_HOUR, now) - 2 * _DAY
    for table in ("series", "error", "link"):
        connection.execute(f"DELETE FROM {table} WHERE seen < ?", (unused,))
    connection.execute("DELETE FROM instance WHERE seen < ?", (now - max(retention.samples, 1.0) * _DAY,))
    for table in ("loss", "running"):
        connection.execute(f"DELETE FROM {table} WHERE instance NOT IN (SELECT id FROM instance)")
