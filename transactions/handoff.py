"""Where transactions are while they run and where they go when they are over.

This is all that the model knows of the world behind it: a set it keeps itself
in while it runs, buffers in which its duration is noted where that is all that
will be asked of it, a queue it is appended to where it is not, and somebody who
wants to be called when that queue needs attention.
"""

from __future__ import annotations

from _thread import RLock
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final, Generic, Protocol, TypeVar

from .log import capture_internal_exception

__all__ = ["BUFFER_CAPACITY", "CLOSED_BUFFER", "KEEP_ALL", "NOTIFY_EACH", "DurationBuffer", "Handoff", "handoff"]

NOTIFY_EACH: Final = -1
"""As `Handoff.flush_threshold`: every transaction needs attention."""

BUFFER_CAPACITY: Final = 2048
"""Durations that a buffer holds before somebody is told to count them."""
_EXTENDED_CAPACITY: Final = 8 * BUFFER_CAPACITY
"""Durations that a buffer holds at most; what ends then goes into the queue."""


KEEP_ALL: Final = -1.0
"""As `DurationBuffer.slow_threshold`: each may be kept whole."""


class DurationBuffer:
    """Transactions of one minute that are alike: nothing will ever be asked of them but what can be added up.

    The threads in which they end append to its lists, without a lock: one
    ``append`` is whole in any thread.
    """

    __slots__ = ("capacity", "durations", "errors", "expires_at", "queue_times", "response_starts", "slow_threshold")

    def __init__(self, expires_at: float) -> None:
        self.expires_at: float = expires_at
        """On the monotonic clock: one that ends then or later is of another minute."""
        self.slow_threshold: float = KEEP_ALL
        """Seconds: one that takes longer is the slowest so far, and is kept whole."""
        self.capacity: int = BUFFER_CAPACITY
        """How many durations there may be before there is something to be done."""
        self.durations: list[float] = []
        """Seconds, as are ``starts`` and ``queue_times``."""
        self.response_starts: list[float] = []
        """From the start of a request to the start of its response."""
        self.queue_times: list[float] = []
        """That requests waited in front of us."""
        self.errors: list[Any] = []

    def accepts(self, moment: float) -> bool:
        """Whether there is room for one that ended at a moment; perhaps it did so a while ago."""
        return self.expires_at - 60 <= moment < self.expires_at and (
            len(self.durations) < self.capacity or self._extend_capacity()
        )

    def _extend_capacity(self) -> bool:
        """It is full: once it is given more room, and somebody is called who empties it."""
        if self.capacity == _EXTENDED_CAPACITY:
            return False
        self.capacity = _EXTENDED_CAPACITY
        handoff.full_buffers.append(self)
        handoff.notify_pending()
        return True

    def raise_slow_threshold(self, duration: float) -> None:
        """One that took so long is on its way to be kept, unless all are wanted."""
        if self.slow_threshold != KEEP_ALL:
            self.slow_threshold = max(self.slow_threshold, duration)


CLOSED_BUFFER: Final = DurationBuffer(float("-inf"))
"""In the place of a buffer where there is none."""


class Measured(Protocol):
    """What the hand-off needs of a transaction."""

    _start_time: float
    _mark: list[Any] | None

    @property
    def _is_finished(self) -> bool: ...

    @property
    def _has_owner(self) -> bool: ...

    def _discard(self) -> None: ...


_Measured = TypeVar("_Measured", bound=Measured)


