"""Delivery of snapshots to the store: each is retried until it is stored, but none blocks the next ones for ever."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ..handoff import handoff
from ..log import capture_internal_exception, log_once
from .snapshot import Snapshot, Store, StoreUnavailable

__all__ = ["Delivery"]

_TRIES: Final = 3
"""Unexpected failures of a snapshot before the next one is tried as well."""
_LONGEST_PAUSE: Final = 60.0
"""Seconds between two attempts to reach a server at most, unless snapshots are taken less often anyway."""
_DOUBLED: Final = 10
"""How often the pause between two attempts is doubled."""
_STRIKES: Final = 3
"""Later snapshots stored while one fails, after which it is retried without errors and samples, then dropped."""


class _Waiting:
    """A snapshot that is not known to be in the store."""

    __slots__ = ("failures", "snapshot", "strikes")

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.failures = 0
        """How often it failed unexpectedly, that is, not because the store was unavailable."""
        self.strikes = 0
        """How often the next snapshot was stored while this one failed."""


class Delivery:
    """Numbers snapshots and writes them in order, each exactly once.

    While the store is unavailable, the same snapshot is tried again and again. The
    same is done after any other failure, but that may be the snapshot's own fault. To
    find out, the next one is tried: as long as that fails too, nothing is dropped. At
    most two snapshots wait; what is counted meanwhile stays in the aggregate, which is
    bounded.
    """

    def __init__(self, open_store: Callable[[], Store] | None = None) -> None:
        self.open_store: Callable[[], Store] | None = open_store
        """Set once the modules of the store are imported."""
        self.failures: int = 0
        """How often in a row a server could not be reached."""
        self._store: Store | None = None
        self._sequence = 0
        self._waiting: list[_Waiting] = []

    def has_capacity(self) -> bool:
        """Whether another snapshot should be enqueued behind those that wait."""
        return not self._waiting or (len(self._waiting) == 1 and self._waiting[0].failures >= _TRIES)

    def enqueue(self, snapshot: Snapshot) -> None:
        """Give a snapshot its number, and append it to those that wait."""
        self._sequence += 1
        self._waiting.append(_Waiting(replace(snapshot, sequence=self._sequence)))

    def deliver(self) -> bool:
        """Write the waiting snapshots; return whether all of them are in the store now."""
        try:
            while self._waiting and self.open_store is not None and self._makes_progress():
                pass
        except StoreUnavailable as error:
            self.failures += error.is_remote
            log_once(("store", error.kind), "%s; the figures wait in memory and are written when it is back", error)
        else:
            self.failures = 0
        return not self._waiting

    def pause(self, interval: float) -> float:
        """Return the seconds to the next attempt: longer and longer while a server is away, for each process another.

        So the processes of many machines do not come all at once when it is back.
        """
        longest = max(interval, _LONGEST_PAUSE)
        pause = min(longest, interval * 2.0 ** min(self.failures, _DOUBLED))
        return pause * (1 - os.urandom(1)[0] / 512) if self.failures else interval

    def close(self) -> None:
        """Close the store; the next snapshot opens it again."""
        if self._store is not None:
            self._store.close()

    def _makes_progress(self) -> bool:
        """Write the first waiting snapshot; if only that one fails, write the next one and suspect the first."""
        first, *others = self._waiting
        if self._try_write(first):
            self._waiting.remove(first)
            return True
        if others and self._try_write(others[0]):
            self._waiting = []
            self._suspect(first, others[0].snapshot)
        return False

    def _try_write(self, waiting: _Waiting) -> bool:
        """Write a snapshot; return whether it is stored. An unexpected failure is logged once."""
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
        """Retry, reduce or drop a snapshot that failed while the next was stored; it needs a new number."""
        first.strikes += 1
        snapshot = first.snapshot
        if first.strikes > 2 * _STRIKES:
            _give_up(snapshot)
            return
        if first.strikes > _STRIKES:
            _give_up(replace(snapshot, minutes=(), lost={}))
            snapshot = replace(snapshot, errors=(), samples=(), custom_metrics=(), custom_events=())
        self._sequence += 1
        first.snapshot = replace(snapshot, sequence=self._sequence, taken=taken.taken, running=taken.running)
        self._waiting = [first]


def _give_up(snapshot: Snapshot) -> None:
    """Count the contents of a snapshot as dropped."""
    handoff.record_dropped("transactions", sum(row.totals.count for row in snapshot.minutes))
    handoff.record_dropped("errors", sum(error.count for error in snapshot.errors))
    handoff.record_dropped("samples", len(snapshot.samples))
    handoff.record_dropped("custom metrics", sum(metric.number for metric in snapshot.custom_metrics))
    handoff.record_dropped("custom events", sum(events.number for events in snapshot.custom_events))
    for cause, count in snapshot.lost.items():
        handoff.record_dropped(cause, count)
