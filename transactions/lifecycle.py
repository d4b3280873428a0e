"""The life cycle of this process's recorder: made at the first transaction, again after a fork, closed at exit."""

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
from .configuration.environment import read_environment
from .configuration.in_force import in_force
from .context import collector
from .context.current import current
from .handoff import NOTIFY_EACH, handoff
from .late_imports import Unloadable, late_imports
from .log import capture_internal_exception, discard_held_lines, import_logging, log_import_failure, log_once
from .model.clock import monotonic
from .model.loading import loading
from .model.process_state import process_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from .recording.recorder import Recorder
    from .recording.snapshot import Store

__all__ = ["expect_entry_points", "flush", "install", "last_write", "preload", "restart", "shutdown", "write_at_once"]

_recorders: Final[dict[str, Recorder]] = {}
"""The recorder in force, under one key: if two threads make one at the same time, the first to store it wins."""
_IN_FORCE: Final = "in force"
_unfinished: Final[list[Recorder]] = []
"""Recorders that were shut down while the store was unavailable; they keep trying to write."""
_finalized: Final[set[int]] = set()
"""Ids of the ``multiprocessing`` processes (only ever this one) that have their finalizer registered."""


# Late imports: done in the program's threads, as they begin or end a transaction, never in the recorder's thread


_NEEDED_LATE: Final = (
    "configuration.files",
    "configuration.activation",
    "configuration.loading",
    "configuration.privacy",
    "model.query",
    "recording.recorder",
)
"""Our modules that are imported on first use."""


def preload() -> None:
    """Import everything that a process needs to measure and to write; see `api.preload`. Never raises."""
    try:
        with late_imports:
            import_module("encodings.utf_8_sig")  # the encoding in which a configuration file is read
            for name in _NEEDED_LATE:
                import_module(f"{__package__}.{name}")
        _import_late_modules()
    except Unloadable as problem:
        log_import_failure(problem)


def load_driver_early() -> None:
    """Import the driver of a server that the environment names as the store. Never raises.

    That takes a third of a second, which should be the start's and not that of the first request. What a file says is
    known only once the settings are read: `initialize` loads the driver then.
    """
    if process_state.early or in_force.loaded or not _environment_names_server():
        return
    try:
        with late_imports:
            from .store.postgresql.writer import load_modules  # noqa: PLC0415  needs a driver, which few have

            load_modules()
    except Unloadable as problem:
        log_import_failure(problem)


def _environment_names_server() -> bool:
    store = read_environment().get("WEIGHBRIDGE_STORE", "")
    return store.partition("://")[0].strip().lower() in {"postgresql", "postgres"}


def _new_recorder() -> Recorder:
    with late_imports:
        from .recording.recorder import Recorder  # noqa: PLC0415  needed only where something is measured
    if vars(sys.modules[Recorder.__module__])["handoff"] is not handoff:
        raise Unloadable(f"{__package__} was removed from sys.modules and imported a second time")
    process_state.load()
    return Recorder(in_force.settings, forked_thread=_forked_threads[0])


def _connect_to_store(recorder: Recorder) -> None:
    """Tell a recorder how to open the store; if that cannot be imported now, the next call tries again."""
    try:
        _import_late_modules()
        with late_imports:
            recorder.delivery.open_store = _engine(in_force.settings)
    except Unloadable as problem:
        log_import_failure(problem)


def _engine(settings: configuration.Settings) -> Callable[[], Store]:
    """Import the engine of the configured store, and its driver; return what opens it."""
    from .configuration.postgresql_url import is_server_url  # noqa: PLC0415  read with the settings, which are there

    if settings.store is not None and is_server_url(settings.store):
        from .store.postgresql.writer import load_writer  # noqa: PLC0415  needs a driver, which few have

        return load_writer(settings)
    from .store.sqlite.writer import StoreWriter  # noqa: PLC0415  brings sqlite3, needed only for writing

    return partial(StoreWriter.of, settings)


def _import_late_modules() -> None:
    """Import what else the recorder's thread needs, and what ending a transaction may need, perhaps in a finalizer.

    Raises:
        Unloadable: some of it cannot be imported at this moment.
    """
    try:
        import_logging()
    except Unloadable as problem:  # the thread can write without it
        log_import_failure(problem)
    with late_imports:
        for name in ("pwd", f"{__package__}.model.query"):
            import_module(name)
        if hasattr(in_force, "settings"):
            _engine(in_force.settings)
        else:  # they are not to be read yet: the default
            import_module(f"{__package__}.store.sqlite.writer")


