"""Figures over time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic

from ..recording.totals import Totals
from .cache import RowCache
from .resolutions import COARSE_WIDTHS, FOREVER, RowRange, end_of, split_at
from .results import ErrorTimeline, Figures_co, Timeline, TimelineBucket, What
from .rows import Grouping, Row, Rows, Sums
from .statistics import Statistics, Window, Workload, statistics_of, workload_of
from .steps import Steps
from .sums import sums_by

__all__ = [
    "STATISTICS",
    "WITHOUT_QUANTILES",
    "WORKLOADS",
    "FigureKind",
    "error_timeline",
    "figures_over_time",
    "timeline_of",
]


@dataclass(frozen=True)
class FigureKind(Generic[Figures_co]):
    """What is told of each step: the fewer columns it takes, the faster it is read."""

    columns: Sums
    of: Callable[[Row, float], Figures_co]
    """Makes it of the columns, and the minutes of the step."""
    nothing: Figures_co
    """Where nothing ended."""


def _statistics_of(row: Row, minutes: float) -> Statistics:
    return statistics_of(Totals(*row), minutes)


def _workload_of(row: Row, minutes: float) -> Workload:
    count, total = row
    return workload_of(count, total, minutes)


_NO_STATISTICS: Final = statistics_of(Totals(), 1.0)

STATISTICS: Final = FigureKind("totals", _statistics_of, _NO_STATISTICS)
WITHOUT_QUANTILES: Final = FigureKind("numbers", _statistics_of, _NO_STATISTICS)
WORKLOADS: Final = FigureKind("average", _workload_of, workload_of(0, 0, 1.0))


def timeline_of(kind: FigureKind[Figures_co], steps: Steps, found: Mapping[int, Figures_co]) -> Timeline[Figures_co]:
    """From the figures of each step, by number; where nothing ended, there are none."""
    buckets = (TimelineBucket(start, found.get(number, kind.nothing)) for number, start in steps.start_of.items())
    return Timeline(steps.length, tuple(buckets))


def error_timeline(steps: Steps, found: Iterable[tuple[What, int, int]]) -> ErrorTimeline[What]:
    """From errors, or groups of them, each with the number of a step and a count."""
    places = {number: place for place, number in enumerate(steps.start_of)}
    counts: dict[What, list[int]] = {}
    for what, number, count in found:
        counts.setdefault(what, [0] * len(places))[places[number]] += count
    return ErrorTimeline(steps.length, steps.starts, counts)


def figures_over_time(
    kind: FigureKind[Figures_co],
    rows: Rows,
    cache: RowCache,
    window: Window,
    steps: Steps,
    ranges: Sequence[RowRange],
    series: Collection[int],
    apart: bool = False,
) -> dict[tuple[int, ...], Figures_co]:
    """Figures of some series by number of the step; if ``apart`` by number of the series and of the step.

    Those of steps that are over and wholly rolled up are kept as they are, also where they are made of the minutes.
    """
    grouping = Grouping(apart, steps.number_sql)
    over, rest = _over(window, steps, ranges, rows.resolutions()[COARSE_WIDTHS[0]].complete_until)

    def minutes(number: int, until: float) -> float:
        return steps.minutes(steps.start_of[number], until)

    def read() -> list[tuple[tuple[int, ...], Figures_co]]:
        sums = sums_by(rows, None, kind.columns, grouping, over, series)
        return [(key, kind.of(row, minutes(key[-1], FOREVER))) for key, row in sums.items()]

    end = end_of(window, ranges)
    found = dict(cache.rows(("figures", kind.columns, grouping, *over, *series), read))
    for key, row in sums_by(rows, cache, kind.columns, grouping, rest, series).items():
        found[key] = kind.of(row, minutes(key[-1], end))
    return found


def _over(
    window: Window, steps: Steps, ranges: Sequence[RowRange], rolled_up_until: int
) -> tuple[Sequence[RowRange], Sequence[RowRange]]:
    """The rows of the steps that are over, which change only when something comes late, and all other rows."""
    return split_at(ranges, steps.border(min(rolled_up_until, window.until)))
