"""The recorder of a process: made when a transaction first begins, renewed after a fork, closed at a normal exit."""

from __future__ import annotations

import _thread
import atexit
import os
import sys
from _thread import get_ident
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from . import configuration
from .context import collector
from .context.current import current
from .handoff import NOTIFY_EACH, handoff
from .late_imports import Unloadable, late_imports
from .log import hold_lines, import_logging, log_import_failure
from .model.process import runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from .recording.recorder import Recorder

__all__ = ["flush", "install", "last_write", "preload", "restart", "shutdown", "write_at_once"]

_recorders: Final[dict[str, Recorder]] = {}
"""The recorder in force, under one key: where two threads make one at the same time, the first to put it here wins."""
_IN_FORCE: Final = "in force"
_unfinished: Final[list[Recorder]] = []
"""Recorders that were shut down while the store was away; they go on trying."""
_finalized: Final[set[int]] = set()
"""Processes of ``multiprocessing`` (this one, by its number) whose end was seen to."""


# What is imported late: in a thread of the program's that begins or ends a transaction, never in the recorder's own


_NEEDED_LATE: Final = (
    "configuration.files",
    "configuration.in_force",
    "configuration.loading",
    "configuration.privacy",
    "model.query",
    "recording.recorder",
)
"""Modules of ours that are imported at their first use."""


def preload() -> None:
    """Import all that a process needs to measure and to write. Starts, opens and reads nothing. Never raises."""
    try:
        with late_imports:
            import_module("encodings.utf_8_sig")  # in which a configuration file is read
            for name in _NEEDED_LATE:
                import_module(f"{__package__}.{name}")
        _import_late_modules()
    except Unloadable as problem:
        log_import_failure(problem)


def _new_recorder() -> Recorder:
    with late_imports:
        from .recording.recorder import Recorder  # noqa: PLC0415  counting is imported where something is measured
    if vars(sys.modules[Recorder.__module__])["handoff"] is not handoff:
        raise Unloadable(f"{__package__} was taken out of sys.modules, and is there a second time")
    runtime.load()
    return Recorder(runtime.settings, forked_thread=_forked_threads[0])


def _connect_to_store(recorder: Recorder) -> None:
    """Tell a recorder how the store is opened; where that cannot be imported, the next call tries again."""
    try:
        _import_late_modules()
        with late_imports:
            from .store.writer import StoreWriter  # noqa: PLC0415  so is sqlite3, where there is something to write
    except Unloadable as problem:
        log_import_failure(problem)
    else:
        recorder.delivery.open_store = partial(StoreWriter.of, runtime.settings)


def _import_late_modules() -> None:
    """What the recorder's thread needs besides, and what the end of a transaction may need, perhaps in a finalizer.

    Raises:
        Unloadable: not all of it can be imported at this moment.
    """
    try:
        import_logging()
    except Unloadable as problem:  # the thread writes all the same
        log_import_failure(problem)
    with late_imports:
        for name in ("pwd", f"{__package__}.model.query", f"{__package__}.store.writer"):
            import_module(name)


def _recorder() -> Recorder:
    """The recorder of this process, made where there is none.

    Raises:
        Unloadable: it cannot be imported at this moment.
    """
    recorder = _recorders.get(_IN_FORCE)
    if recorder is not None and recorder.pid != os.getpid():  # forked by a server written in C: no hook was called
        _after_fork_in_child()
        recorder = None
    if recorder is None:
        recorder = _recorders.setdefault(_IN_FORCE, _new_recorder())
        _finalize_child()
    if recorder.delivery.open_store is None:
        _connect_to_store(recorder)
    return recorder


def _on_pending() -> int:
    """Have what has finished counted; where that cannot be, a bounded number waits."""
    try:
        flush_threshold = _recorder().on_pending()
    except Unloadable as problem:
        log_import_failure(problem)
        flush_threshold = NOTIFY_EACH
    _bound_what_waits()
    return flush_threshold


def _bound_what_waits() -> None:
    if hasattr(runtime, "settings"):  # until they are read nothing is measured, so nothing waits
        handoff.drop_oldest(runtime.settings.max_backlog)