def _recorder() -> Recorder:
    """Return this process's recorder, making it if there is none.

    Raises:
        Unloadable: its module cannot be imported at this moment.
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
    """Have finished transactions counted; if that is impossible for now, a bounded number of them waits."""
    try:
        flush_threshold = _recorder().on_pending()
    except Unloadable as problem:
        log_import_failure(problem)
        flush_threshold = NOTIFY_EACH
    _bound_what_waits()
    return flush_threshold


def _bound_what_waits() -> None:
    if hasattr(in_force, "settings"):  # nothing is measured before they are read, so nothing waits
        handoff.drop_oldest(in_force.settings.max_backlog)


def _finalize_child() -> None:
    """Register a finalizer in a ``multiprocessing`` child, which exits without running ``atexit``."""
    util: Any = sys.modules.get("multiprocessing.util")
    process: Any = sys.modules.get("multiprocessing.process")
    if util is None or process is None or process.parent_process() is None or os.getpid() in _finalized:
        return
    _finalized.add(os.getpid())
    util.Finalize(None, _at_exit, exitpriority=-10)


def write_at_once(timeout: float | None = None) -> int:
    """Write now, and from now on at each transaction's end: the process is exiting, so no thread will write later.

    Args:
        timeout: seconds to wait at most; by default the setting ``shutdown_timeout``.
    """
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
        recorder.flush(in_force.settings.shutdown_timeout if timeout is None else timeout)
    return NOTIFY_EACH


def expect_entry_points() -> None:
    """Have it said, at the exit of this process, if nothing was made by then that can open a transaction."""
    _expecting.add(os.getpid())


_expecting: Final[set[int]] = set()
"""Ids of processes, of which only this one matters."""


def _say_that_nothing_is_measured() -> None:
    if os.getpid() not in _expecting or process_state.has_entry_point:
        return
    if process_state.try_load() and in_force.settings.enabled:
        log_once(
            "no entry points",
            "initialize() was called, but nothing opens transactions: "
            "wrap your application, or start it with `weighbridge run`",
        )


def _at_exit() -> None:
    """Write everything at a normal exit of the process, within the time that all of it may take."""
    try:
        _say_that_nothing_is_measured()
        left = _countdown()
        write_at_once(left())
        for recorder in _unfinished:
            recorder.close(left() or 0.0)
        shutdown(left())
        write_at_once(left())  # what ended meanwhile is in a recorder that nobody else will flush
        while _unfinished:
            _unfinished.pop().give_up()
    except Exception:  # Python would print it on the program's own streams
        capture_internal_exception("the exit of the process")


def _countdown() -> Callable[[], float | None]:
    """Return what tells how many seconds of ``shutdown_timeout`` are left; ``None`` as long as nothing has read it."""
    began = monotonic()

    def left() -> float | None:
        if not hasattr(in_force, "settings"):
            return None
        return max(0.0, in_force.settings.shutdown_timeout - (monotonic() - began))

    return left


def flush(timeout: float | None = None) -> bool:
    """Write every finished transaction to the store now; see `api.flush`."""
    if _has_nothing_to_write():
        return True
    try:
        late_imports.retry()
        return _recorder().flush(timeout)
    except Unloadable as problem:
        log_import_failure(problem)
        return False


def last_write() -> Callable[[], object] | None:
    """Return a callable that writes, in any thread, all that has finished; ``None`` if there is nothing to write."""
    if _has_nothing_to_write():
        return None
    try:
        late_imports.retry()
        return partial(_recorder().flush, in_force.settings.shutdown_timeout)
    except Unloadable as problem:
        log_import_failure(problem)
        return None


def _has_nothing_to_write() -> bool:
    return not _recorders and handoff.is_empty()


def shutdown(timeout: float | None = None) -> None:
    """Write what is left and stop the background thread; see `api.shutdown_agent`."""
    handoff.on_pending = _on_pending
    handoff.set_flush_threshold(NOTIFY_EACH)
    recorder = _recorders.pop(_IN_FORCE, None)
    if recorder is None or recorder.pid != os.getpid():
        return
    if not recorder.close(in_force.settings.shutdown_timeout if timeout is None else timeout):
        _unfinished.append(recorder)


def restart(settings: configuration.Configuration) -> None:
    """Put new settings into force, after writing what was recorded under the old ones."""
    shutdown()
    configuration.use(settings)
    process_state.reset()


# Forks

_forking_threads: Final[set[int]] = set()
"""Threads other than the main one that are forking at this moment."""
_forked_threads: Final = [0]
"""The identifier of the thread that forked this process, if it was not the parent's main thread; else 0."""


def _before_fork() -> None:
    if _forked_threads[0] or not _is_main_thread():
        _forking_threads.add(get_ident())


def _is_main_thread() -> bool:
    """Whether this is the thread whose end shuts the interpreter down."""
    if sys.platform == "linux":
        return _thread.get_native_id() == os.getpid()
    threading: Any = sys.modules.get("threading")
    return threading is None or threading.main_thread() is threading.current_thread()


def _after_fork_in_parent() -> None:
    _forking_threads.discard(get_ident())


def _after_fork_in_child() -> None:
    """Forget everything of the parent's: none of it is recorded here, and its resources stay untouched."""
    _forked_threads[0] = get_ident() if get_ident() in _forking_threads else 0
    _forking_threads.clear()
    _inherited.extend((*_recorders.values(), *_unfinished))
    _recorders.clear()
    _unfinished.clear()
    collector.reset_after_fork()
    current.set(None)
    discard_held_lines()
    handoff.reset_after_fork()
    handoff.on_pending = _on_pending
    process_state.reset()
    loading.reset_after_fork()


_inherited: Final[list[Recorder]] = []
"""Recorders inherited over a fork, never closed here: their connection to the store belongs to the parent."""


def install() -> None:
    """Register the hooks that get transactions recorded. Called once, at import of the package; starts nothing."""
    handoff.on_pending = _on_pending
    collector.install()
    threading: Any = sys.modules.get("threading")
    if threading is not None and type(threading.main_thread()).__name__ != "_MainThread":  # forked by another
        _forked_threads[0] = threading.main_thread().ident
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
        )
    atexit.register(_at_exit)
