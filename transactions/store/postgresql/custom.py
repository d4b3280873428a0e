"""Custom metrics and events: how they are merged into the store, and read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from ...custom_values import MAX_EVENTS, CustomEvents, CustomMetric
from ...log import log_once
from ..names import storable
from ..resolutions import RowRange
from ..results import StoredEvent, StoredEvents
from .drivers import Session
from .tables import METRICS

__all__ = ["add_events", "add_metrics", "custom_events", "custom_metrics"]

_MAX_NAMES: Final = 500
"""Names of metrics per application."""
_MAX_TYPES: Final = 50
"""Types of events per application."""
_HOUR: Final = 3600

_Drop = Callable[[str, int], None]
_Intervals = Callable[[int], Sequence[tuple[int, int]]]


def add_metrics(session: Session, metrics: Iterable[CustomMetric], intervals: _Intervals, drop: _Drop) -> None:
    """Add the values of metrics to their rows.

    Args:
        session: of a transaction that has the lock.
        metrics: by minute.
        intervals: returns width and start of the rows that hold a minute; none if it is too old.
        drop: is told of values that are not kept.
    """
    for metric in metrics:
        held = intervals(metric.minute)
        number = _metric_number(session, metric) if held else None
        if number is None:
            drop("custom metrics", metric.number)
            continue
        values = (metric.number, metric.total, metric.minimum, metric.maximum)
        METRICS.add(session, [(*interval, number, *values) for interval in held])


def _metric_number(session: Session, metric: CustomMetric) -> int | None:
    """Return the number of a metric; ``None`` if its application has too many."""
    key = (storable(metric.application), storable(metric.name))
    row = session.execute("SELECT id, seen FROM @custom_metric WHERE (application, name) = (%s, %s)", key).fetchone()
    if row is not None:
        number, seen = row
        if seen <= metric.minute - _HOUR:
            session.execute("UPDATE @custom_metric SET seen = %s WHERE id = %s", (metric.minute, number))
        return int(number)
    if _count(session, "custom_metric", key[0]) >= _MAX_NAMES:
        return None
    statement = "INSERT INTO @custom_metric (application, name, seen) VALUES (%s, %s, %s) RETURNING id"
    return _number(session, statement, (*key, metric.minute))


def add_events(session: Session, events: Iterable[CustomEvents], moment: float, drop: _Drop) -> None:
    """Add events to the counts of their types, and keep the last ones.

    Args:
        session: of a transaction that has the lock.
        events: by type.
        moment: when they were reported (epoch seconds).
        drop: is told of events that are not kept.
    """
    for some in events:
        number = _type_number(session, some, int(moment))
        if number is None:
            drop("custom events", some.number)
            continue
        for event in some.last:
            session.execute(
                "INSERT INTO @custom_event (type, moment, body) VALUES (%s, %s, %s)",
                (number, event.moment, _body_of(event.attributes)),
            )
        session.execute(_KEEP_LAST, {"type": number, "kept": MAX_EVENTS})


_KEEP_LAST: Final = """
DELETE FROM @custom_event WHERE type = %(type)s AND id NOT IN (
    SELECT id FROM @custom_event WHERE type = %(type)s ORDER BY moment DESC, id DESC LIMIT %(kept)s
)
"""


def _type_number(session: Session, events: CustomEvents, moment: int) -> int | None:
    """Return the number of a type, whose count grows; ``None`` if its application has too many."""
    key = (storable(events.application), storable(events.type))
    row = session.execute(
        "UPDATE @custom_event_type SET count = count + %s, seen = greatest(seen, %s)"
        " WHERE (application, type) = (%s, %s) RETURNING id",
        (events.number, moment, *key),
    ).fetchone()
    if row is not None:
        return int(row[0])
    if _count(session, "custom_event_type", key[0]) >= _MAX_TYPES:
        return None
    statement = "INSERT INTO @custom_event_type (application, type, count, seen) VALUES (%s, %s, %s, %s) RETURNING id"
    return _number(session, statement, (*key, events.number, moment))


def _count(session: Session, table: str, application: str) -> int:
    return _number(session, f"SELECT count(*) FROM @{table} WHERE application = %s", (application,))


def _number(session: Session, statement: str, values: Sequence[object]) -> int:
    (number,) = session.execute(statement, values).fetchone() or (0,)
    return int(number)


def _body_of(attributes: Mapping[str, Any]) -> str:
    shown = {storable(key): storable(value) if isinstance(value, str) else value for key, value in attributes.items()}
    return json.dumps(shown)


_METRICS: Final = """
SELECT application, name, sum(count)::bigint, sum(total), min(minimum), max(maximum)
FROM @custom_metric_totals AS totals JOIN @custom_metric AS metric ON metric.id = totals.metric
WHERE width = %s AND start >= %s AND start < %s AND {whose} GROUP BY metric.id
"""


def custom_metrics(
    session: Session, ranges: Iterable[RowRange], application: str | None
) -> Iterator[tuple[str, str, int, float, float, float]]:
    """Yield application, name, count, total, least and most of each metric in each range."""
    whose, values = _whose(application)
    for part in ranges:
        for row in session.execute(_METRICS.format(whose=whose), (*part, *values)).fetchall():
            name, metric, count, *floats = row
            total, minimum, maximum = map(float, floats)
            yield name, metric, count, total, minimum, maximum


def custom_events(session: Session, application: str | None) -> Iterator[StoredEvents]:
    """Yield the types of events with their counts, and the last events of each."""
    whose, values = _whose(application)
    types = session.execute(f"SELECT id, application, type, count, seen FROM @custom_event_type WHERE {whose}", values)
    for number, name, kind, count, seen in types.fetchall():
        rows = session.execute(
            "SELECT moment, body FROM @custom_event WHERE type = %s ORDER BY moment DESC, id DESC", (number,)
        )
        found = ((moment, _intact(body)) for moment, body in rows.fetchall())
        last = [StoredEvent(moment, attributes) for moment, attributes in found if attributes is not None]
        yield StoredEvents(name, kind, count, seen, last)


def _whose(application: str | None) -> tuple[str, tuple[str, ...]]:
    return ("true", ()) if application is None else ("application = %s", (storable(application),))


def _intact(body: str) -> dict[str, Any] | None:
    """Return the attributes of an event; a damaged one has none, which is logged."""
    try:
        found = json.loads(body)
    except ValueError as error:
        log_once("corrupt event", "the store holds a damaged custom event, which is left out: %s", error)
        return None
    return found if isinstance(found, dict) else None
