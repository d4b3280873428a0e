"""The one background thread of a process: it counts what has finished and hands it to the store."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from ..configuration.settings import Settings
from ..log import log_once, logger, swallowed
from ..model.clock import epoch, epoch_at, monotonic, renew
from ..model.outlet import outlet
from .aggregate import Aggregate
from .native import allocate_lock, start_thread
from .snapshot import Instance, RunningTransaction, Series, Snapshot, Store, StoreUnavailable

__all__ = ["Recorder"]

_PATIENCE: Final = 512
"""Finished transactions that wait before the thread is woken."""
_SIGN_OF_LIFE: Final = 60.0
"""Seconds after which an idle process writes, to show that it is there."""
_RUNNING_AT_MOST: Final = 200
"""Open transactions that a snapshot names, the oldest first."""


class Recorder:
    """Counts finished transactions and writes snapshots of the counts every few seconds.

    Both can be done by any thread that holds the lock, so that a flush and a
    normal exit do not depend on the thread's being there.
    """

    def __init__(self, settings: Settings, open_store: Callable[[], Store]) -> None:
        self._settings = settings
        self._open_store = open_store
        self._store: Store | None = None
        self._aggregate = Aggregate(settings)
        self._working = allocate_lock()
        self._alarm = allocate_lock()
        self._alarm.acquire()
        self._alarmed = False
        self._started = False
        self._stopping = False
        self._instance = _this_process()
        self._sequence = 0
        self._unwritten: Snapshot | None = None
        self._running: tuple[RunningTransaction, ...] = ()
        self._last_write = self._last_sign = monotonic()

    def attend(self) -> int:
        """There is something to do: called by the threads of the host program, so it never waits.

        Gives the number of finished transactions that may wait before it is called again.
        """
        if not self._started:
            self._started = True
            start_thread(self._run, "weighbridge-recorder")
        elif len(outlet.queue) >= _PATIENCE:
            self._wake()
        self._bound_queue()
        return _PATIENCE

    def _wake(self) -> None:
        if self._alarmed:
            return
        self._alarmed = True
        with suppress(RuntimeError):  # another thread was faster
            self._alarm.release()

    def _bound_queue(self) -> None:
        """Drop the oldest where nothing has been counted for too long."""
        while len(outlet.queue) > self._settings.max_backlog:
            try:
                outlet.queue.popleft()
            except IndexError:
                return
            outlet.lose("transactions")

    def _run(self) -> None:
        while not self._stopping:
            self._alarm.acquire(True, self._settings.flush_interval)
            self._alarmed = False
            try:
                with self._working:
                    self._fold()
                    if monotonic() - self._last_write >= self._settings.flush_interval:
                        self._write()
            except Exception:
                swallowed("the recorder")

    def flush(self, timeout: float | None) -> bool:
        """Count and write everything that has finished; whether all of it is in the store.

        Args:
            timeout: seconds to wait at most for another thread that is writing.
        """
        if not self._working.acquire(True, -1 if timeout is None else max(0.0, timeout)):
            return False
        try:
            self._fold()
            return self._write()
        except Exception:
            swallowed("flush")
            return False
        finally:
            self._working.release()

    def close(self, timeout: float) -> None:
        """Write what is left and stop."""
        self._stopping = True
        if not self.flush(timeout):
            logger().warning("the last figures of this process could not be written to the store")
        self._alarmed = False
        self._wake()
        if self._store is not None and self._working.acquire(False):
            self._store.close()
            self._working.release()

    def _fold(self) -> None:
        renew()
        queue = outlet.queue
        self._aggregate.fold(queue.popleft() for _ in range(len(queue)))

    def _write(self) -> bool:
        """Write what was counted; what could not be written waits for the next time, and nothing is lost."""
        self._last_write = monotonic()
        try:
            self._write_waiting()
            self._unwritten = self._snapshot()
            self._write_waiting()
        except StoreUnavailable as error:
            log_once(("store", str(error)), "%s; the figures wait in memory and are written when it is back", error)
            return False
        return True

    def _write_waiting(self) -> None:
        if self._unwritten is None:
            return
        if self._store is None:
            self._store = self._open_store()
        self._store.write(self._unwritten)
        self._unwritten = None

    def _snapshot(self) -> Snapshot | None:
        """All that is new, or ``None`` where nothing is and nobody would wonder whether this process lives."""
        harvest = self._aggregate.harvest()
        lost = outlet.take_losses()
        running = _running()
        now = monotonic()
        if not (harvest.minutes or lost or running != self._running or now - self._last_sign >= _SIGN_OF_LIFE):
            return None
        self._last_sign = now
        self._running = running
        self._sequence += 1
        return Snapshot(self._instance, self._sequence, epoch(), *harvest, lost=lost, running=running)


def _this_process() -> Instance:
    program = os.path.basename(sys.argv[0] if sys.argv and sys.argv[0] else sys.executable)
    return Instance(os.urandom(16).hex(), os.uname().nodename, os.getpid(), epoch(), program)


def _running() -> tuple[RunningTransaction, ...]:
    oldest = sorted(outlet.live.copy(), key=lambda transaction: transaction.entered)[:_RUNNING_AT_MOST]
    return tuple(
        RunningTransaction(
            Series(transaction.application.name, transaction.kind, *transaction.naming()),
            epoch_at(transaction.entered),
        )
        for transaction in oldest
    )
