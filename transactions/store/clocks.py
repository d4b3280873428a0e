"""Whose clock is believed.

Any number of processes report to a store, and the wall clock of one may be wrong, by minutes or by decades, ahead or
behind. What it measured is kept under the time that it says, and nothing of the others' expires because of it.

Monotonic clocks are believed. By them the store counts the seconds that have ``elapsed`` while somebody reported, a
lower bound of the time that has gone by. Each report says, by its wall clock, in which epoch second that count began:
its *origin*. Processes with right clocks agree about it, and it only grows while nobody reports.

A day is testified to by those that reported on it or later. Rows expire by the latest day to which at least an hour of
life testifies, and two instances on different days: no single process ever brings that about. (Of a store that has
known one instance only, nothing can be lost but its own: there, one is enough.) And they expire no sooner than by the
clock of anyone who reports at present.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final, NamedTuple

from ..recording.snapshot import Snapshot

__all__ = ["SILENT", "Present", "hear", "present"]

SILENT: Final = 120.0
"""Seconds after which one that has not reported, while others did, is taken to be gone."""

_STEADY: Final = 60.0
"""Seconds by which a wall clock may be corrected from one report to the next; by more, it was set."""
_ENOUGH: Final = 3600.0
"""Seconds of life that have to testify to a day, and after which a clock that was set is taken at its word."""
_AT_ONCE: Final = 3600.0
"""Seconds of life that one report adds at most: an instance that lives reports every minute."""
_REPORTING: Final = 64
"""So many of those that reported last are asked what time it is."""
_DAY: Final = 86400


class Present(NamedTuple):
    """What time it is (epoch seconds), as far as a store can tell."""

    earliest: float
    """By the slowest clock of those that report: what is over by it is over for all."""
    latest: float
    """Nobody reports anything later than this, but for clocks that are wrong."""
    proven: float | None
    """By what has been testified to; ``None``: not enough has, and nothing expires."""


class _Witness(NamedTuple):
    """The clocks of an instance, as of its last report; see the table of that name."""

    elapsed: float
    ran: float
    started: float
    claim: float | None = None
    claimed: float = 0.0

    def now(self, elapsed: float) -> float:
        """What time it is by its wall clock, so many seconds after the store's count began."""
        return self.started + self.ran + elapsed - self.elapsed

    def later(self, elapsed: float, ran: float, taken: float) -> _Witness:
        """Itself when it reports again. A wall clock that was set is followed after an hour."""
        started = taken - ran
        if abs(started - self.started) <= _STEADY:
            return _Witness(elapsed, ran, started)
        if self.claim is None or abs(started - self.claim) > _STEADY:
            return _Witness(elapsed, ran, self.started, started, ran)
        if ran - self.claimed < _ENOUGH:
            return _Witness(elapsed, ran, self.started, started, self.claimed)
        return _Witness(elapsed, ran, started)


def hear(connection: sqlite3.Connection, instance: int, process: str, snapshot: Snapshot) -> None:
    """Note what the clocks of an instance that reports say, and which process it is (see ``presence.py``)."""
    reports, elapsed = connection.execute("SELECT reports + 1, elapsed FROM clock").fetchone()
    row = connection.execute("SELECT started FROM instance WHERE id = ?", (instance,)).fetchone()
    ran = max(0.0, snapshot.taken - row[0] if snapshot.ran is None else snapshot.ran)
    before = _witness(connection, instance) or _Witness(elapsed - min(ran, _AT_ONCE), 0.0, row[0])
    lived = min(max(0.0, ran - before.ran), _AT_ONCE)
    elapsed = max(elapsed, before.elapsed + lived)
    witness = before.later(elapsed, ran, snapshot.taken)
    connection.execute("UPDATE clock SET reports = ?, elapsed = ?", (reports, elapsed))
    connection.execute(
        "INSERT OR REPLACE INTO witness VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (instance, process, reports, *witness)
    )
    _testify(connection, instance, witness, lived)


def _witness(connection: sqlite3.Connection, instance: int) -> _Witness | None:
    row = connection.execute(
        "SELECT elapsed, ran, started, claim, claimed FROM witness WHERE instance = ?", (instance,)
    ).fetchone()
    return row and _Witness(*row)


_TESTIFY: Final = """
INSERT INTO testimony (day, lived, origin, instance, several) VALUES (?, ?, ?, ?, 0)
ON CONFLICT (day) DO UPDATE SET
    lived = lived + excluded.lived,
    origin = min(origin, excluded.origin),
    several = several OR instance != excluded.instance
"""


def _testify(connection: sqlite3.Connection, instance: int, witness: _Witness, lived: float) -> None:
    now = witness.now(witness.elapsed)
    origin = now - witness.elapsed
    connection.execute(_TESTIFY, (now // _DAY, lived, origin, instance))
    (believed,) = connection.execute("SELECT origin FROM clock").fetchone()
    if believed is None or origin > believed + 1:
        proven = _proven(connection, alone=False)
        if proven is not None and _may_follow(connection, believed, proven, witness.elapsed):
            connection.execute("UPDATE clock SET origin = ?", (proven,))


def _may_follow(connection: sqlite3.Connection, believed: float | None, proven: float, elapsed: float) -> bool:
    """While one reports who has always agreed, no more time has gone by than that."""
    if believed is None or believed < proven <= believed + _DAY:
        return True
    agreeing = (abs(now - elapsed - believed) <= _DAY for now in _reporting(connection, elapsed))
    return proven > believed and not any(agreeing)


def _proven(connection: sqlite3.Connection, alone: bool) -> float | None:
    """The origin by the latest day to which enough testifies; if there is one instance alone, by its own word."""
    lived, origin = 0.0, float("inf")
    heard: list[tuple[int, int]] = []
    for seconds, its_origin, *who in _testimonies(connection):
        lived, origin = lived + seconds, min(origin, its_origin)
        different = any(who[1] or several or who[0] != instance for instance, several in heard)
        heard.append((who[0], who[1]))
        if lived >= _ENOUGH and (different or alone):
            return origin
    return None


def _testimonies(connection: sqlite3.Connection) -> Iterator[tuple[float, float, int, int]]:
    return connection.execute("SELECT lived, origin, instance, several FROM testimony ORDER BY day DESC")


def present(connection: sqlite3.Connection, kept: float) -> Present:
    """What time it is.

    A clock that is so far behind others that what it measured is no longer kept (for ``kept`` seconds) has no say.
    """
    elapsed, origin = connection.execute("SELECT elapsed, origin FROM clock").fetchone()
    if origin is None and _has_known_one_instance(connection):
        origin = _proven(connection, alone=True)
    reporting = _reporting(connection, elapsed)
    if origin is None:
        return Present(min(reporting), max(reporting), None)
    proven = min(origin + elapsed, max(reporting))
    earliest = min(now for now in reporting if now > proven - kept)
    return Present(earliest, max(earliest, proven), min(earliest, proven))


def _has_known_one_instance(connection: sqlite3.Connection) -> bool:
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'instance'").fetchone()
    return row is not None and row[0] == 1


def _reporting(connection: sqlite3.Connection, elapsed: float) -> list[float]:
    """What time it is by the clock of each instance that reports."""
    rows = connection.execute(
        "SELECT elapsed, ran, started FROM witness ORDER BY report DESC LIMIT ?", (_REPORTING,)
    ).fetchall()
    return [_Witness(*row).now(elapsed) for row in rows if elapsed - row[0] <= SILENT]
