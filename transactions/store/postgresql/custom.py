"""Custom metrics and events: how they are merged into the store, and read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from ...custom_values import MAX_EVENTS, MAX_NAMES, MAX_TYPES, CustomEvents, CustomMetric
from ..custom import Drop, IntervalsOf, metric_rows, numbered_events, stored_events
from ..names import storable
from ..resolutions import RowRange
from ..results import StoredEvents
from .drivers import Session
from .tables import METRICS

__all__ = ["add_events", "add_metrics", "custom_events", "custom_metrics"]

_HOUR: Final = 3600


def add_metrics(session: Session, metrics: Iterable[CustomMetric], intervals: IntervalsOf, drop: Drop) -> None:
    """Add the values of metrics to their rows.

    Args:
        session: of a transaction that has the lock.
        metrics: by minute.
        intervals: returns width and start of the rows that hold a minute; none if it is too old.
        drop: is told of values that are not kept.
    """
    for rows in metric_rows(metrics, intervals, partial(_metric_number, session), drop):
        METRICS.add(session, rows)


def _metric_number(session: Session, metric: CustomMetric) -> int | None:
    """Return the number of a metric; ``None`` if its application has too many."""
    key = (storable(metric.application), storable(metric.name))
    row = session.execute("SELECT id, seen FROM @custom_metric WHERE (application, name) = (%s, %s)", key).fetchone()
    if row is not None:
        number, seen = row
        if seen <= metric.minute - _HOUR:
            session.execute("UPDATE @custom_metric SET seen = %s WHERE id = %s", (metric.minute, number))
        return int(number)
    if _count(session, "custom_metric", key[0]) >= MAX_NAMES:
        return None
    statement = "INSERT INTO @custom_metric (application, name, seen) VALUES (%s, %s, %s) RETURNING id"
    return _number(session, statement, (*key, metric.minute))


def add_events(session: Session, events: Iterable[CustomEvents], moment: float, drop: Drop) -> None:
    """Add events to the counts of their types, and keep the last ones.

    Args:
        session: of a transaction that has the lock.
        events: by type.
        moment: when they were reported (epoch seconds).
        drop: is told of events that are not kept.
    """
    for number, last in numbered_events(events, partial(_type_number, session, int(moment)), drop):
        for event in last:
            session.execute("INSERT INTO @custom_event (type, moment, body) VALUES (%s, %s, %s)", (number, *event))
        session.execute(_KEEP_LAST, {"type": number, "kept": MAX_EVENTS})


_KEEP_LAST: Final = """
DELETE FROM @custom_event WHERE type = %(type)s AND id NOT IN (
    SELECT id FROM @custom_event WHERE type = %(type)s ORDER BY moment DESC, id DESC LIMIT %(kept)s
)
"""


def _type_number(session: Session, moment: int, events: CustomEvents) -> int | None:
    """Return the number of a type, whose count grows; ``None`` if its application has too many."""
    key = (storable(events.application), storable(events.type))
    row = session.execute(
        "UPDATE @custom_event_type SET count = count + %s, seen = greatest(seen, %s)"
        " WHERE (application, type) = (%s, %s) RETURNING id",
        (events.number, moment, *key),
    ).fetchone()
    if row is not None:
        return int(row[0])
    if _count(session, "custom_event_type", key[0]) >= MAX_TYPES:
        return None
    statement = "INSERT INTO @custom_event_type (application, type, count, seen) VALUES (%s, %s, %s, %s) RETURNING id"
    return _number(session, statement, (*key, events.number, moment))


def _count(session: Session, table: str, application: str) -> int:
    return _number(session, f"SELECT count(*) FROM @{table} WHERE application = %s", (application,))


def _number(session: Session, statement: str, values: Sequence[object]) -> int:
    (number,) = session.execute(statement, values).fetchone() or (0,)
    return int(number)


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
        yield StoredEvents(name, kind, count, seen, stored_events(rows.fetchall()))


def _whose(application: str | None) -> tuple[str, tuple[str, ...]]:
    return ("true", ()) if application is None else ("application = %s", (storable(application),))
