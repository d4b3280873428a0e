"""Arguments and results of the store's queries, as plain values."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, TypeVar

from ..model.finished import AttributeValue, FinishedTransaction, Kind
from ..recording.snapshot import Series
from ..recording.totals import Totals
from ..schedules import Schedule
from .statistics import Statistics, Workload
from .tracebacks import Traceback

__all__ = [
    "AlertState",
    "ApplicationStatistics",
    "CountedEver",
    "CustomMetricStatistics",
    "EnqueuedBy",
    "ErrorGroupInfo",
    "ErrorGroupStatistics",
    "ErrorKey",
    "ErrorStatistics",
    "ErrorTimeline",
    "ErrorType",
    "Figures_co",
    "Health",
    "HostStatistics",
    "Mark",
    "MarkKind",
    "RunningNow",
    "SampleErrorInfo",
    "ScheduleStatus",
    "Selection",
    "SeriesStatistics",
    "StoredEvent",
    "StoredEvents",
    "StoredInstance",
    "StoredSample",
    "StoredSchedule",
    "Timeline",
    "TimelineBucket",
    "What",
]

Figures_co = TypeVar("Figures_co", bound=Workload, covariant=True)
"""What is told of each step of a timeline."""
What = TypeVar("What", bound=Hashable)
"""What is counted over time."""


class Selection(NamedTuple):
    """A selection of transactions; ``None`` stands for all.

    Figures are kept of a host or of a version as a whole, and so are groups of errors,
    samples and open transactions; single transactions and messages of errors are not.
    """

    application: str | None = None
    kind: Kind | None = None
    group: str | None = None
    name: str | None = None
    host: str | None = None
    version: str | None = None

    @property
    def series(self) -> dict[str, str]:
        """The parts of a series that are selected, by name."""
        of_series = zip(self._fields[:4], self[:4], strict=True)
        return {part: value for part, value in of_series if value is not None}


@dataclass(frozen=True)
class SeriesStatistics:
    """The figures of one (application, kind, group, name)."""

    series: Series
    statistics: Statistics
    share: float
    """The share, 0 to 1, of the time that all transactions of the same application and kind took."""
    totals: Totals
    """The sums from which the figures were computed."""


@dataclass(frozen=True)
class ApplicationStatistics:
    """The figures of all transactions of one application and kind."""

    application: str
    kind: Kind
    statistics: Statistics
    totals: Totals


@dataclass(frozen=True)
class TimelineBucket(Generic[Figures_co]):
    """The transactions that ended in one step of a timeline."""

    start: int
    """Epoch seconds, a multiple of the step."""
    statistics: Figures_co


@dataclass(frozen=True)
class Timeline(Generic[Figures_co]):
    """Figures over time."""

    step: int
    """Seconds from one bucket to the next: more than was asked for where only coarser rows are kept."""
    buckets: tuple[TimelineBucket[Figures_co], ...]
    """Without gaps; a bucket in which nothing ended has zero calls."""


@dataclass(frozen=True)
class StoredSample:
    """A transaction that was kept as a sample, with all details."""

    id: int
    series: Series
    reason: Literal["slow", "failed"]
    transaction: FinishedTransaction

    @property
    def ended(self) -> float:
        """Epoch seconds."""
        return self.transaction.started + self.transaction.duration


@dataclass(frozen=True)
class ErrorStatistics:
    """The occurrences of a distinct error."""

    type: str
    """``module:Class``."""
    message: str
    expected: bool
    count: int
    last: int
    """Epoch seconds of the minute in which it was last seen; of the hour, if minutes are no longer kept."""
    by_series: Mapping[Series, int]
    """The number of occurrences in each series."""


@dataclass(frozen=True)
class ErrorGroupInfo:
    """A group of errors: of one class, from one place."""

    id: int
    application: str
    type: str
    """``module:Class``, or a status or an outcome with ``(no exception)``; ``<other>`` for those beyond the limit."""
    message: str
    """Of the first one."""
    frame: str
    """The innermost frame of the program's own: file, line and function; empty if it is not known."""
    expected: bool
    first_seen: int
    """Epoch seconds of a minute."""
    last_seen: int
    """Epoch seconds of a minute."""
    version: str
    """Of the program in which it was seen first; empty if that is not known."""

    @property
    def is_exception(self) -> bool:
        """Whether its errors are exceptions, rather than failures without one."""
        return not self.type.endswith("(no exception)")