class Handoff(Generic[_Measured]):
    """The hand-over of finished transactions, one to a process."""

    __slots__ = (
        "_drop_lock",
        "_dropped",
        "buffers",
        "flush_threshold",
        "full_buffers",
        "listeners",
        "on_pending",
        "open_transactions",
        "queue",
    )

    def __init__(self) -> None:
        self.open_transactions: set[_Measured] = set()
        """The open transactions of this process."""
        self.queue: deque[_Measured] = deque()
        """The finished ones that nobody has counted yet."""
        self.buffers: dict[object, DurationBuffer] = {}
        """By what tells them apart (`Transaction._buffer_key`); none are open while somebody wants them all."""
        self.full_buffers: list[DurationBuffer] = []
        """Those that are to be emptied soon."""
        self.flush_threshold: int = NOTIFY_EACH
        """How many may wait in the queue before `attend` is called."""
        self.listeners: list[Callable[[_Measured], None]] = []
        """Called with each transaction as it ends, in the thread where it ends."""
        self.on_pending: Callable[[], int] = int
        """Called when the first one begins, when more than `flush_threshold` wait, and when a buffer is full.

        Returns the next flush threshold.
        """
        self._dropped: Counter[str] = Counter()
        self._drop_lock = RLock()  # a destructor may interrupt its own thread

    def notify_first(self) -> None:
        """The first transaction is about to begin."""
        try:
            self.set_flush_threshold(self.on_pending())
        except Exception:
            capture_internal_exception("notify_first")

    def notify_finished(self, transaction: _Measured) -> None:
        """The slow half of putting a transaction into the queue."""
        for listener in tuple(self.listeners):
            try:
                listener(transaction)
            except Exception:
                capture_internal_exception("a listener of finished transactions")
        self.notify_pending()

    def notify_pending(self) -> None:
        """There is something to be done by others."""
        try:
            self.set_flush_threshold(self.on_pending())
        except Exception:
            capture_internal_exception("notify_pending")

    def set_flush_threshold(self, flush_threshold: int) -> None:
        """Let so many wait, unless somebody listens (also one who begins to at this very moment)."""
        self.flush_threshold = flush_threshold
        if self.listeners:
            self.flush_threshold = NOTIFY_EACH
        if self.flush_threshold == NOTIFY_EACH:
            self.buffers.clear()

    def open_buffer(self, key: object, buffer: DurationBuffer) -> None:
        """Let transactions of a kind be noted in a buffer, unless somebody wants every one of them."""
        self.buffers[key] = buffer
        if self.flush_threshold == NOTIFY_EACH:  # asked last: somebody may begin to at this very moment
            self.buffers.clear()

    def add_listener(self, listener: Callable[[_Measured], None]) -> None:
        """Let a listener see every transaction that ends from now on."""
        self.listeners.append(listener)
        self.set_flush_threshold(NOTIFY_EACH)

    def remove_listener(self, listener: Callable[[_Measured], None]) -> None:
        """Let it see no more of them."""
        self.listeners.remove(listener)

    def drop_oldest(self, limit: int) -> None:
        """Drop the oldest where more wait in the queue, as nothing has been counted for too long."""
        for _ in range(len(self.queue) - limit):
            try:
                self.queue.popleft()
            except IndexError:  # they are being counted at this moment
                return
            self.record_dropped("transactions")

    def is_empty(self) -> bool:
        """Whether nothing waits here to be counted, or to be told."""
        return not (self.queue or self.full_buffers or self._dropped)

    def record_dropped(self, cause: str, count: int = 1) -> None:
        """Count what was dropped, by cause."""
        if count:
            with self._drop_lock:
                self._dropped[cause] += count

    def take_dropped(self) -> dict[str, int]:
        """What was dropped since this was asked last, by cause."""
        with self._drop_lock:
            taken, self._dropped = self._dropped, Counter()
        return dict(taken)

    def open_since(self, since: float) -> list[_Measured]:
        """The transactions that have been open since a moment of the monotonic clock, or for longer.

        Those whose thread is gone, too, without having ended them are discarded.
        """
        opened = [
            transaction
            for transaction in self.open_transactions.copy()
            if getattr(transaction, "_start_time", since) < since
        ]
        for transaction in opened:
            if transaction._is_finished or not transaction._has_owner:
                self.discard(transaction)
        return [transaction for transaction in opened if not transaction._is_finished]

    def discard(self, transaction: _Measured) -> None:
        """Record nothing of a transaction whose call was cut off, but count it as such."""
        if transaction._mark is not None:
            transaction._discard()
            self.record_dropped("interrupted")
        self.open_transactions.discard(transaction)

    def reset_after_fork(self) -> None:
        """Drop everything: it belongs to the process this one was forked from."""
        for transaction in tuple(self.open_transactions):
            transaction._discard()
        self.open_transactions.clear()
        self.queue.clear()
        self.full_buffers.clear()
        self._drop_lock = RLock()
        self._dropped = Counter()
        self.set_flush_threshold(NOTIFY_EACH)


handoff: Final[Handoff[Any]] = Handoff()
