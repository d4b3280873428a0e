"""Figures over time as the charts take them: columns of numbers, one for each line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from weighbridge.transactions.store.figures import Figures
from weighbridge.transactions.store.reader import Timeline

from .answers import Compared, Trend

__all__ = ["apdex", "error_rate", "failures", "response_time", "sparkline", "throughput", "time_spent"]

Chart = dict[str, Any]
_Value = Callable[[Figures], float | None]

_TIMES: Final[tuple[tuple[str, _Value], ...]] = (
    ("average", lambda figures: figures.average),
    ("median", lambda figures: figures.median),
    ("95th percentile", lambda figures: figures.p95),
    ("99th percentile", lambda figures: figures.p99),
)


def response_time(timeline: Timeline, kind: str, compared: Compared | None = None) -> Chart:
    """Average and quantiles; for web transactions the time to the start of the response, too."""
    lines = [_line(title, timeline, value) for title, value in _TIMES]
    if kind == "web":
        lines.append(_line("response start", timeline, lambda figures: figures.response_start))
    return _chart(timeline, "duration", lines + _before(compared, "average before", lambda figures: figures.average))


def throughput(timeline: Timeline, compared: Compared | None = None) -> Chart:
    """Calls per minute."""
    return _single(timeline, "rate", "throughput", lambda figures: figures.per_minute, compared)


def error_rate(timeline: Timeline, compared: Compared | None = None) -> Chart:
    """The share of transactions that failed."""
    return _single(timeline, "share", "error rate", lambda figures: figures.error_rate, compared)


def apdex(timeline: Timeline, compared: Compared | None = None) -> Chart:
    """The score."""
    return _single(timeline, "apdex", "Apdex", lambda figures: figures.apdex, compared)


def failures(timeline: Timeline) -> Chart:
    """How many transactions failed."""
    return _single(timeline, "count", "failed", lambda figures: figures.errors, None)


def time_spent(trends: Sequence[Trend]) -> Chart | None:
    """Seconds of work a minute, stacked; ``None`` where there is nothing."""
    if not trends:
        return None
    first = trends[0].timeline
    lines = [_line(f"{trend.series.group}/{trend.series.name}", trend.timeline, _work) for trend in trends]
    return {**_chart(first, "work", lines), "stacked": True}


def sparkline(timeline: Timeline, width: float = 160, height: float = 28) -> str:
    """The throughput as points of an SVG polyline."""
    values = [bucket.figures.per_minute for bucket in timeline.buckets]
    top, steps = max(values, default=0) or 1, max(1, len(values) - 1)
    return " ".join(
        f"{position * width / steps:.1f},{height - 2 - value / top * (height - 4):.1f}"
        for position, value in enumerate(values)
    )


def _single(timeline: Timeline, unit: str, title: str, value: _Value, compared: Compared | None) -> Chart:
    return _chart(timeline, unit, [_line(title, timeline, value), *_before(compared, "before", value)])


def _chart(timeline: Timeline, unit: str, lines: Sequence[Chart]) -> Chart:
    starts = [bucket.start for bucket in timeline.buckets]
    return {"unit": unit, "step": timeline.step, "x": starts, "lines": [_fitted(line, len(starts)) for line in lines]}


def _line(title: str, timeline: Timeline, value: _Value) -> Chart:
    return {"title": title, "values": [_short(value(bucket.figures)) for bucket in timeline.buckets]}


def _work(figures: Figures) -> float | None:
    """Seconds of work a minute."""
    return (figures.average or 0.0) * figures.per_minute


def _before(compared: Compared | None, title: str, value: _Value) -> list[Chart]:
    return [{**_line(title, compared.timeline, value), "before": True}] if compared else []


def _fitted(line: Chart, length: int) -> Chart:
    """A span of the same length may touch one step more or less."""
    values = line["values"][:length]
    return {**line, "values": values + [None] * (length - len(values))}


def _short(value: float | None) -> float | None:
    """Six digits are more than can be seen."""
    return None if value is None else float(f"{value:.6g}")