def _finalize_child() -> None:
    """Processes of ``multiprocessing`` end without ``atexit``; they run finalizers of their own."""
    util: Any = sys.modules.get("multiprocessing.util")
    process: Any = sys.modules.get("multiprocessing.process")
    if util is None or process is None or process.parent_process() is None or os.getpid() in _finalized:
        return
    _finalized.add(os.getpid())
    util.Finalize(None, _at_exit, exitpriority=-10)


def write_at_once() -> int:
    """The process is about to end: no thread will come for what ends from now on, so that is written at once."""
    handoff.on_pending = write_at_once
    handoff.set_flush_threshold(NOTIFY_EACH)
    if not _has_nothing_to_write():
        try:
            late_imports.retry()
            recorder = _recorder()
        except Unloadable:
            _bound_what_waits()
            return NOTIFY_EACH
        recorder.flush_threshold = NOTIFY_EACH
        recorder.flush(runtime.settings.shutdown_timeout)
    return NOTIFY_EACH


def _at_exit() -> None:
    """A normal exit of the process."""
    write_at_once()
    while _unfinished:
        _unfinished.pop().close(runtime.settings.shutdown_timeout)
    shutdown()
    write_at_once()  # what has ended meanwhile went to a recorder that nobody else will ask


def flush(timeout: float | None = None) -> bool:
    """See `api.flush`."""
    if _has_nothing_to_write():
        return True
    try:
        late_imports.retry()
        return _recorder().flush(timeout)
    except Unloadable as problem:
        log_import_failure(problem)
        return False


def last_write() -> Callable[[], object] | None:
    """What writes all that has finished, to be called in any thread; ``None`` where there is nothing to write."""
    if _has_nothing_to_write():
        return None
    try:
        late_imports.retry()
        return partial(_recorder().flush, runtime.settings.shutdown_timeout)
    except Unloadable as problem:
        log_import_failure(problem)
        return None


def _has_nothing_to_write() -> bool:
    return not _recorders and handoff.is_empty()


def shutdown(timeout: float | None = None) -> None:
    """See `api.shutdown_agent`."""
    handoff.on_pending = _on_pending
    handoff.set_flush_threshold(NOTIFY_EACH)
    recorder = _recorders.pop(_IN_FORCE, None)
    if recorder is None or recorder.pid != os.getpid():
        return
    if not recorder.close(runtime.settings.shutdown_timeout if timeout is None else timeout):
        _unfinished.append(recorder)


def restart(settings: configuration.Configuration) -> None:
    """Put other settings into force; what was recorded under the old ones is written first."""
    shutdown()
    configuration.use(settings)
    runtime.reset()


# Forks

_forking_threads: Final[set[int]] = set()
"""Threads that are forking at this moment, other than the main one."""
_forked_threads: Final = [0]
"""The number of the thread that was forked, where this process is a child of such a thread."""


def _before_fork() -> None:
    if _forked_threads[0] or not _is_main_thread():
        _forking_threads.add(get_ident())


def _is_main_thread() -> bool:
    """Whether this is the thread at whose end the interpreter goes down."""
    if sys.platform == "linux":
        return _thread.get_native_id() == os.getpid()
    threading: Any = sys.modules.get("threading")
    return threading is None or threading.main_thread() is threading.current_thread()


def _after_fork_in_parent() -> None:
    _forking_threads.discard(get_ident())


def _after_fork_in_child() -> None:
    """Nothing of the parent's is recorded here, and nothing that it holds is touched."""
    _forked_threads[0] = get_ident() if get_ident() in _forking_threads else 0
    _forking_threads.clear()
    _inherited.extend((*_recorders.values(), *_unfinished))
    _recorders.clear()
    _unfinished.clear()
    collector.reset_after_fork()
    current.set(None)
    hold_lines(0)
    handoff.reset_after_fork()
    handoff.on_pending = _on_pending
    runtime.reset()


_inherited: Final[list[Recorder]] = []
"""Recorders inherited over a fork: never closed here, their store's connection belongs to the parent."""


def install() -> None:
    """Let finished transactions be recorded. Called once, when the package is imported; it starts nothing."""
    handoff.on_pending = _on_pending
    collector.install()
    threading: Any = sys.modules.get("threading")
    if threading is not None and type(threading.main_thread()).__name__ != "_MainThread":  # forked by another one
        _forked_threads[0] = threading.main_thread().ident
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
        )
    atexit.register(_at_exit)
