"""Maintenance, which keeps a store small: it rolls up complete rows and deletes old ones.

Each step is a short transaction of its own, and any process that writes may take
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
from .resolutions import COARSE_WIDTHS, COARSEST, FINEST, FOREVER, Resolution, floor_to
from .sqlite.clocks import TrustedTime
from .sqlite.eviction import next_eviction_step
from .sqlite.rows import roll_up
from .sqlite.samples import bound_samples

__all__ = ["DEFAULT_RETENTION", "Retention", "first_row", "next_step", "reopen", "resolutions_of"]

_GRACE: Final = 60
"""Seconds between the end of an interval and its roll-up. Later counts are added at every resolution."""
_MAX_INSTANCES: Final = 10_000
"""Maximum number of instances in a store; those that reported last are kept."""
_DAY: Final = 86400
_HOUR: Final = 3600

Resolutions = Mapping[int, Resolution]
Step = Callable[[], None]


@dataclass(frozen=True)
class Retention:
    """The number of days for which each resolution is kept."""

    minutes: float = DEFAULTS.keep_minutes
    hours: float = DEFAULTS.keep_hours
    samples: float = DEFAULTS.keep_samples

    @classmethod
    def of(cls, settings: Settings) -> Retention:
        """Return the retention that the settings ask for."""
        return cls(settings.keep_minutes, settings.keep_hours, settings.keep_samples)

    @property
    def longest(self) -> float:
        """Return the seconds for which any figures are kept."""
        return max(self.hours, self.minutes) * _DAY

    def oldest(self, width: int, now: float) -> int:
        """Return the start of the first kept rows of a width (epoch seconds, on a boundary of the next kept width)."""
        if width < _HOUR:
            return floor_to(now - self.minutes * _DAY, _HOUR)
        return floor_to(now - self.longest, _DAY)


DEFAULT_RETENTION: Final = Retention()


def resolutions_of(connection: sqlite3.Connection) -> dict[int, Resolution]:
    """Return the resolutions of the store, by width.

    Raises:
        sqlite3.DatabaseError: the store is damaged.
    """
    rows = connection.execute("SELECT * FROM level").fetchall()
    if {row[0] for row in rows} != {FINEST, *COARSE_WIDTHS} or not all(
        isinstance(value, int) for value in chain(*rows)
    ):
        raise sqlite3.DatabaseError("what it says of its levels is damaged")
    return {row[0]: Resolution(*row) for row in rows}


def next_step(connection: sqlite3.Connection, retention: Retention, now: TrustedTime) -> Step | None:
    """Return a maintenance step that is due, to be taken in the same transaction; ``None`` if there is none."""
    resolutions = resolutions_of(connection)
    return (
        _giving_back(connection, resolutions, now.latest)
        or _rolling_up(connection, resolutions, retention, now)
        or _expiring(connection, resolutions, retention, now.trusted)
        or next_eviction_step(connection, now.earliest)
    )


# Rolling up


def _finer(width: int) -> int:
    index = COARSE_WIDTHS.index(width)
    return COARSE_WIDTHS[index - 1] if index else FINEST


def _rolling_up(
    connection: sqlite3.Connection, resolutions: Resolutions, retention: Retention, now: TrustedTime
) -> Step | None:
    """Return the step that rolls up an interval that is over and whose finer rows are complete, if there is one."""
    for width in COARSE_WIDTHS:
        start = resolutions[width].complete_until
        if start + width + _GRACE <= now.earliest and start + width <= resolutions[_finer(width)].complete_until:
            return partial(_roll_up, connection, resolutions, (width, start), retention, now)
    return None


def _roll_up(
    connection: sqlite3.Connection,
    resolutions: Resolutions,
    interval: tuple[int, int],
    retention: Retention,
    now: TrustedTime,
) -> None:
    width, start = interval
    finer = _finer(width)
    first = first_row(connection, finer, start)
    if first is not None and first < start + width:
        roll_up(connection, interval, finer)
        reached = start + width
    else:
        nothing_until = now.earliest - _GRACE if first is None else min(first, now.earliest - _GRACE)
        reached = floor_to(min(nothing_until, resolutions[finer].complete_until), width)
    connection.execute("UPDATE level SET complete_until = ? WHERE span = ?", (max(reached, start + width), width))
    bound_samples(connection, None if now.trusted is None else now.trusted - retention.samples * _DAY)
    _bound_instances(connection)
    if width == COARSEST and now.trusted is not None:
        _forget(connection, retention, now.trusted)


def first_row(connection: sqlite3.Connection, width: int, start: int) -> int | None:
    """Return the start of the first row of a width that starts at ``start`` or later (epoch seconds)."""
    return _outermost(connection, "min", width, start, FOREVER)


def _last_row(connection: sqlite3.Connection, width: int, end: int) -> int | None:
    """Return the start of the last row of a width that starts before ``end``."""
    return _outermost(connection, "max", width, -FOREVER, end)


def _outermost(connection: sqlite3.Connection, which: str, width: int, start: int, end: int) -> int | None:
    row = connection.execute(
        f"SELECT {which}(start) FROM ("
        f"SELECT {which}(start) AS start FROM tally WHERE span = :span AND start >= :start AND start < :end UNION ALL "
        f"SELECT {which}(start) FROM error_count WHERE span = :span AND start >= :start AND start < :end)",
        {"span": width, "start": start, "end": end},
    ).fetchone()
    return None if row[0] is None else int(row[0])


# Undoing what a wrong clock has done


def _giving_back(connection: sqlite3.Connection, resolutions: Resolutions, latest: float) -> Step | None:
    """Return the step that undoes roll-ups of intervals that are over by no clock: new counts would all be late."""
    for width in reversed(COARSE_WIDTHS):
        resolution, until = resolutions[width], floor_to(latest, width)
        if resolution.complete_until > until + width and resolutions[FINEST].complete_from <= until:
            return partial(_give_back, connection, resolution, until)
    return None


def _give_back(connection: sqlite3.Connection, resolution: Resolution, until: int) -> None:
    """Undo the roll-up of at most a day; its finer rows are still there, and will be rolled up when they are due."""
    last = _last_row(connection, resolution.width, resolution.complete_until)
    reached = until if last is None else max(until, floor_to(last, _DAY))
    _delete_rows(connection, resolution.width, reached, FOREVER)
    connection.execute(
        "UPDATE level SET complete_until = ?, late = late + 1 WHERE span = ?", (reached, resolution.width)
    )


def reopen(connection: sqlite3.Connection, retention: Retention, now: TrustedTime) -> dict[int, Resolution]:
    """Return the resolutions, reopened for instances whose clocks are behind those by which rows have expired."""
    resolutions = resolutions_of(connection)
    for width, resolution in resolutions.items():
        if now.earliest < resolution.complete_from:
            since = _kept_since(connection, resolution, retention, now)
            if since < resolution.complete_from:
                connection.execute("UPDATE level SET complete_from = ? WHERE span = ?", (since, width))
                resolutions[width] = resolution._replace(complete_from=since)
    return resolutions


def _kept_since(connection: sqlite3.Connection, resolution: Resolution, retention: Retention, now: TrustedTime) -> int:
    """Return the start of what may be reopened: no expired minutes for which there are hours."""
    oldest = retention.oldest(resolution.width, now.earliest)
    hour = _last_row(connection, _HOUR, resolution.complete_from) if resolution.width < _HOUR else None
    return oldest if hour is None else max(oldest, hour + _HOUR)


# Expiry


def _expiring(
    connection: sqlite3.Connection, resolutions: Resolutions, retention: Retention, now: float | None
) -> Step | None:
    """Return the step that deletes rows beyond their retention, if there are any."""
    if now is None:
        return None
    for width, resolution in resolutions.items():
        expiry = _expiry(resolutions, retention, width, now)
        first = first_row(connection, width, -FOREVER) if resolution.complete_from < expiry else None
        if first is not None and first < expiry:
            return partial(_expire, connection, resolution, first, expiry)
    return None


def _expiry(resolutions: Resolutions, retention: Retention, width: int, now: float) -> int:
    """Return the start of the first rows of a width to keep. Minutes are kept until their hours are rolled up."""
    rolled_up = floor_to(resolutions[max(width, _HOUR)].complete_until, _HOUR if width < _HOUR else _DAY)
    return min(retention.oldest(width, now), rolled_up)


def _expire(connection: sqlite3.Connection, resolution: Resolution, first: int, expiry: int) -> None:
    """Delete the oldest rows: at most an hour of minutes or a day of hours at a time."""
    interval = _HOUR if resolution.width < _HOUR else _DAY
    reached = min(expiry, max(floor_to(first, interval), resolution.complete_from) + interval)
    _delete_rows(connection, resolution.width, -FOREVER, reached)
    connection.execute("UPDATE level SET complete_from = ? WHERE span = ?", (reached, resolution.width))


def _delete_rows(connection: sqlite3.Connection, width: int, start: int, end: int) -> None:
    for table in ("tally", "error_count"):
        connection.execute(f"DELETE FROM {table} WHERE span = ? AND start >= ? AND start < ?", (width, start, end))


def _forget(connection: sqlite3.Connection, retention: Retention, now: float) -> None:
    """Delete names, errors, links and instances that nothing refers to any more; done once a day."""
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
    """Delete the oldest instances beyond the limit: every run of a short script is an instance."""
    row = connection.execute(
        "SELECT report FROM instance_clock ORDER BY report DESC LIMIT 1 OFFSET ?", (_MAX_INSTANCES,)
    ).fetchone()
    if row is not None:
        connection.execute(
            "DELETE FROM instance WHERE id IN (SELECT instance FROM instance_clock WHERE report <= ?)", row
        )
        _forget_what_they_reported(connection)


def _forget_what_they_reported(connection: sqlite3.Connection) -> None:
    for table in ("loss", "running", "instance_clock"):
        connection.execute(f"DELETE FROM {table} WHERE instance NOT IN (SELECT id FROM instance)")
