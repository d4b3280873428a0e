"""What finding killed tasks needs of a file: see ``store/killed.py``."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from ...recording.totals import COLUMNS, Totals
from ..killed import LOOKED_AT, Suspect, without

__all__ = ["FileKilledRows"]

_SUSPECTS: Final = f"""
SELECT instance.id, pid, host, version, seen, process, store_clock.elapsed - instance_clock.elapsed
FROM instance JOIN instance_clock ON instance_clock.instance = instance.id, store_clock
WHERE instance.id != ? AND instance.id IN (SELECT instance FROM running WHERE key != '')
ORDER BY report LIMIT {LOOKED_AT}
"""
_ROW: Final = "WHERE (span, start, series) = (?, ?, ?)"
_TOTALS: Final = ", ".join(COLUMNS)
_UPDATE: Final = f"UPDATE totals SET ({_TOTALS}) = ({', '.join('?' * len(COLUMNS))}) {_ROW}"


class FileKilledRows:
    """The `KilledRows` of a file.

    Args:
        connection: of the transaction.
        own: the number of the process that reports, which is there.
    """

    def __init__(self, connection: sqlite3.Connection, own: int) -> None:
        self._connection = connection
        self._own = own

    def suspects(self) -> Sequence[Suspect]:
        """See `KilledRows.suspects`."""
        return [Suspect(*row) for row in self._connection.execute(_SUSPECTS, (self._own,)).fetchall()]

    def subtract(self, rows: Sequence[tuple[int, int, int]], totals: Totals) -> None:
        """See `KilledRows.subtract`."""
        for row in rows:
            there = self._connection.execute(f"SELECT {_TOTALS} FROM totals {_ROW}", row).fetchone()
            if there is not None:
                self._connection.execute(_UPDATE, (*without(there, totals), *row))
