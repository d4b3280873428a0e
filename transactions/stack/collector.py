"""Whether the garbage collector runs at this moment, where it can start inside somebody's ``ContextVar.set()``.

Up to CPython 3.11 it can: what a finaliser sets then leaves a freed value in
the variable's cache, and the process dies of it (python/cpython#148891). So
nothing of ours sets or resets a context variable while the collector runs.
From 3.12 on it starts between two instructions only, and nobody needs to ask.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

__all__ = ["forget", "is_running", "watch"]

_running = False


def is_running() -> bool:
    """Whether a collection is under way, in whatever thread; always ``False`` where it does no harm."""
    return _running


def _notice(phase: str, info: dict[str, Any]) -> None:
    global _running
    _running = phase == "start"


def watch() -> None:
    """Notice the beginning and the end of every collection from now on."""
    if sys.version_info < (3, 12) and _notice not in gc.callbacks:
        gc.callbacks.append(_notice)


def forget() -> None:
    """In a forked child: a collection that another thread was in goes on in the parent only."""
    global _running
    _running = False
