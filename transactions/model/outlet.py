"""Where transactions are while they run and where they go when they are over.

This is all that the model knows of the world behind it: a set it keeps itself
in while it runs, lanes in which its duration is noted where that is all that
will be asked of it, a queue it is appended to where it is not, and somebody who
wants to be called when that queue needs attention.
"""

from __future__ import annotations

from _thread import RLock
from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..log import swallowed

if TYPE_CHECKING:
    from .finished import NoticedError
    from .transaction import Transaction

__all__ = ["ALL_WANTED", "ALWAYS", "CLOSED", "ROOM", "Lane", "Outlet", "outlet"]

ALWAYS: Final = -1
"""As `Outlet.patience`: every transaction needs attention."""

ROOM: Final = 2048
"""Durations that a lane holds before somebody is told to count them."""
_MOST: Final = 8 * ROOM
"""Durations that a lane holds at most; what ends then goes into the queue."""


ALL_WANTED: Final = -1.0
"""As `Lane.bar`: each may be kept whole."""


class Lane:
    """Transactions of one minute that are alike: nothing will ever be asked of them but what can be added up.

    The threads in which they end append to its lists, without a lock: one
    ``append`` is whole in any thread.
    """

    __slots__ = ("bar", "durations", "errors", "queue_times", "room", "starts", "until")

    def __init__(self, until: float) -> None:
        self.until: float = until
        """On the monotonic clock: one that ends then or later is of another minute."""
        self.bar: float = ALL_WANTED
        """Seconds: one that takes longer is the slowest so far, and is kept whole."""
        self.room: int = ROOM
        """How many durations there may be before there is something to be done."""
        self.durations: list[float] = []
        """Seconds, as are ``starts`` and ``queue_times``."""
        self.starts: list[float] = []
        """From the start of a request to the start of its response."""
        self.queue_times: list[float] = []
        """That requests waited in front of us."""
        self.errors: list[NoticedError] = []

    def takes(self, moment: float) -> bool:
        """Whether there is room for one that ended at a moment; perhaps it did so a while ago."""
        return self.until - 60 <= moment < self.until and (len(self.durations) < self.room or self._is_given_more())

    def _is_given_more(self) -> bool:
        """It is full: once it is given more room, and somebody is called who empties it."""
        if self.room == _MOST:
            return False
        self.room = _MOST
        outlet.full.append(self)
        outlet.call()
        return True

    def raise_bar(self, duration: float) -> None:
        """One that took so long is on its way to be kept, unless all are wanted."""
        if self.bar != ALL_WANTED:
            self.bar = max(self.bar, duration)


CLOSED: Final = Lane(float("-inf"))
"""In the place of a lane where there is none."""


class Outlet:
    """The hand-over of finished transactions, one to a process."""

    __slots__ = ("_losing", "_losses", "attendant", "full", "lanes", "listeners", "live", "patience", "queue")

    def __init__(self) -> None:
        self.live: set[Transaction] = set()
        """The open transactions of this process."""
        self.queue: deque[Transaction] = deque()
        """The finished ones that nobody has counted yet."""
        self.lanes: dict[object, Lane] = {}
        """By what tells them apart (`Transaction._lane_key`); none are open while somebody wants them all."""
        self.full: list[Lane] = []
        """Those that are to be emptied soon."""
        self.patience: int = ALWAYS
        """How many may wait in the queue before `attend` is called."""
        self.listeners: list[Callable[[Transaction], None]] = []
        """Called with each transaction as it ends, in the thread where it ends."""
        self.attendant: Callable[[], int] = int
        """Called when the first one begins, when more than `patience` wait, when a lane is full; gives the patience."""
        self._losses: Counter[str] = Counter()
        self._losing = RLock()  # a destructor may interrupt its own thread

    def begin(self) -> None:
        """The first transaction is about to begin."""
        try:
            self.relax(self.attendant())
        except Exception:
            swallowed("the attendant of transactions that begin")

    def attend(self, transaction: Transaction) -> None:
        """The slow half of putting a transaction into the queue."""
        for listener in tuple(self.listeners):
            try:
                listener(transaction)
            except Exception:
                swallowed("a listener of finished transactions")
        self.call()

    def call(self) -> None:
        """There is something to be done by others."""
        try:
            self.relax(self.attendant())
        except Exception:
            swallowed("the attendant of finished transactions")

    def relax(self, patience: int) -> None:
        """Let so many wait, unless somebody listens (also one who begins to at this very moment)."""
        self.patience = patience
        if self.listeners:
            self.patience = ALWAYS
        if self.patience == ALWAYS:
            self.lanes.clear()

    def open_lane(self, key: object, lane: Lane) -> None:
        """Let transactions of a kind be noted in a lane, unless somebody wants every one of them."""
        self.lanes[key] = lane
        if self.patience == ALWAYS:  # asked last: somebody may begin to at this very moment
            self.lanes.clear()

    def listen(self, listener: Callable[[Transaction], None]) -> None:
        """Let a listener see every transaction that ends from now on."""
        self.listeners.append(listener)
        self.relax(ALWAYS)

    def unlisten(self, listener: Callable[[Transaction], None]) -> None:
        """Let it see no more of them."""
        self.listeners.remove(listener)

    def bound(self, most: int) -> None:
        """Drop the oldest where more wait in the queue, as nothing has been counted for too long."""
        for _ in range(len(self.queue) - most):
            try:
                self.queue.popleft()
            except IndexError:  # they are being counted at this moment
                return
            self.lose("transactions")

    def holds_nothing(self) -> bool:
        """Whether nothing waits here to be counted, or to be told."""
        return not (self.queue or self.full or self._losses)

    def lose(self, cause: str, count: int = 1) -> None:
        """Count what was dropped, by cause."""
        if count:
            with self._losing:
                self._losses[cause] += count

    def take_losses(self) -> dict[str, int]:
        """What was dropped since this was asked last, by cause."""
        with self._losing:
            taken, self._losses = self._losses, Counter()
        return dict(taken)

    def open_ones(self, since: float) -> list[Transaction]:
        """The transactions that have been open since a moment of the monotonic clock, or for longer.

        Those whose thread is gone, too, without having ended them are discarded.
        """
        opened = [transaction for transaction in self.live.copy() if getattr(transaction, "_entered", since) < since]
        for transaction in opened:
            if transaction._over or not transaction._held:
                self.discard(transaction)
        return [transaction for transaction in opened if not transaction._over]

    def discard(self, transaction: Transaction) -> None:
        """Record nothing of a transaction whose call was cut off, but count it as such."""
        if transaction._mark is not None:
            transaction._disown()
            self.lose("interrupted")
        self.live.discard(transaction)

    def forget(self) -> None:
        """Drop everything: it belongs to the process this one was forked from."""
        for transaction in tuple(self.live):
            transaction._disown()
        self.live.clear()
        self.queue.clear()
        self.full.clear()
        self._losing = RLock()
        self._losses = Counter()
        self.relax(ALWAYS)


outlet: Final = Outlet()
