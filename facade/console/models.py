"""The content of each page as plain data, before it is rendered.

The JSON API returns these as they are; the pages are rendered from them. Moments
are epoch seconds, durations are seconds, rates and shares are 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from weighbridge.reporting.report import Line
from weighbridge.transactions.model.finished import Kind
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.store.reader import (
    AlertState,
    CustomMetricStatistics,
    EnqueuedBy,
    ErrorGroupInfo,
    ErrorGroupStatistics,
    ErrorStatistics,
    ErrorTimeline,
    Health,
    HostStatistics,
    Mark,
    RunningNow,
    SampleErrorInfo,
    ScheduleStatus,
    StoredEvents,
    StoredInstance,
    StoredSample,
    Timeline,
    Traceback,
)
from weighbridge.transactions.store.statistics import Statistics, Window, Workload

from .what_if import Score

__all__ = [
    "AlertsPage",
    "ApplicationSummary",
    "ApplicationsPage",
    "Bar",
    "ChangedTransaction",
    "Comparison",
    "CustomPage",
    "ErrorCounts",
    "ErrorPage",
    "ErrorsOverTime",
    "ErrorsPage",
    "HostsPage",
    "JobsPage",
    "MarkComparison",
    "MarksPage",
    "QueueLine",
    "RunningPage",
    "SamplePage",
    "SamplesPage",
    "SummaryPage",
    "TimeAndFigures",
    "TransactionLine",
    "TransactionPage",
    "TransactionsPage",
    "Trend",
    "WhatIf",
    "Worker",
]


@dataclass(frozen=True)
class Comparison:
    """The same time range a day or a week earlier, by local time."""

    window: Window
    statistics: Statistics
    timeline: Timeline[Statistics]
    places: Sequence[int | None]
    """For each bucket shown, the index of this timeline's bucket with the same time of day."""


@dataclass(frozen=True)
class TimeAndFigures:
    """The figures of a time range."""

    window: Window
    statistics: Statistics


@dataclass(frozen=True)
class ChangedTransaction:
    """One transaction before and after a mark."""

    series: Series
    before: Statistics | None
    """``None`` if it was not called then."""
    after: Statistics

    @property
    def added(self) -> float:
        """The seconds that its calls have taken longer than they would have before."""
        before = self.before.average if self.before else None
        return ((self.after.average or 0.0) - (before or 0.0)) * self.after.calls


@dataclass(frozen=True)
class MarkComparison:
    """What has changed since a mark."""

    moment: int
    """The minute of the mark (epoch seconds)."""
    names: Sequence[str]
    """The marks of that minute."""
    before: TimeAndFigures
    """A time as long as that after it."""
    after: TimeAndFigures
    changed: Sequence[ChangedTransaction]
    """The transactions that add the most time, first."""


@dataclass(frozen=True)
class MarksPage:
    """The marks in a time range: new versions, what somebody marked, and alerts that began or ended."""

    window: Window
    marks: Sequence[Mark]
    """In order of time."""
    compared: MarkComparison | None
    """Figures before and after the mark that was asked for."""


@dataclass(frozen=True)
class Trend:
    """One transaction over time."""

    series: Series
    timeline: Timeline[Workload]


@dataclass(frozen=True)
class SummaryPage:
    """One kind of transactions of an application."""

    window: Window
    served: Window
    """The part of it over which rates are averaged: without the time since the application is gone."""
    application: str
    kind: Kind
    statistics: Statistics
    timeline: Timeline[Statistics]
    compared: Comparison | None
    top: Sequence[Line]
    slowest: Sequence[StoredSample]
    errors: Sequence[ErrorStatistics]
    groups: Sequence[ErrorGroupStatistics]
    """The most frequent; unlike errors by message, they hold failures without an exception, too."""
    hosts: Sequence[HostStatistics]
    """Those with calls, if there are several."""
    instances: Sequence[StoredInstance]


