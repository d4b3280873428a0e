"""Tasks that were killed: open when their process last reported, which is gone without having ended them.

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
from .names import scopes_of
from .resolutions import FINEST, floor_to
from .rows import Scope

__all__ = [
    "LOOKED_AT",
    "MAX_KILLED",
    "Killed",
    "KilledRows",
    "KilledTasks",
    "Suspect",
    "error_of",
    "parts_of",
    "reported",
    "totals_of",
    "without",
]

LOOKED_AT: Final = 20
"""Processes with open tasks that are looked at by one report, those that have been silent for longest."""
MAX_KILLED: Final = 1000
"""Counts that can be taken back, the latest."""
_ERROR: Final = ErrorGroup("killed (no exception)", "killed (no exception)", "", "", expected=False)
"""As of what ends so without an exception in a process that is there."""
_HISTOGRAM: Final = COLUMNS.index("histogram")


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
    """A process that has reported open tasks."""

    number: int
    pid: int
    host: str
    version: str
    seen: float
    """Epoch seconds of its last report."""
    process: str
    """See ``liveness.py``."""
    silent: float
    """Seconds for which only others have reported."""


class KilledRows(Protocol):
    """What an engine provides, within one transaction."""

    def suspects(self) -> Sequence[Suspect]:
        """Return processes with open tasks, those first that have been silent for longest; at most `LOOKED_AT`."""
        ...

    def open_tasks(self, number: int) -> Sequence[RunningTransaction]:
        """Return the open tasks of a process, and forget all that it has reported as open."""
        ...

    def settle(self, key: str, moment: float) -> None:
        """Forget the open tasks of that key that began before a moment (epoch seconds)."""

    def remember(self, suspect: Suspect, tasks: Sequence[Killed]) -> None:
        """Keep what was counted, of no more tasks than `MAX_KILLED`."""

    def recall(self, key: str, moment: float) -> Sequence[tuple[str, str, Killed]]:
        """Return and forget what was counted under a key and began before a moment: host, version and task."""
        ...

    def recall_all(self, number: int) -> Sequence[tuple[str, str, Killed]]:
        """Return and forget what was counted of a process."""
        ...

    def count(self, host: str, version: str, tasks: Sequence[Killed]) -> None:
        """Count tasks of processes of that host and version."""

    def uncount(self, host: str, version: str, task: Killed) -> None:
        """Take back what was counted of a task."""


class KilledTasks:
    """Counts the tasks of processes that are gone, once."""

    def __init__(self, rows: KilledRows) -> None:
        self._rows = rows

    def take_back(self, number: int, settled: Iterable[Settled]) -> None:
        """Take back what was counted in vain: of the process that reports, and of what it says is settled."""
        recalled = [*self._rows.recall_all(number)]
        for key, moment in settled:
            self._rows.settle(key, moment)
            recalled += self._rows.recall(key, moment)
        for host, version, task in recalled:
            self._rows.uncount(host, version, task)

    def find(self) -> None:
        """Count the tasks that are open in processes that are gone."""
        for suspect in self._rows.suspects():
            if is_gone(suspect.pid, suspect.process, suspect.silent):
                tasks = [_killed(one, suspect.seen) for one in self._rows.open_tasks(suspect.number)]
                self._rows.count(suspect.host, suspect.version, tasks)
                self._rows.remember(suspect, tasks)


def _killed(one: RunningTransaction, seen: float) -> Killed:
    """Return a task that was open when its process was last seen (epoch seconds)."""
    duration = nanoseconds(max(0.0, seen - one.started))
    series = one.series
    names = (series.application, series.group, series.name, one.queue)
    return Killed(one.key, *names, one.started, floor_to(seen, FINEST), duration)


def totals_of(one: Killed) -> Totals:
    """Return what is counted of a task."""
    length = one.duration
    return Totals(1, length, length, length, killed=1, histogram={bin_of(length / 1e9): 1})


def reported(tasks: Sequence[Killed], host: str, version: str) -> Snapshot:
    """Return what a process of that host and version would have reported of its tasks."""
    rows = tuple(MinuteRow(one.series, one.minute, totals_of(one), one.queue) for one in tasks)
    groups = tuple(map(error_of, tasks))
    taken = float(max((one.minute for one in tasks), default=0))
    return Snapshot(Instance("", host, 0, taken, "", version), 0, taken, rows, groups=groups)


def error_of(one: Killed, times: int = 1) -> GroupCount:
    """Return the count of a task's error."""
    return GroupCount(one.series, one.minute, _ERROR, times)


def parts_of(one: Killed, host: str, version: str) -> Iterator[tuple[Scope, str]]:
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
