"""A body that has something to do when the server closes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator


class Closing:
    """One chunk, and what runs after it."""

    def __init__(self, at_close: Callable[[], object]) -> None:
        self._chunks = iter([b"done"])
        self.close = at_close

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks
