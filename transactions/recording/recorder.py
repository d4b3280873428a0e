"""The recorder: the one background thread of a process, which counts finished transactions and writes them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import repeat
from typing import Any, Final

from ..configuration.settings import Settings
from ..handoff import NOTIFY_EACH, handoff
from ..host_exceptions import refuses
from ..log import capture_internal_exception, hold_lines, log_once, write_held_lines
from ..model.applications import application_named
from ..model.clock import epoch, epoch_at, monotonic, renew
from .aggregate import Aggregate
from .awaited import awaited
from .delivery import Delivery
from .os_threads import (
    OSThread,
    allocate_lock,
    allocate_rlock,
    has_ended,
    is_patched,
    is_within,
    start_thread,
    this_thread,
)
from .snapshot import Instance, RunningTransaction, Series, Settled, Snapshot, Store

__all__ = ["Recorder"]

_FLUSH_THRESHOLD: Final = 128
"""Finished transactions that may wait before the thread is woken, unless the process is about to end."""
_FLUSH_INTERVAL: Final = 1.0
"""Seconds after which the buffers of a busy process are emptied; sooner if the queue fills."""
_MIN_FLUSH_INTERVAL: Final = 0.1
"""Seconds between two flushes of the buffers at least."""
_BUSY_PERIOD: Final = 10.0
"""Seconds for which a process counts as busy after a transaction has ended."""
_HEARTBEAT: Final = 60.0
"""Seconds after which an idle process writes to show that it is alive."""
_MAX_RUNNING: Final = 200
"""Open transactions that a snapshot lists, the oldest first."""
_MIN_RUNNING_AGE: Final = 1.0
"""Seconds for which a transaction must have been open to be listed."""
_LONGEST_KEY: Final = 500
_YIELD_TIME: Final = 0.5
"""Seconds for which the thread lets other writers go first."""
_JOIN_TIMEOUT: Final = 0.5
"""Seconds to wait for the thread to end once all is written: one that is left at exit may hang the interpreter."""
_RESTART_DELAY: Final = 1.0
"""Seconds before another attempt after a thread could not be started."""
_START_TIMEOUT: Final = 2.0
"""Seconds after which whoever was about to start the thread was cut off."""
_POLL_INTERVAL: Final = 0.2
"""Seconds after which a waiting thread checks whether the other one is still there."""


class _Request:
    """A task that one of the program's threads hands to another thread and waits for."""

    __slots__ = ("answered", "done", "task")

    def __init__(self, task: Callable[[], bool]) -> None:
        self.task = task
        self.done = False
        self.answered = allocate_lock()
        self.answered.acquire()

    def carry_out(self) -> None:
        done = False
        try:
            done = self.task()
        finally:  # whatever exception strikes here, a thread is waiting
            self.answer(done)

    def answer(self, done: bool) -> None:
        self.done = done
        refuses(self.answered.release, RuntimeError)  # released already if an exception struck right here


class Recorder:
    """Counts finished transactions and writes snapshots of the counts every few seconds.

    Its thread does both, even when one of the program's threads waits for the result:
    an exception that strikes the waiting thread then leaves nothing half done, and
    cannot be taken for one of the store's. If the recorder's thread does not run, a
    thread for this task alone does the work, and where none can be started, the
    program's own: a flush and a normal exit do not depend on any thread.

    Args:
        settings: the settings in force.
        open_store: opens the store; called in the first thread that writes. ``None`` if
            ``delivery`` is told later.
        forked_thread: the identifier of the thread that forked this process, if that was
            not the parent's main thread, else 0. No hook runs at the end of such a
            process: it ends with that thread, unless others are left.
    """

    def __init__(
        self, settings: Settings, open_store: Callable[[], Store] | None = None, forked_thread: int = 0
    ) -> None:
        self.pid: int = os.getpid()
        """The process that it records; shows a fork for which no hook was called."""
        self.flush_threshold: int = _FLUSH_THRESHOLD
        """How many finished transactions may wait to be counted."""
        self.delivery: Delivery = Delivery(open_store)
        """The delivery of snapshots to the store."""
        self._settings = settings
        configured = application_named(settings.app_name)
        self._application = settings.app_name if configured is None else configured.name
        self._forked_thread = forked_thread
        self._aggregate = Aggregate(settings)
        self._instance = _this_process(settings)
        self._started = monotonic()
        self._running: tuple[RunningTransaction, ...] = ()
        self._last_heartbeat = self._last_flush = monotonic()
        self._due = self._last_heartbeat + settings.flush_interval
        self._lock = allocate_rlock()
        self._worker = 0
        """Identifier of the thread that holds the lock."""
        self._thread: OSThread | None = None
        self._runs_in = 0
        """The identifier of the thread, set by itself, as an exception may strike the call that starts it."""
        self._starting = allocate_lock()
        self._start_began = 0.0
        """On the monotonic clock: when a start of the thread was tried that has not come to its end; else 0.0."""
        self._retry_at = 0.0
        """On the monotonic clock: when to try again to start a thread, after that has failed."""
        self._wakeup = allocate_lock()
        self._wakeup.acquire()
        self._woken = False
        self._busy_until = 0.0
        """On the monotonic clock: until then more transactions are likely to end."""
        self._closed = False
        """Whether counting has stopped for good."""
        self._is_done = False
        """Whether nothing is left to write."""
        self._waiting_writers = 0
        """Number of the program's threads that wait to write."""
        self._requests: list[_Request] = []
        self._is_logging = False
        """Whether the thread is in the host's `logging`, where it may wait for a thread that waits for it."""

    # Called by the host program's threads: never waits

    def on_pending(self) -> int:
        """Start or wake the thread; return how many finished transactions may wait before the next call."""
        if self._closed:
            return NOTIFY_EACH
        is_due = not self._start() and (handoff.full_buffers or len(handoff.queue) >= self.flush_threshold)
        if is_due and not self._woken:
            self._wake()
        if self._is_alive():
            return len(handoff.queue) + self.flush_threshold
        if len(handoff.queue) >= _FLUSH_THRESHOLD:
            self._work(lambda: True, 0.0)  # counting takes no disk
            write_held_lines()
        return NOTIFY_EACH

    def _start(self) -> bool:
        """Try to start the thread unless it runs; return whether that was tried."""
        now = monotonic()
        if self._is_alive() or now < self._retry_at:
            return False
        self._start_began = self._start_began or now
        starting = self._starting
        if not starting.acquire(False):
            if now >= self._start_began + _START_TIMEOUT:  # left behind by an exception that struck right here
                self._starting, self._start_began = allocate_lock(), 0.0
            return False
        try:
            if self._is_alive():
                return False
            self._thread = start_thread(self._run, "weighbridge-recorder")
            if self._thread is None:
                self._retry_at = monotonic() + _RESTART_DELAY
        finally:
            self._start_began = 0.0
            starting.release()
        return True

    def _is_alive(self) -> bool:
        if self._thread is None:
            return self._runs_in != 0 and not has_ended(self._runs_in)
        return self._thread.is_alive()

    def _wake(self) -> None:
        """Wake the thread, whatever `_woken` says: an exception may have cut off who set that before it was true."""
        self._woken = True
        refuses(self._wakeup.release, RuntimeError)  # released already if another thread was faster

    # May wait for another thread, or for the disk

    def flush(self, timeout: float | None = None) -> bool:
        """Count and write everything that has finished; return whether all of it is in the store.

        Args:
            timeout: seconds to wait at most for another thread that is writing.
        """
        return self._have_done(self._write, timeout)

    def close(self, timeout: float) -> bool:
        """Write what is left, close the store and stop; return whether everything is in the store.

        If it is not, the thread stays and keeps trying.
        """
        closing, self._closed = not self._closed, True
        done = self._have_done(self._aggregate_and_close if closing else self._write_and_close, timeout)
        if not done:
            log_once(("close", self._instance.id), "the last figures of this process could not be written so far")
            self._start()
        self._wake()
        if done:
            self._join()
        return done

    def give_up(self) -> None:
        """End the thread at the exit of the process, though something could not be written.

        The interpreter ends a thread that is left by ``pthread_exit``, for which glibc opens a file. Where no
        descriptor is free, which may be why nothing could be written, it aborts the process.
        """
        self._is_done = True
        self._wake()
        self._join()

    def _join(self) -> None:
        """Wait a moment for the thread to end."""
        if self._thread is not None and self._is_alive():
            self._thread.join(_JOIN_TIMEOUT)

    def _run(self) -> None:
        """Run the thread until nothing is left to do, whatever is thrown into it."""
        self._runs_in = this_thread()
        while not self._is_done:
            with suppress(BaseException):  # thrown into this thread while it logs another one
                if self._run_until_done():
                    return

    def _run_until_done(self) -> bool:
        """Write whenever that is due; return whether nothing will ever be due again."""
        try:
            while not self._is_done and not self._is_orphaned():
                self._wait()
                self._work(self._write_if_due)
                if not self._answer():  # else whoever has waited writes the lines that are held
                    self._log()
            if not self._is_done:
                self.flush_threshold = NOTIFY_EACH  # this thread will no longer be there for what ends later
                self._work(self._write)
                self._log()
            return True
        except BaseException as error:  # thrown into this thread, or raised by the host when it is told of a failure
            hold_lines(this_thread())
            log_once("the recorder's thread", "the background thread goes on after %r", error)
            hold_lines(0)
            self._log()
            self._sleep(_FLUSH_INTERVAL)
            return False

    def _log(self) -> None:
        """Write the lines that this thread held back while others waited for it."""
        self._is_logging = True
        try:
            write_held_lines()
        finally:
            self._is_logging = False

    def _wait(self) -> None:
        """Wait until something is due, or the thread is woken."""
        now = monotonic()
        pause = max(0.0, self._due - now)
        if now < self._busy_until:
            pause = min(pause, _FLUSH_INTERVAL)
        self._sleep(min(pause, _POLL_INTERVAL) if self._forked_thread else pause)
        if self._waiting_writers:
            self._wakeup.acquire(True, _YIELD_TIME)

    def _sleep(self, seconds: float) -> None:
        """Wait until woken, or for so many seconds; not at all while somebody waits for an answer."""
        self._wakeup.acquire(True, 0.0 if self._requests else seconds)
        self._woken = False

    def _is_orphaned(self) -> bool:
        """Whether this is the last thread of a process that has ended."""
        return bool(self._forked_thread) and has_ended(self._forked_thread)

    def _answer(self) -> bool:
        """Carry out the waiting requests, and return whether there were any.

        Whoever makes one too late sees that this thread has ended.
        """
        answered = bool(self._requests)
        while self._requests:
            request, done = self._requests[0], False
            try:
                done = self._work(request.task)
            finally:  # whatever exception strikes here, a thread is waiting
                refuses(partial(self._requests.remove, request), ValueError)  # removed if nobody waits any longer
                request.answer(done)
        return answered

    def _have_done(self, task: Callable[[], bool], timeout: float | None) -> bool:
        """Run a task in the recorder's thread, or as `_do` does; return whether it succeeded in time."""
        deadline = _deadline(timeout)
        if self._is_alive() and self._can_wait():
            request = _Request(partial(awaited.run, task, deadline))
            self._requests.append(request)
            self._wake()
            if _acquired(request.answered, deadline, lambda: self._is_alive() and not self._is_logging):
                write_held_lines()
                return request.done
            refuses(partial(self._requests.remove, request), ValueError)  # removed already if it is being answered
        with self._priority():
            done = self._do(task, deadline)
        write_held_lines()
        return done

    def _do(self, task: Callable[[], bool], deadline: float) -> bool:
        """Run a task in a thread of its own, or here if there can be none; return whether it succeeded in time."""
        task = partial(awaited.run, task, float("inf"))
        request = _Request(partial(self._work, task, max(0.0, deadline - monotonic())))
        helper = start_thread(request.carry_out, "weighbridge-writer") if self._can_wait() else None
        if helper is None:
            return request.task()
        # The deadline is the task's: it takes the lock in time or not at all, and then goes on to its end.
        _acquired(request.answered, float("inf"), helper.is_alive)
        helper.join(_JOIN_TIMEOUT)
        return request.done

    def _can_wait(self) -> bool:
        """Whether the current thread can wait for another one to do the work.

        The recorder's thread cannot wait for itself, nor can code that interrupts
        the thread holding the lock. And gevent's greenlets share one thread: what
        the other one waits for may need another greenlet to run.
        """
        return this_thread() not in {self._runs_in, self._worker} and not is_patched()

    @contextmanager
    def _priority(self) -> Iterator[None]:
        """Hold the recorder's thread back while one of the program's threads waits to write itself."""
        self._waiting_writers += 1
        try:
            yield
        finally:
            self._waiting_writers -= 1

    def _work(self, task: Callable[[], bool], timeout: float | None = None) -> bool:
        """Count what has finished, then run a task, in one thread at a time. Never raises an `Exception`.

        A signal handler or a destructor that interrupts the working thread returns at
        once instead of waiting for itself.
        """
        if self._worker == this_thread():
            return False
        try:
            if not self._acquire(timeout):
                return False
            self._worker = this_thread()
            hold_lines(self._worker)
            if not self._closed:
                self._aggregate_queue()
            return task()
        except Exception:
            capture_internal_exception("the recorder")
            return False
        finally:
            self._release()

    def _acquire(self, timeout: float | None) -> bool:
        """Take the lock; return whether that succeeded within ``timeout`` seconds."""
        deadline = _deadline(timeout)
        lock, idle = self._lock, 0
        while not lock.acquire(True, min(_POLL_INTERVAL, max(0.0, deadline - monotonic()))):
            if monotonic() >= deadline:
                return False
            idle = 0 if is_within(self._worker, Recorder._work.__code__) else idle + 1
            if idle > 1 and lock is self._lock:  # left behind by an exception that struck its thread
                self._lock = lock = allocate_rlock()
        return True

    def _release(self) -> None:
        """Release the lock, if it was taken."""
        if self._worker == this_thread():
            self._worker = 0
            hold_lines(0)
        refuses(self._lock.release, RuntimeError)

    def _aggregate_queue(self) -> None:
        renew()
        handoff.set_flush_threshold(NOTIFY_EACH if self._closed or not self._is_alive() else self.flush_threshold)
        found = bool(handoff.queue)
        self._aggregate.flush_full(handoff.full_buffers)
        for _ in repeat(None, len(handoff.queue)):
            try:
                self._aggregate.aggregate(handoff.queue)
                break
            except Exception:  # a bug of ours costs one transaction
                handoff.record_dropped("transactions")
                capture_internal_exception("Aggregate.aggregate")
        now = monotonic()
        if now >= self._last_flush + _MIN_FLUSH_INTERVAL:
            self._last_flush = now
            found = self._aggregate.flush_open() or found
        if found:
            self._busy_until = now + _BUSY_PERIOD

    def _write_if_due(self) -> bool:
        if monotonic() < self._due:
            return True
        return self._write_and_close() if self._closed else self._write()

    def _aggregate_and_close(self) -> bool:
        self._aggregate_queue()
        self._is_done = False  # the thread may have finished just before
        return self._write_and_close()

    def _write_and_close(self) -> bool:
        """Write what is left, and close the store."""
        self._is_done = self._is_done or self._write()
        self.delivery.close()
        return self._is_done

    def _write(self) -> bool:
        """Write what was counted; what cannot be written now waits for the next attempt."""
        self._due = monotonic() + self._settings.flush_interval
        delivered = self.delivery.deliver()
        snapshot = self._snapshot() if self.delivery.has_capacity() else None
        if snapshot is not None:
            self.delivery.enqueue(snapshot)
            delivered = self.delivery.deliver()
        if not delivered:
            self._due = monotonic() + self.delivery.pause(self._settings.flush_interval)
        return delivered

    # Snapshots

    def _snapshot(self) -> Snapshot | None:
        """Return everything new as a snapshot; ``None`` if there is nothing and no heartbeat is due."""
        now = monotonic()
        running = () if self._closed else self._open_at(now)  # what ends in good order is not killed
        collected = self._aggregate.collect()
        metrics, events = handoff.custom.take()
        lost = handoff.take_dropped()
        schedules = handoff.schedules.take(now, self._application)
        recorded = collected.minutes or metrics or events or lost or schedules
        if not (recorded or running != self._running or now - self._last_heartbeat >= _HEARTBEAT):
            return None
        self._last_heartbeat = now
        self._running = running
        ran = now - self._started
        return Snapshot(
            self._instance,
            0,
            epoch(),
            collected.minutes,
            collected.errors,
            collected.samples,
            lost=lost,
            running=running,
            ran=ran,
            custom_metrics=metrics,
            custom_events=events,
            groups=collected.groups,
            enqueued=collected.enqueued,
            schedules=schedules,
            settled=self._settled(),
        )

    def _open_at(self, now: float) -> tuple[RunningTransaction, ...]:
        """Return the transactions that have been open for a while, their names limited as all others are."""
        long_open = handoff.open_since(now - _MIN_RUNNING_AGE)
        long_open.sort(key=lambda transaction: transaction._start_time)
        return tuple(
            RunningTransaction(
                self._aggregate.bounded(
                    Series(transaction.application.name, transaction.kind, *transaction._group_and_name()), now
                ),
                epoch_at(transaction._start_time),
                self._key_of(transaction),
                (transaction._extras and transaction._extras.queue) or "",
            )
            for transaction in long_open[:_MAX_RUNNING]
        )

    def _key_of(self, transaction: Any) -> str:
        """Return what tells an open task from all others; empty for requests, and for frames around others' work."""
        extras = transaction._extras
        task_id = None if extras is None or extras.task is None else extras.task[0]
        if transaction.kind == "web" or task_id == "":
            return ""
        if task_id is None:
            return f"{self._instance.id} {transaction._start_time}"
        return _task_key(transaction.application.name, transaction._group_and_name()[0], task_id)

    def _settled(self) -> tuple[Settled, ...]:
        settled, taken = handoff.settled, []
        while settled:
            group, task_id, moment = settled.popleft()
            taken.append(Settled(_task_key(self._application, group, task_id), moment))
        return tuple(taken)


def _task_key(application: str, group: str, task_id: str) -> str:
    """Return the key of a task that has an id, the same in every process."""
    return f"{application}/{group}/{task_id}"[:_LONGEST_KEY]


def _deadline(timeout: float | None) -> float:
    """Return the moment on the monotonic clock at which a timeout ends."""
    return float("inf") if timeout is None else monotonic() + timeout


def _acquired(lock: Any, deadline: float, hope: Callable[[], bool]) -> bool:
    """Wait for a lock until a deadline, as long as ``hope()`` is true; return whether it was acquired."""
    while not lock.acquire(True, min(_POLL_INTERVAL, max(0.0, deadline - monotonic()))):
        if monotonic() >= deadline or not hope():
            return bool(lock.acquire(False))
    return True


def _this_process(settings: Settings) -> Instance:
    host = settings.host or os.uname().nodename
    return Instance(os.urandom(16).hex(), host, os.getpid(), epoch(), _program(), settings.version or "")


def _program() -> str:
    """Return what the process runs: the name of its file, or of the package after ``-m``."""
    path = sys.argv[0] if sys.argv and sys.argv[0] else sys.executable
    folder, name = os.path.split(path)
    return os.path.basename(folder) if name == "__main__.py" and folder else name
