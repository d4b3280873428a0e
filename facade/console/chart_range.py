"""The time range that a page shows, the steps of its charts, and the earlier range that it is compared with."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from weighbridge.reporting.report import first_within, since_first
from weighbridge.reporting.zones import same_time_earlier, utc_offset
from weighbridge.transactions.store.reader import (
    Figures_co,
    Selection,
    Statistics,
    Steps,
    StoreReader,
    Timeline,
    TimelineBucket,
    step_for,
)
from weighbridge.transactions.store.resolutions import COARSE_WIDTHS, FINEST, floor_to
from weighbridge.transactions.store.rows import Scope
from weighbridge.transactions.store.statistics import Window

from .days import HOUR, local_steps
from .parameters import COMPARISONS, State, in_minutes

__all__ = [
    "SPARKS",
    "ChartRange",
    "begun",
    "chart_range",
    "charted_step",
    "compared_places",
    "comparison_range",
    "counted_window",
    "holding",
    "later",
    "offsets_used",
    "settled_before",
    "time_before",
    "timeline",
]

STEPS: Final = 300
"""Maximum number of steps of a chart."""
HALF_AN_HOUR: Final = 1800
SPARKS: Final = 40
"""Maximum number of steps of a sparkline."""
_UNWRITTEN: Final = 15.0
"""Seconds until a transaction that has ended is certain to be in the store."""


@dataclass(frozen=True)
class ChartRange:
    """The time range that is shown of one application, or of all."""

    window: Window
    """The range of the figures; for a younger application it begins with its first figure."""
    step: int | Steps
    """Seconds of a step, or steps that divide the days of a time zone."""
    charted: Window
    """The window without a step that has just begun."""
    first: int | None = None
    """The time of the application's first figure, if that lies within the first step or later."""

    @property
    def length(self) -> int:
        """The length of a step in seconds."""
        return self.step.length if isinstance(self.step, Steps) else self.step


def chart_range(reader: StoreReader, state: State, now: float, at_most: int = STEPS) -> ChartRange:
    """Return the range that a state asks for, as of ``now`` (epoch seconds), in at most so many steps."""
    window = counted_window(reader, state, state.window(now))
    return _framed(reader, state, window, step_for(window, at_most), now)


def comparison_range(reader: StoreReader, state: State, frame: ChartRange, now: float) -> ChartRange | None:
    """Return the same range a day or a week earlier, by local time; ``None`` if nothing is compared."""
    if not COMPARISONS[state.compare]:
        return None
    window = counted_window(reader, state, in_minutes(_window_before(state, frame.window), now))
    return _framed(reader, state, window, frame.length, now)


def counted_window(reader: StoreReader, state: State, window: Window) -> Window:
    """Return a window as it is counted, for a younger application from its first figure on."""
    whole = reader.counted(window)
    return since_first(whole, first_within(reader, whole, state.app) if state.app else None)


def _framed(reader: StoreReader, state: State, window: Window, length: int, now: float) -> ChartRange:
    step = local_steps(window, length, state.zone) if length > HOUR else length
    start = step.starts[0] if isinstance(step, Steps) else floor_to(window.since, step)
    first = first_within(reader, window._replace(since=start), state.app) if state.app else None
    begins = step.border(window.until) if isinstance(step, Steps) else floor_to(window.until, step)
    # Transactions of a step that has just begun may not be written yet: every rate would seem to collapse.
    just_begun = window.until >= now and window.until - begins < _UNWRITTEN and begins - window.since >= length
    return ChartRange(window, step, window._replace(until=begins) if just_begun else window, first)


def _window_before(state: State, window: Window) -> Window:
    since, until = (same_time_earlier(moment, COMPARISONS[state.compare], state.zone) for moment in window)
    return Window(since if since < until else until - (window.until - window.since), until)


def offsets_used(state: State, window: Window) -> list[tuple[float, int]]:
    """Return moments with their UTC offsets (seconds), if the page depends on them.

    A viewer whose offsets differ asks again with a named zone. Empty if a zone is named already.
    """
    if state.tz or (state.compare == "none" and step_for(window, STEPS) <= HOUR):
        return []
    moments = (*window, *_window_before(state, window))
    return [(moment, utc_offset(moment, state.zone)) for moment in moments]


def holding(moment: float, window: Window) -> Window:
    """Return the window, or one of the same length around the moment if that lies outside."""
    if window.since <= moment < window.until:
        return window
    half = (window.until - window.since) / 2
    return Window(moment - half, moment + half)


def time_before(window: Window) -> Window:
    """Return the time range of the same length that ends where this one begins."""
    return Window(2 * window.since - window.until, window.since)


def settled_before(window: Window) -> Window:
    """Return the time before, up to the last ten minutes that have been rolled up, unless the window is short.

    It is read from few rows, which are the same ones for a while.
    """
    before = time_before(window)
    if window.until - window.since < HALF_AN_HOUR:
        return before
    until = floor_to(before.until, COARSE_WIDTHS[0])
    return Window(until - (before.until - before.since), until)


def later(window: Window, now: float) -> Window | None:
    """Return the time range of the same length that follows a window, up to now; ``None`` if the window reaches now."""
    if now - window.until < FINEST:
        return None
    until = min(2 * window.until - window.since, now)
    return Window(until - (window.until - window.since), until)


def timeline(
    reader: StoreReader,
    frame: ChartRange,
    selection: Selection,
    scope: Scope | None = None,
    quantiles: bool = True,
) -> Timeline[Statistics]:
    """Return the figures of all selected transactions together over the range that is shown."""
    return begun(reader.timeline(frame.charted, charted_step(frame), selection, scope, quantiles), frame.first)


def charted_step(frame: ChartRange) -> int | Steps:
    """Return the steps without one that has just begun."""
    return frame.step.before(frame.charted.until) if isinstance(frame.step, Steps) else frame.step


def begun(found: Timeline[Figures_co], first: float | None) -> Timeline[Figures_co]:
    """Return the timeline from an application's first figure on; no rate is averaged over the time before that."""
    if first is None:
        return found
    ends = [*(bucket.start for bucket in found.buckets[1:]), float("inf")]
    kept = [bucket for bucket, end in zip(found.buckets, ends, strict=True) if end > first]
    return replace(found, buckets=tuple(_with_rates(bucket, first) for bucket in kept))


def _with_rates(bucket: TimelineBucket[Figures_co], first: float) -> TimelineBucket[Figures_co]:
    calls, per_minute = bucket.statistics.calls, bucket.statistics.per_minute
    if bucket.start >= first or not per_minute:
        return bucket
    minutes = max(1.0, calls / per_minute - (first - bucket.start) / 60)
    return replace(bucket, statistics=replace(bucket.statistics, per_minute=calls / minutes))


def compared_places(now: Timeline[Statistics], before: Timeline[Statistics], state: State) -> Iterator[int | None]:
    """Yield, for each step, the index of the earlier step with the same time of day, or ``None`` if there is none."""
    starts = [bucket.start for bucket in before.buckets]
    for bucket in now.buckets:
        moment = same_time_earlier(bucket.start, COMPARISONS[state.compare], state.zone)
        place = bisect_right(starts, moment) - 1
        yield place if place >= 0 and moment < starts[place] + before.step else None
