"""Folding: snapshots that came are merged into the rows, whoever sent them, by one process at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ...log import log_once
from ...recording.snapshot import ErrorCount, Series
from ...recording.totals import COLUMNS
from ..maintenance import DEFAULT_RETENTION, Retention, TrustedTime, next_step, reopen
from ..names import storable
from ..resolutions import COARSEST, FINEST, FOREVER, Resolution, floor_to
from ..rows import Scope
from .connection import NEEDED_UPGRADE, ServerConnection, ServerFailure
from .drivers import Session
from .eviction import next_eviction_step
from .levels import ServerLevels
from .names import Names, PartName
from .parcel import DamagedParcel, PackedSample, Parcel, ParcelRow, unpack
from .samples import add_samples
from .schema import LOCK, UnknownVersion, installed_version
from .tables import ERRORS, TOTALS, Key, MergingTotals

__all__ = ["Folder"]

_AT_ONCE: Final = 200
"""Snapshots merged in one transaction."""
_MAX_STEPS: Final = 8
"""Steps of maintenance after each of them at most."""
_TIMEOUT: Final = 60.0
"""Seconds after which the server ends a statement."""

_SATISFIED: Final = COLUMNS.index("satisfied")
_NOW: Final = "SELECT extract(epoch FROM clock_timestamp())::double precision"
_TAKE: Final = """
DELETE FROM @inbox WHERE number IN (SELECT number FROM @inbox ORDER BY number LIMIT %s)
RETURNING number, instance, body
"""
_ADD_LOSS: Final = """
INSERT INTO @loss (instance, cause, count) VALUES (%s, %s, %s)
ON CONFLICT (instance, cause) DO UPDATE SET count = loss.count + excluded.count
"""
_ADD_DROPPED: Final = """
INSERT INTO @dropped (start, cause, applications, count) VALUES (%s, %s, %s, %s)
ON CONFLICT (start, cause, applications) DO UPDATE SET count = dropped.count + excluded.count
"""


class Folder:
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

    def fold(self, at_most: int = _AT_ONCE) -> int | None:
        """Merge some of what waits, all of it or nothing; ``None`` if another process is merging.

        Returns how many snapshots were merged.

        Raises:
            ServerFailure: it could not be done.
        """
        with self._connection.transaction(timeout=_TIMEOUT) as session:
            if not _is_locked(session):
                return None
            require_tables(session)
            taken = sorted(session.execute(_TAKE, (at_most,)).fetchall())
            if taken:
                now = self._now(session)
                levels = reopen(ServerLevels(session), self._retention, now)
                _Fold(session, self._retention, now, levels.values()).add(taken)
        self.maintain()
        return len(taken)

    def fold_all(self) -> int:
        """Merge until nothing waits, or another process is merging; return how many snapshots were merged."""
        whole = 0
        while merged := self.fold():
            whole += merged
        return whole

    def maintain(self) -> None:
        """Take some steps of maintenance, each a transaction of its own."""
        for _ in range(_MAX_STEPS):
            with self._connection.transaction(timeout=_TIMEOUT) as session:
                if not _is_locked(session):
                    return
                now = self._now(session)
                step = next_step(ServerLevels(session), self._retention, now) or next_eviction_step(session, now.latest)
                if step is None:
                    return
                step()

    def close(self) -> None:
        """Close the connection; folding again opens it again."""
        self._connection.close()

    def _now(self, session: Session) -> TrustedTime:
        """Return the server's time, which is believed."""
        now = float((session.execute(_NOW).fetchone() or (0.0,))[0]) if self._clock is None else self._clock()
        return TrustedTime(now, now, now)


def _is_locked(session: Session) -> bool:
    (got,) = session.execute(f"SELECT pg_try_advisory_xact_lock({LOCK})").fetchone() or (False,)
    return bool(got)


def require_tables(session: Session) -> int:
    """Return the version of the tables.

    Raises:
        ServerFailure: there are none, or this program does not get along with them.
    """
    try:
        version = installed_version(session)
    except UnknownVersion as error:
        raise ServerFailure(str(error)) from None
    if not version:
        raise ServerFailure(NEEDED_UPGRADE)
    return version


class _Arrival(NamedTuple):
    """A snapshot that is merged, and the number of the process that sent it."""

    instance: int
    parcel: Parcel


