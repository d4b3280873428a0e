"""Merging: snapshots that came are added up into the rows, whoever sent them, by one process at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from ...log import log_once
from ...recording.snapshot import ErrorCount, GroupCount, RunningTransaction, Series, Snapshot
from ...recording.totals import COLUMNS
from ..custom import Drop
from ..enqueued import add_enqueued
from ..eviction import next_eviction_step
from ..groups import Groups
from ..killed import KilledTasks
from ..limits import MAX_DROPPED
from ..maintenance import DEFAULT_RETENTION, Retention, TrustedTime, next_step, reopen
from ..names import list_of_applications, scopes_of, storable
from ..resolutions import COARSEST, FINEST, FOREVER, Resolution, RowIntervals, floor_to
from ..rows import Scope
from .connection import ServerConnection, ServerFailure
from .custom import add_events, add_metrics
from .drivers import Session
from .eviction import EvictableServerNames
from .jobs import add_schedules, note_reported
from .killed import ServerKilledRows
from .maintenance import ServerLevels
from .names import Names, PartName
from .samples import add_samples
from .schema import ENQUEUERS_SINCE, JOBS_SINCE, KILLED_SINCE, TRY_LOCK, Installed, UnknownVersion, installed
from .sending import DamagedSnapshot, SentRow, SentSnapshot, decode_snapshot, encode_snapshot
from .statements import ServerStatements
from .tables import ERRORS, GROUPS, GROUPS_SINCE, TOTALS, Key, MergingTotals

__all__ = ["Merger", "known_store"]

_AT_ONCE: Final = 200
"""Snapshots merged in one transaction."""
_MAX_STEPS: Final = 8
"""Steps of maintenance after each of them at most."""
_TIMEOUT: Final = 60.0
"""Seconds after which the server ends a statement."""

_SATISFIED: Final = COLUMNS.index("satisfied")
_LOCK: Final = f"SELECT {TRY_LOCK}, extract(epoch FROM clock_timestamp())::double precision"
_TAKE: Final = """
DELETE FROM @inbox WHERE number IN (SELECT number FROM @inbox ORDER BY number LIMIT %s)
RETURNING number, instance, body
"""
_LEFT_OUT: Final = "a snapshot that was sent to the store is left out: %s"
_ADD_LOSS: Final = """
INSERT INTO @loss (instance, cause, count) VALUES (%s, %s, %s)
ON CONFLICT (instance, cause) DO UPDATE SET count = loss.count + excluded.count
"""
_ADD_DROPPED: Final = """
INSERT INTO @dropped (start, cause, applications, count) VALUES (%s, %s, %s, %s)
ON CONFLICT (start, cause, applications) DO UPDATE SET count = dropped.count + excluded.count
"""
_BOUND_DROPPED: Final = """
DELETE FROM @dropped WHERE (start, cause, applications) IN (
    SELECT start, cause, applications FROM @dropped ORDER BY start DESC OFFSET %s
)
"""


class Merger:
    """Merges what came, rolls up and expires, in short transactions; does nothing while another process does it.

    Args:
        connection: to the server.
        retention: for how long things are kept.
        clock: returns the time in epoch seconds; without it, the server's is asked.
    """

    def __init__(
        self,
        connection: ServerConnection,
        retention: Retention = DEFAULT_RETENTION,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._connection = connection
        self._retention = retention
        self._clock = clock
        self._most = _AT_ONCE
        """Snapshots that are tried at once."""

    def merge(self, at_most: int = _AT_ONCE) -> int | None:
        """Merge some of what waits, all of it or nothing; ``None`` if another process is merging.

        What fails is tried again with fewer: a server may allow a transaction less time than many take. A snapshot
        that the store cannot take, whatever is tried, is left out and counted, or nothing would be merged ever after.

        Returns how many snapshots were merged.

        Raises:
            ServerFailure: it could not be done.
        """
        merged = self._merged(at_most)
        if merged is not None:
            self.maintain()
        return merged

    def _merged(self, at_most: int) -> int | None:
        while True:
            number = min(at_most, self._most)
            try:
                merged = self._try_to_merge(number)
            except MemoryError:
                raise
            except Exception as error:
                self._most = max(1, number // 2)
                if isinstance(error, ServerFailure) and not error.is_of_data:
                    raise
                if number == 1:
                    self._try_to_merge(0)  # where that fails, too, it is not for what was sent
                    self._leave_out(error)
            else:
                self._most = min(_AT_ONCE, 2 * self._most)
                return merged

    def _try_to_merge(self, number: int) -> int | None:
        with self._connection.transaction(timeout=_TIMEOUT) as session:
            server_time = self._locked_at(session)
            if server_time is None:
                return None
            version = known_store(session).version
            taken = sorted(session.execute(_TAKE, (number,)).fetchall())
            if taken or (version >= KILLED_SINCE and _has_open_tasks(session)):
                now = self._trusted(server_time)
                levels = reopen(ServerLevels(session, version), self._retention, now)
                _Merge(session, version, self._retention, now, levels.values()).add(taken)
        return len(taken)

    def _leave_out(self, error: Exception) -> None:
        """Take the snapshot that waits first out of the inbox, and count that."""
        with self._connection.transaction(timeout=_TIMEOUT) as session:
            server_time = self._locked_at(session)
            if server_time is None:
                return
            for _, instance, body in session.execute(_TAKE, (1,)).fetchall():
                _note_left_out(session, instance, self._trusted(server_time).latest)
                why = error.kind if isinstance(error, ServerFailure) else type(error).__name__
                log_once(("left out", why), _LEFT_OUT, f"{why}, {len(body)} bytes")

    def merge_all(self) -> int:
        """Merge until nothing waits, or another process is merging; return how many snapshots were merged."""
        whole = 0
        while merged := self.merge():
            whole += merged
        return whole

    def maintain(self) -> None:
        """Take some steps of maintenance, each a transaction of its own."""
        for _ in range(_MAX_STEPS):
            with self._connection.transaction(timeout=_TIMEOUT) as session:
                server_time = self._locked_at(session)
                if server_time is None:
                    return
                now, version = self._trusted(server_time), known_store(session).version
                due = next_step(ServerLevels(session, version), self._retention, now)
                step = due or next_eviction_step(EvictableServerNames(session, version), now.latest)
                if step is None:
                    return
                step()

    def close(self) -> None:
        """Close the connection; merging opens it again."""
        self._connection.close()

    def _locked_at(self, session: Session) -> float | None:
        """Take the lock; return the server's time, ``None`` if another process has the lock."""
        (locked, now) = session.execute(_LOCK, (self._connection.address.schema,)).fetchone() or (False, 0.0)
        return float(now) if locked else None

    def _trusted(self, server_time: float) -> TrustedTime:
        """Return what time it is: what the server says is believed."""
        now = server_time if self._clock is None else self._clock()
        return TrustedTime(now, now, now)


