"""What was dropped, when, and whose figures lack it.

Beside the counts of each process, which have no time: a report of one
application and window is to say what is missing from that, and nothing else.
The table is made when something is dropped for the first time.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final

from ..limits import MAX_DROPPED
from ..names import list_of_applications, storable
from ..resolutions import FINEST, floor_to
from ..statistics import Window

__all__ = ["add_dropped", "dropped_in"]

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS dropped (
    start INTEGER NOT NULL,      -- the minute, epoch seconds
    cause TEXT NOT NULL,
    applications TEXT NOT NULL,  -- those that the process reports, any of which may lack it: a list in JSON
    count INTEGER NOT NULL,
    PRIMARY KEY (start, cause, applications)
) WITHOUT ROWID
"""
_ADD: Final = """
INSERT INTO dropped VALUES (?, ?, ?, ?)
ON CONFLICT (start, cause, applications) DO UPDATE SET count = count + excluded.count
"""
_BOUND: Final = """
DELETE FROM dropped WHERE (start, cause, applications) IN (
    SELECT start, cause, applications FROM dropped ORDER BY start DESC LIMIT -1 OFFSET ?
)
"""


def add_dropped(
    connection: sqlite3.Connection, moment: float, applications: Iterable[str], lost: Mapping[str, int]
) -> None:
    """Keep what a process that reports some applications has dropped by a moment (epoch seconds), by cause."""
    rows = [(cause, count) for cause, count in lost.items() if count]
    if rows:
        whose = list_of_applications(applications)
        connection.execute(_TABLE)
        start = floor_to(moment, FINEST)
        connection.executemany(_ADD, [(start, storable(cause), whose, count) for cause, count in rows])
        connection.execute(_BOUND, (MAX_DROPPED,))


def dropped_in(connection: sqlite3.Connection, window: Window, application: str | None) -> dict[str, int]:
    """What was dropped within a window, by cause; of an application: by processes that report it, or do not say."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'dropped'").fetchone():
        return {}
    lost: dict[str, int] = {}
    since = floor_to(window.since, FINEST)
    rows = connection.execute("SELECT * FROM dropped WHERE start >= ? AND start < ? ORDER BY 2", (since, window.until))
    for _, cause, applications, count in rows:
        if application is None or application in (json.loads(applications) or [application]):
            lost[cause] = lost.get(cause, 0) + count
    return lost
