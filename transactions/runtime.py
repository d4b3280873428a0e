"""The recorder of a process: made when a transaction first begins, renewed after a fork, closed at a normal exit."""

from __future__ import annotations

import atexit
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from . import configuration
from .model.outlet import ALWAYS, outlet
from .model.process import here
from .stack import collector
from .stack.current import current

if TYPE_CHECKING:
    from .configuration import Settings
    from .recording.recorder import Recorder
    from .recording.snapshot import Store

__all__ = ["connect", "flush", "renew", "shutdown", "write_at_once"]

_recorders: Final[dict[str, Recorder]] = {}
"""The recorder in force, under one key: where two threads make one at the same time, the first to put it here wins."""
_IN_FORCE: Final = "in force"
_unfinished: Final[list[Recorder]] = []
"""Recorders that were shut down while the store was away; they go on trying."""
_finalized: Final[set[int]] = set()
"""Processes of ``multiprocessing`` (this one, by its number) whose end was seen to."""


def _open_store(settings: Settings) -> Store:
    from .store.writer import StoreWriter  # noqa: PLC0415  sqlite3 is loaded where there is something to write

    return StoreWriter.of(settings)


def _new_recorder() -> Recorder:
    from .recording.recorder import Recorder  # noqa: PLC0415  counting is loaded where something is measured

    here.read()
    return Recorder(here.settings, partial(_open_store, here.settings))


def _recorder() -> Recorder:
    """The recorder of this process, made where there is none."""
    recorder = _recorders.get(_IN_FORCE)
    if recorder is not None and recorder.pid != os.getpid():  # forked by a server written in C: no hook was called
        _after_fork_in_child()
        recorder = None
    if recorder is None:
        recorder = _recorders.setdefault(_IN_FORCE, _new_recorder())
        _see_to_the_end_of_a_child()
    return recorder


def _attend() -> int:
    return _recorder().attend()


def _see_to_the_end_of_a_child() -> None:
    """Processes of ``multiprocessing`` end without ``atexit``; they run finalizers of their own."""
    util: Any = sys.modules.get("multiprocessing.util")
    process: Any = sys.modules.get("multiprocessing.process")
    if util is None or process is None or process.parent_process() is None or os.getpid() in _finalized:
        return
    _finalized.add(os.getpid())
    util.Finalize(None, _at_the_end, exitpriority=-10)


def write_at_once() -> int:
    """The process is about to end: no thread will come for what ends from now on, so that is written at once."""
    outlet.attendant = write_at_once
    outlet.relax(ALWAYS)
    if outlet.queue or _recorders:
        recorder = _recorder()
        recorder.patience = ALWAYS
        recorder.flush(here.settings.shutdown_timeout)
    return ALWAYS


def _at_the_end() -> None:
    """A normal exit of the process."""
    write_at_once()
    while _unfinished:
        _unfinished.pop().close(here.settings.shutdown_timeout)
    shutdown()
    outlet.attendant = write_at_once


def flush(timeout: float | None = None) -> bool:
    """Write everything that has finished to the store now; whether all of it is there.

    Args:
        timeout: seconds to wait at most where another write is under way.
    """
    return _recorder().flush(timeout)


def shutdown(timeout: float | None = None) -> None:
    """Write what is left and stop the background thread; a transaction that ends later starts it again.

    Args:
        timeout: seconds to wait at most; by default the setting ``shutdown_timeout``.
    """
    outlet.attendant = _attend
    outlet.relax(ALWAYS)
    recorder = _recorders.pop(_IN_FORCE, None)
    if recorder is None or recorder.pid != os.getpid():
        return
    if not recorder.close(here.settings.shutdown_timeout if timeout is None else timeout):
        _unfinished.append(recorder)


def renew(settings: configuration.Configuration) -> None:
    """Put other settings into force; what was recorded under the old ones is written first."""
    shutdown()
    configuration.use(settings)
    here.forget()


def _after_fork_in_child() -> None:
    """Nothing of the parent's is recorded here, and nothing that it holds is touched."""
    _abandoned.extend((*_recorders.values(), *_unfinished))
    _recorders.clear()
    _unfinished.clear()
    collector.forget()
    current.set(None)
    outlet.forget()
    outlet.attendant = _attend
    here.forget()


_abandoned: Final[list[Recorder]] = []
"""Recorders inherited over a fork: never closed here, their store's connection belongs to the parent."""


def connect() -> None:
    """Let finished transactions be recorded. Called once, when the package is imported; it starts nothing."""
    outlet.attendant = _attend
    collector.watch()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork_in_child)
    atexit.register(_at_the_end)
