"""The counts of one series in one minute, while they are being made."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from typing import Final

from ..model.finished import NoticedError
from ..model.request import RequestTransaction
from ..model.transaction import Transaction
from .histogram import Histogram, fold
from .snapshot import ErrorCount, MinuteRow, Series

__all__ = ["Cell"]

_FAILED_SAMPLES: Final = 3
"""Failed transactions kept whole, a series and minute."""


class Cell:
    """Durations are collected first and counted many at a time: sorting them is work done in C."""

    __slots__ = (
        "_failed",
        "_rated",
        "_unrated",
        "apdex_t",
        "count",
        "disconnected",
        "errors",
        "failures",
        "frustrated",
        "histogram",
        "maximum",
        "minimum",
        "queue_total",
        "queued",
        "response_start_total",
        "response_starts",
        "samples",
        "satisfied",
        "slowest",
        "statuses",
        "tolerating",
        "total",
    )

    def __init__(self, apdex_t: float) -> None:
        self.apdex_t: float = apdex_t
        self._rated: list[float] = []
        self._unrated: list[float] = []
        self._failed: list[float] = []
        self.count: int = 0
        self.failures: int = 0
        self.satisfied: int = 0
        self.tolerating: int = 0
        self.frustrated: int = 0
        self.total: float = 0.0
        self.minimum: float = float("inf")
        self.maximum: float = 0.0
        self.histogram: Histogram = {}
        self.response_starts: int = 0
        self.response_start_total: float = 0.0
        self.queued: int = 0
        self.queue_total: float = 0.0
        self.disconnected: int = 0
        self.statuses: Counter[int] = Counter()
        self.errors: Counter[NoticedError] = Counter()
        self.slowest: Transaction | None = None
        self.samples: list[Transaction] = []

    def add(self, transaction: Transaction) -> float:
        """Count a transaction; gives its duration in seconds."""
        duration = transaction.ended - transaction.entered
        extras = transaction.extras
        failed = transaction.failed()
        if failed or (extras is not None and extras.errors):
            self._add_errors(transaction, failed)
        if transaction.background or (extras is not None and extras.apdex_suppressed):
            self._unrated.append(duration)
        elif failed:
            self._failed.append(duration)
        else:
            self._rated.append(duration)
        if isinstance(transaction, RequestTransaction):
            self._add_response(transaction)
        return duration

    def _add_errors(self, transaction: Transaction, failed: bool) -> None:
        self.failures += failed
        if transaction.extras is not None:
            self.errors.update(transaction.extras.errors)
            if transaction.extras.trace_suppressed:
                return
        if len(self.samples) < _FAILED_SAMPLES:
            self.samples.append(transaction)

    def _add_response(self, transaction: RequestTransaction) -> None:
        if transaction.response_started:
            self.response_starts += 1
            self.response_start_total += transaction.response_started - transaction.entered
        if transaction.status:
            self.statuses[transaction.status] += 1
        if transaction.queue_time is not None:
            self.queued += 1
            self.queue_total += transaction.queue_time
        self.disconnected += transaction.disconnected

    def compact(self) -> None:
        """Count the durations collected so far."""
        self._rate()
        for durations in (self._rated, self._failed, self._unrated):
            if durations:
                self.count += len(durations)
                self.total += sum(durations)
                self.minimum = min(self.minimum, *durations)
                self.maximum = max(self.maximum, *durations)
                fold(durations, self.histogram)
                durations.clear()

    def _rate(self) -> None:
        self._rated.sort()
        satisfied = bisect_right(self._rated, self.apdex_t)
        tolerating = bisect_right(self._rated, 4 * self.apdex_t) - satisfied
        self.satisfied += satisfied
        self.tolerating += tolerating
        self.frustrated += len(self._rated) - satisfied - tolerating + len(self._failed)

    def row(self, series: Series, minute: int) -> MinuteRow:
        """The counts as they go to the store."""
        self.compact()
        return MinuteRow(
            series=series,
            minute=minute,
            count=self.count,
            total=self.total,
            minimum=self.minimum,
            maximum=self.maximum,
            errors=self.failures,
            satisfied=self.satisfied,
            tolerating=self.tolerating,
            frustrated=self.frustrated,
            apdex_t=self.apdex_t if self.satisfied + self.tolerating + self.frustrated else None,
            histogram=self.histogram,
            response_starts=self.response_starts,
            response_start_total=self.response_start_total,
            queued=self.queued,
            queue_total=self.queue_total,
            disconnected=self.disconnected,
            statuses=dict(self.statuses),
        )

    def error_counts(self, series: Series, minute: int) -> list[ErrorCount]:
        """How often each distinct error occurred."""
        return [
            ErrorCount(series, minute, error.type, error.message, error.expected, count)
            for error, count in self.errors.items()
        ]