class TransactionLine(NamedTuple):
    """One line of the table of transactions."""

    series: Series
    statistics: Statistics
    share: float
    """The share, 0 to 1, of the time that all transactions of the kind took."""
    change: float | None
    """By what share the average has changed since the time before, as long; ``None`` if there were none then."""


@dataclass(frozen=True)
class TransactionsPage:
    """The transactions of an application and kind, in the requested order."""

    window: Window
    served: Window
    """The part of it over which rates are averaged: without the time since the application is gone."""
    before: Window
    """The time before, with which averages are compared."""
    application: str
    kind: Kind
    lines: Sequence[TransactionLine]
    """One page of them."""
    page: int
    """Counted from 1."""
    pages: int
    found: int
    """Number of transactions that the search has found."""
    known: int
    """Number of transactions before the search."""
    largest: float
    """The largest share of any of them."""
    trends: Sequence[Trend]


@dataclass(frozen=True)
class Bar:
    """One bar of the latency histogram."""

    low: float
    high: float
    count: int


@dataclass(frozen=True)
class WhatIf:
    """Apdex scores under changed assumptions."""

    t: float | None
    """The threshold to try out; ``None`` if there is no Apdex."""
    apdex: float | None
    """The score of this transaction with that threshold."""
    scores: Sequence[Score]
    """The scores of this transaction with other thresholds."""
    now: Statistics
    """The figures of the application as they are."""
    reclassified: Statistics
    """The figures of the application if this transaction were non-web."""


@dataclass(frozen=True)
class TransactionPage:
    """One transaction."""

    window: Window
    served: Window
    """The part of it over which rates are averaged: without the time since the application is gone."""
    series: Series
    statistics: Statistics
    timeline: Timeline[Statistics]
    compared: Comparison | None
    histogram: Sequence[Bar]
    slowest: Sequence[StoredSample]
    failed: Sequence[StoredSample]
    errors: Sequence[ErrorStatistics]
    statuses: Mapping[int, int]
    running: Sequence[RunningNow]
    """Calls that are open at this moment."""
    what_if: WhatIf
    enqueued: Sequence[EnqueuedBy] = ()
    """By what its tasks were enqueued, in whole hours, as far as their system carries it."""


@dataclass(frozen=True)
class SamplePage:
    """A sample of a transaction, compared with all calls of its name."""

    window: Window
    sample: StoredSample
    statistics: Statistics
    histogram: Sequence[Bar]
    faster: float | None
    """The share, 0 to 1, of the calls in the window that took less time; ``None`` if there were none."""
    errors: Sequence[SampleErrorInfo] = ()
    """Group and traceback of each of its errors; of one that failed and had
    none but expected ones, the group of such failures as well."""
    tracebacks_shown: bool = True
    """Whether whoever asks may see tracebacks."""
    log_link: str | None = None
    """The address of its log lines, by the template of the configuration."""

    def without_tracebacks(self) -> SamplePage:
        """Return the page for somebody who may not see tracebacks."""
        hidden = [replace(error, traceback=None) for error in self.errors]
        return replace(self, errors=hidden, tracebacks_shown=False)


@dataclass(frozen=True)
class SamplesPage:
    """Samples of an application and kind that match a filter."""

    window: Window
    application: str
    kind: Kind
    timeline: Timeline[Statistics]
    """Of all calls: of the transaction, the host or the version that is chosen, else of all together."""
    samples: Sequence[StoredSample]
    """The slowest or the latest, at most a thousand."""
    is_complete: bool
    """Whether no others match."""


@dataclass(frozen=True)
class ErrorCounts:
    """The counts of an error over time."""

    type: str
    message: str | None
    """``None``: all errors of that class together."""
    expected: bool
    counts: Sequence[int]


@dataclass(frozen=True)
class ErrorsOverTime:
    """The counts of errors over time, one count per error and start."""

    step: int
    """Seconds from one start to the next."""
    starts: Sequence[int]
    """Epoch seconds."""
    classes: Sequence[ErrorCounts]
    """Counts by class, the most frequent first."""
    errors: Sequence[ErrorCounts]
    """Counts by class and message."""

    def counts_of(self, error: ErrorStatistics) -> Sequence[int]:
        """Return the counts of one error."""
        wanted = (error.type, error.message, error.expected)
        return next((one.counts for one in self.errors if (one.type, one.message, one.expected) == wanted), ())


