"""Cache of rows of the past that are still valid, kept in memory.

Rows that are rolled up change only when something comes late, and the store
counts how often that happened. So a page that is viewed again reads the last
minutes, and little else. The cache is bounded by the number of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Final

from .resolutions import FINEST, Resolution
from .rows import Row

__all__ = ["RowCache"]

_MAX_ROWS: Final = 4000
"""About four megabytes: a row is mostly one histogram, or a few small ones, of about a kilobyte together."""


class RowCache:
    """Answers about rolled-up rows, by question; those that were asked for last are kept."""

    def __init__(self) -> None:
        self._state: tuple[object, ...] | None = None
        self._results: dict[Hashable, list[Row]] = {}
        self._rows = 0

    def validate(self, store: Hashable, resolutions: Iterable[Resolution]) -> None:
        """Forget what is not true any more: another store is read, or something was added to rolled-up rows."""
        late = [resolution.late for resolution in resolutions if resolution.width > FINEST]
        state = None if None in late else (store, *late)
        if state != self._state or state is None:
            self._state, self._rows = state, 0
            self._results.clear()

    def rows(self, question: Hashable, read: Callable[[], Iterable[Row]]) -> list[Row]:
        """The answer that is kept, or else the one that ``read`` gives."""
        answer = self._results.pop(question, None)
        if answer is None:
            answer = list(read())
            self._rows += _weight(answer)
        self._results[question] = answer
        self._evict()
        return answer

    def _evict(self) -> None:
        while self._rows > _MAX_ROWS or (self._state is None and self._results):
            oldest = next(iter(self._results))
            self._rows -= _weight(self._results.pop(oldest))


def _weight(answer: Sequence[Row]) -> int:
    """Return how many rows with a histogram an answer is as large as; rows of numbers alone are small."""
    has_histograms = any(isinstance(value, bytes) for value in answer[0]) if answer else False
    return (len(answer) if has_histograms else len(answer) // 5) + 1