def _has_open_tasks(session: Session) -> bool:
    """Whether some process has reported open tasks: it may be gone."""
    row = session.execute("SELECT EXISTS (SELECT 1 FROM @running WHERE key <> '')").fetchone()
    return bool(row and row[0])


def known_store(session: Session) -> Installed:
    """Return which store the tables hold.

    Raises:
        ServerFailure: there are none, or this program does not get along with them.
    """
    try:
        return installed(session)
    except UnknownVersion as error:
        raise ServerFailure(str(error)) from None


class _Arrival(NamedTuple):
    """A snapshot that is merged, and the number of the process that sent it."""

    instance: int
    snapshot: SentSnapshot


class _Merge:
    """Adds snapshots to the rows within one transaction."""

    def __init__(
        self,
        session: Session,
        version: int,
        retention: Retention,
        now: TrustedTime,
        resolutions: Iterable[Resolution],
    ) -> None:
        self._session = session
        self._has_jobs = version >= JOBS_SINCE
        self._has_enqueuers = version >= ENQUEUERS_SINCE
        statements = ServerStatements(session)
        self._tasks = None
        if version >= KILLED_SINCE:
            self._tasks = KilledTasks(statements, ServerKilledRows(session), self)
        self._names = Names(session)
        self._groups = None
        if version >= GROUPS_SINCE:
            self._groups = Groups(statements, self._names, partial(GROUPS.add, session))
        self._oldest = -FOREVER if now.trusted is None else retention.oldest(COARSEST, now.trusted)
        self._now = now.latest
        self._intervals = RowIntervals(resolutions, self._oldest)

    def add(self, taken: Sequence[tuple[int, int, bytes]]) -> None:
        """Add what came, in the order in which it came."""
        arrivals = [*self._decoded(taken)]
        self._totals([arrival.snapshot for arrival in arrivals])
        self._errors([error for _, snapshot in arrivals for error in snapshot.errors])
        if self._has_jobs:
            note_reported(self._session, {(instance, *of[:2]) for instance, one in arrivals for of in _reporting(one)})
        self._running({instance: snapshot.running for instance, snapshot in arrivals})
        for instance, snapshot in arrivals:
            dropped = Counter(expired=sum(row.count for row in snapshot.rows if not self._intervals.of(row.minute)))
            self._count_groups(snapshot, dropped)
            dropped["samples_thinned"] = self._samples(snapshot)

            def drop(cause: str, number: int, dropped: Counter[str] = dropped) -> None:
                dropped[cause] += number

            add_metrics(self._session, snapshot.metrics, self._intervals.of, drop)
            add_events(self._session, snapshot.events, snapshot.taken, drop)
            if self._has_jobs:
                drop("schedules", add_schedules(self._session, snapshot.schedules, int(snapshot.taken)))
            else:
                drop("schedules", len(snapshot.schedules))
            self._count_enqueued(snapshot, drop)
            for lost in (snapshot.lost, dropped):
                self._dropped(instance, [snapshot], lost)
        if arrivals and self._names.overflow:  # of which of them, nobody can tell once they are added up
            self._dropped(arrivals[-1].instance, [arrival.snapshot for arrival in arrivals], self._names.overflow)
        self._count_killed(arrivals)
        self._note_late()
        self._names.touch()

    def _decoded(self, taken: Iterable[tuple[int, int, bytes]]) -> Iterator[_Arrival]:
        """Yield the snapshots; one that makes no sense is left out."""
        for _, instance, body in taken:
            try:
                yield _Arrival(instance, decode_snapshot(body))
            except DamagedSnapshot as error:
                log_once("damaged snapshot", _LEFT_OUT, error)
                _note_left_out(self._session, instance, self._now)

    def _totals(self, snapshots: Sequence[SentSnapshot]) -> None:
        """Count rows for their series, and for all of their application and kind."""
        named, whole = _added_up(snapshots)
        self._names.look_up([*(PartName(series) for series, _ in named), *(name for name, _ in whole)])
        numbered = MergingTotals()
        for (series, minute), rows in named.parts():
            self._count(numbered, self._names.series(series, minute), minute, rows)
        for (name, minute), rows in whole.parts():
            number = self._names.totals_series(name.series, minute, name.scope, name.series.name)
            self._count(numbered, number, minute, rows)
        TOTALS.add(self._session, numbered)

    def _count_killed(self, arrivals: Iterable[_Arrival]) -> None:
        """Count the tasks whose processes are gone, unless these have reported or another one has settled the task."""
        if self._tasks is None:
            return
        for instance, snapshot in arrivals:
            self._tasks.take_back(instance, snapshot.settled)
        self._tasks.find()

    def _note_late(self) -> None:
        """Note which rows have changed after they were rolled up."""
        for width in self._intervals.rolled_up():
            self._session.execute("UPDATE @resolution SET late = late + 1 WHERE width = %s", (width,))

    def add_totals(self, snapshot: Snapshot) -> None:
        """See `Adding.add_totals`."""
        self._totals([decode_snapshot(encode_snapshot(snapshot))])

    def add_groups(self, groups: Iterable[GroupCount], host: str, version: str) -> None:
        """See `Adding.add_groups`."""
        if self._groups is not None:
            self._groups.reported_by(host, version)
            self._groups.count(groups, self._intervals.of)

    def rows_of(self, series: Series, minute: int, scope: Scope, value: str) -> Iterator[Key]:
        """See `Adding.rows_of`."""
        names = self._names
        number = names.series(series, minute) if scope == "name" else names.totals_series(series, minute, scope, value)
        return ((*interval, number) for interval in self._intervals.of(minute))

    def _count(self, into: MergingTotals, number: int, minute: int, rows: Sequence[Sequence[Any]]) -> None:
        for width, start in self._intervals.of(minute):
            into.add_all((width, start, number), rows)

    def _errors(self, errors: Sequence[ErrorCount]) -> None:
        kept = [error for error in errors if self._intervals.of(error.minute)]
        self._names.look_up_errors(kept)
        counts: dict[Key, int] = {}
        minutes: dict[int, int] = {}
        for error in kept:
            number = self._names.error(error)
            minutes[number] = max(error.minute, minutes.get(number, error.minute))
            for width, start in self._intervals.of(error.minute):
                counts[width, start, number] = counts.get((width, start, number), 0) + error.count
        ERRORS.add(self._session, [(*key, count) for key, count in counts.items()])
        self._names.touch_errors(minutes)

    def _samples(self, snapshot: SentSnapshot) -> int:
        samples = snapshot.samples
        numbered = [(self._names.series(one.series, one.started + one.duration), one) for one in samples]
        return add_samples(self._session, numbered, self._groups)

    def _count_groups(self, snapshot: SentSnapshot, dropped: Counter[str]) -> None:
        """Count errors for their groups, where the store has them already."""
        if self._groups is None:
            dropped["errors of groups"] = sum(one.count for one in snapshot.groups)
            return
        self._groups.reported_by(snapshot.host, snapshot.version)
        self._groups.count(snapshot.groups, self._intervals.of)
        dropped.update(self._groups.overflow)
        self._groups.overflow.clear()

    def _count_enqueued(self, snapshot: SentSnapshot, drop: Drop) -> None:
        """Count by what tasks were enqueued, where the store has a place for it."""
        if self._has_enqueuers:
            counts = [(self._names.series(one.series, one.minute), one) for one in snapshot.enqueued]
            add_enqueued(ServerStatements(self._session), counts)
        else:
            drop("enqueuers of tasks", sum(one.count for one in snapshot.enqueued))

    def _running(self, by_instance: Mapping[int, Sequence[RunningTransaction]]) -> None:
        """Replace what is known to be open in some processes: by what they said last."""
        if by_instance:
            numbers = ", ".join(f"{number:d}" for number in by_instance)
            self._session.execute(f"DELETE FROM @running WHERE instance IN ({numbers})")
        found = [
            (instance, self._names.series(one.series, one.started), one.started, storable(one.key), storable(one.queue))
            for instance, running in by_instance.items()
            for one in running
        ]
        width = 3 if self._tasks is None else 5
        if found:
            rows = ", ".join([f"({', '.join(['%s'] * width)})"] * len(found))
            values = [value for row in found for value in row[:width]]
            self._session.execute(f"INSERT INTO @running VALUES {rows}", values)

    def _dropped(self, instance: int, snapshots: Sequence[SentSnapshot], lost: Mapping[str, int]) -> None:
        """Keep what was dropped: of the process, and by its minute and the applications that it reports."""
        told = {storable(cause): count for cause, count in lost.items() if count}
        if not told:
            return
        applications = {series.application for snapshot in snapshots for series in _reporting(snapshot)}
        applications |= {metric.application for snapshot in snapshots for metric in snapshot.metrics}
        applications |= {events.application for snapshot in snapshots for events in snapshot.events}
        whose = list_of_applications(applications)
        taken = snapshots[-1].taken
        minute = floor_to(taken if taken >= self._oldest else self._now, FINEST)
        for cause, count in told.items():
            self._session.execute(_ADD_LOSS, (instance, cause, count))
            self._session.execute(_ADD_DROPPED, (minute, cause, whose, count))
        self._session.execute(_BOUND_DROPPED, (MAX_DROPPED,))


