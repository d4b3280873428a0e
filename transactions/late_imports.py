"""Late imports, for modules that are needed only later: in the program's threads, and never during a fork.

A module is locked while it is being imported. A child that is forked at that moment
inherits the lock, but not the thread that would release it, and hangs as soon as it
imports the module itself. So a fork waits for the imports that are under way
(milliseconds), and blocks new ones. If that takes too long, the fork goes ahead; the
child then drops half-imported modules, and imports them again.

Imports that may fail while the program keeps running are made in a
``with late_imports:`` block. Forks also wait for all other imports of ours, which
they see by the locks of `importlib`. Our own threads never import anything: what they
need is imported before they start.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` costs a tenth of what our import does
import os
import sys
import time
from _thread import RLock, get_ident, get_native_id

TYPE_CHECKING = False  # typing takes long to import, and this has to be there before anything that does
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

__all__ = ["Unloadable", "late_imports"]

_LOCK_TIMEOUT: Final = 2.0
"""Seconds that a fork or an import waits at most for the imports of other threads."""
_POLL_INTERVAL: Final = 0.01
"""Seconds between two checks of those imports."""
_FAILURES: Final = 100
"""Failures after which an import is tried only once per second."""

_OURS: Final = __name__.partition(".")[0]
_NEEDED: Final = (
    "asgiref dataclasses inspect json logging platformdirs psycopg psycopg2 signal sqlite3 threading wrapt".split()
)
"""Third-party and standard modules that ours need and that the program may itself be importing."""
_WATCHED: Final = frozenset((_OURS, *_NEEDED))


_FAULTS: Final = frozenset((_signal.SIGABRT, _signal.SIGBUS, _signal.SIGFPE, _signal.SIGILL, _signal.SIGSEGV))
"""Signals that tell a thread what it has done itself, and that `faulthandler` may be waiting for."""


class Unloadable(ImportError):
    """Modules cannot be imported: no free file descriptor or memory, no file, or an interpreter that shuts down."""


class _LateImports:
    """A block in which modules are imported, by one thread at a time.

    Raises:
        Unloadable: at its beginning, or at its end.
    """

    __slots__ = ("_failures", "_lock", "_ours", "_retry_at")

    def __init__(self) -> None:
        self._lock = RLock()
        self._ours: set[int] = set()
        """Identifiers of our own threads."""
        self._failures = 0
        self._retry_at = 0.0

    def __enter__(self) -> None:
        if sys.is_finalizing() or sys.meta_path is None:
            raise Unloadable("the interpreter is shutting down")
        if get_ident() in self._ours:
            raise Unloadable("only the program's threads may import")
        if self._failures >= _FAILURES and time.monotonic() < self._retry_at:
            raise Unloadable("it failed a moment ago")
        self._acquire()

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._release()
        if isinstance(error, (ImportError, OSError, MemoryError)):
            _pass_on(error)
            self._failures += 1
            self._retry_at = time.monotonic() + 1
            _forget_missing_folders()
            raise Unloadable(str(error) or "no memory is left") from error

    def never_in(self, work: Callable[[], object]) -> Callable[[], None]:
        """Wrap the work of one of our own threads, which must not import anything, and takes no signals.

        A program may block a signal in its own thread, for a while or to wait for it. The system then gives it to any
        thread that does not block it, which ends the process, or has the program's handler called all the same.
        Where threads are replaced by green ones, as eventlet does, ours is the program's own: nobody could end that.
        """
        caller = get_native_id()

        def work_without() -> None:
            if get_native_id() != caller:
                _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals() - _FAULTS)
            self._ours.add(get_ident())
            try:
                work()
            finally:
                self._ours.discard(get_ident())

        return work_without

    def retry(self) -> None:
        """Forget earlier failures, as the program has asked explicitly."""
        self._failures = 0

    def _acquire(self) -> None:
        """Take the lock, or go ahead without it if that takes too long.

        A lock whose thread imports nothing was left behind by an exception of the
        program's that struck between two steps of ours: it is replaced.
        """
        deadline, lock = time.monotonic() + _LOCK_TIMEOUT, self._lock
        while not lock.acquire(True, _POLL_INTERVAL) and time.monotonic() < deadline:
            if not _under_way() and lock is self._lock:
                self._lock = lock = RLock()

    def _release(self) -> None:
        try:
            self._lock.release()
        except RuntimeError as problem:  # it was not acquired, or belongs to the parent process
            from .host_exceptions import pass_on  # noqa: PLC0415  see `__exit__`

            pass_on(problem)

    # Forks

    def watch_forks(self) -> None:
        """Register the fork hooks.

        The hook that is registered last runs first, so this is done again once
        `logging` is imported: its own hook takes a lock that an import may wait for.
        """
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self.before_fork,
                after_in_parent=self.after_fork_in_parent,
                after_in_child=self.after_fork_in_child,
            )

    def before_fork(self) -> None:
        """Wait for the imports that are under way, and block new ones."""
        knew_logging = _logging_watches_forks()
        self._acquire()
        deadline = time.monotonic() + _LOCK_TIMEOUT
        while _under_way() and time.monotonic() < deadline:  # import statements of the program's
            time.sleep(_POLL_INTERVAL / 10)
        if not knew_logging and _logging_watches_forks():
            _do_as_logging_would()

    def after_fork_in_parent(self) -> None:
        """Allow imports again."""
        self._release()

    def after_fork_in_child(self) -> None:
        """Drop modules that other threads of the parent have half imported, so that they are imported again."""
        self._lock = RLock()
        self._ours.clear()
        for name in _under_way():
            _module_locks.pop(name, None)
            if getattr(getattr(sys.modules.get(name), "__spec__", None), "_initializing", False):
                _forget_module(name)


def _pass_on(error: ImportError | OSError | MemoryError) -> None:
    """Raise an error again if it is the host's; memory that an import of ours lacks is not."""
    from .host_exceptions import pass_on, pass_on_signals  # noqa: PLC0415  it needs typing, but is there at a failure

    if isinstance(error, MemoryError):
        pass_on_signals(error)
        error.__traceback__ = None  # whoever catches `Unloadable` would judge it again, by its frames
    else:
        pass_on(error)


