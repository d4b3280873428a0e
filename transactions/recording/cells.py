"""The counts of one series in one minute, while they are being made."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from typing import Final

from ..model.finished import NoticedError
from ..model.process import here
from ..model.request import RequestTransaction
from ..model.transaction import Transaction
from .histogram import Histogram, fold
from .snapshot import ErrorCount, MinuteRow, Series

__all__ = ["Cell", "Strand"]

_FAILED_SAMPLES: Final = 3
"""Failed transactions kept whole, a series and minute."""


class Strand:
    """Transactions of one cell that are alike in all but their durations; most are.

    Only what differs is noted of each, and it is counted many at a time:
    sorting and adding up are then work done in C.
    """

    __slots__ = ("cell", "durations", "failed", "rated", "slowest", "start_total", "starts", "status")

    def __init__(self, cell: Cell, transaction: Transaction) -> None:
        self.cell: Cell = cell
        self.durations: list[float] = []
        self.slowest: float = -1.0
        """Seconds; the longest so far."""
        self.starts: int = 0
        self.start_total: float = 0.0
        self.rated: bool = not transaction.background
        self.status: int = transaction.http_status or 0
        self.failed: bool = isinstance(transaction, RequestTransaction) and self.status in here.error_statuses


class Cell:
    """The counts, and the transactions that are kept whole."""

    __slots__ = (
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

    def take(self, strand: Strand) -> None:
        """Count what a strand has noted since the last time."""
        durations = strand.durations
        if not durations:
            return
        if strand.status:
            self.statuses[strand.status] += len(durations)
        self.response_starts += strand.starts
        self.response_start_total += strand.start_total
        self._add(durations, strand.rated, strand.failed)
        durations.clear()
        strand.starts = 0
        strand.start_total = 0.0

    def add(self, transaction: Transaction) -> None:
        """Count one transaction that is not like others: it has errors, attributes or flags."""
        extras = transaction.extras
        failed = transaction.failed()
        rated = not transaction.background and not (extras is not None and extras.apdex_suppressed)
        self._add([transaction.ended - transaction.entered], rated, failed)
        if extras is not None:
            self.errors.update(extras.errors)
        if isinstance(transaction, RequestTransaction):
            self._add_response(transaction)

    def _add_response(self, transaction: RequestTransaction) -> None:
        if transaction.response_started:
            self.response_starts += 1
            self.response_start_total += transaction.response_started - transaction.entered
        if transaction.status:
            self.statuses[transaction.status] += 1

    def add_rarities(self, transaction: RequestTransaction) -> None:
        """Count what few requests have: a queue time, a client that went away."""
        if transaction.queue_time is not None:
            self.queued += 1
            self.queue_total += transaction.queue_time
        self.disconnected += transaction.disconnected

    def keep_failed(self, transaction: Transaction) -> None:
        """Keep a failed transaction whole, or one with an expected error, while there are few of them."""
        suppressed = transaction.extras is not None and transaction.extras.trace_suppressed
        if not suppressed and len(self.samples) < _FAILED_SAMPLES:
            self.samples.append(transaction)

    def _add(self, durations: list[float], rated: bool, failed: bool) -> None:
        durations.sort()
        number = len(durations)
        self.count += number
        self.total += sum(durations)
        self.minimum = min(self.minimum, durations[0])
        self.maximum = max(self.maximum, durations[-1])
        fold(durations, self.histogram)
        self.failures += number * failed
        if rated:
            satisfied = 0 if failed else bisect_right(durations, self.apdex_t)
            tolerating = 0 if failed else bisect_right(durations, 4 * self.apdex_t) - satisfied
            self.satisfied += satisfied
            self.tolerating += tolerating
            self.frustrated += number - satisfied - tolerating

    def row(self, series: Series, minute: int) -> MinuteRow:
        """The counts as they go to the store; everything noted has been counted."""
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
