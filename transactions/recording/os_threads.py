"""Threads and locks of the operating system, even if gevent has replaced those of `threading`.

The recorder may wait for a disk. If its thread were a greenlet, every request of
the process would have to wait with it.
"""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, Final, Protocol

from ..host_exceptions import pass_on
from ..late_imports import late_imports
from ..log import log_once
from ..model.process_state import process_state

__all__ = [
    "OSThread",
    "allocate_lock",
    "allocate_rlock",
    "has_ended",
    "is_patched",
    "is_within",
    "start_thread",
    "this_thread",
]


def _original(name: str) -> Any:
    monkey: Any = sys.modules.get("gevent.monkey")
    return getattr(_thread, name) if monkey is None else monkey.get_original("_thread", name)


def is_patched(*modules: str) -> bool:
    """Whether the program's threads are gevent's greenlets, or what any of some modules does switches between them."""
    monkey: Any = sys.modules.get("gevent.monkey")
    return monkey is not None and any(map(monkey.is_module_patched, modules or ("threading",)))


def allocate_lock() -> Any:
    """Return a lock that blocks the whole thread, not just a greenlet."""
    return _original("allocate_lock")()


def allocate_rlock() -> Any:
    """Return a reentrant lock of the same kind, which only its own thread can release."""
    return _original("RLock")()


def this_thread() -> int:
    """Return the identifier of the thread, the same for all of its greenlets; never 0."""
    number: int = _original("get_ident")()
    return number


def has_ended(number: int) -> bool:
    """Whether no thread with that identifier runs Python code."""
    return number not in sys._current_frames()


def is_within(number: int, code: CodeType) -> bool:
    """Whether the thread with that identifier runs a function's code; true under gevent, where it is unknown."""
    if is_patched("threading", "thread", "socket", "select", "time", "os"):
        return True
    frame: FrameType | None = sys._current_frames().get(number)
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    return frame is not None


class OSThread(Protocol):
    """The methods of a started thread that are used here; `threading.Thread` has them."""

    def is_alive(self) -> bool:
        """Whether the thread is still running."""
        ...

    def join(self, timeout: float) -> None:
        """Wait for the thread's end, for at most ``timeout`` seconds."""


def start_thread(run: Callable[[], None], name: str) -> OSThread | None:
    """Start a daemon thread and return it; ``None``, which is logged once, if that is impossible at this moment."""
    if sys.is_finalizing():  # it would never come to run
        return None
    run = late_imports.never_in(run)
    try:
        if is_patched() or process_state.early:  # one of `threading` complains at its end if gevent comes meanwhile
            return _UnpatchedThread(run)
        thread = _Thread(target=run, name=name, daemon=True)
        thread.start()
    except RuntimeError as error:
        pass_on(error)
        if "shutdown" not in str(error):  # the interpreter is shutting down
            log_once("no thread", _NO_THREAD, error)
        return None
    return thread


_NO_THREAD: Final = "%s: figures are written by flush() and at the end of the process, until a thread can be started"


class _Thread(threading.Thread):
    """A thread that ends in silence, too, if gevent has replaced `threading` meanwhile."""

    def _delete(self) -> None:
        if is_patched():  # it would look for itself by the identifier of a greenlet, and raise
            vars(threading)["_active"].pop(self.ident, None)
        else:
            super()._delete()  # type: ignore[misc]  # `threading` itself calls it


class _UnpatchedThread:
    """A thread that gevent does not know about."""

    def __init__(self, run: Callable[[], None]) -> None:
        self._target = run
        self._running = allocate_lock()
        self._running.acquire()
        _original("start_new_thread")(self._run, ())

    def _run(self) -> None:
        try:
            self._target()
        finally:
            self._running.release()

    def is_alive(self) -> bool:
        """See `OSThread.is_alive`."""
        alive: bool = self._running.locked()
        return alive

    def join(self, timeout: float) -> None:
        """See `OSThread.join`."""
        if self._running.acquire(True, timeout):
            self._running.release()
