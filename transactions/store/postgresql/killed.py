"""Tasks that were killed, on a server: see ``store/killed.py``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from ...recording.snapshot import GroupCount, RunningTransaction, Series, Snapshot
from ..killed import LOOKED_AT, MAX_KILLED, Killed, Suspect, error_of, parts_of, reported, totals_of
from ..names import storable
from ..rows import Scope
from .drivers import Session
from .tables import TOTALS

__all__ = ["Adding", "ServerKilledRows"]

_SUSPECTS: Final = f"""
SELECT id, pid, host, version, seen, process, (SELECT max(received) FROM @instance) - received FROM @instance
WHERE id IN (SELECT instance FROM @running WHERE key <> '') AND id NOT IN (SELECT instance FROM @inbox)
ORDER BY received, id LIMIT {LOOKED_AT}
"""
"""What waits to be merged may tell that a task has ended."""
_OPEN: Final = """
SELECT application, kind, "group", name, started, key, queue FROM @running AS running
JOIN @series AS series ON series.id = running.series WHERE instance = %s AND key <> ''
"""
_COLUMNS: Final = 'host, version, key, application, "group", name, queue, started, minute, duration'
_REMEMBER: Final = f"""
INSERT INTO @killed (instance, {_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_KEY: Final = "key = %s AND started <= %s"
_BOUND: Final = f"""
DELETE FROM @killed WHERE (key, instance, started) IN (
    SELECT key, instance, started FROM @killed ORDER BY minute DESC OFFSET {MAX_KILLED}
)
"""


class Adding(Protocol):
    """What adds to the rows of the store."""

    def add_totals(self, snapshot: Snapshot) -> None:
        """Count rows of minutes."""

    def add_groups(self, groups: Iterable[GroupCount], host: str, version: str) -> None:
        """Count errors for their groups, as reported by a host and a version."""

    def rows_of(self, series: Series, minute: int, scope: Scope, value: str) -> Iterable[tuple[int, int, int]]:
        """Return the rows of totals, each a width, a start and an id, in which a part of a series is counted."""
        ...


class ServerKilledRows:
    """The `KilledRows` of a server.

    Args:
        session: of a transaction that has the lock.
        adding: adds to the rows.
    """

    def __init__(self, session: Session, adding: Adding) -> None:
        self._session = session
        self._adding = adding

    def suspects(self) -> Sequence[Suspect]:
        """See `KilledRows.suspects`."""
        return [Suspect(*row) for row in self._session.execute(_SUSPECTS).fetchall()]

    def open_tasks(self, number: int) -> Sequence[RunningTransaction]:
        """See `KilledRows.open_tasks`."""
        found = self._session.execute(_OPEN, (number,)).fetchall()
        self._session.execute("DELETE FROM @running WHERE instance = %s", (number,))
        return [RunningTransaction(Series(*row[:4]), *row[4:]) for row in found]

    def settle(self, key: str, moment: float) -> None:
        """See `KilledRows.settle`."""
        self._session.execute(f"DELETE FROM @running WHERE {_KEY}", (storable(key), moment))

    def remember(self, suspect: Suspect, tasks: Sequence[Killed]) -> None:
        """See `KilledRows.remember`."""
        for task in tasks:
            self._session.execute(_REMEMBER, (suspect.number, suspect.host, suspect.version, *task))
        self._session.execute(_BOUND)

    def recall(self, key: str, moment: float) -> Sequence[tuple[str, str, Killed]]:
        """See `KilledRows.recall`."""
        return self._recall(_KEY, (storable(key), moment))

    def recall_all(self, number: int) -> Sequence[tuple[str, str, Killed]]:
        """See `KilledRows.recall_all`."""
        return self._recall("instance = %s", (number,))

    def _recall(self, where: str, arguments: tuple[object, ...]) -> Sequence[tuple[str, str, Killed]]:
        found = self._session.execute(f"DELETE FROM @killed WHERE {where} RETURNING {_COLUMNS}", arguments).fetchall()
        return [(host, version, Killed(*task)) for host, version, *task in found]

    def count(self, host: str, version: str, tasks: Sequence[Killed]) -> None:
        """See `KilledRows.count`."""
        snapshot = reported(tasks, host, version)
        self._adding.add_totals(snapshot)
        self._adding.add_groups(snapshot.groups, host, version)

    def uncount(self, host: str, version: str, task: Killed) -> None:
        """See `KilledRows.uncount`."""
        rows = [
            row
            for scope, value in parts_of(task, host, version)
            for row in self._adding.rows_of(task.series, task.minute, scope, value)
        ]
        TOTALS.subtract(self._session, rows, totals_of(task))
        self._adding.add_groups([error_of(task, -1)], host, version)
