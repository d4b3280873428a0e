"""The way of snapshots to the store: each is tried until it is there, and none holds up those after it for ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ..handoff import handoff
from ..log import capture_internal_exception, log_once
from .snapshot import Snapshot, Store, StoreUnavailable

__all__ = ["Delivery"]

_TRIES: Final = 3
"""Failures that nobody thought of before the next snapshot is tried as well."""
_STRIKES: Final = 3
"""Other snapshots that are taken while one fails: then it is tried without what was kept whole, and then given up."""


class _Waiting:
    """A snapshot that is not in the store, as far as is known."""

    __slots__ = ("failures", "snapshot", "strikes")

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.failures = 0
        """How often it failed in a way that nobody thought of."""
        self.strikes = 0
        """How often the one after it was taken then."""


class Delivery:
    """Numbers snapshots and writes them in order, each exactly once.

    While the store is unavailable, the same snapshot is tried again and again.
    So it is where the store fails in any other way; only then it may be the
    snapshot's own fault. Whether it is shows when the next one is tried: as
    long as that fails too, nothing is given up. Two wait at most; what is
    counted meanwhile stays where it is counted, which is bounded.
    """

    def __init__(self, open_store: Callable[[], Store] | None = None) -> None:
        self.open_store: Callable[[], Store] | None = open_store
        """There as soon as the modules of the store are."""
        self._store: Store | None = None
        self._sequence = 0
        self._waiting: list[_Waiting] = []

    def has_capacity(self) -> bool:
        """Whether there is reason to put another snapshot behind those that wait."""
        return not self._waiting or (len(self._waiting) == 1 and self._waiting[0].failures >= _TRIES)

    def enqueue(self, snapshot: Snapshot) -> None:
        """Have a snapshot wait; it gets its number here."""
        self._sequence += 1
        self._waiting.append(_Waiting(replace(snapshot, sequence=self._sequence)))

    def deliver(self) -> bool:
        """Write what waits; whether all of it is in the store now."""
        try:
            while self._waiting and self.open_store is not None and self._makes_progress():
                pass
        except StoreUnavailable as error:
            log_once(("store", str(error)), "%s; the figures wait in memory and are written when it is back", error)
        return not self._waiting

    def close(self) -> None:
        """Let go of the store; the next snapshot opens it again."""
        if self._store is not None:
            self._store.close()

    def _makes_progress(self) -> bool:
        """Write the first that waits; where it alone fails, write the one after it and think less of the first."""
        first, *others = self._waiting
        if self._try_write(first):
            self._waiting.remove(first)
            return True
        if others and self._try_write(others[0]):
            self._waiting = []
            self._suspect(first, others[0].snapshot)
        return False

    def _try_write(self, waiting: _Waiting) -> bool:
        """Whether the store takes a snapshot. A failure that nobody thought of is logged once."""
        try:
            self._opened().write(waiting.snapshot)
        except StoreUnavailable:
            raise
        except Exception:
            waiting.failures += 1
            capture_internal_exception("Store.write")
            return False
        return True

    def _opened(self) -> Store:
        if self._store is None:
            assert self.open_store is not None
            self._store = self.open_store()
        return self._store

    def _suspect(self, first: _Waiting, taken: Snapshot) -> None:
        """It failed where the one after it was taken. Its number is used up by that."""
        first.strikes += 1
        snapshot = first.snapshot
        if first.strikes > 2 * _STRIKES:
            _give_up(snapshot)
            return
        if first.strikes > _STRIKES:
            _give_up(replace(snapshot, minutes=(), lost={}))
            snapshot = replace(snapshot, errors=(), samples=())
        self._sequence += 1
        first.snapshot = replace(snapshot, sequence=self._sequence, taken=taken.taken, running=taken.running)
        self._waiting = [first]


def _give_up(snapshot: Snapshot) -> None:
    """Count what a snapshot holds as lost."""
    handoff.record_dropped("transactions", sum(row.count for row in snapshot.minutes))
    handoff.record_dropped("errors", sum(error.count for error in snapshot.errors))
    handoff.record_dropped("samples", len(snapshot.samples))
    for cause, count in snapshot.lost.items():
        handoff.record_dropped(cause, count)
