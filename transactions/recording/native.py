"""Threads and locks of the operating system, also where gevent has put its own in their place.

The recorder may wait for a disk. Were its thread a greenlet, every request of
the process would wait with it.
"""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["allocate_lock", "start_thread", "this_thread"]


def _original(name: str) -> Any:
    monkey: Any = sys.modules.get("gevent.monkey")
    return getattr(_thread, name) if monkey is None else monkey.get_original("_thread", name)


def allocate_lock() -> Any:
    """A lock that blocks its thread, not a greenlet."""
    return _original("allocate_lock")()


def this_thread() -> int:
    """The number of the thread, the same for all of its greenlets; never 0."""
    number: int = _original("get_ident")()
    return number


def start_thread(run: Callable[[], None], name: str) -> Callable[[float], object] | None:
    """Start a daemon thread; ``None`` where none can be started (the interpreter is going down).

    Gives what waits for its end, for so many seconds at most.
    """
    monkey: Any = sys.modules.get("gevent.monkey")
    try:
        if monkey is not None and monkey.is_module_patched("threading"):
            return _start_original_thread(run)
        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
    except RuntimeError:
        return None
    return thread.join


def _start_original_thread(run: Callable[[], None]) -> Callable[[float], object]:
    running = allocate_lock()
    running.acquire()

    def run_and_tell() -> None:
        try:
            run()
        finally:
            running.release()

    _original("start_new_thread")(run_and_tell, ())

    def wait(timeout: float) -> None:
        if running.acquire(True, timeout):
            running.release()

    return wait
