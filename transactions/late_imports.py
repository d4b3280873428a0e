"""What is not needed at once is imported at its first use: in a thread of the program's, never while it forks.

A module is locked while it is being imported. A child that is forked at that
moment inherits the lock, but not the thread that would release it, and hangs as
soon as it imports the module itself. So a fork waits for the imports that are
under way (milliseconds), and no other begins meanwhile. Where that takes too
long it goes ahead all the same; what is half imported then is forgotten in the
child, which imports it anew.

Imports that may fail while the program runs on stand in a ``with late_imports:``
block; forks see to all other imports of ours as well, by the locks of
`importlib`. A thread of our own never imports anything: what it needs is
imported before it is started.
"""

from __future__ import annotations

import os
import sys
import time
from _thread import RLock, get_ident

TYPE_CHECKING = False  # typing takes long to import, and this has to be there before anything that does
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

__all__ = ["Unloadable", "late_imports"]

_LOCK_TIMEOUT: Final = 2.0
"""Seconds that a fork or an import waits at most for the imports of other threads."""
_POLL_INTERVAL: Final = 0.01
"""Seconds after which it looks what they are doing."""
_FAILURES: Final = 100
"""Imports that may fail before only one a second is tried."""

_OURS: Final = __name__.partition(".")[0]
_NEEDED: Final = "asgiref dataclasses inspect json logging platformdirs signal sqlite3 threading wrapt".split()
"""What ours need of others; a thread of the program's may be importing it on its own account."""
_WATCHED: Final = frozenset((_OURS, *_NEEDED))


class Unloadable(ImportError):
    """Modules cannot be imported: there is no free file descriptor, no file, or not much left of the interpreter."""


class _LateImports:
    """The block in which modules are imported, by one thread at a time.

    Raises:
        Unloadable: at its beginning, or at its end.
    """

    __slots__ = ("_failures", "_lock", "_ours", "_retry_at")

    def __init__(self) -> None:
        self._lock = RLock()
        self._ours: set[int] = set()
        """Threads of our own."""
        self._failures = 0
        self._retry_at = 0.0

    def __enter__(self) -> None:
        if sys.is_finalizing() or sys.meta_path is None:
            raise Unloadable("the interpreter is going down")
        if get_ident() in self._ours:
            raise Unloadable("it is for a thread of the program's to import that")
        if self._failures >= _FAILURES and time.monotonic() < self._retry_at:
            raise Unloadable("that failed a moment ago")
        self._acquire()

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._release()
        if isinstance(error, (ImportError, OSError)):
            from .host_exceptions import pass_on  # noqa: PLC0415  it needs typing, but is there when something fails

            pass_on(error)
            self._failures += 1
            self._retry_at = time.monotonic() + 1
            _forget_missing_folders()
            raise Unloadable(str(error)) from error

    def never_in(self, work: Callable[[], object]) -> Callable[[], None]:
        """The same work for a thread of our own, which is not to import anything."""

        def work_without() -> None:
            self._ours.add(get_ident())
            try:
                work()
            finally:
                self._ours.discard(get_ident())

        return work_without

    def retry(self) -> None:
        """Try in any case what has failed so far: the program asks for it by name."""
        self._failures = 0

    def _acquire(self) -> None:
        """Take the lock, or go ahead without it where that takes too long.

        One that is held by a thread that imports nothing was left behind: an
        exception of the program's struck there between two steps of ours.
        """
        deadline, lock = time.monotonic() + _LOCK_TIMEOUT, self._lock
        while not lock.acquire(True, _POLL_INTERVAL) and time.monotonic() < deadline:
            if not _under_way() and lock is self._lock:
                self._lock = lock = RLock()

    def _release(self) -> None:
        try:
            self._lock.release()
        except RuntimeError:  # it could not be had, or belongs to the process that this one was forked from
            return

    # Forks

    def watch_forks(self) -> None:
        """Have every fork wait.

        The hook that is registered last is called first, so this is done again
        when `logging` is there: its own hook takes a lock, for which an import
        may have to wait.
        """
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self.before_fork,
                after_in_parent=self.after_fork_in_parent,
                after_in_child=self.after_fork_in_child,
            )

    def before_fork(self) -> None:
        """Wait for the imports that are under way, and let no other begin."""
        knew_logging = _logging_watches_forks()
        self._acquire()
        deadline = time.monotonic() + _LOCK_TIMEOUT
        while _under_way() and time.monotonic() < deadline:  # by an import statement of the program's
            time.sleep(_POLL_INTERVAL / 10)
        if not knew_logging and _logging_watches_forks():
            _do_as_logging_would()

    def after_fork_in_parent(self) -> None:
        """Let them begin."""
        self._release()

    def after_fork_in_child(self) -> None:
        """Nobody in this process will finish what other threads have half imported: it is to be imported anew."""
        self._lock = RLock()
        self._ours.clear()
        for name in _under_way():
            _module_locks.pop(name, None)
            if getattr(getattr(sys.modules.get(name), "__spec__", None), "_initializing", False):
                _forget_module(name)


def _forget_module(name: str) -> None:
    """Also what is in it: nobody but itself can have imported that so far."""
    for known in list(sys.modules):
        if known == name or known.startswith(name + "."):
            sys.modules.pop(known, None)


def _forget_missing_folders() -> None:
    """Where a folder could not be seen (there was no free file descriptor), that is otherwise remembered for good."""
    for folder, finder in list(sys.path_importer_cache.items()):
        if finder is None:
            sys.path_importer_cache.pop(folder, None)


_module_locks: Final[dict[str, Any]] = getattr(sys.modules["_frozen_importlib"], "_module_locks", {})
"""By the name of the module, in the order in which they were taken, weak references to the locks of `importlib`."""


def _under_way() -> list[str]:
    """The modules that other threads are importing at this moment: ours, those that ours need, and what is within."""
    found: dict[int, list[str]] = {}
    for name, reference in list(_module_locks.items()):
        owner = getattr(reference(), "owner", None)
        if owner not in (None, get_ident()) and (owner in found or name.partition(".")[0] in _WATCHED):
            found.setdefault(owner, []).append(name)
    return [name for names in found.values() for name in names]


def _logging_watches_forks() -> bool:
    """Whether `logging` has registered its hooks; that is what it does before it makes this class."""
    return hasattr(sys.modules.get("logging"), "LogRecord")


def _do_as_logging_would() -> None:
    """Take the lock that its hook releases after this fork: the one that takes it came too late for this fork."""
    lock: Any = sys.modules["logging"]._lock
    if not lock._is_owned():
        lock.acquire()


late_imports: Final = _LateImports()
late_imports.watch_forks()
