"""Waiting for the lock of a store while other processes write."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Final

from ...model.clock import monotonic
from ...recording.awaited import awaited

__all__ = ["LockWait"]

_QUEUE: Final = 30.0
"""Seconds that the main thread goes on waiting while others get the lock in turn. It writes as a program ends, or when
asked to: what is not written then may be lost, whereas another thread tries again in a few seconds. So does one that
somebody waits for without an end; if there is one, it goes on until then."""

_POLL: Final = 0.02
"""Seconds between two attempts, on average."""


class LockWait:
    """The waiting of one transaction, from its first attempt on.

    SQLite has no queue: whoever asks first after a commit gets the lock. So all
    ask equally often, however long they have waited, and seldom enough to leave
    the processor to the one that has the lock. Where that one writes nothing,
    nobody waits for long.

    Args:
        path: the file.
        seconds: for which to wait, and within which others must have written for the main thread to wait longer.
    """

    def __init__(self, path: str, seconds: float) -> None:
        self._seconds = seconds
        self._log = Path(f"{path}-wal")
        self._give_up_at = monotonic() + seconds
        self._leave_at = self._give_up_at
        if awaited.until == float("inf") or threading.current_thread() is threading.main_thread():
            self._leave_at += _QUEUE
        elif awaited.until:
            self._leave_at = max(self._leave_at, awaited.until)
        self._written = self._last_write()

    def is_over(self) -> bool:
        """Whether to give up."""
        now, written = monotonic(), self._last_write()
        if written != self._written:
            self._written, self._give_up_at = written, now + self._seconds
        return now >= min(self._give_up_at, self._leave_at)

    def pause(self) -> None:
        """Wait until the next attempt; each process has an interval of its own, as many may have begun at once."""
        time.sleep(_POLL * (0.5 + os.getpid() * 0.618 % 1))

    def _last_write(self) -> tuple[int, int]:
        try:
            status = self._log.stat()
        except OSError:
            return 0, 0
        return status.st_mtime_ns, status.st_size
