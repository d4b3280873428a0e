"""Marks, the states of alerts and cursors in a file."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Final

from ...recording.snapshot import StoreUnavailable
from ...visible import visible
from ..location import MEMORY
from ..names import storable
from ..results import AlertState, Mark
from ..state import Change, Cursor
from .connection import FAILURES, StoreConnection
from .diagnosis import explain
from .schema import upgrade

__all__ = ["FileState", "alert_states"]

_COLUMNS: Final = "alert, state, since, told, claimed_by, claimed, attempts"
_ADD_MARK: Final = "INSERT OR IGNORE INTO mark (application, moment, kind, name) VALUES (?, ?, ?, ?)"
_BEGIN_ALERT: Final = f"INSERT OR IGNORE INTO alert_state ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_CHANGE_ALERT: Final = f"""
    UPDATE alert_state SET ({_COLUMNS}) = (?, ?, ?, ?, ?, ?, ?) WHERE ({_COLUMNS}) = (?, ?, ?, ?, ?, ?, ?)
"""

_CURSOR: Final = "SELECT moment, state FROM export_cursor WHERE exporter = ?"
_KEEP_CURSOR: Final = "INSERT OR REPLACE INTO export_cursor VALUES (?, ?, ?)"


def alert_states(connection: sqlite3.Connection) -> list[AlertState]:
    """Return the states of all alerts, by name."""
    found = connection.execute(f"SELECT {_COLUMNS} FROM alert_state ORDER BY alert")
    return [AlertState(*row) for row in found]


class FileState:
    """The `StateWriter` of a file."""

    def __init__(self, path: str) -> None:
        self._connection = StoreConnection(path, "rw")

    @property
    def place(self) -> str:
        """The file, absolute, or ``":memory:"``."""
        return self._connection.path

    def now(self) -> float:
        """Return the time of this machine, which all that write to the file share."""
        return time.time()

    def add_mark(self, mark: Mark) -> bool:
        """Add a mark; return whether it is new."""
        with self._transaction() as connection:
            return _add_mark(connection, mark)

    def change_alert(self, before: AlertState | None, after: AlertState, mark: Mark | None = None) -> bool:
        """Replace the state of an alert, and add a mark with it, unless somebody else has replaced it."""
        with self._transaction() as connection:
            if before is None:
                changed = connection.execute(_BEGIN_ALERT, _row(after))
            else:
                changed = connection.execute(_CHANGE_ALERT, (*_row(after), *_row(before)))
            if changed.rowcount and mark is not None:
                _add_mark(connection, mark)
            return changed.rowcount > 0

    def change_cursor(self, exporter: str, change: Change) -> Cursor:
        """Change the cursor of an exporter in one step, however many try; return it as it is then."""
        with self._transaction() as connection:
            before = Cursor(*(connection.execute(_CURSOR, (exporter,)).fetchone() or ()))
            after = change(before)
            if after is not None:
                connection.execute(_KEEP_CURSOR, (exporter, *after))
            return after or before

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        path = self.place
        if path != MEMORY and not Path(path).exists():
            raise StoreUnavailable(f"the store {visible(path)} is not there: nothing has been recorded yet")
        try:
            with self._connection.transaction() as connection:
                upgrade(connection, self.now())
                yield connection
        except FAILURES as error:
            reason = str(error) if path == MEMORY else explain(error, path, writing=True)
            raise StoreUnavailable(f"the store {visible(path)} cannot be written: {reason}") from error


def _add_mark(connection: sqlite3.Connection, mark: Mark) -> bool:
    values = (storable(mark.application), mark.moment, mark.kind, storable(mark.name))
    return connection.execute(_ADD_MARK, values).rowcount > 0


def _row(state: AlertState) -> tuple[object, ...]:
    return tuple(storable(value) if isinstance(value, str) else value for value in astuple(state))
