"""Minute buckets: the counts of one series in one minute, while that minute is being counted.

A transaction only appends two or three numbers to lists of its buffer. They are
counted many at a time, by operations that Python runs in C: sorting, summing, bisecting.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, TypeVar

from ..handoff import BUFFER_CAPACITY, KEEP_ALL, DurationBuffer, handoff
from ..model.applications import Application
from ..model.errors import LocatedError, retained
from ..model.finished import NoticedError, Outcome
from ..model.transaction import Transaction
from .enqueuers import series_in
from .error_groups import failed_without, group_of
from .histogram import add_sorted
from .name_limits import OTHER
from .snapshot import (
    EnqueuedCount,
    ErrorCount,
    ErrorGroup,
    GroupCount,
    MinuteRow,
    Sample,
    SampleError,
    SampleReason,
    Series,
)
from .totals import Totals, nanoseconds

__all__ = ["MinuteBucket", "SeriesBuffer"]

_MAX_FAILED: Final = 3
"""Failed transactions kept whole per series and minute."""
_KEEP_NONE: Final = float("inf")
"""Value of `DurationBuffer.slow_threshold` for which no transaction is kept whole."""
_MAX_ENQUEUERS: Final = 100
"""Enqueuing transactions that are told apart per series and minute."""
_MAX_QUEUES: Final = 50
"""Queues that are kept apart per series and minute; tasks of more are counted under one name."""

_BufferKey = tuple[int, Outcome, str, bool, bool, bool, bool, bool]

_Row = TypeVar("_Row", MinuteRow, EnqueuedCount, ErrorCount, GroupCount, Sample)
_Item = TypeVar("_Item")


class SeriesBuffer(DurationBuffer):
    """A buffer for transactions of one minute bucket that share status, outcome and flags, so are counted alike."""

    __slots__ = (
        "apdex",
        "bucket",
        "by_error",
        "disconnected",
        "failed",
        "outcome",
        "queue",
        "sampled",
        "status",
        "with_errors",
    )

    def __init__(
        self,
        bucket: MinuteBucket,
        status: int,
        outcome: Outcome,
        queue: str,
        failed: bool,
        by_error: bool,
        with_errors: bool,
        apdex: bool,
        sampled: bool,
    ) -> None:
        super().__init__(bucket.expires_at)
        self.bucket: MinuteBucket = bucket
        self.status: int = status
        self.outcome: Outcome = outcome
        self.queue: str = queue
        """The queue that they were taken from, if it is known."""
        self.failed: bool = failed
        self.by_error: bool = by_error
        """Whether an error says so that was not expected; else it is their status or outcome."""
        self.with_errors: bool = with_errors
        """Whether they have errors, expected ones perhaps."""
        self.apdex: bool = apdex
        """Whether they have an Apdex zone."""
        self.sampled: bool = sampled
        """Whether they may be kept whole."""
        self.disconnected: int = 0

    def add(self, transaction: Transaction) -> None:
        """Count a transaction that was handed over whole, and keep it if it is slow or failed."""
        duration = transaction._end_time - transaction._start_time
        self.durations.append(duration)
        start = transaction._time_to_response()
        if start is not None:
            self.response_starts.append(start)
        extras = transaction._extras
        if extras is not None:
            if extras.queue_time is not None:
                self.queue_times.append(extras.queue_time)
            if extras.enqueuer is not None:
                self.enqueuers.append(extras.enqueuer)
            self.disconnected += extras.disconnected
            self.errors.extend(extras.errors)
        if self.sampled:
            self._keep(transaction, duration)
        else:
            self.slow_threshold: float = _KEEP_NONE

    def _keep(self, transaction: Transaction, duration: float) -> None:
        bucket = self.bucket
        bucket.keep_if_slowest(transaction, duration)
        if self.failed or self.with_errors:
            self.slow_threshold = KEEP_ALL if bucket.keep_failed(transaction) else bucket.slow_threshold
        else:
            self.slow_threshold = bucket.slow_threshold


class MinuteBucket:
    """The counts of one series in one minute, whose samples are chosen per minute, not per snapshot."""

    __slots__ = (
        "_apdex_t",
        "_application",
        "_buffers",
        "_enqueuers",
        "_failed",
        "_failed_before",
        "_minute",
        "_series",
        "_slowest",
        "_totals",
        "errors",
        "expires_at",
        "group_counts",
        "groups",
        "slow_threshold",
    )

    def __init__(self, application: Application, series: Series, minute: int, until: float, apdex_t: float) -> None:
        self.expires_at: float = until
        """The end of the minute, on the monotonic clock."""
        self.errors: dict[NoticedError, int] = {}
        """How often each distinct error occurred since the last `take_error_counts`."""
        self.groups: dict[str, ErrorGroup] = {}
        """The groups of these errors, by key."""
        self.group_counts: Counter[str] = Counter()
        """How many errors each of them had."""
        self.slow_threshold: float = -1.0
        """Seconds above which a transaction is slower than all before it in this minute."""
        self._application = application
        self._series = series
        self._minute = minute
        self._apdex_t = apdex_t
        self._buffers: dict[_BufferKey, SeriesBuffer] = {}
        self._totals: dict[str, Totals] = {}
        """By queue; what came from none under an empty name."""
        self._enqueuers: Counter[str] = Counter()
        """How many of them were enqueued by whom, by header; by others beyond the limit under an empty one."""
        self._slowest: Transaction | None = None
        self._failed: list[Transaction] = []
        self._failed_before = 0

    def buffer_for(self, transaction: Transaction) -> SeriesBuffer:
        """Return the buffer in which a transaction of this series is counted."""
        flags, extras, failed = transaction._identity.flags, transaction._extras, transaction._failed()
        key: _BufferKey = (
            transaction.status or 0,
            transaction._outcome() or ("failed" if failed else "succeeded"),
            self._bounded("" if extras is None else extras.queue or ""),
            failed,
            extras is not None and extras.failing,
            extras is not None and bool(extras.errors),
            flags.apdex and not transaction._background,
            flags.sampled,
        )
        buffer = self._buffers.get(key)
        if buffer is None:
            buffer = self._buffers[key] = SeriesBuffer(self, *key)
        return buffer

    def _bounded(self, queue: str) -> str:
        """Return the queue itself, or the one that counts surplus queues."""
        known = {buffer.queue for buffer in self._buffers.values()}
        return queue if queue in known or len(known) < _MAX_QUEUES else OTHER

    # Samples

    def keep_if_slowest(self, transaction: Transaction, duration: float) -> None:
        """Keep a transaction whole if it is slower than all before it in this minute."""
        if duration > self.slow_threshold:
            self.slow_threshold = duration
            self._slowest = transaction

    def keep_failed(self, transaction: Transaction) -> bool:
        """Keep a transaction with errors whole, up to a few per minute; return whether more are wanted."""
        wanted = _MAX_FAILED - self._failed_before - len(self._failed)
        if wanted > 0:
            self._failed.append(transaction)
        return wanted > 1

    def has_failed(self) -> bool:
        """Whether failed transactions are among the kept ones."""
        return bool(self._failed)

    def kept_transactions(self) -> list[tuple[SampleReason, Transaction]]:
        """Return the transactions that are kept whole and in no snapshot yet, each with the reason."""
        kept: list[tuple[SampleReason, Transaction]] = [("failed", transaction) for transaction in self._failed]
        if self._slowest is not None and self._slowest not in self._failed:
            kept.append(("slow", self._slowest))
        return kept

    def release_kept(self) -> None:
        """Drop the kept transactions."""
        self._failed_before += len(self._failed)
        self._failed = []
        self._slowest = None

    # What goes to the store

    def take_errors(self) -> Counter[LocatedError]:
        """Return how often each error occurred since the last call."""
        buffers = [buffer.errors for buffer in self._buffers.values() if buffer.errors]
        return Counter(error for errors in buffers for error in retained(_drain(errors)))

    def flush_buffers(self) -> int:
        """Count what the buffers hold; return the number of transactions counted since the last `take_rows`."""
        for buffer in self._buffers.values():
            if buffer.durations or buffer.response_starts:
                number = _add_buffer(buffer, self._totals.setdefault(buffer.queue, Totals()), self._apdex_t)
                if buffer.failed and not buffer.by_error and number:
                    group = failed_without(buffer.status, buffer.outcome)
                    self.groups[group.key] = group
                    self.group_counts[group.key] += number
            if buffer.enqueuers:
                self._count_enqueuers(_drain(buffer.enqueuers))
        return sum(totals.count for totals in self._totals.values())

    def _count_enqueuers(self, headers: list[str]) -> None:
        known = self._enqueuers
        for header in headers:
            known[header if header in known or len(known) < _MAX_ENQUEUERS else ""] += 1

    def take_rows(self) -> Iterator[MinuteRow]:
        """Yield the counts, if there are any, and reset them."""
        if self.flush_buffers():
            by_queue, self._totals = self._totals, {}
            for queue, totals in by_queue.items():
                yield from self._linked(MinuteRow(self._series, self._minute, totals, queue))

    def take_error_counts(self) -> Iterator[ErrorCount]:
        """Yield how often each distinct error occurred, and reset the counts."""
        errors, self.errors = self.errors, {}
        for error, count in errors.items():
            yield from self._linked(
                ErrorCount(self._series, self._minute, error.type, error.message, error.expected, count)
            )

    def take_group_counts(self) -> Iterator[GroupCount]:
        """Yield how many errors each group had, and reset the counts."""
        groups, self.groups = self.groups, {}
        counts, self.group_counts = self.group_counts, Counter()
        for key, count in counts.items():
            yield from self._linked(GroupCount(self._series, self._minute, groups[key], count))

    def take_enqueued(self) -> Iterator[EnqueuedCount]:
        """Yield how many of them were enqueued by whom, and reset the counts."""
        counts, self._enqueuers = self._enqueuers, Counter()
        for header, count in counts.items():
            enqueuer = series_in(header) if header else None
            if enqueuer is None and header:
                handoff.record_dropped("enqueuers", count)
            else:
                yield from self._linked(EnqueuedCount(self._series, self._minute, enqueuer, count))

    def take_samples(self) -> Iterator[Sample]:
        """Yield the kept transactions as samples, and drop them."""
        for reason, transaction in self.kept_transactions():
            sample = Sample(self._series, reason, transaction._as_finished(), _sample_errors(transaction))
            yield from self._linked(sample)
        self.release_kept()

    def _linked(self, made: _Row) -> Iterator[_Row]:
        """Yield a row of the series, and a copy for each linked application."""
        yield made
        for name in self._application.linked:
            yield replace(made, series=self._series._replace(application=name))


def _sample_errors(transaction: Transaction) -> tuple[SampleError, ...]:
    """Return what else is known of a transaction's errors."""
    found = tuple(SampleError(group_of(error), error.stack) for error in transaction._kept_errors())
    extras = transaction._extras
    if transaction._failed() and not (extras is not None and extras.failing):
        return (*found, SampleError(failed_without(transaction.status, transaction._outcome()), None))
    return found


