"""How a file runs the statements that all engines understand."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import ClassVar

from ..rows import Row

__all__ = ["SQLiteStatements"]


class SQLiteStatements:
    """The `Statements` of a connection."""

    width: ClassVar[str] = "span"
    has_key: ClassVar[str] = "key = %s"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, statement: str, values: Sequence[object] = ()) -> None:
        """Run a statement that returns nothing."""
        self._connection.execute(_translated(statement), values)

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """Run a statement, and return all its rows."""
        return self._connection.execute(_translated(statement), values).fetchall()


def _translated(statement: str) -> str:
    return statement.replace("@", "").replace("%s", "?")
