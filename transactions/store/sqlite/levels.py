"""The rows of each resolution: which of them are complete, and what becomes of them with time."""

from __future__ import annotations

import sqlite3
from itertools import chain
from typing import Final

from ..maintenance import Retention, Step, TrustedTime, next_step
from ..resolutions import COARSE_WIDTHS, COARSEST, FINEST, FOREVER, Resolution
from .eviction import next_eviction_step
from .samples import bound_samples
from .tables import roll_up

__all__ = ["SQLiteLevels", "first_row", "next_maintenance_step", "resolutions_of"]

_MAX_INSTANCES: Final = 10_000
"""Maximum number of instances in a store; those that reported last are kept."""
_DAY: Final = 86400
_HOUR: Final = 3600


def next_maintenance_step(connection: sqlite3.Connection, retention: Retention, now: TrustedTime) -> Step | None:
    """Return a maintenance step that is due, to be taken in the same transaction; ``None`` if there is none."""
    return next_step(SQLiteLevels(connection), retention, now) or next_eviction_step(connection, now.earliest)


class SQLiteLevels:
    """The `MaintainedRows` of a file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def resolutions(self) -> dict[int, Resolution]:
        """Return the resolutions, by width."""
        return resolutions_of(self._connection)

    def first_row(self, width: int, start: int) -> int | None:
        """Return the start of the first row of a width that starts at ``start`` or later."""
        return first_row(self._connection, width, start)

    def last_row(self, width: int, end: int) -> int | None:
        """Return the start of the last row of a width that starts before ``end``."""
        return _outermost(self._connection, "max", width, -FOREVER, end)

    def roll_up(self, interval: tuple[int, int], finer: int) -> None:
        """Make the rows of one interval, given as (width, start), from those of the next finer width."""
        roll_up(self._connection, interval, finer)

    def delete(self, width: int, start: int, end: int) -> None:
        """Delete the rows of a width that start at ``start`` or later and before ``end``."""
        for table in ("tally", "error_count"):
            self._connection.execute(
                f"DELETE FROM {table} WHERE span = ? AND start >= ? AND start < ?", (width, start, end)
            )

    def expire(self, width: int, end: int) -> None:
        """Delete the rows of a width that start before ``end``, for good."""
        self.delete(width, -FOREVER, end)

    def set_complete(self, width: int, since: int | None = None, until: int | None = None, late: bool = False) -> None:
        """Note from when on, or until when, the rows of a width are complete; ``late`` if rolled-up rows changed."""
        self._connection.execute(
            "UPDATE level SET complete_from = coalesce(?, complete_from),"
            " complete_until = coalesce(?, complete_until), late = late + ? WHERE span = ?",
            (since, until, int(late), width),
        )

    def tidy(self, width: int, retention: Retention, now: float | None) -> None:
        """Enforce the limits on samples and instances; once a day, forget what nothing refers to any more."""
        bound_samples(self._connection, None if now is None else now - retention.samples * _DAY)
        _bound_instances(self._connection)
        if width == COARSEST and now is not None:
            _forget(self._connection, retention, now)


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


def first_row(connection: sqlite3.Connection, width: int, start: int) -> int | None:
    """Return the start of the first row of a width that starts at ``start`` or later (epoch seconds)."""
    return _outermost(connection, "min", width, start, FOREVER)


def _outermost(connection: sqlite3.Connection, which: str, width: int, start: int, end: int) -> int | None:
    row = connection.execute(
        f"SELECT {which}(start) FROM ("
        f"SELECT {which}(start) AS start FROM tally WHERE span = :span AND start >= :start AND start < :end UNION ALL "
        f"SELECT {which}(start) FROM error_count WHERE span = :span AND start >= :start AND start < :end)",
        {"span": width, "start": start, "end": end},
    ).fetchone()
    return None if row[0] is None else int(row[0])


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
