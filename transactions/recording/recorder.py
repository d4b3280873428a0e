"""The one background thread of a process: it counts what has finished and hands it to the store."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import repeat
from typing import Final

from ..configuration.settings import Settings
from ..log import log_once, logger, swallowed
from ..model.clock import epoch, epoch_at, monotonic, renew
from ..model.outlet import ALWAYS, outlet
from .aggregate import Aggregate
from .native import allocate_lock, start_thread, this_thread
from .snapshot import Instance, RunningTransaction, Series, Snapshot, Store, StoreUnavailable

__all__ = ["Recorder"]

_PATIENCE: Final = 128
"""Finished transactions that wait before the thread is woken, unless the end is near."""
_LANES_FILL: Final = 1.0
"""Seconds after which the lanes of a busy process are emptied, or sooner where the queue fills."""
_LANES_REST: Final = 0.1
"""Seconds from one time to the next at least."""
_BUSY_FOR: Final = 10.0
"""Seconds for which a process is taken to be busy after a transaction has ended."""
_SIGN_OF_LIFE: Final = 60.0
"""Seconds after which an idle process writes, to show that it is there."""
_RUNNING_AT_MOST: Final = 200
"""Open transactions that a snapshot names, the oldest first."""
_RUNNING_FOR: Final = 1.0
"""Seconds that they have been open at least."""
_GIVES_WAY: Final = 0.5
"""Seconds for which the thread lets others go first."""
_FAREWELL: Final = 0.5
"""Seconds that the thread is given to end, once all is written: a thread that is left when Python ends may hang it."""


class Recorder:
    """Counts finished transactions and writes snapshots of the counts every few seconds.

    Both can be done by any thread that holds the lock, so that a flush and a
    normal exit do not depend on the thread's being there.
    """

    def __init__(self, settings: Settings, open_store: Callable[[], Store]) -> None:
        self.pid: int = os.getpid()
        """The process that it records; a fork that nobody told of is seen by it."""
        self.patience: int = _PATIENCE
        """How many finished transactions may wait to be counted."""
        self._settings = settings
        self._open_store = open_store
        self._store: Store | None = None
        self._aggregate = Aggregate(settings)
        self._instance = _this_process()
        self._started = monotonic()
        self._sequence = 0
        self._unwritten: Snapshot | None = None
        self._running: tuple[RunningTransaction, ...] = ()
        self._last_sign = self._emptied = monotonic()
        self._due = self._last_sign + settings.flush_interval
        self._lock = allocate_lock()
        self._worker = 0
        """The thread that holds the lock."""
        self._unstarted = allocate_lock()
        self._wait_for_thread: Callable[[float], object] | None = None
        self._alarm = allocate_lock()
        self._alarm.acquire()
        self._alarmed = False
        self._busy_until = 0.0
        """On the monotonic clock: until then more transactions are likely to end."""
        self._closed = False
        """Nothing more is counted here."""
        self._gone = False
        """Nothing is left to write."""
        self._first = 0
        """How many threads of the program's wait to write."""

    # What the threads of the host program call: it never waits

    def attend(self) -> int:
        """There is something to do. Gives how many finished transactions may wait before it is called again."""
        if self._closed:
            return ALWAYS
        if not self._start() and (outlet.full or len(outlet.queue) >= self.patience):
            self._wake()
        self._bound_queue()
        return len(outlet.queue) + self.patience

    def _start(self) -> bool:
        """Start the thread, unless that has been done."""
        if not self._unstarted.acquire(False):
            return False
        self._wait_for_thread = start_thread(self._run, "weighbridge-recorder")
        if self._wait_for_thread is None:
            self._unstarted.release()
        return True

    def _wake(self) -> None:
        if not self._alarmed:
            self._alarmed = True
            with suppress(RuntimeError):  # another thread was faster
                self._alarm.release()

    def _bound_queue(self) -> None:
        """Drop the oldest where nothing has been counted for too long."""
        surplus = len(outlet.queue) - self._settings.max_backlog
        for _ in range(surplus):
            with suppress(IndexError):  # they are being counted at this moment
                outlet.queue.popleft()
                outlet.lose("transactions")

    # What waits: for another thread, for the disk

    def flush(self, timeout: float | None = None) -> bool:
        """Count and write everything that has finished; whether all of it is in the store.

        Args:
            timeout: seconds to wait at most for another thread that is writing.
        """
        with self._goes_first():
            return self._work(self._write, timeout)

    def close(self, timeout: float) -> bool:
        """Write what is left, let go of the store and stop; whether everything is in the store.

        Where it is not, the thread stays and goes on trying.
        """
        closing, self._closed = not self._closed, True
        with self._goes_first():
            done = self._work(self._fold_and_leave if closing else self._leave, timeout)
        if not done:
            logger().warning("the last figures of this process could not be written to the store so far")
            self._start()
        self._wake()
        if done and self._wait_for_thread is not None:
            self._wait_for_thread(_FAREWELL)
        return done

    def _run(self) -> None:
        while not self._gone:
            now = monotonic()
            pause = max(0.0, self._due - now)
            self._alarm.acquire(True, min(pause, _LANES_FILL) if now < self._busy_until else pause)
            self._alarmed = False
            if self._first:
                self._alarm.acquire(True, _GIVES_WAY)
            self._work(self._write_if_due)
        self._unstarted.release()

    @contextmanager
    def _goes_first(self) -> Iterator[None]:
        """A block in which a thread of the program's waits to write itself: ours would only be in its way."""
        self._first += 1
        try:
            yield
        finally:
            self._first -= 1

    def _work(self, task: Callable[[], bool], timeout: float | None = None) -> bool:
        """Count what has finished, then do a task: one thread at a time. Never raises.

        A signal handler or a destructor that interrupts a thread at work finds
        the work under way, and does not wait for itself.
        """
        if self._worker == this_thread():
            return False
        if not self._lock.acquire(True, -1 if timeout is None else max(0.0, timeout)):
            return False
        self._worker = this_thread()
        try:
            if not self._closed:
                self._fold()
            return task()
        except Exception:
            swallowed("the recorder")
            return False
        finally:
            self._worker = 0
            self._lock.release()

    def _fold(self) -> None:
        renew()
        outlet.relax(ALWAYS if self._closed else self.patience)
        found = bool(outlet.queue)
        self._aggregate.empty(outlet.full)
        for _ in repeat(None, len(outlet.queue)):
            try:
                self._aggregate.fold(outlet.queue)
                break
            except Exception:  # a mistake of ours costs one transaction
                outlet.lose("transactions")
                swallowed("Aggregate.fold")
        now = monotonic()
        if now >= self._emptied + _LANES_REST:
            self._emptied = now
            found = self._aggregate.empty_all() or found
        if found:
            self._busy_until = now + _BUSY_FOR

    def _write_if_due(self) -> bool:
        if monotonic() < self._due:
            return True
        return self._leave() if self._closed else self._write()

    def _fold_and_leave(self) -> bool:
        self._fold()
        self._gone = False  # the thread may have written and left, just before
        return self._leave()

    def _leave(self) -> bool:
        """Write what is left; let go of the store."""
        self._gone = self._gone or self._write()
        if self._store is not None:
            self._store.close()
        return self._gone

    def _write(self) -> bool:
        """Write what was counted; what could not be written waits for the next time, and nothing is lost."""
        self._due = monotonic() + self._settings.flush_interval
        try:
            self._write_waiting()
            self._unwritten = self._snapshot()
            self._write_waiting()
        except StoreUnavailable as error:
            log_once(("store", str(error)), "%s; the figures wait in memory and are written when it is back", error)
            return False
        return True

    def _write_waiting(self) -> None:
        snapshot = self._unwritten
        if snapshot is None:
            return
        if self._store is None:
            self._store = self._open_store()
        try:
            self._store.write(snapshot)
        except StoreUnavailable:
            raise
        except Exception:  # it would fail the next time too, and all that comes after it would wait for ever
            outlet.lose("transactions", sum(row.count for row in snapshot.minutes))
            swallowed("Store.write")
        self._unwritten = None

    # Snapshots

    def _snapshot(self) -> Snapshot | None:
        """All that is new, or ``None`` where nothing is and nobody would wonder whether this process lives."""
        now = monotonic()
        running = self._open_at(now)
        harvest = self._aggregate.harvest()
        lost = outlet.take_losses()
        if not (harvest.minutes or lost or running != self._running or now - self._last_sign >= _SIGN_OF_LIFE):
            return None
        self._last_sign = now
        self._running = running
        self._sequence += 1
        ran = now - self._started
        return Snapshot(self._instance, self._sequence, epoch(), *harvest, lost=lost, running=running, ran=ran)

    def _open_at(self, now: float) -> tuple[RunningTransaction, ...]:
        """The transactions that have been open for a while, under names that are bounded as all others are."""
        opened = outlet.live.copy()  # those that begin at this moment have not entered yet
        long_open = [
            transaction for transaction in opened if now - getattr(transaction, "entered", now) >= _RUNNING_FOR
        ]
        long_open.sort(key=lambda transaction: transaction.entered)
        return tuple(
            RunningTransaction(
                self._aggregate.bounded(
                    Series(transaction.application.name, transaction.kind, *transaction.naming()), now
                ),
                epoch_at(transaction.entered),
            )
            for transaction in long_open[:_RUNNING_AT_MOST]
        )


def _this_process() -> Instance:
    return Instance(os.urandom(16).hex(), os.uname().nodename, os.getpid(), epoch(), _program())


def _program() -> str:
    """What the process runs: the name of its file, or of the package after ``-m``."""
    path = sys.argv[0] if sys.argv and sys.argv[0] else sys.executable
    folder, name = os.path.split(path)
    return os.path.basename(folder) if name == "__main__.py" and folder else name
