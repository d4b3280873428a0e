"""How long, and how, a transaction waits for its turn while other processes write."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Final

from ..model.clock import monotonic

__all__ = ["Patience"]

QUEUE: Final = 30.0
"""Seconds that the main thread waits while others have their turns. It writes when a program ends, or has asked for it:
what is not written then may be lost, where another thread tries again in a few seconds."""

_PAUSE: Final = 0.02


class Patience:
    """That of one transaction, from when it first asked for its turn.

    All that wait ask equally often, whether they came first or last, and seldom
    enough to leave the processor to the one whose turn it is: that one ends
    sooner, then. Where a lock is held by one that writes nothing, nobody waits
    for long.

    Args:
        path: the file.
        seconds: for which to wait, or in which somebody has to have his turn.
    """

    def __init__(self, path: str, seconds: float) -> None:
        self._seconds = seconds
        self._log = Path(f"{path}-wal")
        self._give_up_at = monotonic() + seconds
        self._leave_at = self._give_up_at
        if threading.current_thread() is threading.main_thread():
            self._leave_at += QUEUE
        self._written = self._last_write()

    def is_over(self) -> bool:
        """Whether it is no use, or not worth it, to ask once more."""
        now, written = monotonic(), self._last_write()
        if written != self._written:
            self._written, self._give_up_at = written, now + self._seconds
        return now >= min(self._give_up_at, self._leave_at)

    def pause(self) -> None:
        """Wait until it is time to ask again: not when other processes do, which may have begun at the same moment."""
        time.sleep(_PAUSE * (0.5 + os.getpid() * 0.618 % 1))

    def _last_write(self) -> tuple[int, int]:
        try:
            status = self._log.stat()
        except OSError:
            return 0, 0
        return status.st_mtime_ns, status.st_size
