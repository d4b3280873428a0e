"""The hand-off between transactions and the recorder.

It holds the set of open transactions, buffers for the durations of transactions
that need nothing but counting, a queue for those that have to be kept whole, custom
metrics and events, and a callback that wakes the recorder. The model knows nothing of the recorder or
the store beyond this module.
"""

from __future__ import annotations

from _thread import RLock
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final, Generic, Protocol, TypeVar

from .custom_values import CustomValues
from .host_exceptions import pass_on
from .log import capture_internal_exception
from .schedules import Schedules

__all__ = ["BUFFER_CAPACITY", "CLOSED_BUFFER", "KEEP_ALL", "NOTIFY_EACH", "DurationBuffer", "Handoff", "handoff"]

NOTIFY_EACH: Final = -1
"""Value of `Handoff.flush_threshold` by which `Handoff.on_pending` is called for every transaction."""

BUFFER_CAPACITY: Final = 2048
"""Durations that a buffer holds before the recorder is asked to empty it."""
_EXTENDED_CAPACITY: Final = 8 * BUFFER_CAPACITY
"""Durations that a buffer holds at most; after that, transactions go into the queue."""

_MAX_SETTLED: Final = 1000
"""Ends of other processes' tasks that wait to be written."""

KEEP_ALL: Final = -1.0
"""Value of `DurationBuffer.slow_threshold` by which every transaction may be kept whole."""


class DurationBuffer:
    """Durations of one series within one minute, waiting to be aggregated.

    Threads append to its lists without a lock, as transactions end in them: a
    single ``append`` is atomic.
    """

    __slots__ = (
        "capacity",
        "durations",
        "enqueuers",
        "errors",
        "expires_at",
        "queue_times",
        "response_starts",
        "slow_threshold",
    )

    def __init__(self, expires_at: float) -> None:
        self.expires_at: float = expires_at
        """End of the minute on the monotonic clock; what ends then or later belongs to another buffer."""
        self.slow_threshold: float = KEEP_ALL
        """Seconds; a transaction that takes longer is the slowest so far, and is kept whole."""
        self.capacity: int = BUFFER_CAPACITY
        """How many durations it accepts for now."""
        self.durations: list[float] = []
        """Seconds, as in ``response_starts`` and ``queue_times``."""
        self.response_starts: list[float] = []
        """Times from the start of a request to the start of its response."""
        self.queue_times: list[float] = []
        """Times that requests waited in a proxy's queue before they reached us."""
        self.errors: list[Any] = []
        self.enqueuers: list[str] = []
        """What headers of tasks say of the transactions that enqueued them."""

    def accepts(self, moment: float) -> bool:
        """Whether there is room for a transaction that ended at that moment, which may be a while ago."""
        return self.expires_at - 60 <= moment < self.expires_at and (
            len(self.durations) < self.capacity or self._extend_capacity()
        )

    def _extend_capacity(self) -> bool:
        """Grow once when full, and wake the recorder to empty it; whether there is room now."""
        if self.capacity == _EXTENDED_CAPACITY:
            return False
        self.capacity = _EXTENDED_CAPACITY
        handoff.full_buffers.append(self)
        handoff.notify_pending()
        return True

    def raise_slow_threshold(self, duration: float) -> None:
        """Raise the threshold to the duration of a transaction that is about to be kept, unless all are kept."""
        if self.slow_threshold != KEEP_ALL:
            self.slow_threshold = max(self.slow_threshold, duration)


CLOSED_BUFFER: Final = DurationBuffer(float("-inf"))
"""Stands in where a series has no open buffer: it accepts nothing."""


class Measured(Protocol):
    """The attributes of a transaction that the hand-off needs."""

    _start_time: float
    _mark: list[Any] | None

    @property
    def _is_finished(self) -> bool: ...

    @property
    def _has_owner(self) -> bool: ...

    def _discard(self) -> None: ...


_Measured = TypeVar("_Measured", bound=Measured)


