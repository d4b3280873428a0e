"""The one module that reads clocks.

Durations come from a monotonic clock. The wall clock is read rarely: this
module keeps its offset from the monotonic clock, and the background thread
renews that. So a transaction reads one clock only, and a jump of the wall clock
never distorts a duration.
"""

from __future__ import annotations

import time
from typing import Final

__all__ = ["epoch", "epoch_at", "file_time", "monotonic", "renew"]

monotonic: Final = time.perf_counter
"""Seconds since an arbitrary moment; never goes backwards."""

epoch: Final = time.time
"""Epoch seconds, now."""

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