@dataclass(frozen=True)
class ErrorsPage:
    """The errors of an application and kind; expected ones are kept separate."""

    window: Window
    application: str
    kind: Kind
    statistics: Statistics
    timeline: Timeline[Statistics]
    unexpected: Sequence[ErrorStatistics]
    """By message, as the next; none of either for one host or one version, of which only groups are kept."""
    expected: Sequence[ErrorStatistics]
    over_time: ErrorsOverTime
    samples: Sequence[StoredSample]
    groups: Sequence[ErrorGroupStatistics]
    """The same by class and place; expected ones are among them."""
    groups_over_time: ErrorTimeline[int]


@dataclass(frozen=True)
class ErrorPage:
    """A group of errors, and those of one kind of transactions among them."""

    window: Window
    application: str
    kind: Kind
    group: ErrorGroupInfo
    new_since: str
    count: int
    by_series: Mapping[Series, int] | None
    """``None`` for one host or one version, of which it is not kept."""
    over_time: ErrorTimeline[int]
    samples: Sequence[StoredSample]
    traceback: Traceback | None
    """The last that was kept."""
    tracebacks_shown: bool = True
    """Whether whoever asks may see tracebacks."""

    def without_tracebacks(self) -> ErrorPage:
        """Return the page for somebody who may not see tracebacks."""
        return replace(self, traceback=None, tracebacks_shown=False)


@dataclass(frozen=True)
class ApplicationSummary:
    """One kind of transactions of one application."""

    application: str
    kind: Kind
    window: Window
    """The time range; for a younger application it begins with its first figure."""
    statistics: Statistics
    timeline: Timeline[Statistics]
    linked: Sequence[str]
    """Other applications that it also reports to."""
    linked_from: Sequence[str]
    """Other applications that also report to it."""


@dataclass(frozen=True)
class AlertsPage:
    """The alerts that were judged, whatever their state."""

    alerts: Sequence[AlertState]


@dataclass(frozen=True)
class ApplicationsPage:
    """All applications, and the state of the store."""

    window: Window
    applications: Sequence[ApplicationSummary]
    health: Health


@dataclass(frozen=True)
class HostsPage:
    """The machines, pods or functions that report."""

    window: Window
    hosts: Sequence[HostStatistics]


@dataclass(frozen=True)
class RunningPage:
    """Transactions that are open at this moment in the processes that report."""

    now: float
    transactions: Sequence[RunningNow]
    instances: Sequence[StoredInstance]


class QueueLine(NamedTuple):
    """All tasks that were taken from one queue."""

    queue: str
    statistics: Statistics


class Worker(NamedTuple):
    """A process, and what it does at this moment."""

    instance: StoredInstance
    running: Sequence[RunningNow]


@dataclass(frozen=True)
class JobsPage:
    """The background transactions of an application: all of them, or those of one queue."""

    window: Window
    application: str
    queue: str
    """Empty for all together."""
    statistics: Statistics
    timeline: Timeline[Statistics]
    queues: Sequence[QueueLine]
    """Those that tasks were taken from, the longest wait first."""
    lines: Sequence[TransactionLine]
    """The first hundred tasks in the requested order, of all queues."""
    known: int
    """Number of tasks."""
    running: Sequence[RunningNow]
    """Runs that are open at this moment, of all queues, the oldest first."""
    enqueued: Sequence[EnqueuedBy]
    """By what tasks of all queues were enqueued, in whole hours, as far as their systems carry it."""
    schedules: Sequence[ScheduleStatus]
    workers: Sequence[Worker]


@dataclass(frozen=True)
class CustomPage:
    """The custom metrics and events of an application."""

    window: Window
    application: str
    metrics: Sequence[CustomMetricStatistics]
    events: Sequence[StoredEvents]
    """All types, however long ago they were recorded."""
