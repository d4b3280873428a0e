"""A fork finds no SQLite call under way and no store's file open.

SQLite must not see a fork: a child inherits its locked mutexes, which nobody
will ever unlock, and open connections, with file locks that the operating
system did not give to the child. So every fork (Python's own hooks tell of it)
waits for the transactions that are running (milliseconds, unless the disk hangs),
lets no other begin, and closes the files, which costs no more than opening them
again. After `_LOCK_TIMEOUT` seconds it goes ahead all the same; such a child cannot
write to the store, and says why.
"""

from __future__ import annotations

import os
import weakref
from typing import Any, Final, Protocol

from ..model.clock import monotonic
from ..recording.os_threads import allocate_lock

__all__ = ["forked_midway", "turnstile", "watch"]

_LOCK_TIMEOUT: Final = 2.0


class Forkable(Protocol):
    """What uses SQLite."""

    def stand_still(self, timeout: float) -> bool:
        """Wait for the running transaction, close the file and begin no other; false if that takes too long."""
        ...

    def go_on(self) -> None:
        """The end of `stand_still`."""


class _Forks:
    """The hooks, and what they need to know."""

    def __init__(self) -> None:
        self.users: weakref.WeakSet[Forkable] = weakref.WeakSet()
        self.midway = False
        self._all_stood_still = True
        self._standing: list[Forkable] = []
        self.forget()

    def forget(self) -> None:
        """Start anew, in a child: the threads that held or awaited anything are not in this process."""
        self.turnstile: Any = allocate_lock()
        self.midway = not self._all_stood_still
        self._closed = False
        self._standing.clear()
        self.pid = os.getpid()

    def before(self) -> None:
        """Close the way, then wait for those who are through."""
        deadline = monotonic() + _LOCK_TIMEOUT
        self._closed = self.turnstile.acquire(timeout=_LOCK_TIMEOUT)
        for user in list(self.users):
            if user.stand_still(max(0.0, deadline - monotonic())):
                self._standing.append(user)
        self._all_stood_still = len(self._standing) == len(self.users)

    def after_in_parent(self) -> None:
        """Let them go on."""
        while self._standing:
            self._standing.pop().go_on()
        if self._closed:
            self._closed = False
            self.turnstile.release()


_forks: Final = _Forks()


def turnstile() -> Any:
    """The way by which transactions begin, one after the other: held for no longer than that takes, and by forks."""
    if _forks.pid != os.getpid():
        _forks.forget()
    return _forks.turnstile


def forked_midway() -> bool:
    """Whether this process was forked in the middle of a transaction, and so inherited its lock for good."""
    return _forks.midway


def watch(user: Forkable) -> None:
    """Have it stand still while the process forks, as long as it exists."""
    _forks.users.add(user)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_forks.before, after_in_parent=_forks.after_in_parent, after_in_child=_forks.forget)