def _forget_module(name: str) -> None:
    """Remove a module and its submodules, which only the module itself can have imported so far."""
    for known in list(sys.modules):
        if known == name or known.startswith(name + "."):
            sys.modules.pop(known, None)


def _forget_missing_folders() -> None:
    """Drop cached folders that could not be opened (for lack of a file descriptor): they would never be retried."""
    for folder, finder in list(sys.path_importer_cache.items()):
        if finder is None:
            sys.path_importer_cache.pop(folder, None)


_module_locks: Final[dict[str, Any]] = getattr(sys.modules["_frozen_importlib"], "_module_locks", {})
"""Weak references to the locks of `importlib` by module name, in the order in which they were taken."""


def _under_way() -> list[str]:
    """Return the modules that other threads are importing now: ours, those that ours need, and those they import."""
    found: dict[int, list[str]] = {}
    for name, reference in list(_module_locks.items()):
        owner = getattr(reference(), "owner", None)
        if owner not in (None, get_ident()) and (owner in found or name.partition(".")[0] in _WATCHED):
            found.setdefault(owner, []).append(name)
    return [name for names in found.values() for name in names]


def _logging_watches_forks() -> bool:
    """Whether `logging` has registered its fork hooks, which it does before it defines this class."""
    return hasattr(sys.modules.get("logging"), "LogRecord")


def _do_as_logging_would() -> None:
    """Take the lock that `logging` releases after this fork, as its hook was registered too late to take it."""
    lock: Any = sys.modules["logging"]._lock
    if not lock._is_owned():
        lock.acquire()


late_imports: Final = _LateImports()
late_imports.watch_forks()
