"""Arguments and results of the store's queries, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ..model.finished import FinishedTransaction, Kind
from ..recording.snapshot import Series
from .statistics import Statistics, Totals

__all__ = [
    "ApplicationStatistics",
    "ErrorKey",
    "ErrorStatistics",
    "ErrorTimeline",
    "Health",
    "RunningNow",
    "Selection",
    "SeriesStatistics",
    "StoredInstance",
    "StoredSample",
    "Timeline",
    "TimelineBucket",
]


class Selection(NamedTuple):
    """A selection of transactions; ``None`` stands for all."""

    application: str | None = None
    kind: Kind | None = None
    group: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class SeriesStatistics:
    """The figures of one (application, kind, group, name)."""

    series: Series
    statistics: Statistics
    share: float
    """The share, 0 to 1, of the time that all transactions of the same application and kind took."""
    totals: Totals
    """What the figures were made of."""


@dataclass(frozen=True)
class ApplicationStatistics:
    """The figures of all transactions of one application and kind."""

    application: str
    kind: Kind
    statistics: Statistics
    totals: Totals


@dataclass(frozen=True)
class TimelineBucket:
    """What ended in one step of a timeline."""

    start: int
    """Epoch seconds, a multiple of the step."""
    statistics: Statistics


@dataclass(frozen=True)
class Timeline:
    """Figures over time."""

    step: int
    """Seconds from one bucket to the next: more than was asked for where only coarser rows are kept."""
    buckets: tuple[TimelineBucket, ...]
    """Without gaps; one in which nothing ended has zero calls."""


@dataclass(frozen=True)
class StoredSample:
    """A transaction that was kept whole."""

    id: int
    series: Series
    reason: Literal["slow", "failed"]
    transaction: FinishedTransaction


@dataclass(frozen=True)
class ErrorStatistics:
    """How often a distinct error occurred."""

    type: str
    """``module:Class``."""
    message: str
    expected: bool
    count: int
    last: int
    """Epoch seconds of the minute in which it was last seen; of the hour, where minutes are no longer kept."""
    by_series: Mapping[Series, int]
    """Where it occurred, and how often."""


class ErrorKey(NamedTuple):
    """What makes an error a distinct one."""

    type: str
    """``module:Class``."""
    message: str
    expected: bool


@dataclass(frozen=True)
class ErrorTimeline:
    """How often distinct errors occurred over time."""

    step: int
    """Seconds from one start to the next: more than was asked for where only coarser rows are kept."""
    starts: Sequence[int]
    """Epoch seconds, multiples of the step."""
    counts: Mapping[ErrorKey, Sequence[int]]
    """Of each error one count for each start."""


@dataclass(frozen=True)
class StoredInstance:
    """A process that reported."""

    id: str
    host: str
    pid: int
    program: str
    started: float
    """Epoch seconds, as is ``seen``."""
    seen: float
    """When it took the last snapshot that it wrote."""
    lost: Mapping[str, int]
    """What it had to drop, by cause."""


@dataclass(frozen=True)
class RunningNow:
    """A transaction that was open when its process wrote last."""

    series: Series
    started: float
    """Epoch seconds."""
    instance: StoredInstance


@dataclass(frozen=True)
class Health:
    """The file itself."""

    path: str
    size: int
    """Bytes, write-ahead log included."""
    owner: str
    """The user who owns the file."""
    last_write: float | None
    """Epoch seconds, by the clock of who wrote; ``None`` if nobody has reported yet."""
    lost: Mapping[str, int]
    """What was dropped by all processes that reported in the last days, by cause."""
    version: int
    """Of the schema."""
    latest: float | None = None
    """The latest time (epoch seconds) that anybody reported, by its own clock: in the future if a clock is wrong."""
