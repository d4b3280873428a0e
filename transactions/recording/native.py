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


def start_thread(run: Callable[[], None], name: str) -> bool:
    """Start a daemon thread; ``False`` where none can be started any more (the interpreter is going down)."""
    monkey: Any = sys.modules.get("gevent.monkey")
    try:
        if monkey is not None and monkey.is_module_patched("threading"):
            _original("start_new_thread")(run, ())
        else:
            threading.Thread(target=run, name=name, daemon=True).start()
    except RuntimeError:
        return False
    return True
