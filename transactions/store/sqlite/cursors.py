"""Cursors in a file."""

from __future__ import annotations

import time

from ...visible import visible
from ..cursors import Change, Cursor, CursorFailure
from .connection import FAILURES, StoreConnection
from .diagnosis import explain
from .files import stat_files
from .schema import upgrade

__all__ = ["SQLiteCursors"]


class SQLiteCursors:
    """The `Cursors` of one SQLite file, which is never made by it."""

    def __init__(self, path: str) -> None:
        self._connection = StoreConnection(path, "rw")

    def change(self, exporter: str, change: Change) -> Cursor:
        """Change the cursor of an exporter, and return it as it is then.

        Raises:
            CursorFailure: the file is missing, cannot be written, is locked for too long, or is no store.
        """
        try:
            if stat_files(self._connection.path) is None:
                raise FileNotFoundError("there is no such file")
            return self._changed(exporter, change)
        except FAILURES as error:
            path = self._connection.path
            why = explain(error, path, writing=True)
            raise CursorFailure(f"the store {visible(path)} cannot be written: {why}") from error

    def close(self) -> None:
        """Close the file; the next change opens it again."""
        self._connection.close()

    def _changed(self, exporter: str, change: Change) -> Cursor:
        with self._connection.transaction() as connection:
            upgrade(connection, time.time())
            row = connection.execute(
                "SELECT moment, state FROM export_cursor WHERE exporter = ?", (exporter,)
            ).fetchone()
            before = Cursor(*row) if row else Cursor()
            after = change(before)
            if after is None:
                return before
            connection.execute("INSERT OR REPLACE INTO export_cursor VALUES (?, ?, ?)", (exporter, *after))
            return after
