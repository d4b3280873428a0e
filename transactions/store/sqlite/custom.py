"""Custom metrics and events: how they are added to the store, and read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Final

from ...custom_values import MAX_EVENTS, MAX_NAMES, MAX_TYPES, CustomEvents, CustomMetric
from ..custom import Drop, IntervalsOf, metric_rows, numbered_events, stored_events
from ..names import storable
from ..resolutions import RowRange
from ..results import StoredEvents
from .tables import METRICS

__all__ = ["add_events", "add_metrics", "custom_events", "custom_metrics"]

_HOUR: Final = 3600


def add_metrics(
    connection: sqlite3.Connection, metrics: Iterable[CustomMetric], intervals: IntervalsOf, drop: Drop
) -> None:
    """Add the values of metrics to their rows.

    Args:
        connection: of a transaction.
        metrics: by minute.
        intervals: returns width and start of the rows that hold a minute; none if it is too old.
        drop: is told of values that are not kept.
    """
    rows = [*chain.from_iterable(metric_rows(metrics, intervals, partial(_metric_id, connection), drop))]
    METRICS.add(connection, rows)


def _metric_id(connection: sqlite3.Connection, metric: CustomMetric) -> int | None:
    """Return the id of a metric; ``None`` if its application has too many."""
    key = (storable(metric.application), storable(metric.name))
    row = connection.execute("SELECT id, seen FROM custom_metric WHERE (application, name) = (?, ?)", key).fetchone()
    if row is not None:
        number, seen = row
        if seen <= metric.minute - _HOUR:
            connection.execute("UPDATE custom_metric SET seen = ? WHERE id = ?", (metric.minute, number))
        return int(number)
    known = "SELECT count(*) FROM custom_metric WHERE application = ?"
    if connection.execute(known, key[:1]).fetchone()[0] >= MAX_NAMES:
        return None
    insert = "INSERT INTO custom_metric (application, name, seen) VALUES (?, ?, ?)"
    return connection.execute(insert, (*key, metric.minute)).lastrowid


def add_events(connection: sqlite3.Connection, events: Iterable[CustomEvents], moment: float, drop: Drop) -> None:
    """Add events to the counts of their types, and keep the last ones.

    Args:
        connection: of a transaction.
        events: by type.
        moment: when they were reported (epoch seconds).
        drop: is told of events that are not kept.
    """
    for number, last in numbered_events(events, partial(_type_id, connection, int(moment)), drop):
        connection.executemany(
            "INSERT INTO custom_event (type, moment, body) VALUES (?, ?, ?)", [(number, *event) for event in last]
        )
        connection.execute(_KEEP_LAST, {"type": number, "kept": MAX_EVENTS})


_KEEP_LAST: Final = """
DELETE FROM custom_event WHERE type = :type AND id NOT IN (
    SELECT id FROM custom_event WHERE type = :type ORDER BY moment DESC, id DESC LIMIT :kept
)
"""


def _type_id(connection: sqlite3.Connection, moment: int, events: CustomEvents) -> int | None:
    """Return the id of a type, whose count grows; ``None`` if its application has too many."""
    key = (storable(events.application), storable(events.type))
    row = connection.execute("SELECT id FROM custom_event_type WHERE (application, type) = (?, ?)", key).fetchone()
    if row is not None:
        update = "UPDATE custom_event_type SET count = count + ?, seen = max(seen, ?) WHERE id = ?"
        connection.execute(update, (events.number, moment, row[0]))
        return int(row[0])
    known = "SELECT count(*) FROM custom_event_type WHERE application = ?"
    if connection.execute(known, key[:1]).fetchone()[0] >= MAX_TYPES:
        return None
    insert = "INSERT INTO custom_event_type (application, type, count, seen) VALUES (?, ?, ?, ?)"
    return connection.execute(insert, (*key, events.number, moment)).lastrowid


_METRICS: Final = """
    SELECT application, name, sum(count), sum(total), min(minimum), max(maximum)
    FROM custom_metric_totals JOIN custom_metric ON custom_metric.id = metric
    WHERE span = ? AND start >= ? AND start < ? AND (? IS NULL OR application = ?) GROUP BY metric
"""


def custom_metrics(
    connection: sqlite3.Connection, ranges: Iterable[RowRange], application: str | None
) -> Iterator[tuple[str, str, int, float, float, float]]:
    """Yield application, name, count, total, least and most of each metric in each range."""
    for part in ranges:
        yield from connection.execute(_METRICS, (*part, application, application))


def custom_events(connection: sqlite3.Connection, application: str | None) -> Iterator[StoredEvents]:
    """Yield the types of events with their counts, and the last events of each."""
    types = connection.execute(
        "SELECT id, application, type, count, seen FROM custom_event_type WHERE ? IS NULL OR application = ?",
        (application, application),
    ).fetchall()
    for number, whose, kind, count, seen in types:
        rows = connection.execute(
            "SELECT moment, body FROM custom_event WHERE type = ? ORDER BY moment DESC, id DESC", (number,)
        )
        yield StoredEvents(whose, kind, count, seen, stored_events(rows))
