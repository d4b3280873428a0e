"""Custom metrics and events as tables of text, the same for the terminal and for pipes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from weighbridge.reporting import formats
from weighbridge.reporting.report import Report
from weighbridge.reporting.time_range import roughly

from .output import one_line

__all__ = ["TextTable", "custom_tables"]

_METRICS: Final = ("application", "metric", "values", "per minute", "average", "min", "max", "total")
_EVENTS: Final = ("application", "event", "since ever", "last")


class TextTable(NamedTuple):
    """A heading and rows; the first two columns are names."""

    titles: tuple[str, ...]
    rows: list[tuple[str, ...]]


def custom_tables(report: Report, now: float) -> Iterator[TextTable]:
    """Give the tables of a report that has any."""
    metrics: list[tuple[str, ...]] = [
        (
            *(one_line(one.application), one_line(one.name), formats.count(one.count), formats.rate(one.per_minute)),
            *map(formats.number, (one.average, one.minimum, one.maximum, one.total)),
        )
        for one in report.custom_metrics
    ]
    events: list[tuple[str, ...]] = [
        (
            one_line(one.application),
            one_line(one.type),
            formats.count(one.number),
            f"{roughly(max(0.0, now - one.seen))} ago",
        )
        for one in report.custom_events
    ]
    yield from (TextTable(titles, rows) for titles, rows in ((_METRICS, metrics), (_EVENTS, events)) if rows)
