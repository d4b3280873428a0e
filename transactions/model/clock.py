"""The one module that reads clocks.

Durations come from a monotonic clock. The wall clock is read rarely: the
distance between the two is kept here, and the background thread renews it, so
that a transaction pays for one kind of clock only and a wall clock that jumps
never bends a duration.
"""

from __future__ import annotations

import time
from typing import Final

__all__ = ["epoch", "epoch_at", "monotonic", "renew"]

monotonic: Final = time.perf_counter
"""Seconds since an arbitrary moment, never going back."""

epoch: Final = time.time
"""Epoch seconds, now."""

_distance = epoch() - monotonic()


def renew() -> None:
    """Follow the wall clock where it has been set, or has drifted away, since the last call."""
    global _distance
    _distance = epoch() - monotonic()


def epoch_at(moment: float) -> float:
    """Epoch seconds at a moment of the monotonic clock."""
    return moment + _distance
