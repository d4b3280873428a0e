"""A report for other programs: JSON and CSV, figures unrounded, the unit in each field's name."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from typing import Any, Final

from weighbridge.transactions.recording.totals import OUTCOMES
from weighbridge.transactions.store.reader import (
    CustomMetricStatistics,
    ErrorGroupStatistics,
    ScheduleStatus,
    StoredEvents,
)
from weighbridge.transactions.store.statistics import Statistics
from weighbridge.transactions.visible import visible

from .report import Line, Report

__all__ = [
    "as_csv",
    "as_json",
    "event_record",
    "group_record",
    "harmless",
    "metric_record",
    "schedule_record",
    "statistics_record",
]


def _ended(outcome: str, statistics: Statistics) -> int:
    return statistics.outcomes[outcome]


_STATISTICS: Final[dict[str, Callable[[Statistics], Any]]] = {
    "calls": lambda statistics: statistics.calls,
    "per_minute": lambda statistics: statistics.per_minute,
    "total_seconds": lambda statistics: statistics.total,
    "average_seconds": lambda statistics: statistics.average,
    "minimum_seconds": lambda statistics: statistics.minimum,
    "median_seconds": lambda statistics: statistics.median,
    "p95_seconds": lambda statistics: statistics.p95,
    "p99_seconds": lambda statistics: statistics.p99,
    "maximum_seconds": lambda statistics: statistics.maximum,
    "errors": lambda statistics: statistics.errors,
    "error_rate": lambda statistics: statistics.error_rate,
    "apdex": lambda statistics: statistics.apdex,
    "apdex_t_seconds": lambda statistics: statistics.apdex_t,
    "response_start_seconds": lambda statistics: statistics.response_start,
    "queue_seconds": lambda statistics: statistics.queue_time,
    "disconnected": lambda statistics: statistics.disconnected,
    "queued": lambda statistics: statistics.queued,
    "queue_median_seconds": lambda statistics: statistics.queue_median,
    "queue_p95_seconds": lambda statistics: statistics.queue_p95,
    "queue_p99_seconds": lambda statistics: statistics.queue_p99,
    "queue_maximum_seconds": lambda statistics: statistics.queue_maximum,
    **{outcome: partial(_ended, outcome) for outcome in OUTCOMES},
}
_FIELDS: Final = ("application", "type", "group", "name", *_STATISTICS, "share")
_FORMULA: Final = ("=", "+", "-", "@", "|", "%")


def as_json(report: Report) -> str:
    """Give the report as one JSON object; moments are epoch seconds, rates and shares are 0 to 1.

    ``since`` and ``until`` are what was counted: whole minutes, and of each
    application no time before its first figure. ``dropped`` is what is missing
    from that, by cause; that of the store is all that was ever dropped.
    """
    health = report.health
    store = {"path": health.path, "owner": health.owner, "last_write": health.last_write, "lost": dict(health.lost)}
    sections = [
        {
            "application": section.application,
            "type": section.kind,
            "since": section.window.since,
            "until": section.window.until,
            **statistics_record(section.statistics),
        }
        for section in report.sections
    ]
    told = {
        "since": report.window.since,
        "until": report.window.until,
        "lost": dict(report.lost),
        "store": store,
        "applications": sections,
        "transactions": [*_records(report)],
        "custom_metrics": [metric_record(one) for one in report.custom_metrics],
        "custom_events": [event_record(one) for one in report.custom_events],
        "errors": [group_record(one) for one in report.groups],
        "schedules": [schedule_record(one) for one in report.schedules],
        "marks": [asdict(one) for one in report.marks],
    }
    return json.dumps(told, indent=2)


def as_csv(report: Report) -> str:
    """Give one line per transaction under a heading; a name that a spreadsheet would run as a formula is disarmed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_FIELDS)
    writer.writerows(_row(line) for section in report.sections for line in section.lines)
    return text.getvalue().rstrip("\n")


def _row(line: Line) -> list[Any]:
    """Give the fields in their order; none but the names is text."""
    return [*map(harmless, line.series), *(value(line.statistics) for value in _STATISTICS.values()), line.share]


def harmless(value: object) -> object:
    """Put an apostrophe in front of text that a spreadsheet would take for a formula; numbers stay numbers.

    >>> harmless("=1+2"), harmless("GET /"), harmless(-1)
    ("'=1+2", 'GET /', -1)
    """
    if not isinstance(value, str):
        return value
    return f"'{visible(value)}" if value.lstrip().startswith(_FORMULA) or value[:1].isspace() else visible(value)


def _records(report: Report) -> Iterator[dict[str, Any]]:
    return (_record(line) for section in report.sections for line in section.lines)


def _record(line: Line) -> dict[str, Any]:
    series = line.series
    names = {"application": series.application, "type": series.kind, "group": series.group, "name": series.name}
    return {**names, **statistics_record(line.statistics), "share": line.share}


def statistics_record(statistics: Statistics) -> dict[str, Any]:
    """Give the figures unrounded, by the names that they have in JSON and CSV."""
    return {field: value(statistics) for field, value in _STATISTICS.items()}


def metric_record(metric: CustomMetricStatistics) -> dict[str, Any]:
    """Give the values of a custom metric, which are in its program's own unit."""
    return {
        "application": metric.application,
        "name": metric.name,
        "count": metric.count,
        "per_minute": metric.per_minute,
        "total": metric.total,
        "average": metric.average,
        "minimum": metric.minimum,
        "maximum": metric.maximum,
    }


def event_record(events: StoredEvents) -> dict[str, Any]:
    """Give the custom events of one type: how many there ever were, and the last of them, the latest first."""
    last = [{"moment": event.moment, "attributes": dict(event.attributes)} for event in events.last]
    return {
        "application": events.application,
        "type": events.type,
        "count": events.number,
        "seen": events.seen,
        "last": last,
    }


def schedule_record(one: ScheduleStatus) -> dict[str, Any]:
    """Give a schedule with its last run, the next one, and what was missed in the time, or the last day."""
    schedule = one.schedule
    return {
        **schedule._asdict(),
        "last_run": one.last_run,
        "next": one.next,
        "missed": one.missed,
        "last_missed": one.last_missed,
    }


def group_record(one: ErrorGroupStatistics) -> dict[str, Any]:
    """Give the errors of one group: of one class, from one place."""
    group = one.group
    return {
        "application": group.application,
        "id": group.id,
        "type": group.type,
        "message": group.message,
        "frame": group.frame,
        "expected": group.expected,
        "count": one.count,
        "first_seen": group.first_seen,
        "last_seen": group.last_seen,
        "version": group.version,
        "new_since": one.new_since,
        "transactions": [
            {"type": series.kind, "group": series.group, "name": series.name, "count": count}
            for series, count in (one.by_series or {}).items()
        ],
    }
