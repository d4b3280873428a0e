"""Cursors: how far those that pass figures on have come, kept in the store itself.

A cursor is changed in one step, however many processes try: so one of them can claim it, and a process that takes
over knows what was passed on before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

__all__ = ["Change", "Cursor", "CursorFailure", "Cursors"]


class Cursor(NamedTuple):
    """How far an exporter has come."""

    moment: int = 0
    """Epoch seconds; 0 before anything was passed on."""
    state: str = "{}"
    """JSON of the exporter's own."""


Change = Callable[[Cursor], Cursor | None]
"""Is given the present cursor, and returns the one to be kept; ``None`` leaves it as it is."""


class Cursors(Protocol):
    """The cursors of one store; used by one thread at a time."""

    def change(self, exporter: str, change: Change) -> Cursor:
        """Change the cursor of an exporter, and return it as it is then.

        Raises:
            CursorFailure: it could not be changed, or it is not known whether it was.
        """
        ...

    def close(self) -> None:
        """Release what changing needed; the next change takes it again."""


class CursorFailure(Exception):
    """A cursor could not be changed; the message names the store and the reason, and has no password in it.

    Args:
        message: what is the matter.
        kind: what all failures have in common of which one line is enough; by default the message.
    """

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind: str = kind or message
