"""Custom metrics and events: how they are added to the store, and read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from ...custom_values import MAX_EVENTS, CustomEvents, CustomMetric
from ...log import log_once
from ..names import storable
from ..resolutions import RowRange
from ..results import StoredEvent, StoredEvents
from .tables import METRICS

__all__ = ["add_events", "add_metrics", "custom_events", "custom_metrics"]

_MAX_NAMES: Final = 500
"""Names of metrics per application."""
_MAX_TYPES: Final = 50
"""Types of events per application."""
_HOUR: Final = 3600

_Drop = Callable[[str, int], None]
_Intervals = Callable[[int], Sequence[tuple[int, int]]]


def add_metrics(
    connection: sqlite3.Connection, metrics: Iterable[CustomMetric], intervals: _Intervals, drop: _Drop
) -> None:
    """Add the values of metrics to their rows.

    Args:
        connection: of a transaction.
        metrics: by minute.
        intervals: returns width and start of the rows that hold a minute; none if it is too old.
        drop: is told of values that are not kept.
    """
    rows: list[tuple[object, ...]] = []
    for metric in metrics:
        held = intervals(metric.minute)
        number = _metric_id(connection, metric) if held else None
        if number is None:
            drop("custom metrics", metric.number)
            continue
        values = (metric.number, metric.total, metric.minimum, metric.maximum)
        rows += [(*interval, number, *values) for interval in held]
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
    if connection.execute(known, key[:1]).fetchone()[0] >= _MAX_NAMES:
        return None
    insert = "INSERT INTO custom_metric (application, name, seen) VALUES (?, ?, ?)"
    return connection.execute(insert, (*key, metric.minute)).lastrowid


def add_events(connection: sqlite3.Connection, events: Iterable[CustomEvents], moment: float, drop: _Drop) -> None:
    """Add events to the counts of their types, and keep the last ones.

    Args:
        connection: of a transaction.
        events: by type.
        moment: when they were reported (epoch seconds).
        drop: is told of events that are not kept.
    """
    for some in events:
        number = _type_id(connection, some, int(moment))
        if number is None:
            drop("custom events", some.number)
            continue
        bodies = [(number, event.moment, _body_of(event.attributes)) for event in some.last]
        connection.executemany("INSERT INTO custom_event (type, moment, body) VALUES (?, ?, ?)", bodies)
        connection.execute(_KEEP_LAST, {"type": number, "kept": MAX_EVENTS})


_KEEP_LAST: Final = """
DELETE FROM custom_event WHERE type = :type AND id NOT IN (
    SELECT id FROM custom_event WHERE type = :type ORDER BY moment DESC, id DESC LIMIT :kept
)
"""


def _type_id(connection: sqlite3.Connection, events: CustomEvents, moment: int) -> int | None:
    """Return the id of a type, whose count grows; ``None`` if its application has too many."""
    key = (storable(events.application), storable(events.type))
    row = connection.execute("SELECT id FROM custom_event_type WHERE (application, type) = (?, ?)", key).fetchone()
    if row is not None:
        update = "UPDATE custom_event_type SET count = count + ?, seen = max(seen, ?) WHERE id = ?"
        connection.execute(update, (events.number, moment, row[0]))
        return int(row[0])
    known = "SELECT count(*) FROM custom_event_type WHERE application = ?"
    if connection.execute(known, key[:1]).fetchone()[0] >= _MAX_TYPES:
        return None
    insert = "INSERT INTO custom_event_type (application, type, count, seen) VALUES (?, ?, ?, ?)"
    return connection.execute(insert, (*key, events.number, moment)).lastrowid


def _body_of(attributes: Mapping[str, Any]) -> str:
    return json.dumps({storable(key): storable(value) if isinstance(value, str) else value
                       for key, value in attributes.items()})  # fmt: skip


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
        last = [StoredEvent(moment, attributes) for moment, attributes in map(_intact, rows) if attributes is not None]
        yield StoredEvents(whose, kind, count, seen, last)


def _intact(row: tuple[float, str]) -> tuple[float, dict[str, Any] | None]:
    """Return moment and attributes of an event; a damaged one has none, which is logged."""
    moment, body = row
    try:
        found = json.loads(body)
    except ValueError as error:
        log_once("corrupt event", "the store holds a damaged custom event, which is left out: %s", error)
        return moment, None
    return moment, found if isinstance(found, dict) else None
