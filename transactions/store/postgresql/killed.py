"""What finding killed tasks needs of a server: see ``store/killed.py``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ...recording.totals import Totals
from ..killed import LOOKED_AT, Suspect
from .drivers import Session
from .tables import TOTALS

__all__ = ["ServerKilledRows"]

_SUSPECTS: Final = f"""
SELECT id, pid, host, version, seen, process, (SELECT max(received) FROM @instance) - received FROM @instance
WHERE id IN (SELECT instance FROM @running WHERE key <> '') AND id NOT IN (SELECT instance FROM @inbox)
ORDER BY received, id LIMIT {LOOKED_AT}
"""
"""What waits to be merged may tell that a task has ended."""


class ServerKilledRows:
    """The `KilledRows` of a session in whose transaction the lock is held."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def suspects(self) -> Sequence[Suspect]:
        """See `KilledRows.suspects`."""
        return [Suspect(*row) for row in self._session.execute(_SUSPECTS).fetchall()]

    def subtract(self, rows: Sequence[tuple[int, int, int]], totals: Totals) -> None:
        """See `KilledRows.subtract`."""
        TOTALS.subtract(self._session, rows, totals)
