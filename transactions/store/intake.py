"""From a snapshot to rows, within one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from ..recording.snapshot import ErrorCount, MinuteRow, Series, Snapshot
from .figures import Tally
from .levels import floored
from .names import Names, storable
from .samples import add_samples
from .tallies import Cell, ErrorCell, add, add_errors, tally_of
from .upkeep import levels_of

__all__ = ["take_in"]


def take_in(connection: sqlite3.Connection, snapshot: Snapshot) -> None:
    """Add a snapshot to the store, unless the store has it already."""
    instance = _next_of_instance(connection, snapshot)
    if instance is None:
        return
    intake = _Intake(connection)
    intake.minutes(snapshot.minutes)
    intake.errors(snapshot.errors)
    intake.lose("samples_thinned", add_samples(connection, snapshot.samples, intake.names))
    connection.execute("DELETE FROM running WHERE instance = ?", (instance,))
    open_now = [(instance, intake.names.series(one.series, one.started), one.started) for one in snapshot.running]
    connection.executemany("INSERT INTO running (instance, series, started) VALUES (?, ?, ?)", open_now)
    for lost in (snapshot.lost, intake.lost, intake.names.surplus):
        connection.executemany(_ADD_LOSS, [(instance, storable(cause), count) for cause, count in lost.items()])


_ADD_LOSS = """
INSERT INTO loss (instance, cause, count) VALUES (?, ?, ?)
ON CONFLICT (instance, cause) DO UPDATE SET count = count + excluded.count
"""


def _next_of_instance(connection: sqlite3.Connection, snapshot: Snapshot) -> int | None:
    """The number of the reporting instance; ``None`` if the store has this snapshot already."""
    instance = snapshot.instance
    row = connection.execute("SELECT id, sequence FROM instance WHERE key = ?", (instance.id,)).fetchone()
    if row is None:
        return connection.execute(
            "INSERT INTO instance (key, host, pid, program, started, seen, sequence) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (instance.id, storable(instance.host), instance.pid, storable(instance.program), instance.started,
             snapshot.taken, snapshot.sequence),
        ).lastrowid  # fmt: skip
    number, sequence = row
    if snapshot.sequence <= sequence:
        return None
    connection.execute(
        "UPDATE instance SET seen = ?, sequence = ? WHERE id = ?", (snapshot.taken, snapshot.sequence, number)
    )
    return int(number)


class _Intake:
    """Finds out in which rows the counts of a snapshot belong."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.names = Names(connection)
        self.lost: dict[str, int] = {}
        self._connection = connection
        self._levels = levels_of(connection).values()
        self._units: dict[int, list[tuple[int, int]]] = {}

    def lose(self, cause: str, count: int) -> None:
        """Note that something was dropped."""
        if count:
            self.lost[cause] = self.lost.get(cause, 0) + count

    def minutes(self, rows: Iterable[MinuteRow]) -> None:
        """Count rows for their series, and for all of its application and kind.

        Those with most Apdex samples come last: their T is the one to show.
        """
        tallies: dict[Cell, Tally] = {}
        for row in sorted(rows, key=_judged):
            units = self._units_of(row.minute)
            if not units:
                self.lose("expired", row.count)
                continue
            tally = tally_of(row)
            for series in self._series_of(row.series, row.minute):
                for span, start in units:
                    tallies.setdefault(Cell(span, start, series), Tally()).add(tally)
        add(self._connection, tallies)

    def errors(self, errors: Iterable[ErrorCount]) -> None:
        """Count distinct errors."""
        counts: dict[ErrorCell, int] = {}
        for error in errors:
            units = self._units_of(error.minute)
            number = self.names.error(error) if units else 0
            for span, start in units:
                cell = ErrorCell(span, start, number)
                counts[cell] = counts.get(cell, 0) + error.count
        add_errors(self._connection, counts)

    def _series_of(self, series: Series, minute: int) -> tuple[int, int]:
        return self.names.series(series, minute), self.names.whole(series, minute)

    def _units_of(self, minute: int) -> list[tuple[int, int]]:
        """Span and start of the rows that hold a minute: its own, and coarser ones that are rolled up already."""
        units = self._units.get(minute)
        if units is None:
            starts = [(level, floored(minute, level.span)) for level in self._levels]
            units = [(level.span, at) for level, at in starts if level.complete_from <= at < level.complete_until]
            self._units[minute] = units
        return units


def _judged(row: MinuteRow) -> int:
    return row.satisfied + row.tolerating + row.frustrated
