"""The counts of one series in one minute, while they are being made.

Folding a transaction costs next to nothing: it appends two numbers to lists of
its lane. Counting them is done for many at a time, by work that
Python does in C: sorting, adding up, bisecting.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, TypeVar

from ..model.applications import Application
from ..model.errors import to_keep
from ..model.finished import NoticedError
from ..model.outlet import ALL_WANTED, ROOM
from ..model.outlet import Lane as OpenLane
from ..model.transaction import Transaction
from .histogram import Histogram, fold_ordered
from .snapshot import ErrorCount, MinuteRow, Sample, SampleReason, Series

__all__ = ["Cell", "Lane"]

_FAILED_AT_MOST: Final = 3
"""Failed transactions kept whole, a series and minute."""
_ABOVE_ALL: Final = float("inf")
"""As `Lane.bar`: none is kept whole."""

_Made = TypeVar("_Made", MinuteRow, ErrorCount, Sample)
_Noted = TypeVar("_Noted")


class Lane(OpenLane):
    """Transactions of one cell that are counted alike: with the same status, rated alike, and kept alike."""

    __slots__ = ("cell", "disconnected", "failed", "rated", "sampled", "status", "with_errors")

    def __init__(self, cell: Cell, status: int, failed: bool, with_errors: bool, rated: bool, sampled: bool) -> None:
        super().__init__(cell.until)
        self.cell: Cell = cell
        self.status: int = status
        self.failed: bool = failed
        self.with_errors: bool = with_errors
        """Whether they have errors, expected ones perhaps."""
        self.rated: bool = rated
        """Whether they have an Apdex zone."""
        self.sampled: bool = sampled
        """Whether they may be kept whole."""
        self.disconnected: int = 0

    def take(self, transaction: Transaction) -> None:
        """Count one that came whole, and keep it if it is telling."""
        duration = transaction._ended - transaction._entered
        self.durations.append(duration)
        start = transaction._response_start()
        if start is not None:
            self.starts.append(start)
        extras = transaction._extras
        if extras is not None:
            if extras.queue_time is not None:
                self.queue_times.append(extras.queue_time)
            self.disconnected += extras.disconnected
            self.errors.extend(extras.errors)
        if self.sampled:
            self._keep(transaction, duration)
        else:
            self.bar: float = _ABOVE_ALL

    def _keep(self, transaction: Transaction, duration: float) -> None:
        cell = self.cell
        cell.keep_if_slowest(transaction, duration)
        if self.failed or self.with_errors:
            self.bar = ALL_WANTED if cell.keep_failed(transaction) else cell.bar
        else:
            self.bar = cell.bar


class Cell:
    """One series in one minute. Its samples are chosen among all of that minute, in however many snapshots they go."""

    __slots__ = (
        "_apdex_t",
        "_application",
        "_counts",
        "_failed",
        "_failed_before",
        "_lanes",
        "_minute",
        "_series",
        "_slowest",
        "bar",
        "errors",
        "until",
    )

    def __init__(self, application: Application, series: Series, minute: int, until: float, apdex_t: float) -> None:
        self.until: float = until
        """The end of the minute, on the monotonic clock."""
        self.errors: dict[NoticedError, int] = {}
        """How often each distinct one occurred since the last `error_counts`."""
        self.bar: float = -1.0
        """Seconds above which a transaction is slower than all before it in this minute."""
        self._application = application
        self._series = series
        self._minute = minute
        self._apdex_t = apdex_t
        self._lanes: dict[tuple[int, bool, bool, bool, bool], Lane] = {}
        self._counts = _Counts()
        self._slowest: Transaction | None = None
        self._failed: list[Transaction] = []
        self._failed_before = 0

    def lane_of(self, transaction: Transaction) -> Lane:
        """Where a transaction of this series is counted."""
        manner = transaction._label.manner
        key = (
            transaction.status or 0,
            transaction._failed(),
            transaction._extras is not None and bool(transaction._extras.errors),
            manner.rated and not transaction._background,
            manner.sampled,
        )
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(self, *key)
        return lane

    # Samples

    def keep_if_slowest(self, transaction: Transaction, duration: float) -> None:
        """Keep a transaction whole if it is slower than all before it in this minute."""
        if duration > self.bar:
            self.bar = duration
            self._slowest = transaction

    def keep_failed(self, transaction: Transaction) -> bool:
        """Keep a transaction with errors whole, as one of few in this minute; whether more are wanted."""
        wanted = _FAILED_AT_MOST - self._failed_before - len(self._failed)
        if wanted > 0:
            self._failed.append(transaction)
        return wanted > 1

    def has_failed(self) -> bool:
        """Whether failed transactions are among those that are kept."""
        return bool(self._failed)

    def kept(self) -> list[tuple[SampleReason, Transaction]]:
        """The transactions that are kept whole, unless a snapshot has them already, and why."""
        kept: list[tuple[SampleReason, Transaction]] = [("failed", transaction) for transaction in self._failed]
        if self._slowest is not None and self._slowest not in self._failed:
            kept.append(("slow", self._slowest))
        return kept

    def let_go(self) -> None:
        """Keep them no longer."""
        self._failed_before += len(self._failed)
        self._failed = []
        self._slowest = None

    # What goes to the store

    def noted_errors(self) -> Counter[NoticedError]:
        """How often each error was noted since this was asked last."""
        lanes = [lane.errors for lane in self._lanes.values() if lane.errors]
        return Counter(error for errors in lanes for error in to_keep(_taken_from(errors)))

    def compact(self) -> int:
        """Count what the lanes hold; gives how many have been counted since the last `rows`."""
        for lane in self._lanes.values():
            if lane.durations or lane.starts:
                self._counts.take(lane, self._apdex_t)
        return self._counts.count

    def rows(self) -> Iterator[MinuteRow]:
        """The counts, if there are any; the counting starts anew."""
        if self.compact():
            counts, self._counts = self._counts, _Counts()
            yield from self._linked(counts.row(self._series, self._minute, self._apdex_t))

    def error_counts(self) -> Iterator[ErrorCount]:
        """How often each distinct error occurred; the counting starts anew."""
        errors, self.errors = self.errors, {}
        for error, count in errors.items():
            yield from self._linked(
                ErrorCount(self._series, self._minute, error.type, error.message, error.expected, count)
            )

    def samples(self) -> Iterator[Sample]:
        """The transactions that are kept, which are let go."""
        for reason, transaction in self.kept():
            yield from self._linked(Sample(self._series, reason, transaction._finished()))
        self.let_go()

    def _linked(self, made: _Made) -> Iterator[_Made]:
        """What was made for the series, and the same for each linked application."""
        yield made
        for name in self._application.linked:
            yield replace(made, series=self._series._replace(application=name))


class _Counts:
    """What a row of a minute is made of."""

    __slots__ = (
        "count",
        "disconnected",
        "failures",
        "frustrated",
        "histogram",
        "maximum",
        "minimum",
        "queue_total",
        "queued",
        "response_start_total",
        "response_starts",
        "satisfied",
        "statuses",
        "tolerating",
        "total",
    )

    def __init__(self) -> None:
        self.count = self.failures = self.satisfied = self.tolerating = self.frustrated = 0
        self.response_starts = self.queued = self.disconnected = 0
        self.total = self.response_start_total = self.queue_total = self.maximum = 0.0
        self.minimum = float("inf")
        self.histogram: Histogram = {}
        self.statuses: dict[int, int] = {}

    def take(self, lane: Lane, apdex_t: float) -> None:
        """Count what a lane holds, and empty it."""
        durations = _taken_from(lane.durations)
        lane.room = ROOM
        if durations:
            durations.sort()
            self.count += len(durations)
            self.total += sum(durations)
            self.minimum = min(self.minimum, durations[0])
            self.maximum = max(self.maximum, durations[-1])
            fold_ordered(durations, self.histogram)
            self._rate(lane, durations, apdex_t)
        self._take_response(lane)

    def _rate(self, lane: Lane, durations: list[float], apdex_t: float) -> None:
        if lane.status:
            self.statuses[lane.status] = self.statuses.get(lane.status, 0) + len(durations)
        if lane.failed:
            self.failures += len(durations)
        if lane.rated:
            satisfied = 0 if lane.failed else bisect_right(durations, apdex_t)
            tolerating = 0 if lane.failed else bisect_right(durations, 4 * apdex_t) - satisfied
            self.satisfied += satisfied
            self.tolerating += tolerating
            self.frustrated += len(durations) - satisfied - tolerating

    def _take_response(self, lane: Lane) -> None:
        starts = _taken_from(lane.starts)
        self.response_starts += len(starts)
        self.response_start_total += sum(starts)
        queue_times = _taken_from(lane.queue_times)
        self.queued += len(queue_times)
        self.queue_total += sum(queue_times)
        self.disconnected += lane.disconnected
        lane.disconnected = 0

    def row(self, series: Series, minute: int, apdex_t: float) -> MinuteRow:
        """The counts as they go to the store."""
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
            apdex_t=apdex_t if self.satisfied + self.tolerating + self.frustrated else None,
            histogram=self.histogram,
            response_starts=self.response_starts,
            response_start_total=self.response_start_total,
            queued=self.queued,
            queue_total=self.queue_total,
            disconnected=self.disconnected,
            statuses=self.statuses,
        )


def _taken_from(noted: list[_Noted]) -> list[_Noted]:
    """What is in a lane's list; what other threads append meanwhile stays in it."""
    taken = noted[:]
    del noted[: len(taken)]
    return taken
