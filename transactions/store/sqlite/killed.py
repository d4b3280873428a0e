"""Tasks that were killed, in a file: see ``store/killed.py``."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from ...recording.snapshot import GroupCount, RunningTransaction, Series, Snapshot
from ...recording.totals import COLUMNS
from ..killed import LOOKED_AT, MAX_KILLED, Killed, Suspect, error_of, parts_of, reported, totals_of, without
from ..names import storable
from ..rows import Scope

__all__ = ["Adding", "FileKilledRows"]

_SUSPECTS: Final = f"""
SELECT instance.id, pid, host, version, seen, process, store_clock.elapsed - instance_clock.elapsed
FROM instance JOIN instance_clock ON instance_clock.instance = instance.id, store_clock
WHERE instance.id != ? AND instance.id IN (SELECT instance FROM running WHERE key != '')
ORDER BY report LIMIT {LOOKED_AT}
"""
_OPEN: Final = """
SELECT application, kind, "group", name, started, key, queue FROM running JOIN series ON series.id = running.series
WHERE instance = ? AND key != ''
"""
_COLUMNS: Final = 'host, version, key, application, "group", name, queue, started, minute, duration'
_KEY: Final = "key = ? AND started <= ?"
_BOUND: Final = f"""
DELETE FROM killed WHERE (key, instance, started) IN (
    SELECT key, instance, started FROM killed ORDER BY minute DESC LIMIT -1 OFFSET {MAX_KILLED}
)
"""
_ROW: Final = "WHERE (span, start, series) = (?, ?, ?)"
_TOTALS: Final = ", ".join(COLUMNS)


class Adding(Protocol):
    """What adds to the rows of the store."""

    def add_totals(self, snapshot: Snapshot) -> None:
        """Count rows of minutes."""

    def add_groups(self, groups: Iterable[GroupCount], host: str, version: str) -> None:
        """Count errors for their groups, as reported by a host and a version."""

    def rows_of(self, series: Series, minute: int, scope: Scope, value: str) -> Iterable[tuple[int, int, int]]:
        """Return the rows of totals, each a width, a start and an id, in which a part of a series is counted."""
        ...


class FileKilledRows:
    """The `KilledRows` of a file.

    Args:
        connection: of the transaction.
        adding: adds to the rows.
        own: the number of the process that reports, which is there.
    """

    def __init__(self, connection: sqlite3.Connection, adding: Adding, own: int) -> None:
        self._connection = connection
        self._adding = adding
        self._own = own

    def suspects(self) -> Sequence[Suspect]:
        """See `KilledRows.suspects`."""
        return [Suspect(*row) for row in self._connection.execute(_SUSPECTS, (self._own,)).fetchall()]

    def open_tasks(self, number: int) -> Sequence[RunningTransaction]:
        """See `KilledRows.open_tasks`."""
        found = self._connection.execute(_OPEN, (number,)).fetchall()
        self._connection.execute("DELETE FROM running WHERE instance = ?", (number,))
        return [RunningTransaction(Series(*row[:4]), *row[4:]) for row in found]

    def settle(self, key: str, moment: float) -> None:
        """See `KilledRows.settle`."""
        self._connection.execute(f"DELETE FROM running WHERE {_KEY}", (storable(key), moment))

    def remember(self, suspect: Suspect, tasks: Sequence[Killed]) -> None:
        """See `KilledRows.remember`."""
        self._connection.executemany(
            f"INSERT OR REPLACE INTO killed (instance, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(suspect.number, suspect.host, suspect.version, *task) for task in tasks],
        )
        self._connection.execute(_BOUND)

    def recall(self, key: str, moment: float) -> Sequence[tuple[str, str, Killed]]:
        """See `KilledRows.recall`."""
        return self._recall(_KEY, (storable(key), moment))

    def recall_all(self, number: int) -> Sequence[tuple[str, str, Killed]]:
        """See `KilledRows.recall_all`."""
        return self._recall("instance = ?", (number,))

    def _recall(self, where: str, arguments: tuple[object, ...]) -> Sequence[tuple[str, str, Killed]]:
        found = self._connection.execute(f"SELECT {_COLUMNS} FROM killed WHERE {where}", arguments).fetchall()
        if found:
            self._connection.execute(f"DELETE FROM killed WHERE {where}", arguments)
        return [(host, version, Killed(*task)) for host, version, *task in found]

    def count(self, host: str, version: str, tasks: Sequence[Killed]) -> None:
        """See `KilledRows.count`."""
        snapshot = reported(tasks, host, version)
        self._adding.add_totals(snapshot)
        self._adding.add_groups(snapshot.groups, host, version)

    def uncount(self, host: str, version: str, task: Killed) -> None:
        """See `KilledRows.uncount`."""
        totals = totals_of(task)
        for scope, value in parts_of(task, host, version):
            for row in self._adding.rows_of(task.series, task.minute, scope, value):
                there = self._connection.execute(f"SELECT {_TOTALS} FROM totals {_ROW}", row).fetchone()
                if there is not None:
                    self._connection.execute(
                        f"UPDATE totals SET ({_TOTALS}) = ({', '.join('?' * len(COLUMNS))}) {_ROW}",
                        (*without(there, totals), *row),
                    )
        self._adding.add_groups([error_of(task, -1)], host, version)
