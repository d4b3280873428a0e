"""What was read of the past and is still true, kept in memory.

Rows that are rolled up change only when something comes late, and the store
counts how often that happened. So a page that is looked at again reads the last
minutes, and little else. What is kept is bounded by the number of rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Final

from .levels import FINEST, Level

__all__ = ["Past", "Row"]

_ROWS_AT_MOST: Final = 4000
"""About four megabytes: a row is mostly one histogram, of somewhat less than a kilobyte."""

Row = tuple[Any, ...]


class Past:
    """Answers about rolled-up rows, by question; those that were asked for last are kept."""

    def __init__(self) -> None:
        self._state: tuple[object, ...] | None = None
        self._answers: dict[Hashable, list[Row]] = {}
        self._rows = 0

    def as_of(self, connection: sqlite3.Connection, levels: Iterable[Level]) -> None:
        """Forget what is not true any more: another file is read, or something was added to rolled-up rows."""
        late = [level.late for level in levels if level.span > FINEST]
        state = None if None in late else (connection, *late)
        if state != self._state or state is None:
            self._state, self._rows = state, 0
            self._answers.clear()

    def rows(self, question: Hashable, read: Callable[[], Iterable[Row]]) -> list[Row]:
        """The answer that is kept, or else the one that ``read`` gives."""
        answer = self._answers.pop(question, None)
        if answer is None:
            answer = list(read())
            self._rows += len(answer) + 1
        self._answers[question] = answer
        self._make_room()
        return answer

    def _make_room(self) -> None:
        while self._rows > _ROWS_AT_MOST or (self._state is None and self._answers):
            oldest = next(iter(self._answers))
            self._rows -= len(self._answers.pop(oldest)) + 1
