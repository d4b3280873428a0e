"""Figures over time in the form that charts need: a column of numbers for each line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from weighbridge.transactions.model.naming import display_name
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.store.reader import ErrorGroupInfo, ErrorTimeline, Figures_co, Timeline
from weighbridge.transactions.store.statistics import Statistics, Window, Workload
from weighbridge.transactions.visible import visible

from .chart_range import SPARKS
from .models import Comparison, ErrorsOverTime, SamplesPage, Trend

__all__ = [
    "apdex",
    "counts",
    "drawable",
    "error_classes",
    "error_rate",
    "failures",
    "of_group",
    "outcomes",
    "queue_wait",
    "response_start",
    "response_time",
    "scatter",
    "sparkline",
    "throughput",
    "throughputs",
    "time_spent",
]

_WIDTH, _HEIGHT = 160, 28
"""The size of a sparkline."""

Chart = dict[str, Any]
_Value = Callable[[Statistics], float | None]

_TIMES: Final[tuple[tuple[str, _Value], ...]] = (
    ("average", lambda statistics: statistics.average),
    ("median", lambda statistics: statistics.median),
    ("p95", lambda statistics: statistics.p95),
    ("p99", lambda statistics: statistics.p99),
)

_WAITS: Final[tuple[tuple[str, _Value], ...]] = (
    ("average", lambda statistics: statistics.queue_time),
    ("median", lambda statistics: statistics.queue_median),
    ("p95", lambda statistics: statistics.queue_p95),
    ("p99", lambda statistics: statistics.queue_p99),
)
UNSUCCESSFUL: Final = ("retried", "rejected", "cancelled", "failed", "timed_out", "killed")
"""Outcomes in the order in which they lie upon another; failures are uppermost."""


def response_time(timeline: Timeline[Statistics], compared: Comparison | None = None) -> Chart:
    """Return a chart of the average and the quantiles of durations."""
    lines = [_line(title, timeline, value) for title, value in _TIMES]
    return _chart(
        timeline, "duration", lines + _before(compared, "average before", lambda statistics: statistics.average)
    )


def scatter(found: SamplesPage, queries: Mapping[Series, str]) -> Chart:
    """Return the chart of durations with the samples that were found, in order of time.

    Args:
        found: the samples, and the timeline.
        queries: what a sample's address needs to say of its series.
    """
    samples = sorted(found.samples, key=lambda one: one.ended)
    places = {series: place for place, series in enumerate(queries)}
    points = {
        "x": [round(one.ended, 1) for one in samples],
        "y": [_short(one.transaction.duration) for one in samples],
        "id": [one.id for one in samples],
        "of": [places[one.series] for one in samples],
        "failed": [int(one.transaction.failed) for one in samples],
        "names": [visible(display_name(series.group, series.name)) for series in queries],
        "queries": list(queries.values()),
    }
    return {**response_time(found.timeline), "points": points}


def response_start(timeline: Timeline[Statistics], compared: Comparison | None = None) -> Chart:
    """Return a chart of the time until a response starts and, if the front end reports it, the queue time."""
    lines = [_line("response start", timeline, lambda statistics: statistics.response_start)]
    if any(bucket.statistics.queue_time is not None for bucket in timeline.buckets):
        lines.append(_line("queue", timeline, lambda statistics: statistics.queue_time))
    return _chart(
        timeline, "duration", lines + _before(compared, "before", lambda statistics: statistics.response_start)
    )


def queue_wait(timeline: Timeline[Statistics]) -> Chart:
    """Return a chart of the average and the quantiles of the time in the queue."""
    return _chart(timeline, "duration", [_line(title, timeline, value) for title, value in _WAITS])


def outcomes(timeline: Timeline[Statistics]) -> Chart:
    """Return a chart of how runs ended, stacked, with those outcomes that occurred."""
    ended = {
        outcome: [bucket.statistics.outcomes[outcome] for bucket in timeline.buckets]
        for outcome in ("succeeded", *UNSUCCESSFUL)
    }
    lines: list[Chart] = [
        {"title": outcome.replace("_", " "), "values": counts, "tone": outcome.replace("_", "-")}
        for outcome, counts in ended.items()
        if any(counts)
    ]
    return {**_chart(timeline, "count", lines), "bars": True}


def failures(timeline: Timeline[Statistics]) -> Chart:
    """Return a chart of the shares of runs that failed, and of those that will be tried again."""
    lines = [
        {**_line("failed", timeline, lambda statistics: statistics.error_rate), "tone": "failed"},
        {**_line("retried", timeline, _retried), "tone": "retried"},
    ]
    return _chart(timeline, "share", lines)


def _retried(statistics: Statistics) -> float | None:
    return statistics.outcomes["retried"] / statistics.calls if statistics.calls else None


def throughput(timeline: Timeline[Statistics], compared: Comparison | None = None) -> Chart:
    """Return a chart of the calls per minute."""
    return _single(timeline, "rate", "throughput", lambda statistics: statistics.per_minute, compared)


def error_rate(timeline: Timeline[Statistics], compared: Comparison | None = None) -> Chart:
    """Return a chart of the share of failed transactions."""
    return _single(timeline, "share", "error rate", lambda statistics: statistics.error_rate, compared)


def apdex(timeline: Timeline[Statistics], compared: Comparison | None = None) -> Chart:
    """Return a chart of the Apdex score."""
    return _single(timeline, "apdex", "Apdex", lambda statistics: statistics.apdex, compared)


def error_classes(over_time: ErrorsOverTime, at_most: int = 5) -> Chart:
    """Return a chart of errors by class, stacked, with the rarest classes together and without expected errors."""
    classes = [one for one in over_time.classes if not one.expected]
    several = len(classes) > at_most
    shown, rest = (classes[: at_most - 1], classes[at_most - 1 :]) if several else (classes, [])
    lines: list[Chart] = [{"title": visible(one.type.rpartition(":")[2]), "values": list(one.counts)} for one in shown]
    if rest:
        together = [sum(counts) for counts in zip(*(one.counts for one in rest), strict=True)]
        lines.append({"title": f"{len(rest)} others", "values": together})
    return {"unit": "count", "step": over_time.step, "x": list(over_time.starts), "lines": lines, "bars": True}


def of_group(over_time: ErrorTimeline[int], group: ErrorGroupInfo) -> Chart:
    """Return a chart of the errors of one group."""
    counts = list(over_time.counts.get(group.id, [0] * len(over_time.starts)))
    lines: list[Chart] = [{"title": visible(group.type.rpartition(":")[2]), "values": counts}]
    return {"unit": "count", "step": over_time.step, "x": list(over_time.starts), "lines": lines, "bars": True}


def time_spent(trends: Sequence[Trend]) -> Chart | None:
    """Return a stacked chart of the seconds of work per minute; ``None`` without data."""
    if not trends:
        return None
    first = trends[0].timeline
    lines = [_line(visible(display_name(*trend.series[2:])), trend.timeline, _work) for trend in trends]
    return {**_chart(first, "work", lines), "stacked": True}


def drawable(chart: Chart | None) -> bool:
    """Whether a chart has something to show: a line between two points, or a bar."""
    if chart is None:
        return False
    some = any(value is not None for line in chart["lines"] for value in line["values"])
    return some and (len(chart["x"]) > 1 or bool(chart.get("bars") or chart.get("points")))


def sparkline(values: Sequence[float], places: Sequence[float] = ()) -> str:
    """Return values as points of an SVG polyline: evenly spaced, or each at its place from 0 (left) to 1."""
    top, steps = max(values, default=0) or 1, max(1, len(values) - 1)
    places = places or [position / steps for position in range(len(values))]
    return " ".join(
        f"{place * _WIDTH:.1f},{_HEIGHT - 2 - value / top * (_HEIGHT - 4):.1f}"
        for place, value in zip(places, values, strict=True)
    )


def counts(values: Sequence[int]) -> str:
    """Return counts as a sparkline; of many, as many together as leave no more points than can be told apart."""
    together = -(-len(values) // SPARKS) or 1
    return sparkline([sum(values[place : place + together]) for place in range(0, len(values), together)])


def throughputs(timeline: Timeline[Statistics], window: Window) -> str:
    """Return the calls per minute over a window as a sparkline; younger applications begin further right."""
    length = max(timeline.step, window.until - window.since - timeline.step)
    places = [min(1.0, max(0.0, bucket.start - window.since) / length) for bucket in timeline.buckets]
    return sparkline([bucket.statistics.per_minute for bucket in timeline.buckets], places)


def _single(timeline: Timeline[Statistics], unit: str, title: str, value: _Value, compared: Comparison | None) -> Chart:
    return _chart(timeline, unit, [_line(title, timeline, value), *_before(compared, "before", value)])


def _chart(timeline: Timeline[Figures_co], unit: str, lines: Sequence[Chart]) -> Chart:
    starts = [bucket.start for bucket in timeline.buckets]
    return {"unit": unit, "step": timeline.step, "x": starts, "lines": list(lines)}


def _line(title: str, timeline: Timeline[Figures_co], value: Callable[[Figures_co], float | None]) -> Chart:
    return {"title": title, "values": [_short(value(bucket.statistics)) for bucket in timeline.buckets]}


def _work(load: Workload) -> float | None:
    """Return the seconds of work per minute."""
    return (load.average or 0.0) * load.per_minute


def _before(compared: Comparison | None, title: str, value: _Value) -> list[Chart]:
    """Return the earlier values as a line, each at the same time of day; an empty list without comparison."""
    if compared is None:
        return []
    values = [_short(value(bucket.statistics)) for bucket in compared.timeline.buckets]
    return [{"title": title, "values": [None if at is None else values[at] for at in compared.places], "before": True}]


def _short(value: float | None) -> float | None:
    """Round to six digits, which is more than can be seen."""
    return None if value is None else float(f"{value:.6g}")
