"""Answers as JSON: a dataclass becomes an object, and figures are named as by ``weighbridge report --json``."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, ItemsView, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from weighbridge.reporting.json_csv import event_record, metric_record, statistics_record
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.recording.totals import Totals
from weighbridge.transactions.store.reader import CustomMetricStatistics, StoredEvents
from weighbridge.transactions.store.statistics import Statistics

__all__ = ["STATISTIC_MEANINGS", "as_json"]

STATISTIC_MEANINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "calls": "how many transactions ended",
        "per_minute": "calls per minute, of the time in which the application was there",
        "total_seconds": "time spent in all of them",
        "average_seconds": "per call, as are the next five",
        "minimum_seconds": "the fastest",
        "median_seconds": "half of them were faster; off by at most 1.1 %, as p95 and p99",
        "p95_seconds": "95 of 100 were faster",
        "p99_seconds": "99 of 100 were faster",
        "maximum_seconds": "the slowest",
        "errors": "how many failed",
        "error_rate": "the share that failed, 0 to 1",
        "apdex": "the score, 0 to 1; null for background transactions",
        "apdex_t_seconds": "the threshold T that it goes by",
        "response_start_seconds": "from a request's entry to the start of its response, on average",
        "queue_seconds": "in queues, on average: a front end's, where it tells, or a job system's",
        "disconnected": "how many clients left before the end",
        "queued": "how many came with a time in a queue",
        "queue_median_seconds": "half of them waited less; off by at most 1.1 %, as the next two",
        "queue_p95_seconds": "95 of 100 waited less in their queue",
        "queue_p99_seconds": "99 of 100 waited less in their queue",
        "queue_maximum_seconds": "the longest wait in a queue",
        "succeeded": "how many ended so, as the next six; they add up to calls",
        "failed": "have raised and are not tried again",
        "retried": "will be tried again",
        "rejected": "were refused",
        "cancelled": "were revoked, aborted, skipped or stopped, or have expired",
        "timed_out": "have exceeded their time limit",
        "killed": "have lost their process",
    }
)
"""The meaning of each field of a ``figures`` object."""

_RECORDS: Final[Mapping[type, Callable[[Any], Mapping[str, Any]]]] = MappingProxyType(
    {CustomMetricStatistics: metric_record, StoredEvents: event_record}
)
"""What is written as by ``weighbridge report --json``."""

_JSON_NAMES: Final[Mapping[str, str]] = MappingProxyType({"statistics": "figures"})
"""Fields that have another name in the documented JSON."""


def as_json(answer: object) -> str:
    """Return an answer as JSON; numbers that JSON does not have (NaN, infinity) are ``null``."""
    return json.dumps(_plain(answer), allow_nan=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Statistics):  # an answer has up to two thousand, each of which takes half as long like this
        return {name: figure if figure is None or math.isfinite(figure) else None for name, figure in _figures(value)}
    for kind, record in _RECORDS.items():
        if isinstance(value, kind):
            return {name: _plain(figure) for name, figure in record(value).items()}
    names = _names(value.__class__)
    if names:
        told = ((name, getattr(value, name)) for name in names)
        return {_JSON_NAMES.get(name, name): _plain(part) for name, part in told if not isinstance(part, Totals)}
    return _mapping(value) if isinstance(value, Mapping) else [_plain(part) for part in value]


def _figures(statistics: Statistics) -> ItemsView[str, int | float | None]:
    """Return figures by the names that they have in JSON: nothing but numbers, and those that are undefined."""
    return statistics_record(statistics).items()


@cache
def _names(kind: type) -> tuple[str, ...]:
    """Return the field names of a dataclass or named tuple; none for anything else."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else getattr(kind, "_fields", ())


def _mapping(value: Mapping[Any, Any]) -> Any:
    """Return a mapping for JSON: counts by series become a list, as keys must be text."""
    if any(isinstance(key, Series) for key in value):
        return [{**_plain(key), "count": count} for key, count in value.items()]
    return {str(key): _plain(part) for key, part in value.items()}
