"""One reading of a store for many questions, so that all answers are of one moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from .rows import Rows, Source

__all__ = ["SharedReading"]


class SharedReading:
    """A reading that begins with the first question and lasts until it is ended; for one thread.

    Each reading takes statements of its own: a page that asks twenty questions spends a quarter of its time on those,
    and more than half of its journeys to a server.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._open: tuple[AbstractContextManager[Rows], Rows] | None = None

    @contextmanager
    def rows(self) -> Iterator[Rows]:
        """Give the rows as of the first question; what the store raises is told as by `Source.reading`."""
        if self._open is None:
            reading = self._source.reading()
            self._open = reading, reading.__enter__()
        try:
            yield self._open[1]
        except BaseException as error:
            self.end(error)
            raise

    def end(self, error: BaseException | None = None) -> None:
        """End the reading, if it has begun; after an error, the next question begins another."""
        opened, self._open = self._open, None
        if opened is not None:
            opened[0].__exit__(None if error is None else type(error), error, error.__traceback__ if error else None)
