"""Whether the garbage collector is running, on Pythons where it can start inside a ``ContextVar.set()``.

Up to CPython 3.11 it can. If a finalizer then sets the same variable, a freed
value stays in the variable's cache, and the process crashes
(python/cpython#148891). So our code never sets or resets a context variable while
the collector runs. From 3.12 on the collector starts only between two bytecode
instructions, and `collecting` is always false.
"""

from __future__ import annotations

import gc
import sys
from functools import partial
from typing import Any, Final

__all__ = ["collecting", "install", "reset_after_fork"]


class _Collecting(set[Any]):
    """A set that is non-empty, hence true, while a collection is under way in any thread.

    The collector reports its phases to callbacks. Ours is implemented in C
    throughout: if a signal handler raised while Python code ran in a callback, the
    collector would swallow the exception. So each phase is a property whose setter
    adds the keys of the info that comes with it to this set, or removes them.
    """

    start: property = property(fset=set.update)
    stop: property = property(fset=set.difference_update)


collecting: Final = _Collecting()
"""True while a collection is under way; always false on Pythons where that does no harm."""

_notice: Final = partial(setattr, collecting)


def install() -> None:
    """Track the start and the end of every collection from now on."""
    if sys.version_info < (3, 12) and _notice not in gc.callbacks:
        gc.callbacks.append(_notice)


def reset_after_fork() -> None:
    """Forget a collection under way in a forked child: the thread that runs it exists only in the parent."""
    collecting.clear()
