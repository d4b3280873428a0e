"""Trusted time: which of the reporting processes' clocks a store believes.

Any number of processes report to a store, and the wall clock of one may be wrong, by minutes or by decades, ahead or
behind. Its figures are kept under the time that it tells, and no figures of other processes expire because of it.

Monotonic clocks are trusted. By them the store counts the seconds that have ``elapsed`` while any process reported, a
lower bound of the time that has passed. Each report implies, by its wall clock, the epoch second at which that count
began: its *origin*. Processes with correct clocks agree on it, and it grows only while no process reports.

A report is evidence for the day on which it was made, and for all days before. Rows expire by the latest day for which
there is an hour of lifetime, and two instances that reported on different days, so that a single process is never
enough. (If a store has known only one instance, no figures of others can be lost, and one is enough.) And they expire
no sooner than by the clock of every instance that is reporting at present.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final, NamedTuple

from ...recording.snapshot import Snapshot
from ..liveness import SILENT
from ..maintenance import TrustedTime

__all__ = ["observe", "trusted_time"]

_STEADY: Final = 60.0
"""Seconds by which a wall clock may be adjusted from one report to the next; a larger change means that it was set."""
_ENOUGH: Final = 3600.0
"""Seconds of lifetime that are enough evidence for a day, and after which a clock that was set is followed."""
_AT_ONCE: Final = 3600.0
"""Maximum seconds of lifetime that one report adds; an instance reports every minute."""
_REPORTING: Final = 64
"""Number of instances, those that reported last, whose clocks are considered."""
_DAY: Final = 86400


class _InstanceClock(NamedTuple):
    """The clocks of an instance at its last report; see the table ``instance_clock``."""

    elapsed: float
    ran: float
    started: float
    claim: float | None = None
    claimed: float = 0.0

    def now(self, elapsed: float) -> float:
        """Return the time by its wall clock when the store's count of seconds has reached ``elapsed``."""
        return self.started + self.ran + elapsed - self.elapsed

    def later(self, elapsed: float, ran: float, taken: float) -> _InstanceClock:
        """Return the clocks after another report. A wall clock that was set is followed after an hour."""
        started = taken - ran
        if abs(started - self.started) <= _STEADY:
            return _InstanceClock(elapsed, ran, started)
        if self.claim is None or abs(started - self.claim) > _STEADY:
            return _InstanceClock(elapsed, ran, self.started, started, ran)
        if ran - self.claimed < _ENOUGH:
            return _InstanceClock(elapsed, ran, self.started, started, self.claimed)
        return _InstanceClock(elapsed, ran, started)


def observe(connection: sqlite3.Connection, instance: int, process: str, snapshot: Snapshot) -> None:
    """Store the clocks of an instance that reports, and its process (see ``liveness.py``)."""
    reports, elapsed = connection.execute("SELECT reports + 1, elapsed FROM store_clock").fetchone()
    row = connection.execute("SELECT started FROM instance WHERE id = ?", (instance,)).fetchone()
    ran = max(0.0, snapshot.taken - row[0] if snapshot.ran is None else snapshot.ran)
    before = _clock_of(connection, instance) or _InstanceClock(elapsed - min(ran, _AT_ONCE), 0.0, row[0])
    lived = min(max(0.0, ran - before.ran), _AT_ONCE)
    elapsed = max(elapsed, before.elapsed + lived)
    clock = before.later(elapsed, ran, snapshot.taken)
    connection.execute("UPDATE store_clock SET reports = ?, elapsed = ?", (reports, elapsed))
    connection.execute(
        "INSERT OR REPLACE INTO instance_clock VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (instance, process, reports, *clock),
    )
    _add_evidence(connection, instance, clock, lived)


def _clock_of(connection: sqlite3.Connection, instance: int) -> _InstanceClock | None:
    row = connection.execute(
        "SELECT elapsed, ran, started, claim, claimed FROM instance_clock WHERE instance = ?", (instance,)
    ).fetchone()
    return row and _InstanceClock(*row)


_ADD_EVIDENCE: Final = """
INSERT INTO clock_evidence (day, lived, origin, instance, several) VALUES (?, ?, ?, ?, 0)
ON CONFLICT (day) DO UPDATE SET
    lived = lived + excluded.lived,
    origin = min(origin, excluded.origin),
    several = several OR instance != excluded.instance
"""


def _add_evidence(connection: sqlite3.Connection, instance: int, clock: _InstanceClock, lived: float) -> None:
    now = clock.now(clock.elapsed)
    origin = now - clock.elapsed
    connection.execute(_ADD_EVIDENCE, (now // _DAY, lived, origin, instance))
    (believed,) = connection.execute("SELECT origin FROM store_clock").fetchone()
    if believed is None or origin > believed + 1:
        trusted = _trusted_origin(connection, alone=False)
        if trusted is not None and _may_follow(connection, believed, trusted, clock.elapsed):
            connection.execute("UPDATE store_clock SET origin = ?", (trusted,))


def _may_follow(connection: sqlite3.Connection, believed: float | None, trusted: float, elapsed: float) -> bool:
    """Whether a later origin may be believed: over a day later, only if no reporting instance agrees with the old."""
    if believed is None or believed < trusted <= believed + _DAY:
        return True
    agreeing = (abs(now - elapsed - believed) <= _DAY for now in _reporting(connection, elapsed))
    return trusted > believed and not any(agreeing)


def _trusted_origin(connection: sqlite3.Connection, alone: bool) -> float | None:
    """Return the origin by the latest day with enough evidence; if ``alone``, one instance is enough."""
    lived, origin = 0.0, float("inf")
    heard: list[tuple[int, int]] = []
    for seconds, its_origin, *who in _evidence(connection):
        lived, origin = lived + seconds, min(origin, its_origin)
        different = any(who[1] or several or who[0] != instance for instance, several in heard)
        heard.append((who[0], who[1]))
        if lived >= _ENOUGH and (different or alone):
            return origin
    return None


def _evidence(connection: sqlite3.Connection) -> Iterator[tuple[float, float, int, int]]:
    return connection.execute("SELECT lived, origin, instance, several FROM clock_evidence ORDER BY day DESC")


def trusted_time(connection: sqlite3.Connection, kept: float) -> TrustedTime:
    """Return the current time.

    A clock that is so far behind others that what it measured is no longer kept (for ``kept`` seconds) has no say.
    """
    elapsed, origin = connection.execute("SELECT elapsed, origin FROM store_clock").fetchone()
    if origin is None and _has_known_one_instance(connection):
        origin = _trusted_origin(connection, alone=True)
    reporting = _reporting(connection, elapsed)
    if origin is None:
        return TrustedTime(min(reporting), max(reporting), None)
    at_least = origin + elapsed
    trusted = min(at_least, max(reporting))
    earliest = min(now for now in reporting if now > trusted - kept)
    return TrustedTime(earliest, max(earliest, at_least), min(earliest, trusted))


def _has_known_one_instance(connection: sqlite3.Connection) -> bool:
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'instance'").fetchone()
    return row is not None and row[0] == 1


def _reporting(connection: sqlite3.Connection, elapsed: float) -> list[float]:
    """Return the current time by the clock of each instance that reports."""
    rows = connection.execute(
        "SELECT elapsed, ran, started FROM instance_clock ORDER BY report DESC LIMIT ?", (_REPORTING,)
    ).fetchall()
    return [_InstanceClock(*row).now(elapsed) for row in rows if elapsed - row[0] <= SILENT]
