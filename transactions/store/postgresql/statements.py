"""How a server runs the statements that all engines understand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..rows import Row
from .drivers import Session

__all__ = ["ServerStatements"]


class ServerStatements:
    """The `Statements` of a session."""

    width: ClassVar[str] = "width"
    has_key: ClassVar[str] = "digest = md5(%s)"
    """By the index: keys may be longer than what one holds."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run a statement that returns nothing."""
        self._session.execute(statement, values)

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run a statement, and return all its rows."""
        return self._session.execute(statement, values).fetchall()
