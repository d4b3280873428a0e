"""Until when a thread of the program waits for what the recorder's thread writes on its behalf."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["awaited"]


class Awaited:
    """What a store asks that has to wait its turn: most writes may come by again, this one may be the last.

    There is one writer in a process, so one value.
    """

    until: float = 0.0
    """On the monotonic clock; infinite for one who waits however long it takes, and the past for nobody."""

    @contextmanager
    def by(self, deadline: float) -> Iterator[None]:
        """Run a block that somebody waits for until a deadline."""
        self.until = deadline
        try:
            yield
        finally:
            self.until = 0.0


awaited = Awaited()
