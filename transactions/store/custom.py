"""Custom metrics and events, as far as all engines do the same with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..custom_values import CustomEvents, CustomMetric
from ..log import log_once
from .names import storable
from .results import StoredEvent

__all__ = ["Drop", "IntervalsOf", "event_to_json", "metric_rows", "numbered_events", "stored_events"]

Drop = Callable[[str, int], None]
"""Told the cause and number of values that are not kept."""
IntervalsOf = Callable[[int], Sequence[tuple[int, int]]]
"""Returns width and start of the rows that hold a minute; none if it is too old."""


def metric_rows(
    metrics: Iterable[CustomMetric], intervals: IntervalsOf, number_of: Callable[[CustomMetric], int | None], drop: Drop
) -> Iterator[list[tuple[object, ...]]]:
    """Yield for each metric the rows to which it is to be added: width, start, number of the metric, and its values.

    Args:
        metrics: by minute.
        intervals: in which rows a minute is.
        number_of: returns the number of a metric; ``None`` if its application has too many.
        drop: is told of values that are not kept.
    """
    for metric in metrics:
        held = intervals(metric.minute)
        number = number_of(metric) if held else None
        if number is None:
            drop("custom metrics", metric.number)
            continue
        values = (metric.number, metric.total, metric.minimum, metric.maximum)
        yield [(*interval, number, *values) for interval in held]


def numbered_events(
    events: Iterable[CustomEvents], number_of: Callable[[CustomEvents], int | None], drop: Drop
) -> Iterator[tuple[int, list[tuple[float, str]]]]:
    """Yield the number of each type, and moment and JSON of its last events.

    Args:
        events: by type.
        number_of: adds to the count of a type, and returns its number; ``None`` if its application has too many.
        drop: is told of events that are not kept.
    """
    for some in events:
        number = number_of(some)
        if number is None:
            drop("custom events", some.number)
        else:
            yield number, [(event.moment, event_to_json(event.attributes)) for event in some.last]


def event_to_json(attributes: Mapping[str, Any]) -> str:
    """The attributes of an event, as they are stored."""
    shown = {storable(key): storable(value) if isinstance(value, str) else value for key, value in attributes.items()}
    return json.dumps(shown)


def stored_events(rows: Iterable[tuple[float, str]]) -> list[StoredEvent]:
    """Return events given as moment and JSON; a damaged one is left out and logged."""
    found = ((moment, _attributes_of(prepared)) for moment, prepared in rows)
    return [StoredEvent(moment, attributes) for moment, attributes in found if attributes is not None]


def _attributes_of(prepared: str) -> dict[str, Any] | None:
    try:
        found = json.loads(prepared)
    except ValueError as error:
        log_once("corrupt event", "the store holds a damaged custom event, which is left out: %s", error)
        return None
    return found if isinstance(found, dict) else None
