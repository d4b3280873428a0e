"""The one module that reads clocks.

Durations come from a monotonic clock. The wall clock is read rarely: this
module keeps its offset from the monotonic clock, and the background thread
renews that. So a transaction reads one clock only, and a jump of the wall clock
never distorts a duration.

What freezes time in tests replaces the functions of `time` in every module that has
them, for as long as a test lasts: what began before would have taken thirty years.
So this module has others.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import ModuleType
from typing import Final

__all__ = ["epoch", "epoch_at", "file_time", "monotonic", "renew"]


def _another_time() -> ModuleType:
    """Return a second instance of the built-in module: its functions are its own, and read the same clocks."""
    spec = time.__spec__
    if spec is not None and spec.loader is not None:
        made = spec.loader.create_module(spec)
        if made is not None:
            spec.loader.exec_module(made)
            return made
    return time


monotonic: Final[Callable[[], float]] = _another_time().perf_counter
"""Seconds since an arbitrary moment; never goes backwards."""


def epoch(read: Callable[[], float] = time.time) -> float:
    """Epoch seconds, now."""
    return read()


_distance = epoch() - monotonic()


def renew() -> None:
    """Read the wall clock again, in case it was set or has drifted since the last call."""
    global _distance
    _distance = epoch() - monotonic()


def file_time() -> float:
    """Epoch seconds by the clock that files are dated with, even where a program has replaced ``time.time``."""
    return time.clock_gettime(time.CLOCK_REALTIME)


def epoch_at(moment: float) -> float:
    """Epoch seconds at a moment of the monotonic clock."""
    return moment + _distance