@dataclass(frozen=True)
class ErrorGroupStatistics:
    """The errors of one group in a window."""

    group: ErrorGroupInfo
    count: int
    last: int
    """Epoch seconds of the minute in which the last one was seen; of the hour, if minutes are no longer kept."""
    new_since: str
    """The last version or mark, if it was seen for the first time after that; else empty."""
    by_series: Mapping[Series, int] | None
    """The number of occurrences in each series; ``None`` for one host or one version, of which they are not kept."""


@dataclass(frozen=True)
class SampleErrorInfo:
    """What is kept of one error of a sample besides its class and message."""

    group: ErrorGroupInfo
    traceback: Traceback | None


class ErrorKey(NamedTuple):
    """The fields by which errors are distinguished."""

    type: str
    """``module:Class``."""
    message: str
    expected: bool


@dataclass(frozen=True)
class ErrorTimeline(Generic[What]):
    """The occurrences of distinct errors, or of groups of them, over time."""

    step: int
    """Seconds from one start to the next: more than was asked for where only coarser rows are kept."""
    starts: Sequence[int]
    """Epoch seconds, multiples of the step."""
    counts: Mapping[What, Sequence[int]]
    """For each error, or the ``id`` of each group, one count per start."""


@dataclass(frozen=True)
class StoredInstance:
    """A process that has reported."""

    id: str
    host: str
    pid: int
    program: str
    started: float
    """Epoch seconds."""
    seen: float
    """Epoch seconds at which it took the last snapshot that it wrote."""
    lost: Mapping[str, int]
    """The number of dropped items by cause."""
    clock_difference: float | None = None
    """Seconds by which its clock was behind that of a server at its last report; ``None`` where there is none."""
    version: str = ""
    """Of the program, as it said."""

    def is_of(self, selection: Selection) -> bool:
        """Whether its host and its version are selected."""
        return self.host == (selection.host or self.host) and self.version == (selection.version or self.version)


@dataclass(frozen=True)
class HostStatistics:
    """The figures of one machine, pod or function, and what is known of its processes."""

    host: str
    statistics: Statistics
    processes: int
    """How many are there now, whatever they report."""
    last_seen: float | None
    """Epoch seconds of their last report; ``None`` if none of them is remembered."""
    clock_difference: float | None
    """Of that report (see `StoredInstance`)."""


@dataclass(frozen=True)
class CustomMetricStatistics:
    """The values of one custom metric, in the program's own unit."""

    application: str
    name: str
    count: int
    per_minute: float
    total: float
    minimum: float
    maximum: float

    @property
    def average(self) -> float:
        """Total by count."""
        return self.total / self.count


class StoredEvent(NamedTuple):
    """One custom event."""

    moment: float
    """Epoch seconds."""
    attributes: Mapping[str, AttributeValue]


@dataclass(frozen=True)
class StoredEvents:
    """The custom events of one type."""

    application: str
    type: str
    number: int
    """How many there ever were."""
    seen: int
    """Epoch seconds of the last report."""
    last: Sequence[StoredEvent]
    """The last few, the latest first."""


MarkKind = Literal["version", "manual", "alert", "alert_end"]


@dataclass(frozen=True)
class Mark:
    """A moment to compare with the time before it."""

    application: str
    """``""`` for all applications."""
    moment: int
    """Epoch seconds."""
    kind: MarkKind
    """Whether a version reported for the first time, somebody said so, or an alert began or ended."""
    name: str


