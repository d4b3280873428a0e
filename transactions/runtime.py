"""The recorder of this process: made when the first transaction ends, renewed after a fork, closed at a normal exit."""

from __future__ import annotations

import atexit
import os
import sys
from typing import TYPE_CHECKING, Any

from . import configuration
from .model.outlet import outlet
from .model.process import here
from .stack.current import current

if TYPE_CHECKING:
    from .recording.recorder import Recorder
    from .recording.snapshot import Store

__all__ = ["connect", "flush", "renew", "shutdown"]

_recorder: Recorder | None = None


def _open_store() -> Store:
    from .store.writer import StoreWriter  # noqa: PLC0415  sqlite3 is loaded where there is something to write

    return StoreWriter.of(here.settings)


def _new_recorder() -> Recorder:
    from .recording.recorder import Recorder  # noqa: PLC0415  counting is loaded where something has ended

    here.prepare()
    return Recorder(here.settings, _open_store)


def _attend() -> int:
    """Make the recorder; from then on it is asked itself."""
    return _the_recorder().attend()


def _the_recorder() -> Recorder:
    global _recorder
    if _recorder is None:
        _recorder = _new_recorder()
        outlet.attendant = _recorder.attend
        _flush_when_a_child_ends()
    return _recorder


def _flush_when_a_child_ends() -> None:
    """Processes of ``multiprocessing`` end without ``atexit``; they run their own finalizers."""
    util: Any = sys.modules.get("multiprocessing.util")
    process: Any = sys.modules.get("multiprocessing.process")
    if util is not None and process is not None and process.parent_process() is not None:
        util.Finalize(None, shutdown, exitpriority=10)


def flush(timeout: float | None = None) -> bool:
    """Write everything that has finished to the store now; whether all of it is there.

    Args:
        timeout: seconds to wait at most where another write is under way.
    """
    return _the_recorder().flush(timeout)


def shutdown(timeout: float | None = None) -> None:
    """Write what is left and stop the background thread; a transaction that ends later starts it again.

    Args:
        timeout: seconds to wait at most; by default the setting ``shutdown_timeout``.
    """
    global _recorder
    recorder, _recorder = _recorder, None
    outlet.attendant = _attend
    outlet.patience = -1
    if recorder is not None:
        recorder.close(here.settings.shutdown_timeout if timeout is None else timeout)


def renew(settings: configuration.Configuration) -> None:
    """Put other settings into force; what was recorded under the old ones is written first."""
    shutdown()
    configuration.use(settings)
    here.forget()


def _after_fork_in_child() -> None:
    """Nothing of the parent's is recorded here, and nothing that it holds is touched."""
    global _recorder
    _abandoned.append(_recorder)
    _recorder = None
    current.set(None)
    outlet.forget()
    outlet.attendant = _attend


_abandoned: list[Recorder | None] = []
"""Recorders inherited over a fork: never closed here, their store's connection belongs to the parent."""


def connect() -> None:
    """Let finished transactions be recorded. Called once, when the package is imported; it starts nothing."""
    outlet.attendant = _attend
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork_in_child)
    atexit.register(shutdown)
