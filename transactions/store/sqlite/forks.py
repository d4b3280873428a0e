"""Fork hooks: at a fork, no SQLite call is under way and no store's file is open.

SQLite must not be used across a fork: a child inherits locked mutexes, which nobody
will ever unlock, and open connections, with file locks that the operating system
did not give to the child. So every fork (announced by Python's own hooks) waits for
the running transactions (milliseconds, unless the disk hangs), lets no other begin,
and closes the files, which costs no more than opening them again. After
`_LOCK_TIMEOUT` seconds the fork goes ahead anyway; such a child cannot write to the
store, and says why.
"""

from __future__ import annotations

import os
import weakref
from typing import Any, Final, Protocol

from ...model.clock import monotonic
from ...recording.os_threads import allocate_lock, this_thread

__all__ = ["forked_midway", "turnstile", "watch"]

_LOCK_TIMEOUT: Final = 2.0


class Forkable(Protocol):
    """A user of SQLite."""

    def stand_still(self, timeout: float) -> bool:
        """Wait for the running transaction, close the file and begin no other; return false if that takes too long."""
        ...

    def go_on(self) -> None:
        """Continue after `stand_still`."""


class _Fork:
    """A fork that is under way in one thread."""

    def __init__(self) -> None:
        self.thread = this_thread()
        self.is_closed = False
        """Whether it has closed the turnstile."""
        self.standing: list[Forkable] = []
        self.all_stood_still = False


class _Forks:
    """The fork hooks and their state.

    Several threads may be forking, and a signal handler may fork within a fork: each undoes what it has done itself.
    """

    def __init__(self) -> None:
        self.users: weakref.WeakSet[Forkable] = weakref.WeakSet()
        self.midway = False
        self._under_way: list[_Fork] = []
        self.forget()

    def forget(self) -> None:
        """Reset the state in a child, which has none of the threads that held or awaited a lock."""
        self.turnstile: Any = allocate_lock()
        self.midway = not all(fork.all_stood_still for fork in self._under_way if fork.thread == this_thread())
        self._under_way = []
        self.pid = os.getpid()

    def before(self) -> None:
        """Let no transaction begin, then wait for those that have begun."""
        deadline = monotonic() + _LOCK_TIMEOUT
        fork = _Fork()
        self._under_way.append(fork)
        fork.is_closed = self.turnstile.acquire(timeout=_LOCK_TIMEOUT)
        users = list(self.users)
        for user in users:
            if user.stand_still(max(0.0, deadline - monotonic())):
                fork.standing.append(user)
        fork.all_stood_still = len(fork.standing) == len(users)

    def after_in_parent(self) -> None:
        """Let the users continue."""
        fork = next((fork for fork in reversed(self._under_way) if fork.thread == this_thread()), None)
        if fork is None:
            return
        self._under_way.remove(fork)
        while fork.standing:
            fork.standing.pop().go_on()
        if fork.is_closed:
            self.turnstile.release()


_forks: Final = _Forks()


def turnstile() -> Any:
    """Return the lock under which transactions begin one by one; held only while one begins, and by forks."""
    if _forks.pid != os.getpid():
        _forks.forget()
    return _forks.turnstile


def forked_midway() -> bool:
    """Whether this process was forked in the middle of a transaction, so that its lock is never released."""
    return _forks.midway


def watch(user: Forkable) -> None:
    """Make a user stand still during forks, for as long as it exists."""
    _forks.users.add(user)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_forks.before, after_in_parent=_forks.after_in_parent, after_in_child=_forks.forget)
