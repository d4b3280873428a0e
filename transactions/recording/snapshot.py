"""Snapshots: counts and samples, ready to be written, that the recorder passes to a store every few seconds.

This is the border between recording and storing. A store needs nothing else,
and nothing here refers to a running transaction or to the host program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from ..custom_values import CustomEvents, CustomMetric
from ..model.finished import FinishedTransaction, Kind
from ..model.tracebacks import Stack
from ..schedules import Schedule
from .totals import Totals

__all__ = [
    "EnqueuedCount",
    "ErrorCount",
    "ErrorGroup",
    "GroupCount",
    "Instance",
    "MinuteRow",
    "RunningTransaction",
    "Sample",
    "SampleError",
    "SampleReason",
    "Series",
    "Settled",
    "Snapshot",
    "Store",
    "StoreUnavailable",
]


SampleReason = Literal["slow", "failed"]


class Series(NamedTuple):
    """The transactions of one application, kind, group and name, which are counted together."""

    application: str
    kind: Kind
    group: str
    name: str


@dataclass(frozen=True)
class MinuteRow:
    """The transactions of one series that ended in one minute, as far as this snapshot saw them.

    Several snapshots (and several processes) give rows for the same series and
    minute; they are added up.
    """

    series: Series
    minute: int
    """Epoch seconds of the start of the minute, a multiple of 60."""
    totals: Totals
    """Not to be changed: rows of linked applications share it."""
    queue: str = ""
    """The queue that these transactions were taken from; rows of several queues are added up for the series."""


@dataclass(frozen=True)
class ErrorCount:
    """How often one distinct error occurred in one series and minute."""

    series: Series
    minute: int
    type: str
    message: str
    expected: bool
    count: int


class ErrorGroup(NamedTuple):
    """A group of errors."""

    key: str
    """What they have in common: class and place, else class and message without what varies."""
    type: str
    """``module:Class``, or a status or an outcome with ``(no exception)``."""
    message: str
    """Of one of them."""
    frame: str
    """The innermost own frame, as file, line and function; empty if it is not known."""
    expected: bool


@dataclass(frozen=True)
class GroupCount:
    """How often errors of one group occurred in one series and minute."""

    series: Series
    minute: int
    group: ErrorGroup
    count: int


@dataclass(frozen=True)
class EnqueuedCount:
    """How many tasks of one series that ended in one minute were enqueued by one transaction."""

    series: Series
    minute: int
    enqueuer: Series | None
    """``None`` for all those that are not told apart."""
    count: int


class SampleError(NamedTuple):
    """What is known of an error of a sample besides class and message."""

    group: ErrorGroup
    stack: Stack | None
    """Its traceback, if that was kept."""


@dataclass(frozen=True)
class Sample:
    """One transaction kept whole: the slowest of its series in a minute, or a failed one."""

    series: Series
    reason: SampleReason
    transaction: FinishedTransaction
    errors: tuple[SampleError, ...] = ()
    """Of each of the transaction's errors; of one that failed and had none but expected ones, its group as well."""


@dataclass(frozen=True)
class RunningTransaction:
    """A transaction that was open when the snapshot was taken."""

    series: Series
    started: float
    """Epoch seconds."""
    key: str = ""
    """What tells it from all others, if it counts as killed where its process is gone; else empty."""
    queue: str = ""
    """The queue that it was taken from."""


class Settled(NamedTuple):
    """A task whose end was recorded by another process than ran it."""

    key: str
    """As of a `RunningTransaction`."""
    moment: float
    """Epoch seconds: what began later is another run."""


@dataclass(frozen=True)
class Instance:
    """One reporting process. ``id`` is unique among all processes that ever wrote to a store."""

    id: str
    host: str
    pid: int
    started: float
    """Epoch seconds."""
    program: str
    """The command's own name, without its arguments."""
    version: str = ""
    """The version of the program, as its setting says."""


@dataclass(frozen=True)
class Snapshot:
    """Everything that one process has recorded since its last snapshot."""

    instance: Instance
    sequence: int
    """1, 2, 3, ... for one instance. A store that has seen a number ignores it the second time."""
    taken: float
    """Epoch seconds."""
    minutes: tuple[MinuteRow, ...] = ()
    errors: tuple[ErrorCount, ...] = ()
    samples: tuple[Sample, ...] = ()
    lost: Mapping[str, int] = field(default_factory=dict)
    """Numbers of dropped items since the last snapshot, by cause: ``transactions``, ``names``, ``attributes``, ..."""
    running: tuple[RunningTransaction, ...] = ()
    """The transactions that are open now; they replace those that the instance reported before."""
    ran: float | None = None
    """Seconds since ``instance.started``, by a monotonic clock; ``None`` if unknown."""
    custom_metrics: tuple[CustomMetric, ...] = ()
    custom_events: tuple[CustomEvents, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    """All that the process has declared; sent once an hour and when there are new ones."""
    groups: tuple[GroupCount, ...] = ()
    enqueued: tuple[EnqueuedCount, ...] = ()
    settled: tuple[Settled, ...] = ()
    """Tasks of other processes whose ends are among what was recorded."""


class StoreUnavailable(Exception):
    """The store is locked, full, missing or broken; the same snapshot may be written again later.

    Args:
        message: what is the matter.
        kind: what all failures have in common of which one log line is enough; by default the message.
        is_remote: whether the store is on a server, which many processes may be trying to reach.
    """

    def __init__(self, message: str, kind: str = "", is_remote: bool = False) -> None:
        super().__init__(message)
        self.kind: str = kind or message
        self.is_remote: bool = is_remote


class Store(Protocol):
    """The interface of a store to the recorder. An instance is used by one thread at a time, in one process."""

    def write(self, snapshot: Snapshot) -> None:
        """Store the whole snapshot or nothing of it.

        Raises:
            StoreUnavailable: nothing was written, or it is not known whether it
                was; writing the same snapshot again counts it once.
        """

    def close(self) -> None:
        """Release the store's resources; may be called twice."""
