"""Statements that all engines understand, and by what an engine runs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from .rows import Row

__all__ = ["Matching", "Statements"]

Matching = tuple[str, Sequence[object]]
"""A condition on the columns of the table ``series``, and its arguments."""


class Statements(Protocol):
    """Runs statements on one engine, in whose texts ``@`` is before the name of a table, and ``%s`` is for a value."""

    width: ClassVar[str]
    """The column that says how long a row's time is."""
    has_key: ClassVar[str]
    """The condition for the row of the table ``error_group`` that has a key."""

    def run(self, statement: str, values: Sequence[object] = ()) -> None:
        """Run a statement that returns nothing."""

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """Run a statement, and return all its rows."""
        ...
