"""Figures over time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from ..recording.totals import Totals
from .cache import RowCache
from .resolutions import COARSE_WIDTHS, FOREVER, RowRange, end_of, split_at
from .results import ErrorTimeline, Timeline, TimelineBucket, What
from .rows import Grouping, Rows
from .statistics import Statistics, Window, statistics_of
from .steps import Steps
from .sums import numbers_by, totals_by

__all__ = ["error_timeline", "statistics_over_time", "timeline_of"]


def timeline_of(steps: Steps, found: Mapping[int, Statistics]) -> Timeline:
    """From the figures of each step, by number; where nothing ended, there are none."""
    nothing = statistics_of(Totals(), steps.length / 60)
    buckets = (TimelineBucket(start, found.get(number, nothing)) for number, start in steps.start_of.items())
    return Timeline(steps.length, tuple(buckets))


def error_timeline(steps: Steps, found: Iterable[tuple[What, int, int]]) -> ErrorTimeline[What]:
    """From errors, or groups of them, each with the number of a step and a count."""
    places = {number: place for place, number in enumerate(steps.start_of)}
    counts: dict[What, list[int]] = {}
    for what, number, count in found:
        counts.setdefault(what, [0] * len(places))[places[number]] += count
    return ErrorTimeline(steps.length, steps.starts, counts)


def statistics_over_time(
    rows: Rows,
    cache: RowCache,
    window: Window,
    steps: Steps,
    ranges: Sequence[RowRange],
    series: Collection[int],
    apart: bool = False,
    quantiles: bool = True,
) -> dict[tuple[int, ...], Statistics]:
    """Figures of some series by number of the step; if ``apart`` by number of the series and of the step.

    Those of steps that are over and wholly rolled up are kept as they are, also where they are made of the minutes.
    Without quantiles, the others are read much faster.
    """
    grouping, added_up = Grouping(apart, steps.number_sql), totals_by if quantiles else numbers_by
    over, rest = _over(window, steps, ranges, rows.resolutions()[COARSE_WIDTHS[0]].complete_until)

    def minutes(number: int, until: float) -> float:
        return steps.minutes(steps.start_of[number], until)

    def read() -> list[tuple[tuple[int, ...], Statistics]]:
        all_totals = added_up(rows, None, grouping, over, series)
        return [(key, statistics_of(totals, minutes(key[-1], FOREVER))) for key, totals in all_totals.items()]

    end = end_of(window, ranges)
    found = dict(cache.rows(("figures", quantiles, grouping, *over, *series), read))
    for key, totals in added_up(rows, cache, grouping, rest, series).items():
        found[key] = statistics_of(totals, minutes(key[-1], end))
    return found


def _over(
    window: Window, steps: Steps, ranges: Sequence[RowRange], rolled_up_until: int
) -> tuple[Sequence[RowRange], Sequence[RowRange]]:
    """The rows of the steps that are over, which change only when something comes late, and all other rows."""
    return split_at(ranges, steps.border(min(rolled_up_until, window.until)))