def _add_buffer(buffer: SeriesBuffer, into: Totals, apdex_t: float) -> int:
    """Count what a buffer holds, and empty it; return how many transactions that were."""
    durations = _drain(buffer.durations)
    buffer.capacity = BUFFER_CAPACITY
    if durations:
        durations.sort()
        into.count += len(durations)
        into.total += nanoseconds(sum(durations))
        into.minimum = min(into.minimum, nanoseconds(durations[0]))
        into.maximum = max(into.maximum, nanoseconds(durations[-1]))
        add_sorted(durations, into.histogram)
        _add_outcomes(buffer, durations, into, apdex_t)
    _add_waits(buffer, into)
    return len(durations)


def _add_outcomes(buffer: SeriesBuffer, durations: list[float], into: Totals, apdex_t: float) -> None:
    if buffer.status:
        into.statuses[buffer.status] = into.statuses.get(buffer.status, 0) + len(durations)
    setattr(into, buffer.outcome, getattr(into, buffer.outcome) + len(durations))
    if buffer.apdex:
        satisfied = 0 if buffer.failed else bisect_right(durations, apdex_t)
        tolerating = 0 if buffer.failed else bisect_right(durations, 4 * apdex_t) - satisfied
        into.satisfied += satisfied
        into.tolerating += tolerating
        into.frustrated += len(durations) - satisfied - tolerating
        into.apdex_t = apdex_t


def _add_waits(buffer: SeriesBuffer, into: Totals) -> None:
    starts = _drain(buffer.response_starts)
    into.response_starts += len(starts)
    into.response_start_total += nanoseconds(sum(starts))
    queue_times = _drain(buffer.queue_times)
    if queue_times:
        queue_times.sort()
        into.queued += len(queue_times)
        into.queue_total += nanoseconds(sum(queue_times))
        into.queue_maximum = max(into.queue_maximum, nanoseconds(queue_times[-1]))
        add_sorted(queue_times, into.queue_histogram)
    into.disconnected += buffer.disconnected
    buffer.disconnected = 0


def _drain(items: list[_Item]) -> list[_Item]:
    """Remove and return the items of a buffer's list; items that other threads append meanwhile stay in it."""
    taken = items[:]
    del items[: len(taken)]
    return taken
