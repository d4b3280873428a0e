"""Statistics, the figures that people read, computed from totals.

The terminal report and the web page both take their figures from here, so that
their numbers agree to the last digit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ..recording.histogram import quantiles
from ..recording.totals import OUTCOMES, Totals, seconds

__all__ = ["Statistics", "Window", "Workload", "statistics_of", "workload_of"]

_SHOWN: Final = (0.50, 0.95, 0.99)


class Window(NamedTuple):
    """A time range, from ``since`` up to but not including ``until``, in epoch seconds."""

    since: float
    until: float

    @property
    def minutes(self) -> float:
        """Its length in minutes."""
        return (self.until - self.since) / 60


@dataclass(frozen=True)
class Workload:
    """How much work there was; ``None`` for what is undefined because nothing was counted."""

    calls: int
    per_minute: float
    """Throughput: calls per minute, averaged over the window."""
    average: float | None
    """Seconds."""


@dataclass(frozen=True)
class Statistics(Workload):
    """The figures of a report."""

    total: float
    """Seconds spent in all of them."""
    minimum: float | None
    """Seconds, as are the following ones."""
    median: float | None
    """The three quantiles are off by at most 1.1 % of themselves (see ``recording/histogram.py``)."""
    p95: float | None
    p99: float | None
    maximum: float | None
    errors: int
    """How many failed."""
    error_rate: float | None
    """The share of those that failed, 0 to 1."""
    satisfied: int
    tolerating: int
    frustrated: int
    apdex: float | None
    """(satisfied + tolerating / 2) / all three; ``None`` for background transactions and where none was judged."""
    apdex_t: float | None
    """The threshold T in seconds of the latest of them."""
    response_start: float | None
    """Average seconds from the entry of a request to the start of its response."""
    queue_time: float | None
    """Average seconds in queues, of those that came with a queue time."""
    disconnected: int
    """How many were left by their client before the end."""
    queued: int = 0
    """How many came with a queue time."""
    queue_median: float | None = None
    """The three quantiles of queue times, as exact as those of durations."""
    queue_p95: float | None = None
    queue_p99: float | None = None
    queue_maximum: float | None = None
    outcomes: Mapping[str, int] = field(default_factory=dict)
    """How many ended in each way; they add up to ``calls``."""

    @property
    def apdex_samples(self) -> int:
        """How many transactions the Apdex score was made of; below 100 it says little."""
        return self.satisfied + self.tolerating + self.frustrated


def statistics_of(totals: Totals, minutes: float) -> Statistics:
    """Compute the figures from what was counted within so many minutes."""
    judged = totals.satisfied + totals.tolerating + totals.frustrated
    median, p95, p99 = _quantiles(totals)
    queue_median, queue_p95, queue_p99 = _queue_quantiles(totals)
    return Statistics(
        calls=totals.count,
        per_minute=_per_minute(totals.count, minutes),
        total=seconds(totals.total),
        average=_average(totals.total, totals.count),
        minimum=seconds(totals.minimum) if totals.count else None,
        median=median,
        p95=p95,
        p99=p99,
        maximum=seconds(totals.maximum) if totals.count else None,
        errors=totals.errors,
        error_rate=_ratio(totals.errors, totals.count),
        satisfied=totals.satisfied,
        tolerating=totals.tolerating,
        frustrated=totals.frustrated,
        apdex=_ratio(totals.satisfied + totals.tolerating / 2, judged),
        apdex_t=totals.apdex_t if judged else None,
        response_start=_average(totals.response_start_total, totals.response_starts),
        queue_time=_average(totals.queue_total, totals.queued),
        disconnected=totals.disconnected,
        queued=totals.queued,
        queue_median=queue_median,
        queue_p95=queue_p95,
        queue_p99=queue_p99,
        queue_maximum=seconds(totals.queue_maximum) if totals.queued else None,
        outcomes={outcome: getattr(totals, outcome) for outcome in OUTCOMES},
    )


def workload_of(count: int, total: int, minutes: float) -> Workload:
    """Return the work of so many transactions, which took so many nanoseconds together."""
    return Workload(count, _per_minute(count, minutes), _average(total, count))


def _per_minute(count: int, minutes: float) -> float:
    return count / minutes if minutes > 0 else 0.0


def _ratio(part: float, whole: int) -> float | None:
    return part / whole if whole else None


def _average(total: int, count: int) -> float | None:
    return seconds(total) / count if count else None


def _quantiles(totals: Totals) -> Sequence[float | None]:
    if not totals.histogram:
        return None, None, None
    return quantiles(totals.histogram, _SHOWN, seconds(totals.minimum), seconds(totals.maximum))


def _queue_quantiles(totals: Totals) -> Sequence[float | None]:
    if not totals.queue_histogram:
        return None, None, None
    return quantiles(totals.queue_histogram, _SHOWN, 0.0, seconds(totals.queue_maximum))
