"""By what tasks were enqueued: counts by the hour, for a month, the same in both engines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..recording.enqueuers import header_of, series_in
from ..recording.snapshot import EnqueuedCount, Series
from .names import storable
from .resolutions import floor_to
from .results import EnqueuedBy
from .sql import Matching, Statements
from .statistics import Window

__all__ = ["KEPT", "add_enqueued", "enqueued_in"]

KEPT: Final = 31 * 86400
"""Seconds."""
_HOUR: Final = 3600
_MAX_ENQUEUERS: Final = 100
"""Enqueuing transactions that are told apart per series and hour."""
_MAX_ROWS: Final = 50_000
"""In all; when there are more, the oldest hours go first."""
_MAX_FOUND: Final = 100
_OTHERS: Final = ""

_KNOWN: Final = "SELECT enqueuer FROM @enqueued WHERE hour = %s AND series = %s"
_ADD: Final = """
INSERT INTO @enqueued (hour, series, enqueuer, count) VALUES (%s, %s, %s, %s)
ON CONFLICT (hour, series, enqueuer) DO UPDATE SET count = enqueued.count + excluded.count
"""
_BOUND: Final = """
DELETE FROM @enqueued WHERE hour <= (SELECT hour FROM @enqueued ORDER BY hour DESC LIMIT 1 OFFSET %s)
"""
_FIND: Final = """
SELECT application, kind, "group", name, enqueuer, CAST(sum(count) AS bigint) AS times
FROM @enqueued AS enqueued JOIN @series AS series ON series.id = enqueued.series
WHERE hour > %s AND hour < %s AND {matching}
GROUP BY application, kind, "group", name, enqueuer
ORDER BY times DESC LIMIT %s
"""


def add_enqueued(sql: Statements, counts: Iterable[tuple[int, EnqueuedCount]]) -> None:
    """Add what processes have counted, each with the number of the tasks' series."""
    added: dict[tuple[int, int, str], int] = {}
    for series, one in counts:
        header = header_of(Series(*map(storable, one.enqueuer))) if one.enqueuer else None  # type: ignore[arg-type]
        key = (floor_to(one.minute, _HOUR), series, header or _OTHERS)
        added[key] = added.get(key, 0) + one.count
    known = {place: {row[0] for row in sql.rows(_KNOWN, place)} for place in {key[:2] for key in added}}
    begins = not all(known.values())
    for (hour, series, header), count in added.items():
        of_task = known[hour, series]
        kept = header if header in of_task or len(of_task) < _MAX_ENQUEUERS else _OTHERS
        of_task.add(kept)
        sql.run(_ADD, (hour, series, kept, count))
    if begins:
        sql.run(_BOUND, (_MAX_ROWS,))


def enqueued_in(sql: Statements, window: Window, matching: Matching) -> list[EnqueuedBy]:
    """Return by what tasks were enqueued that ended in the hours of a window, the most frequent first."""
    condition, values = matching
    statement = _FIND.format(matching=condition)
    rows = sql.rows(statement, (window.since - _HOUR, window.until, *values, _MAX_FOUND))
    found = [EnqueuedBy(Series(*row[:4]), series_in(row[4]), int(row[5])) for row in rows]
    return sorted(found, key=lambda one: (-one.count, one.task, one.by or ()))
