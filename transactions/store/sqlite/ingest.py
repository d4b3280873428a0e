"""Ingest: add a snapshot to the store's rows, within one transaction."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from ...recording.snapshot import ErrorCount, GroupCount, MinuteRow, Series, Snapshot
from ...recording.totals import Totals, columns_of
from ..enqueued import add_enqueued
from ..groups import Groups
from ..killed import KilledTasks
from ..liveness import process_identity
from ..maintenance import Retention, TrustedTime, reopen
from ..names import scopes_of, storable
from ..resolutions import COARSEST, FOREVER, RowIntervals
from ..rows import Scope
from .clocks import observe, trusted_time
from .custom import add_events, add_metrics
from .dropped import add_dropped
from .ids import Ids
from .jobs import add_schedules, note_reported
from .killed import FileKilledRows
from .maintenance import MaintainedTables
from .samples import PreparedSample, add_samples, prepare_sample
from .statements import SQLiteStatements
from .tables import ERRORS, FORMER, GROUPS, PRESENT, TOTALS

__all__ = ["PreparedSnapshot", "ingest", "prepare_snapshot"]


@dataclass(frozen=True)
class PreparedSnapshot:
    """A snapshot converted to rows, which is done before the store is locked."""

    snapshot: Snapshot
    rows: list[tuple[Series, int, Sequence[object]]]
    """Series, minute and columns."""
    totals_rows: list[tuple[Series, int, Scope, str, Sequence[object]]]
    """As ``rows``, for all transactions of an application and kind together, and for those of a host, a version or a
    queue; the series is one of theirs."""
    samples: list[PreparedSample]
    process: str
    """Which process it is of (see ``liveness.py``), where that is this one."""


def prepare_snapshot(snapshot: Snapshot) -> PreparedSnapshot:
    """Prepare a snapshot.

    An application's rows with most Apdex samples are added up last: their T is
    the one to show.
    """
    rows: list[tuple[Series, int, Sequence[object]]] = []
    whole: dict[tuple[str, str, int, str], tuple[Series, Totals]] = {}
    for row in sorted(snapshot.minutes, key=_apdex_count):
        rows.append((row.series, row.minute, columns_of(row.totals)))
        for queue in ("", row.queue) if row.queue else ("",):
            key = (row.series.application, row.series.kind, row.minute, queue)
            whole.setdefault(key, (row.series, Totals()))[1].add(row.totals)
    instance = snapshot.instance
    totals_rows: list[tuple[Series, int, Scope, str, Sequence[object]]] = [
        (series, minute, scope, value, columns)
        for (_, _, minute, queue), (series, totals) in whole.items()
        for columns in (columns_of(totals),)
        for scope, value in scopes_of(instance.host, instance.version, queue)
    ]
    process = process_identity(instance.pid) if instance.pid == os.getpid() else ""
    samples = [prepare_sample(sample, instance) for sample in snapshot.samples]
    return PreparedSnapshot(snapshot, rows, totals_rows, samples, process)


def _apdex_count(row: MinuteRow) -> int:
    return row.totals.satisfied + row.totals.tolerating + row.totals.frustrated


def ingest(connection: sqlite3.Connection, prepared: PreparedSnapshot, retention: Retention) -> TrustedTime:
    """Add a snapshot to the store, unless the store has it already; gives what time it is now."""
    snapshot = prepared.snapshot
    instance, is_new = _instance(connection, snapshot)
    observe(connection, instance, prepared.process, snapshot)
    now = trusted_time(connection, retention.longest)
    if is_new:
        _add(connection, prepared, instance, _Ingest(connection, retention, now))
    return now


def _add(connection: sqlite3.Connection, prepared: PreparedSnapshot, instance: int, ingest: _Ingest) -> None:
    snapshot = prepared.snapshot
    ingest.minutes(prepared)
    ingest.errors(snapshot.errors)
    groups = ingest.groups
    ingest.add_groups(snapshot.groups, snapshot.instance.host, snapshot.instance.version)
    ingest.custom(snapshot)
    note_reported(connection, instance, snapshot)
    ingest.record_dropped("schedules", add_schedules(connection, snapshot.schedules, int(snapshot.taken)))
    ingest.record_dropped("samples_thinned", add_samples(connection, prepared.samples, ingest.ids, groups))
    enqueued = [(ingest.ids.series(one.series, one.minute), one) for one in snapshot.enqueued]
    add_enqueued(SQLiteStatements(connection), enqueued)
    connection.execute("DELETE FROM running WHERE instance = ?", (instance,))
    open_now = [
        (instance, ingest.ids.series(one.series, one.started), one.started, storable(one.key), storable(one.queue))
        for one in snapshot.running
    ]
    connection.executemany(
        "INSERT INTO running (instance, series, started, key, queue) VALUES (?, ?, ?, ?, ?)", open_now
    )
    tasks = KilledTasks(SQLiteStatements(connection), FileKilledRows(connection, instance), ingest)
    tasks.take_back(instance, snapshot.settled)
    tasks.find()
    ingest.note_late()
    reported = (*(row.series for row in snapshot.minutes), *(one.series for one in snapshot.running))
    applications = {series.application for series in reported}
    applications |= {metric.application for metric in snapshot.custom_metrics}
    applications |= {events.application for events in snapshot.custom_events}
    for lost in (snapshot.lost, ingest.dropped, ingest.ids.overflow, groups.overflow):
        add_dropped(connection, ingest.shown_at(snapshot.taken), applications, lost)
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
        "INSERT INTO instance (key, host, pid, program, started, seen, sequence, version)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (instance.id, storable(instance.host), instance.pid, storable(instance.program), instance.started,
         snapshot.taken, snapshot.sequence, storable(instance.version)),
    )  # fmt: skip
    return int(cursor.lastrowid or 0)


class _Ingest:
    """Finds out in which rows the counts of a snapshot belong."""

    def __init__(self, connection: sqlite3.Connection, retention: Retention, now: TrustedTime) -> None:
        self.ids = Ids(connection)
        self.groups = Groups(SQLiteStatements(connection), self.ids, partial(GROUPS.add, connection))
        self.dropped: dict[str, int] = {}
        self._connection = connection
        self._oldest = -FOREVER if now.trusted is None else retention.oldest(COARSEST, now.trusted)
        present, former = (reopen(MaintainedTables(connection, tables), retention, now) for tables in (PRESENT, FORMER))
        self.intervals = RowIntervals(present.values(), self._oldest)
        self._former = RowIntervals(former.values(), self._oldest)
        self._now = now.latest

    def record_dropped(self, cause: str, count: int) -> None:
        """Note that something was dropped."""
        if count:
            self.dropped[cause] = self.dropped.get(cause, 0) + count

    def shown_at(self, moment: float) -> float:
        """When a loss is shown: at its moment, or at present where nobody looks that far back, nor keeps anything."""
        return moment if moment >= self._oldest else self._now

    def minutes(self, prepared: PreparedSnapshot) -> None:
        """Count rows for their series, and for all of their application and kind."""
        names = self.ids
        rows = [(names.series(one, minute), minute, columns) for one, minute, columns in prepared.rows]
        rows += [
            (names.totals_series(one, minute, scope, value), minute, columns)
            for one, minute, scope, value, columns in prepared.totals_rows
        ]
        TOTALS.add(
            self._connection,
            [(*interval, one, *columns) for one, minute, columns in rows for interval in self.intervals.of(minute)],
        )
        self.record_dropped(
            "expired", sum(row.totals.count for row in prepared.snapshot.minutes if not self.intervals.of(row.minute))
        )

    def note_late(self) -> None:
        """Note which rows have changed after they were rolled up."""
        for width in self.intervals.rolled_up():
            self._connection.execute("UPDATE resolution SET late = late + 1 WHERE span = ?", (width,))

    def add_totals(self, snapshot: Snapshot) -> None:
        """See `Adding.add_totals`."""
        self.minutes(prepare_snapshot(snapshot))

    def add_groups(self, groups: Iterable[GroupCount], host: str, version: str) -> None:
        """See `Adding.add_groups`."""
        self.groups.reported_by(host, version)
        self.groups.count(groups, self.intervals.of)

    def rows_of(self, series: Series, minute: int, scope: Scope, value: str) -> Iterator[tuple[int, int, int]]:
        """See `Adding.rows_of`."""
        ids = self.ids
        number = ids.series(series, minute) if scope == "name" else ids.totals_series(series, minute, scope, value)
        return ((*interval, number) for interval in self.intervals.of(minute))

    def errors(self, errors: Iterable[ErrorCount]) -> None:
        """Count distinct errors."""
        kept = [(self.ids.error(error), error) for error in errors if self.intervals.of(error.minute)]
        rows = [
            (*interval, number, error.count) for number, error in kept for interval in self._former.of(error.minute)
        ]
        ERRORS.add(self._connection, rows)

    def custom(self, snapshot: Snapshot) -> None:
        """Count custom metrics and events."""
        add_metrics(self._connection, snapshot.custom_metrics, self.intervals.of, self.record_dropped)
        add_events(self._connection, snapshot.custom_events, snapshot.taken, self.record_dropped)
