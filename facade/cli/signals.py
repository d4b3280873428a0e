"""Commands that run until they are told to stop."""

from __future__ import annotations

import signal
import threading
from types import FrameType

__all__ = ["stopped_by_signals"]


def stopped_by_signals() -> threading.Event:
    """Return an event that is set by Ctrl-C and SIGTERM."""
    stop = threading.Event()

    def set_it(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, set_it)
    return stop
