"""Tasks that were killed: open when their process last _reported, which is gone without having ended them.

Whoever writes to the store looks for such processes and counts their tasks. A count is taken back if it turns out that
another process has recorded the end of the task, or that the process was only silent and reports again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol

from ..recording.histogram import Histogram, bin_of, decode, encode
from ..recording.snapshot import (
    ErrorGroup,
    GroupCount,
    Instance,
    MinuteRow,
    RunningTransaction,
    Series,
    Settled,
    Snapshot,
)
from ..recording.totals import COLUMNS, SUMS, Totals, nanoseconds
from .liveness import is_gone
from .names import scopes_of, storable
from .resolutions import FINEST, FOREVER, floor_to
from .rows import Scope
from .sql import Statements

__all__ = [
    "LOOKED_AT",
    "Adding",
    "KilledRows",
    "KilledTasks",
    "Suspect",
    "without",
]

LOOKED_AT: Final = 20
"""Processes with open tasks that are looked at by one report, those that have been silent for longest."""
_MAX_KILLED: Final = 1000
"""Counts that can be taken back, the latest."""
_ERROR: Final = ErrorGroup("killed (no exception)", "killed (no exception)", "", "", expected=False)
"""As of what ends so without an exception in a process that is there."""
_HISTOGRAM: Final = COLUMNS.index("histogram")

_OPEN: Final = """
SELECT application, kind, "group", name, started, key, queue FROM @running AS running
JOIN @series AS series ON series.id = running.series WHERE instance = %s AND key <> ''
"""
_COLUMNS: Final = 'host, version, key, application, "group", name, queue, started, minute, duration'
_REMEMBER: Final = f"""
INSERT INTO @killed (instance, {_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_BEGAN: Final = "key = %s AND started <= %s"
_BOUND: Final = f"""
DELETE FROM @killed WHERE (key, instance, started) IN (
    SELECT key, instance, started FROM @killed ORDER BY minute DESC LIMIT {FOREVER} OFFSET {_MAX_KILLED}
)
"""

TotalsRow = tuple[int, int, int]
"""What tells a row of totals: its width, its start and the number of its series."""


class Killed(NamedTuple):
    """A task that was killed."""

    key: str
    application: str
    group: str
    name: str
    queue: str
    started: float
    """Epoch seconds."""
    minute: int
    """In which it was last known to run."""
    duration: int
    """Nanoseconds for which it has run until then."""

    @property
    def series(self) -> Series:
        """Return what it is counted for."""
        return Series(self.application, "background", self.group, self.name)


class Suspect(NamedTuple):
    """A process that has _reported open tasks."""

    number: int
    pid: int
    host: str
    version: str
    seen: float
    """Epoch seconds of its last report."""
    process: str
    """See ``liveness.py``."""
    silent: float
    """Seconds for which only others have _reported."""


class KilledRows(Protocol):
    """What each engine does in its own way, within one transaction."""

    def suspects(self) -> Sequence[Suspect]:
        """Return processes with open tasks, those first that have been silent for longest; at most `LOOKED_AT`."""
        ...

    def subtract(self, rows: Sequence[TotalsRow], totals: Totals) -> None:
        """Take totals out of the rows in which they were counted."""


class Adding(Protocol):
    """What adds to the rows of the store."""

    def add_totals(self, snapshot: Snapshot) -> None:
        """Count rows of minutes."""

    def add_groups(self, groups: Iterable[GroupCount], host: str, version: str) -> None:
        """Count errors for their groups, as _reported by a host and a version."""

    def rows_of(self, series: Series, minute: int, scope: Scope, value: str) -> Iterable[TotalsRow]:
        """Return the rows of totals in which a part of a series is counted."""
        ...


class KilledTasks:
    """Counts the tasks of processes that are gone, once.

    Args:
        statements: of the transaction.
        rows: what its engine does in its own way.
        adding: adds to the rows.
    """

    def __init__(self, statements: Statements, rows: KilledRows, adding: Adding) -> None:
        self._statements = statements
        self._rows = rows
        self._adding = adding

    def take_back(self, number: int, settled: Iterable[Settled]) -> None:
        """Take back what was counted in vain: of the process that reports, and of what it says is settled."""
        recalled = [*self._recalled("instance = %s", (number,))]
        for key, moment in settled:
            began = storable(key), moment
            self._statements.run(f"DELETE FROM @running WHERE {_BEGAN}", began)
            recalled += self._recalled(_BEGAN, began)
        for host, version, task in recalled:
            self._uncount(host, version, task)

    def find(self) -> None:
        """Count the tasks that are open in processes that are gone."""
        for suspect in self._rows.suspects():
            if is_gone(suspect.pid, suspect.process, suspect.silent):
                tasks = [_killed(one, suspect.seen) for one in self._taken(suspect.number)]
                snapshot = _reported(tasks, suspect.host, suspect.version)
                self._adding.add_totals(snapshot)
                self._adding.add_groups(snapshot.groups, suspect.host, suspect.version)
                self._remember(suspect, tasks)

    def _taken(self, number: int) -> Sequence[RunningTransaction]:
        """Return the open tasks of a process, and forget all that it has _reported as open."""
        found = self._statements.rows(_OPEN, (number,))
        self._statements.run("DELETE FROM @running WHERE instance = %s", (number,))
        return [RunningTransaction(Series(*row[:4]), *row[4:]) for row in found]

    def _remember(self, suspect: Suspect, tasks: Iterable[Killed]) -> None:
        """Keep what was counted, of no more tasks than `_MAX_KILLED`."""
        for task in tasks:
            self._statements.run(_REMEMBER, (suspect.number, suspect.host, suspect.version, *task))
        self._statements.run(_BOUND)

    def _recalled(self, where: str, values: Sequence[object]) -> Sequence[tuple[str, str, Killed]]:
        """Return what was counted, and can be taken back, with host and version; forget it."""
        found = self._statements.rows(f"SELECT {_COLUMNS} FROM @killed WHERE {where}", values)
        if found:
            self._statements.run(f"DELETE FROM @killed WHERE {where}", values)
        return [(host, version, Killed(*task)) for host, version, *task in found]

    def _uncount(self, host: str, version: str, task: Killed) -> None:
        rows = [
            row
            for scope, value in _parts_of(task, host, version)
            for row in self._adding.rows_of(task.series, task.minute, scope, value)
        ]
        self._rows.subtract(rows, _totals_of(task))
        self._adding.add_groups([_error_of(task, -1)], host, version)


def _killed(one: RunningTransaction, seen: float) -> Killed:
    """Return a task that was open when its process was last seen (epoch seconds)."""
    duration = nanoseconds(max(0.0, seen - one.started))
    series = one.series
    names = (series.application, series.group, series.name, one.queue)
    return Killed(one.key, *names, one.started, floor_to(seen, FINEST), duration)


def _totals_of(one: Killed) -> Totals:
    """Return what is counted of a task."""
    length = one.duration
    return Totals(1, length, length, length, killed=1, histogram={bin_of(length / 1e9): 1})


def _reported(tasks: Sequence[Killed], host: str, version: str) -> Snapshot:
    """Return what a process of that host and version would have _reported of its tasks."""
    rows = tuple(MinuteRow(one.series, one.minute, _totals_of(one), one.queue) for one in tasks)
    groups = tuple(map(_error_of, tasks))
    taken = float(max((one.minute for one in tasks), default=0))
    return Snapshot(Instance("", host, 0, taken, "", version), 0, taken, rows, groups=groups)


def _error_of(one: Killed, times: int = 1) -> GroupCount:
    """Return the count of a task's error."""
    return GroupCount(one.series, one.minute, _ERROR, times)


def _parts_of(one: Killed, host: str, version: str) -> Iterator[tuple[Scope, str]]:
    """Yield all that a task is counted in: its name, and parts of its application and kind."""
    yield "name", ""
    for queue in ("", one.queue) if one.queue else ("",):
        yield from scopes_of(host, version, queue)


def without(columns: Sequence[Any], totals: Totals) -> list[Any]:
    """Return the columns of a row without what was counted in it; its extremes stay."""
    left = [
        value - getattr(totals, name) if name in SUMS else value for name, value in zip(COLUMNS, columns, strict=True)
    ]
    histogram: Histogram = decode(columns[_HISTOGRAM])
    for number, count in totals.histogram.items():
        histogram[number] = max(0, histogram.get(number, 0) - count)
    left[_HISTOGRAM] = encode({number: count for number, count in histogram.items() if count})
    return left