class Handoff(Generic[_Measured]):
    """Passes finished transactions to the recorder; one per process."""

    __slots__ = (
        "_drop_lock",
        "_dropped",
        "buffers",
        "custom",
        "flush_threshold",
        "full_buffers",
        "listeners",
        "on_pending",
        "open_transactions",
        "queue",
        "schedules",
        "settled",
    )

    def __init__(self) -> None:
        self.open_transactions: set[_Measured] = set()
        """The open transactions of this process."""
        self.queue: deque[_Measured] = deque()
        """Finished transactions that have not been counted yet."""
        self.buffers: dict[object, DurationBuffer] = {}
        """Open buffers by `Transaction._buffer_key`; none while a listener wants every transaction."""
        self.full_buffers: list[DurationBuffer] = []
        """Buffers that should be emptied soon."""
        self.flush_threshold: int = NOTIFY_EACH
        """How many transactions may wait in the queue before `on_pending` is called."""
        self.listeners: list[Callable[[_Measured], None]] = []
        """Called with each transaction as it ends, in the thread in which it ends."""
        self.on_pending: Callable[[], int] = int
        """Called when the first transaction begins, when more than `flush_threshold` wait, and when a buffer is full.

        Returns the next flush threshold.
        """
        self.custom: CustomValues = CustomValues(self.record_dropped)
        """Custom metrics and events."""
        self.schedules: Schedules = Schedules(self.record_dropped)
        self.settled: deque[tuple[str, str, float]] = deque()
        """Tasks of other processes whose ends were recorded here: group, id, and when that was (epoch seconds)."""
        self._dropped: Counter[str] = Counter()
        self._drop_lock = RLock()  # reentrant: a destructor may interrupt its own thread

    def settle(self, group: str, task_id: str, moment: float) -> None:
        """Note that the end of another process's task was recorded here, at a moment (epoch seconds)."""
        if len(self.settled) < _MAX_SETTLED:
            self.settled.append((group, task_id, moment))
        else:
            self.record_dropped("settled tasks")

    def notify_first(self) -> None:
        """Call `on_pending` because the first transaction is about to begin."""
        try:
            self.set_flush_threshold(self.on_pending())
        except Exception:
            capture_internal_exception("Handoff.notify_first")

    def notify_finished(self, transaction: _Measured) -> None:
        """Call the listeners and `on_pending` after a transaction was put into the queue."""
        for listener in tuple(self.listeners):
            try:
                listener(transaction)
            except Exception:
                capture_internal_exception("a listener of finished transactions")
        self.notify_pending()

    def notify_pending(self) -> None:
        """Call `on_pending` because something waits to be counted."""
        try:
            self.set_flush_threshold(self.on_pending())
        except Exception:
            capture_internal_exception("Handoff.notify_pending")

    def set_flush_threshold(self, flush_threshold: int) -> None:
        """Set how many transactions may wait; none while there is a listener, even one added at this very moment."""
        self.flush_threshold = flush_threshold
        if self.listeners:
            self.flush_threshold = NOTIFY_EACH
        if self.flush_threshold == NOTIFY_EACH:
            self.buffers.clear()

    def open_buffer(self, key: object, buffer: DurationBuffer) -> None:
        """Open a buffer for the transactions of one key, unless a listener wants every transaction."""
        self.buffers[key] = buffer
        if self.flush_threshold == NOTIFY_EACH:  # checked last: a listener may be added at this very moment
            self.buffers.clear()

    def add_listener(self, listener: Callable[[_Measured], None]) -> None:
        """Call a listener with every transaction that ends from now on."""
        self.listeners.append(listener)
        self.set_flush_threshold(NOTIFY_EACH)

    def remove_listener(self, listener: Callable[[_Measured], None]) -> None:
        """Stop calling a listener."""
        self.listeners.remove(listener)

    def drop_oldest(self, limit: int) -> None:
        """Drop the oldest transactions in the queue beyond the limit, when nothing has been counted for too long."""
        for _ in range(len(self.queue) - limit):
            try:
                self.queue.popleft()
            except IndexError as problem:  # another thread is counting them at this moment
                pass_on(problem)
                return
            self.record_dropped("transactions")

    def is_empty(self) -> bool:
        """Whether nothing waits here to be counted or reported."""
        return not (self.queue or self.full_buffers or self.custom or self.schedules or self._dropped)

    def record_dropped(self, cause: str, count: int = 1) -> None:
        """Count dropped items, by cause."""
        if count:
            with self._drop_lock:
                self._dropped[cause] += count

    def take_dropped(self) -> dict[str, int]:
        """Return and reset the counts of dropped items, by cause."""
        with self._drop_lock:
            taken, self._dropped = self._dropped, Counter()
        return dict(taken)

    def open_since(self, since: float) -> list[_Measured]:
        """Return the transactions that began before a moment on the monotonic clock and are still open.

        Discards those whose thread is gone without having ended them.
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
        """Discard a transaction whose call was cut off, and count it as interrupted."""
        if transaction._mark is not None:
            transaction._discard()
            self.record_dropped("interrupted")
        self.open_transactions.discard(transaction)

    def reset_after_fork(self) -> None:
        """Drop everything in a forked child: it belongs to the parent process."""
        for transaction in tuple(self.open_transactions):
            transaction._discard()
        self.open_transactions.clear()
        self.queue.clear()
        self.full_buffers.clear()
        self.custom.reset()
        self.settled.clear()
        self._drop_lock = RLock()
        self._dropped = Counter()
        self.set_flush_threshold(NOTIFY_EACH)


handoff: Final[Handoff[Any]] = Handoff()
