"""What is written to a store besides figures: marks, the states of alerts, and how far exports have come.

Pages never write; only this does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from .results import AlertState, Mark

__all__ = ["Change", "Cursor", "StateWriter"]


class Cursor(NamedTuple):
    """How far an exporter has come."""

    moment: int = 0
    """Epoch seconds; 0 before anything was passed on."""
    state: str = "{}"
    """JSON of the exporter's own."""


Change = Callable[[Cursor], Cursor | None]
"""Is given the present cursor, and returns the one to be kept; ``None`` leaves it as it is."""


class StateWriter(Protocol):
    """One engine's way to write state to one store. Used by one thread at a time; makes no store."""

    @property
    def place(self) -> str:
        """Where the store is, for people to read."""
        ...

    def now(self) -> float:
        """Return the time (epoch seconds) by which states are stamped, the same for all that write to the store.

        Raises:
            StoreUnavailable: the store cannot be reached.
        """
        ...

    def add_mark(self, mark: Mark) -> bool:
        """Add a mark; return whether it is new.

        Raises:
            StoreUnavailable: it was not added; the message names the place and the reason.
        """
        ...

    def change_alert(self, before: AlertState | None, after: AlertState, mark: Mark | None = None) -> bool:
        """Replace the state of an alert, and add a mark with it, unless somebody else has replaced it in the meantime.

        So whoever changes a state has claimed what follows from it, however many consoles judge the same alert.

        Args:
            before: the state as it was read, ``None`` if there was none.
            after: what replaces it.
            mark: is added if it does.

        Raises:
            StoreUnavailable: nothing was changed, or it is not known whether it was.
        """
        ...

    def change_cursor(self, exporter: str, change: Change) -> Cursor:
        """Change the cursor of an exporter in one step, however many try; return it as it is then.

        So one of them can claim it, and a process that takes over knows what was passed on before.

        Raises:
            StoreUnavailable: it was not changed, or it is not known whether it was.
        """
        ...

    def close(self) -> None:
        """Release what writing needed; the next change takes it again."""
