"""Where transactions are while they run and where they go when they are over.

This is all that the model knows of the world behind it: a set it keeps itself
in while it runs, a queue it is appended to when it is over, and somebody who
wants to be called when that queue needs attention.
"""

from __future__ import annotations

from _thread import RLock
from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..log import swallowed

if TYPE_CHECKING:
    from .transaction import Transaction

__all__ = ["ALWAYS", "Outlet", "outlet"]

ALWAYS: Final = -1
"""As `Outlet.patience`: every transaction needs attention."""


class Outlet:
    """The hand-over of finished transactions, one to a process."""

    __slots__ = ("_losing", "_losses", "attendant", "curious_from", "listeners", "live", "patience", "queue")

    def __init__(self) -> None:
        self.live: set[Transaction] = set()
        """The open transactions of this process."""
        self.queue: deque[Transaction] = deque()
        """The finished ones that nobody has counted yet."""
        self.curious_from: dict[str, float] = {}
        """Seconds from which a request may become a sample, by its name, route or path; else 0."""
        self.patience: int = ALWAYS
        """How many may wait in the queue before `attend` is called."""
        self.listeners: list[Callable[[Transaction], None]] = []
        """Called with each transaction as it ends, in the thread where it ends."""
        self.attendant: Callable[[], int] = int
        """Called when the first one begins and when more than `patience` wait; gives the new patience."""
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
        try:
            self.relax(self.attendant())
        except Exception:
            swallowed("the attendant of finished transactions")

    def relax(self, patience: int) -> None:
        """Let so many wait, unless somebody listens (also one who begins to at this very moment)."""
        self.patience = patience
        if self.listeners:
            self.patience = ALWAYS

    def listen(self, listener: Callable[[Transaction], None]) -> None:
        """Let a listener see every transaction that ends from now on."""
        self.listeners.append(listener)
        self.patience = ALWAYS

    def unlisten(self, listener: Callable[[Transaction], None]) -> None:
        """Let it see no more of them."""
        self.listeners.remove(listener)

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

    def forget(self) -> None:
        """Drop everything: it belongs to the process this one was forked from."""
        for transaction in tuple(self.live):
            transaction.disown()
        self.live.clear()
        self.queue.clear()
        self.curious_from.clear()
        self._losing = RLock()
        self._losses = Counter()
        self.patience = ALWAYS


outlet: Final = Outlet()