class StoredSchedule(NamedTuple):
    """A schedule, and when it was reported."""

    schedule: Schedule
    first_seen: int
    """Epoch seconds."""
    seen: int
    """Epoch seconds of the last report."""


@dataclass(frozen=True)
class EnqueuedBy:
    """How many tasks of one series were enqueued by one transaction."""

    task: Series
    by: Series | None
    """``None`` for all those that are not told apart."""
    count: int


@dataclass(frozen=True)
class ScheduleStatus:
    """What became of a schedule within a window."""

    schedule: Schedule
    last_run: float | None
    """Epoch seconds, to the minute, at which the last run ended, or began if it is open; ``None`` for a month back."""
    next: float | None
    """Epoch seconds at which the next run is due; ``None`` if the rule is not understood."""
    missed: int
    """How many runs were due in the window, since the schedule is known, and did not begin in time."""
    last_missed: float | None
    """Epoch seconds at which the last of them was due."""


class ErrorType(NamedTuple):
    """Errors that are counted together since ever."""

    application: str
    kind: Kind
    type: str
    """``module:Class``."""
    expected: bool


@dataclass(frozen=True)
class CountedEver:
    """All that was ever counted, the expired included: what counters show that only grow.

    Where a name makes room for others it is gone, and its counts are in `OTHER`. That one is then another counter,
    which ``composition`` tells: one that jumped would be taken for so many calls.
    """

    applications: Mapping[Series, Totals]
    """Of all transactions of an application and kind; group and name are empty."""
    names: Mapping[Series, Totals]
    hosts: Mapping[Series, Totals]
    versions: Mapping[Series, Totals]
    queues: Mapping[Series, Totals]
    statuses: Mapping[str, Mapping[int, int]]
    """How often each HTTP status was sent, by application."""
    errors: Mapping[ErrorType, int]
    custom_metrics: Mapping[tuple[str, str], tuple[int, float]]
    """Number and total of the values by application and name."""
    composition: str
    """Changes whenever a name joins or leaves those that are counted under `OTHER`."""
    numbers: Mapping[str, Mapping[Series, int]]
    """By scope, what tells a series from one of the same name before it, which was evicted or forgotten."""


@dataclass(frozen=True)
class AlertState:
    """How things are with an alert of the configuration."""

    alert: str
    """Its name."""
    state: Literal["ok", "pending", "warning", "critical"]
    """``pending``: its limit is exceeded, but not for long enough yet."""
    since: float
    """Epoch seconds."""
    told: Literal["ok", "warning", "critical"]
    """The state that its webhook was told last."""
    claimed_by: str
    """The console that judged it last, or that is telling a change of state."""
    claimed: float
    """Epoch seconds at which it did."""
    attempts: int
    """How often it was tried in vain to tell the last change."""

    @property
    def is_on(self) -> bool:
        """Whether it has begun, and not ended."""
        return self.state in ("warning", "critical")

    @property
    def is_untold(self) -> bool:
        """Whether there is a change of state that was not told yet."""
        return self.state not in ("pending", self.told)


@dataclass(frozen=True)
class RunningNow:
    """A transaction that was open when its process wrote last."""

    series: Series
    started: float
    """Epoch seconds."""
    instance: StoredInstance


@dataclass(frozen=True)
class Health:
    """The state of the store's file."""

    path: str
    size: int
    """Bytes, write-ahead log included."""
    owner: str
    """The user who owns the file."""
    last_write: float | None
    """Epoch seconds, by the clock of the writing process; ``None`` if no process has reported yet."""
    lost: Mapping[str, int]
    """The number of items dropped by all processes that reported in the last days, by cause."""
    version: int
    """The version of the schema."""
    waiting: float | None = None
    """Seconds for which the oldest snapshot has waited on a server to be merged; ``None`` if none waits."""
    latest: float | None = None
    """The latest time (epoch seconds) that any process has reported by its clock: in the future if a clock is wrong."""
