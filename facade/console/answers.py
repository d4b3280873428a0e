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
from weighbridge.transactions.store.figures import Figures, Window
from weighbridge.transactions.store.reader import (
    ErrorFigures,
    Health,
    RunningNow,
    StoredInstance,
    StoredSample,
    Timeline,
)

from .what_if import Score

__all__ = [
    "Application",
    "Applications",
    "Bar",
    "Compared",
    "ErrorCounts",
    "Errors",
    "ErrorsOverTime",
    "Running",
    "Sample",
    "Summary",
    "Transaction",
    "Transactions",
    "Trend",
    "WhatIf",
]


@dataclass(frozen=True)
class Compared:
    """The same time a day or a week before, by the clock on the wall."""

    window: Window
    figures: Figures
    timeline: Timeline
    places: Sequence[int | None]
    """For each bucket of what is shown, which one of this timeline (from 0) shows the same time of its day."""


@dataclass(frozen=True)
class Trend:
    """One transaction over time."""

    series: Series
    timeline: Timeline


@dataclass(frozen=True)
class Summary:
    """One kind of transactions of an application."""

    window: Window
    application: str
    kind: Kind
    figures: Figures
    timeline: Timeline
    compared: Compared | None
    top: Sequence[Line]
    slowest: Sequence[StoredSample]
    errors: Sequence[ErrorFigures]
    instances: Sequence[StoredInstance]


@dataclass(frozen=True)
class Transactions:
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
    """What would be, were something else."""

    t: float | None
    """The threshold tried out; ``None`` where there is no Apdex."""
    apdex: float | None
    """Of this transaction with that threshold."""
    scores: Sequence[Score]
    """Of this transaction with other thresholds."""
    now: Figures
    """Of the application as it is."""
    reclassified: Figures
    """Of the application, were this transaction non-web."""


@dataclass(frozen=True)
class Transaction:
    """One transaction."""

    window: Window
    series: Series
    figures: Figures
    timeline: Timeline
    histogram: Sequence[Bar]
    slowest: Sequence[StoredSample]
    failed: Sequence[StoredSample]
    errors: Sequence[ErrorFigures]
    statuses: Mapping[int, int]
    running: Sequence[RunningNow]
    """Those that are open at this moment."""
    what_if: WhatIf


@dataclass(frozen=True)
class Sample:
    """One transaction that was kept whole, among all calls of its name."""

    window: Window
    sample: StoredSample
    figures: Figures
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

    def counts_of(self, error: ErrorFigures) -> Sequence[int]:
        """Those of one error."""
        wanted = (error.type, error.message, error.expected)
        return next((one.counts for one in self.errors if (one.type, one.message, one.expected) == wanted), ())


@dataclass(frozen=True)
class Errors:
    """The errors of an application and kind; expected ones apart."""

    window: Window
    application: str
    kind: Kind
    figures: Figures
    timeline: Timeline
    unexpected: Sequence[ErrorFigures]
    expected: Sequence[ErrorFigures]
    over_time: ErrorsOverTime
    samples: Sequence[StoredSample]


@dataclass(frozen=True)
class Application:
    """One kind of transactions of one application."""

    application: str
    kind: Kind
    window: Window
    """From its first figure on, where it is younger than the time that is shown."""
    figures: Figures
    timeline: Timeline
    linked: Sequence[str]
    """Other applications to which it reports as well."""
    linked_from: Sequence[str]
    """Other applications which report to it as well."""


@dataclass(frozen=True)
class Applications:
    """All of them, and the state of the store."""

    window: Window
    applications: Sequence[Application]
    health: Health


@dataclass(frozen=True)
class Running:
    """What is open at this moment in the processes that report."""

    now: float
    transactions: Sequence[RunningNow]
    instances: Sequence[StoredInstance]