class _Fold:
    """Adds snapshots to the rows within one transaction."""

    def __init__(
        self, session: Session, retention: Retention, now: TrustedTime, resolutions: Iterable[Resolution]
    ) -> None:
        self._session = session
        self._names = Names(session)
        self._resolutions = list(resolutions)
        self._oldest = -FOREVER if now.trusted is None else retention.oldest(COARSEST, now.trusted)
        self._now = now.latest
        self._intervals: dict[int, list[tuple[int, int]]] = {}

    def add(self, taken: Sequence[tuple[int, int, bytes]]) -> None:
        """Add what came, in the order in which it came."""
        arrivals = [_Arrival(instance, parcel) for _, instance, body in taken if (parcel := _unpacked(body))]
        self._totals([arrival.parcel for arrival in arrivals])
        self._errors([error for _, parcel in arrivals for error in parcel.errors])
        for instance, parcel in arrivals:
            before = dict(self._names.overflow)
            dropped = {
                "expired": sum(row.count for row in parcel.rows if not self._of(row.minute)),
                "samples_thinned": self._samples(parcel.samples),
            }
            self._running(instance, parcel)
            overflow = {cause: count - before.get(cause, 0) for cause, count in self._names.overflow.items()}
            for lost in (parcel.lost, dropped, overflow):
                self._dropped(instance, parcel, lost)
        self._names.touch()

    def _totals(self, parcels: Sequence[Parcel]) -> None:
        """Count rows for their series, and for all of their application and kind.

        An application's rows with most Apdex samples are added up last: their T is the one to show.
        """
        named, whole = MergingTotals(), MergingTotals()
        for parcel in parcels:
            for row in sorted(parcel.rows, key=_apdex_count):
                named.add((PartName(row.series), row.minute), row.values)
                for scope, value in _scopes(parcel, row.queue):
                    about = Series(row.series.application, row.series.kind, "", value)
                    whole.add((PartName(about, scope), row.minute), row.values)
        self._names.look_up(name for name, _ in (*named.keys(), *whole.keys()))
        numbered = MergingTotals()
        for (name, minute), values in named.unmerged():
            self._count(numbered, self._names.series(name.series, minute), minute, values)
        for (name, minute), values in whole.unmerged():
            number = self._names.totals_series(name.series, minute, name.scope, name.series.name)
            self._count(numbered, number, minute, values)
        TOTALS.add(self._session, numbered)
        for width in {width for intervals in self._intervals.values() for width, _ in intervals if width > FINEST}:
            self._session.execute("UPDATE @resolution SET late = late + 1 WHERE span = %s", (width,))

    def _count(self, into: MergingTotals, number: int, minute: int, values: Sequence[Any]) -> None:
        for width, start in self._of(minute):
            into.add_unmerged((width, start, number), values)

    def _errors(self, errors: Sequence[ErrorCount]) -> None:
        kept = [error for error in errors if self._of(error.minute)]
        self._names.look_up_errors(kept)
        counts: dict[Key, int] = {}
        minutes: dict[int, int] = {}
        for error in kept:
            number = self._names.error(error)
            minutes[number] = max(error.minute, minutes.get(number, error.minute))
            for width, start in self._of(error.minute):
                counts[width, start, number] = counts.get((width, start, number), 0) + error.count
        ERRORS.add(self._session, counts)
        self._names.touch_errors(minutes)

    def _samples(self, samples: Iterable[PackedSample]) -> int:
        numbered = [(self._names.series(one.series, one.started + one.duration), one) for one in samples]
        return add_samples(self._session, numbered)

    def _running(self, instance: int, parcel: Parcel) -> None:
        self._session.execute("DELETE FROM @running WHERE instance = %s", (instance,))
        for one in parcel.running:
            number = self._names.series(one.series, one.started)
            self._session.execute("INSERT INTO @running VALUES (%s, %s, %s)", (instance, number, one.started))

    def _dropped(self, instance: int, parcel: Parcel, lost: Mapping[str, int]) -> None:
        """Keep what was dropped: of the process, and by its minute and the applications that it reports."""
        told = {storable(cause): count for cause, count in lost.items() if count}
        if not told:
            return
        reported = (*(row.series for row in parcel.rows), *(one.series for one in parcel.running))
        whose = json.dumps(sorted({storable(series.application) for series in reported}))
        moment = parcel.taken if parcel.taken >= self._oldest else self._now
        for cause, count in told.items():
            self._session.execute(_ADD_LOSS, (instance, cause, count))
            self._session.execute(_ADD_DROPPED, (floor_to(moment, FINEST), cause, whose, count))

    def _of(self, minute: int) -> Sequence[tuple[int, int]]:
        """Return width and start of the rows that hold a minute: its own, and coarser ones that are rolled up already.

        None if it is older than all that is kept.
        """
        intervals = self._intervals.get(minute)
        if intervals is None:
            starts = [
                (resolution, floor_to(minute, resolution.width))
                for resolution in self._resolutions
                if minute >= self._oldest
            ]
            intervals = self._intervals[minute] = [
                (resolution.width, at)
                for resolution, at in starts
                if resolution.complete_from <= at < resolution.complete_until
            ]
        return intervals


def _unpacked(body: bytes) -> Parcel | None:
    """Return a snapshot; one that makes no sense is left out, and logged."""
    try:
        return unpack(body)
    except DamagedParcel as error:
        log_once("damaged parcel", "a snapshot that was sent to the store is left out: %s", error)
        return None


def _apdex_count(row: ParcelRow) -> int:
    return int(row.values[_SATISFIED] + row.values[_SATISFIED + 1] + row.values[_SATISFIED + 2])


def _scopes(parcel: Parcel, queue: str) -> list[tuple[Scope, str]]:
    """Return what totals are kept for besides the name."""
    found: list[tuple[Scope, str]] = [("all", "")]
    for scope, value in (("host", parcel.host), ("version", parcel.version), ("queue", queue)):
        if value:
            found.append((scope, value))  # type: ignore[arg-type]
    return found