def _reporting(snapshot: SentSnapshot) -> set[Series]:
    """Return the series of which a process has reported transactions, or has open ones."""
    return {*(row.series for row in snapshot.rows), *(one.series for one in snapshot.running)}


def _note_left_out(session: Session, instance: int, now: float) -> None:
    """Count a snapshot of which nobody knows what would have been counted."""
    session.execute(_ADD_LOSS, (instance, "snapshots", 1))
    session.execute(_ADD_DROPPED, (floor_to(now, FINEST), "snapshots", "[]", 1))


def _added_up(snapshots: Sequence[SentSnapshot]) -> tuple[MergingTotals, MergingTotals]:
    """Return the totals by series and minute, and those of all of an application and kind by name and minute.

    An application's rows with most Apdex samples are added up last: their T is the one to show.
    """
    named, whole = MergingTotals(), MergingTotals()
    for snapshot in snapshots:
        of_all = MergingTotals()
        for row in sorted(snapshot.rows, key=_apdex_count):
            named.add((row.series, row.minute), row.values)
            for queue in ("", row.queue) if row.queue else ("",):
                of_all.add((row.series.application, row.series.kind, queue, row.minute), row.values)
        for (application, kind, queue, minute), totals in of_all.rows():
            for scope, value in scopes_of(snapshot.host, snapshot.version, queue):
                whole.add((PartName(Series(application, kind, "", value), scope), minute), totals)
    return named, whole


def _apdex_count(row: SentRow) -> int:
    return int(row.values[_SATISFIED] + row.values[_SATISFIED + 1] + row.values[_SATISFIED + 2])
