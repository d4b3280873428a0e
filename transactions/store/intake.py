"""From a snapshot to rows, within one transaction."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from ..recording.snapshot import ErrorCount, MinuteRow, Series, Snapshot
from .clocks import TrustedTime, observe, trusted_time
from .figures import Tally
from .levels import COARSEST, FINEST, FOREVER, floored
from .liveness import process_identity
from .losses import add_losses
from .names import Names, storable
from .samples import Body, add_samples, body_of
from .tallies import add, add_errors, tally_of, values
from .upkeep import Retention, reopen

__all__ = ["Parcel", "pack", "take_in"]


@dataclass(frozen=True)
class Parcel:
    """A snapshot in the form in which it is stored: all that can be done before the store is locked."""

    snapshot: Snapshot
    rows: list[tuple[Series, int, tuple[object, ...]]]
    """Series, minute and columns."""
    wholes: list[tuple[Series, int, tuple[object, ...]]]
    """Likewise, of all transactions of an application and kind together; the series is one of theirs."""
    samples: list[Body]
    process: str
    """Which process it is of (see ``liveness.py``), where that is this one."""


def pack(snapshot: Snapshot) -> Parcel:
    """Prepare a snapshot.

    An application's rows with most Apdex samples are added up last: their T is
    the one to show.
    """
    rows = []
    wholes: dict[tuple[str, str, int], tuple[Series, int, Tally]] = {}
    for row in sorted(snapshot.minutes, key=_judged):
        tally = tally_of(row)
        rows.append((row.series, row.minute, values(tally)))
        key = (row.series.application, row.series.kind, row.minute)
        wholes.setdefault(key, (row.series, row.minute, Tally()))[2].add(tally)
    packed = [(series, minute, values(tally)) for series, minute, tally in wholes.values()]
    pid = snapshot.instance.pid
    process = process_identity(pid) if pid == os.getpid() else ""
    return Parcel(snapshot, rows, packed, [body_of(sample) for sample in snapshot.samples], process)


def _judged(row: MinuteRow) -> int:
    return row.satisfied + row.tolerating + row.frustrated


def take_in(connection: sqlite3.Connection, parcel: Parcel, retention: Retention) -> TrustedTime:
    """Add a snapshot to the store, unless the store has it already; gives what time it is now."""
    snapshot = parcel.snapshot
    instance, is_new = _instance(connection, snapshot)
    observe(connection, instance, parcel.process, snapshot)
    now = trusted_time(connection, retention.longest)
    if is_new:
        _add(connection, parcel, instance, _Intake(connection, retention, now))
    return now


def _add(connection: sqlite3.Connection, parcel: Parcel, instance: int, intake: _Intake) -> None:
    snapshot = parcel.snapshot
    intake.minutes(parcel)
    intake.errors(snapshot.errors)
    intake.lose("samples_thinned", add_samples(connection, parcel.samples, intake.names))
    connection.execute("DELETE FROM running WHERE instance = ?", (instance,))
    open_now = [(instance, intake.names.series(one.series, one.started), one.started) for one in snapshot.running]
    connection.executemany("INSERT INTO running (instance, series, started) VALUES (?, ?, ?)", open_now)
    reported = (*(row.series for row in snapshot.minutes), *(one.series for one in snapshot.running))
    applications = {series.application for series in reported}
    for lost in (snapshot.lost, intake.lost, intake.names.overflow):
        add_losses(connection, intake.shown_at(snapshot.taken), applications, lost)
        connection.executemany(_ADD_LOSS, [(instance, storable(cause), count) for cause, count in lost.items()])


_ADD_LOSS = """
INSERT INTO loss (instance, cause, count) VALUES (?, ?, ?)
ON CONFLICT (instance, cause) DO UPDATE SET count = count + excluded.count
"""


def _instance(connection: sqlite3.Connection, snapshot: Snapshot) -> tuple[int, bool]:
    """The number of the reporting instance, and whether the store has yet to take this snapshot in."""
    instance = snapshot.instance
    row = connection.execute("SELECT id, sequence FROM instance WHERE key = ?", (instance.id,)).fetchone()
    if row is None:
        return _new_instance(connection, snapshot), True
    number, sequence = row
    if snapshot.sequence <= sequence:
        return number, False
    connection.execute(
        "UPDATE instance SET seen = ?, sequence = ? WHERE id = ?", (snapshot.taken, snapshot.sequence, number)
    )
    return number, True


def _new_instance(connection: sqlite3.Connection, snapshot: Snapshot) -> int:
    instance = snapshot.instance
    cursor = connection.execute(
        "INSERT INTO instance (key, host, pid, program, started, seen, sequence) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (instance.id, storable(instance.host), instance.pid, storable(instance.program), instance.started,
         snapshot.taken, snapshot.sequence),
    )  # fmt: skip
    return int(cursor.lastrowid or 0)


class _Intake:
    """Finds out in which rows the counts of a snapshot belong."""

    def __init__(self, connection: sqlite3.Connection, retention: Retention, now: TrustedTime) -> None:
        self.names = Names(connection)
        self.lost: dict[str, int] = {}
        self._connection = connection
        self._levels = reopen(connection, retention, now).values()
        self._oldest = -FOREVER if now.trusted is None else retention.oldest(COARSEST, now.trusted)
        self._now = now.latest
        self._units: dict[int, list[tuple[int, int]]] = {}

    def lose(self, cause: str, count: int) -> None:
        """Note that something was dropped."""
        if count:
            self.lost[cause] = self.lost.get(cause, 0) + count

    def shown_at(self, moment: float) -> float:
        """When a loss is shown: at its moment, or at present where nobody looks that far back, nor keeps anything."""
        return moment if moment >= self._oldest else self._now

    def minutes(self, parcel: Parcel) -> None:
        """Count rows for their series, and for all of their application and kind."""
        names, units_of = self.names, self._units_of
        rows = [(names.series(one, minute), minute, columns) for one, minute, columns in parcel.rows]
        rows += [(names.whole(one, minute), minute, columns) for one, minute, columns in parcel.wholes]
        add(self._connection, [(*unit, one, *columns) for one, minute, columns in rows for unit in units_of(minute)])
        self.lose("expired", sum(row.count for row in parcel.snapshot.minutes if not units_of(row.minute)))
        for span in {span for units in self._units.values() for span, _ in units if span > FINEST}:
            self._connection.execute("UPDATE level SET late = late + 1 WHERE span = ?", (span,))

    def errors(self, errors: Iterable[ErrorCount]) -> None:
        """Count distinct errors."""
        units_of = self._units_of
        kept = [(self.names.error(error), error) for error in errors if units_of(error.minute)]
        rows = [(*unit, number, error.count) for number, error in kept for unit in units_of(error.minute)]
        add_errors(self._connection, rows)

    def _units_of(self, minute: int) -> list[tuple[int, int]]:
        """Span and start of the rows that hold a minute: its own, and coarser ones that are rolled up already.

        None if it is older than all that is kept.
        """
        units = self._units.get(minute)
        if units is None:
            starts = [(level, floored(minute, level.span)) for level in self._levels if minute >= self._oldest]
            units = [(level.span, at) for level, at in starts if level.complete_from <= at < level.complete_until]
            self._units[minute] = units
        return units
