"""Schedules, custom metrics and events as tables of text, the same for the terminal and for pipes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from weighbridge.reporting import formats
from weighbridge.reporting.report import Report
from weighbridge.reporting.time_range import roughly
from weighbridge.transactions.model.naming import display_name
from weighbridge.transactions.store.reader import ScheduleStatus

from .output import one_line

__all__ = ["TextTable", "further_tables"]

_SCHEDULES: Final = ("application", "schedule", "due", "last run", "next", "missed", "last missed")
_METRICS: Final = ("application", "metric", "values", "per minute", "average", "min", "max", "total")
_EVENTS: Final = ("application", "event", "since ever", "last")


class TextTable(NamedTuple):
    """A heading and rows; the first two columns are names."""

    titles: tuple[str, ...]
    rows: list[tuple[str, ...]]


def further_tables(report: Report, now: float) -> Iterator[TextTable]:
    """Give the tables of a report that has any."""
    schedules: list[tuple[str, ...]] = [_schedule(one, now) for one in report.schedules]
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
            _ago(one.seen, now),
        )
        for one in report.custom_events
    ]
    tables = ((_SCHEDULES, schedules), (_METRICS, metrics), (_EVENTS, events))
    yield from (TextTable(titles, rows) for titles, rows in tables if rows)


def _schedule(one: ScheduleStatus, now: float) -> tuple[str, ...]:
    application, _, group, name, rule, zone, _ = one.schedule
    due = f"{rule} s" if rule.startswith("every ") else f"{rule} {zone}".rstrip()
    names = (one_line(application), one_line(display_name(group, name)), one_line(due))
    upcoming = "-" if one.next is None else f"in {roughly(max(0.0, one.next - now))}"
    return (*names, _ago(one.last_run, now), upcoming, formats.count(one.missed), _ago(one.last_missed, now))


def _ago(moment: float | None, now: float) -> str:
    return "-" if moment is None else f"{roughly(max(0.0, now - moment))} ago"
