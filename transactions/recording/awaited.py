"""Until when a thread of the program waits for what the recorder's thread writes on its behalf."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

__all__ = ["awaited"]


class Awaited:
    """What a store asks that has to wait its turn: most writes may come by again, this one may be the last.

    One thread of a process writes at a time, so there is one value.
    """

    until: float = 0.0
    """On the monotonic clock; infinite for one who waits however long it takes, and the past if nobody waits."""

    def run(self, task: Callable[[], bool], until: float) -> bool:
        """Run a task that somebody waits for; return what it returns."""
        self.until = until
        try:
            return task()
        finally:
            self.until = 0.0


awaited: Final = Awaited()
