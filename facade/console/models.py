"""What each page is made of, and not written for anybody yet.

The JSON API gives these as they are; the pages are rendered from them. Moments
are epoch seconds, durations are seconds, rates and shares 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weighbridge.reporting.report import Line
from weighbridge.transactions.model.finished import Kind
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.store.reader import (
    ErrorStatistics,
    Health,
    RunningNow,
    StoredInstance,
    StoredSample,
    Timeline,
)
from weighbridge.transactions.store.statistics import Statistics, Window

from .what_if import Score

__all__ = [
    "ApplicationSummary",
    "ApplicationsPage",
    "Bar",
    "Comparison",
    "ErrorCounts",
    "ErrorsOverTime",
    "ErrorsPage",
    "RunningPage",
    "SamplePage",
    "SummaryPage",
    "TransactionPage",
    "TransactionsPage",
    "Trend",
    "WhatIf",
]


@dataclass(frozen=True)
class Comparison:
    """The same time a day or a week before, by the clock on the wall."""

    window: Window
    statistics: Statistics
    timeline: Timeline
    places: Sequence[int | None]
    """For each bucket of what is shown, which one of this timeline (from 0) shows the same time of its day."""


@dataclass(frozen=True)
class Trend:
    """One transaction over time."""

    series: Series
    timeline: Timeline


@dataclass(frozen=True)
class SummaryPage:
    """One kind of transactions of an application."""

    window: Window
    application: str
    kind: Kind
    statistics: Statistics
    timeline: Timeline
    compared: Comparison | None
    top: Sequence[Line]
    slowest: Sequence[StoredSample]
    errors: Sequence[ErrorStatistics]
    instances: Sequence[StoredInstance]


@dataclass(frozen=True)
class TransactionsPage:
    """The transactions of an application and kind, in the order asked for."""

    window: Window
    application: str
    kind: Kind
    lines: Sequence[Line]
    known: int
    """How many there are, whatever was searched for."""
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
    """The threshold tried out; ``None`` where there is no Apdex."""
    apdex: float | None
    """Of this transaction with that threshold."""
    scores: Sequence[Score]
    """Of this transaction with other thresholds."""
    now: Statistics
    """Of the application as it is."""
    reclassified: Statistics
    """Of the application, were this transaction non-web."""


@dataclass(frozen=True)
class TransactionPage:
    """One transaction."""

    window: Window
    series: Series
    statistics: Statistics
    timeline: Timeline
    histogram: Sequence[Bar]
    slowest: Sequence[StoredSample]
    failed: Sequence[StoredSample]
    errors: Sequence[ErrorStatistics]
    statuses: Mapping[int, int]
    running: Sequence[RunningNow]
    """Those that are open at this moment."""
    what_if: WhatIf


@dataclass(frozen=True)
class SamplePage:
    """One transaction that was kept whole, among all calls of its name."""

    window: Window
    sample: StoredSample
    statistics: Statistics
    histogram: Sequence[Bar]
    faster: float | None
    """The share, 0 to 1, of the calls in the window that took less time; ``None`` where there were none."""


@dataclass(frozen=True)
class ErrorCounts:
    """How often an error occurred over time."""

    type: str
    message: str | None
    """``None``: all errors of that class together."""
    expected: bool
    counts: Sequence[int]


@dataclass(frozen=True)
class ErrorsOverTime:
    """Counts of errors, of each one for each start."""

    step: int
    """Seconds from one start to the next."""
    starts: Sequence[int]
    """Epoch seconds."""
    classes: Sequence[ErrorCounts]
    """By class, the most frequent first."""
    errors: Sequence[ErrorCounts]
    """By class and message."""

    def counts_of(self, error: ErrorStatistics) -> Sequence[int]:
        """Those of one error."""
        wanted = (error.type, error.message, error.expected)
        return next((one.counts for one in self.errors if (one.type, one.message, one.expected) == wanted), ())


@dataclass(frozen=True)
class ErrorsPage:
    """The errors of an application and kind; expected ones apart."""

    window: Window
    application: str
    kind: Kind
    statistics: Statistics
    timeline: Timeline
    unexpected: Sequence[ErrorStatistics]
    expected: Sequence[ErrorStatistics]
    over_time: ErrorsOverTime
    samples: Sequence[StoredSample]


@dataclass(frozen=True)
class ApplicationSummary:
    """One kind of transactions of one application."""

    application: str
    kind: Kind
    window: Window
    """From its first figure on, where it is younger than the time that is shown."""
    statistics: Statistics
    timeline: Timeline
    linked: Sequence[str]
    """Other applications to which it reports as well."""
    linked_from: Sequence[str]
    """Other applications which report to it as well."""


@dataclass(frozen=True)
class ApplicationsPage:
    """All of them, and the state of the store."""

    window: Window
    applications: Sequence[ApplicationSummary]
    health: Health


@dataclass(frozen=True)
class RunningPage:
    """What is open at this moment in the processes that report."""

    now: float
    transactions: Sequence[RunningNow]
    instances: Sequence[StoredInstance]
