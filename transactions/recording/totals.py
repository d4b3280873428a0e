"""Totals: one shape for what is counted, from the minute's bucket to the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Final

from .counts import Counts, add_counts, encode_counts
from .histogram import Histogram, encode

__all__ = [
    "COLUMNS",
    "GREATEST",
    "HISTOGRAMS",
    "NUMBERS",
    "OUTCOMES",
    "PLAIN",
    "SUMS",
    "PlainTotals",
    "Totals",
    "columns_of",
    "nanoseconds",
    "seconds",
]

_NONE_YET: Final = 2**63 - 1
"""The minimum of nothing: no smaller than any other."""


def nanoseconds(duration: float) -> int:
    """Return seconds as whole nanoseconds, whose sum does not depend on the order in which they are added up."""
    return round(duration * 1e9)


def seconds(duration: int) -> float:
    """Return whole nanoseconds as seconds."""
    return duration / 1e9


@dataclass
class Totals:
    """Counts and sums of some transactions, which can be added up; all times are whole nanoseconds.

    To count one more thing takes a field here, a column of the store, and what shows it.
    """

    count: int = 0
    total: int = 0
    minimum: int = _NONE_YET
    maximum: int = 0
    succeeded: int = 0
    """This and the following six are outcomes, which add up to ``count``."""
    failed: int = 0
    retried: int = 0
    rejected: int = 0
    cancelled: int = 0
    timed_out: int = 0
    killed: int = 0
    satisfied: int = 0
    tolerating: int = 0
    frustrated: int = 0
    apdex_t: float | None = None
    """The latest threshold T (seconds) by which the three were told apart; ``None`` if there are none."""
    response_starts: int = 0
    """How many of them had a time to response start."""
    response_start_total: int = 0
    """From the entry of the request to the start of its response."""
    disconnected: int = 0
    queued: int = 0
    """How many of them came with a queue time: of a request in a proxy's queue, of a task in its own."""
    queue_total: int = 0
    queue_maximum: int = 0
    queue_histogram: Histogram = field(default_factory=dict)
    """Queue times by bin."""
    histogram: Histogram = field(default_factory=dict)
    """Durations by bin (see ``histogram.py``); the counts add up to ``count``."""
    statuses: Counts = field(default_factory=dict)
    """HTTP status to count; left empty where nobody asked for it."""

    @property
    def errors(self) -> int:
        """How many of them failed: to be tried again, refused or cancelled is no failure."""
        return self.failed + self.timed_out + self.killed

    def add(self, other: Totals) -> None:
        """Add other totals; their T counts as the later one."""
        for name in SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.minimum = min(self.minimum, other.minimum)
        for name in GREATEST:
            setattr(self, name, max(getattr(self, name), getattr(other, name)))
        self.apdex_t = self.apdex_t if other.apdex_t is None else other.apdex_t
        for name in (*HISTOGRAMS, "statuses"):
            add_counts(getattr(other, name), getattr(self, name))

    @classmethod
    def of(cls, all_totals: Iterable[Totals]) -> Totals:
        """Return the sum of totals."""
        remaining = iter(all_totals)
        whole = next(remaining, cls()).copy()
        for totals in remaining:
            whole.add(totals)
        return whole

    def copy(self) -> Totals:
        """Return totals that can be added to without changing these."""
        return replace(
            self, queue_histogram=dict(self.queue_histogram), histogram=dict(self.histogram),
            statuses=dict(self.statuses),
        )  # fmt: skip


COLUMNS: Final = tuple(one.name for one in fields(Totals))
"""What is kept of totals in a store: the histograms and the statuses come last, encoded."""
OUTCOMES: Final = ("succeeded", "failed", "retried", "rejected", "cancelled", "timed_out", "killed")
GREATEST: Final = ("maximum", "queue_maximum")
"""Columns of which the greatest counts."""
HISTOGRAMS: Final = ("queue_histogram", "histogram")
NUMBERS: Final = COLUMNS[: -len(HISTOGRAMS) - 1]
"""Columns of which each is one number: they stand before the histograms."""
SUMS: Final = tuple(name for name in COLUMNS if name not in {"minimum", "apdex_t", "statuses", *GREATEST, *HISTOGRAMS})
"""Columns that are added up."""


@dataclass(slots=True)
class PlainTotals:
    """The part of `Totals` that puts transactions in order; databases add it up by themselves, which is fast."""

    count: int
    total: int
    minimum: int
    maximum: int
    failed: int
    retried: int
    rejected: int
    cancelled: int
    timed_out: int
    killed: int
    satisfied: int
    tolerating: int
    frustrated: int
    queued: int
    queue_total: int

    @property
    def errors(self) -> int:
        """How many of them failed, as of `Totals`."""
        return self.failed + self.timed_out + self.killed

    @property
    def begun(self) -> int:
        """How many of them have begun: what was refused or cancelled mostly has not."""
        return self.count - self.rejected - self.cancelled


PLAIN: Final = tuple(one.name for one in fields(PlainTotals))
"""Its columns."""


def _storable(statuses: Mapping[int, int]) -> Counts:
    """Return the statuses that can be stored: applications send any numbers; invalid ones are counted as 0."""
    kept: Counts = {}
    for status, count in statuses.items():
        add_counts({status if 0 <= status <= 999 else 0: count}, kept)
    return kept


def columns_of(totals: Totals) -> Sequence[object]:
    """Return totals as the columns of a row."""
    counts = [getattr(totals, name) for name in NUMBERS]
    return (*counts, *(encode(getattr(totals, name)) for name in HISTOGRAMS), encode_counts(_storable(totals.statuses)))
