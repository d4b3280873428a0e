"""Whether the garbage collector runs at this moment, where it can start inside somebody's ``ContextVar.set()``.

Up to CPython 3.11 it can: what a finaliser sets then leaves a freed value in
the variable's cache, and the process dies of it (python/cpython#148891). So
nothing of ours sets or resets a context variable while the collector runs.
From 3.12 on it starts between two instructions only, and nobody needs to ask.
"""

from __future__ import annotations

import gc
import sys
from functools import partial
from typing import Any, Final

__all__ = ["collecting", "install", "reset_after_fork"]


class _Collecting(set[Any]):
    """True while a collection is under way, in whatever thread.

    The collector tells of its phases by calling back. What it calls is written
    in C throughout: a signal handler's exception that struck in Python code
    there would be swallowed by the collector. So each phase is a property whose
    setter puts the names that the collector tells with it into this set, or
    takes them out.
    """

    start: property = property(fset=set.update)
    stop: property = property(fset=set.difference_update)


collecting: Final = _Collecting()
"""True while a collection is under way; always false where that does no harm."""

_notice: Final = partial(setattr, collecting)


def install() -> None:
    """Notice the beginning and the end of every collection from now on."""
    if sys.version_info < (3, 12) and _notice not in gc.callbacks:
        gc.callbacks.append(_notice)


def reset_after_fork() -> None:
    """In a forked child: a collection that another thread was in goes on in the parent only."""
    collecting.clear()
