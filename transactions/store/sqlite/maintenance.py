"""The rows of each resolution: which of them are complete, and what becomes of them with time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain
from typing import Final

from ..enqueued import KEPT
from ..eviction import keep_counters, next_eviction_step
from ..maintenance import Retention, Step, TrustedTime, next_step
from ..resolutions import COARSE_WIDTHS, COARSEST, FINEST, FOREVER, SINCE_EVER, Resolution
from .eviction import EvictableIds
from .samples import bound_samples
from .tables import FORMER, FORMER_TOTALS, PRESENT, Table, TableSet, add_former_to_ever

__all__ = ["MaintainedTables", "first_row", "next_maintenance_step", "resolutions_of"]

_MAX_INSTANCES: Final = 10_000
"""Maximum number of instances in a store; those that reported last are kept."""
_DAY: Final = 86400


def next_maintenance_step(connection: sqlite3.Connection, retention: Retention, now: TrustedTime) -> Step | None:
    """Return a maintenance step that is due, to be taken in the same transaction; ``None`` if there is none."""
    due = [next_step(MaintainedTables(connection, tables), retention, now) for tables in (PRESENT, FORMER)]
    steps = [step for step in due if step is not None]
    return partial(_take_all, steps) if steps else next_eviction_step(EvictableIds(connection), now.earliest)


def _take_all(steps: Iterable[Step]) -> None:
    for step in steps:
        step()


class MaintainedTables:
    """The `MaintainedRows` of one set of tables."""

    def __init__(self, connection: sqlite3.Connection, tables: TableSet) -> None:
        self._connection = connection
        self._set = tables

    def resolutions(self) -> dict[int, Resolution]:
        """Return the resolutions, by width."""
        return _resolutions_of(self._connection, self._set)

    def first_row(self, width: int, start: int) -> int | None:
        """Return the start of the first row of a width that starts at ``start`` or later."""
        return first_row(self._connection, (self._set,), width, start)

    def last_row(self, width: int, end: int) -> int | None:
        """Return the start of the last row of a width that starts before ``end``."""
        return _outermost(self._connection, "max", self._set.tables, (width, -FOREVER, end))

    def roll_up(self, interval: tuple[int, int], finer: int) -> None:
        """Make the rows of one interval, given as (width, start), from those of the next finer width."""
        for table in self._set.tables:
            table.roll_up(self._connection, interval, finer)

    def delete(self, width: int, start: int, end: int) -> None:
        """Delete the rows of a width that start at ``start`` or later and before ``end``."""
        for table in self._set.tables:
            table.delete(self._connection, width, start, end)

    def expire(self, width: int, end: int) -> None:
        """Delete the rows of a width that start before ``end``, for good: days are added to what was ever counted.

        Days that a process of version 4 expires are not; a counter that grows falls behind by them.
        """
        if width == COARSEST:
            self._add_to_ever(end)
        self.delete(width, -FOREVER, end)

    def _add_to_ever(self, end: int) -> None:
        for table in self._set.tables:
            if table is FORMER_TOTALS:
                add_former_to_ever(self._connection, COARSEST, end)
            else:
                table.add_to_ever(self._connection, COARSEST, end)

    def set_complete(self, width: int, since: int | None = None, until: int | None = None, late: bool = False) -> None:
        """Note from when on, or until when, the rows of a width are complete; ``late`` if rolled-up rows changed."""
        self._connection.execute(
            f"UPDATE {self._set.levels} SET complete_from = coalesce(?, complete_from),"
            " complete_until = coalesce(?, complete_until), late = late + ? WHERE span = ?",
            (since, until, int(late), width),
        )

    def tidy(self, width: int, retention: Retention, now: float | None) -> None:
        """Enforce the limits on samples and instances; once a day, forget what nothing refers to any more."""
        if self._set is not PRESENT:
            return
        bound_samples(self._connection, None if now is None else now - retention.samples * _DAY)
        _bound_instances(self._connection)
        if width == COARSEST and now is not None:
            _forget(self._connection, retention, now)


def resolutions_of(connection: sqlite3.Connection, sets: Sequence[TableSet]) -> dict[int, Resolution]:
    """Return the resolutions for which all sets of tables have complete rows, by width.

    Raises:
        sqlite3.DatabaseError: the store is damaged.
    """
    found, *others = (_resolutions_of(connection, tables) for tables in sets)
    for other in others:
        found = {width: _common(resolution, other[width]) for width, resolution in found.items()}
    return found


def _resolutions_of(connection: sqlite3.Connection, tables: TableSet) -> dict[int, Resolution]:
    rows = connection.execute(f"SELECT * FROM {tables.levels}").fetchall()
    if {row[0] for row in rows} != {FINEST, *COARSE_WIDTHS} or not all(
        isinstance(value, int) for value in chain(*rows)
    ):
        raise sqlite3.DatabaseError("what it says of its levels is damaged")
    return {row[0]: Resolution(*row) for row in rows}


def _common(one: Resolution, other: Resolution) -> Resolution:
    """Return what both are complete for; the number of late additions grows with that of either."""
    return Resolution(
        one.width,
        max(one.complete_from, other.complete_from),
        min(one.complete_until, other.complete_until),
        None if one.late is None or other.late is None else one.late + other.late,
    )


def first_row(connection: sqlite3.Connection, sets: Sequence[TableSet], width: int, start: int) -> int | None:
    """Return the start of the first row of a width that starts at ``start`` or later (epoch seconds)."""
    return _outermost(connection, "min", [table for tables in sets for table in tables.tables], (width, start, FOREVER))


def _outermost(
    connection: sqlite3.Connection, which: str, tables: Sequence[Table], part: tuple[int, int, int]
) -> int | None:
    parts = (
        f"SELECT {which}(start) AS start FROM {table.name} WHERE span = :span AND start >= :since AND start < :until"
        for table in tables
    )
    named: dict[str, int] = dict(zip(("span", "since", "until"), part, strict=True))
    row = connection.execute(f"SELECT {which}(start) FROM ({' UNION ALL '.join(parts)})", named).fetchone()
    return None if row[0] is None else int(row[0])


def _forget(connection: sqlite3.Connection, retention: Retention, now: float) -> None:
    """Delete names, errors, links and instances that nothing refers to any more; done once a day."""
    unused = retention.unused(now, first_row(connection, (PRESENT, FORMER), COARSEST, -FOREVER))
    keep_counters(EvictableIds(connection), unused)
    for table in ("series", "error", "link", "stack", "error_group", "custom_metric", "custom_event_type", "schedule"):
        connection.execute(f"DELETE FROM {table} WHERE seen < ?", (unused,))
    connection.execute("DELETE FROM mark WHERE moment < ?", (unused,))
    connection.execute("DELETE FROM enqueued WHERE hour < ?", (now - KEPT,))
    connection.execute("DELETE FROM custom_event WHERE type NOT IN (SELECT id FROM custom_event_type)")
    for table, key, names in _SINCE_EVER:
        connection.execute(f"DELETE FROM {table} WHERE span = {SINCE_EVER} AND {key} NOT IN (SELECT id FROM {names})")
    connection.execute("DELETE FROM clock_evidence WHERE day < ?", (now // _DAY - 7,))
    remembered = max(retention.samples, 1.0) * _DAY
    connection.execute(_FORGET_INSTANCES, {"seen": now - remembered, "seconds": remembered})
    _forget_what_they_reported(connection)


_SINCE_EVER: Final = (
    ("totals", "series", "series"),
    ("error_count", "error", "error"),
    ("error_group_count", "error_group", "error_group"),
    ("custom_metric_totals", "metric", "custom_metric"),
)
"""Tables with counts of all time, and what they are of."""

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
    for table in ("loss", "running", "reported", "instance_clock"):
        connection.execute(f"DELETE FROM {table} WHERE instance NOT IN (SELECT id FROM instance)")
