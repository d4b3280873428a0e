"""Which rows are read for a window: every minute that it overlaps, each once, and few rows."""

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.transactions.store.resolutions import (
    COARSE_WIDTHS,
    FINEST,
    FOREVER,
    MAX_BUCKETS,
    Resolution,
    bounded_step,
    covering_ranges,
    floor_to,
    step_for,
)
from weighbridge.transactions.store.statistics import Window

DAY = 86400
START = 20_000 * DAY


@st.composite
def levels(draw: st.DrawFn) -> list[Resolution]:
    """What a store may hold after some days: minutes expired by the hour, hours by the day, the rest rolled up."""
    hours_from = START + DAY * draw(st.integers(0, 3))
    minutes_from = hours_from + 3600 * draw(st.integers(0, 60))
    now = minutes_from + draw(st.integers(0, 3 * DAY))
    until = sorted(draw(st.integers(0, 4)) for _ in COARSE_WIDTHS)
    coarse = []
    for width, behind in zip(COARSE_WIDTHS, until, strict=True):
        kept_from = minutes_from if width < 3600 else hours_from
        coarse.append(Resolution(width, kept_from, max(floor_to(now, width) - behind * width, kept_from)))
    return [Resolution(FINEST, minutes_from, FOREVER), *coarse]


@given(levels(), st.integers(-DAY, 6 * DAY), st.integers(1, 5 * DAY))
def test_each_kept_minute_of_the_window_is_read_once(kept: list[Resolution], offset: int, length: int) -> None:
    window = Window(START + offset, START + offset + length)
    ranges = covering_ranges(window, kept)
    by_width = {level.width: level for level in kept}
    for part in ranges:
        assert part.start % part.width == part.end % part.width == 0
        assert by_width[part.width].complete_from <= part.start < part.end <= by_width[part.width].complete_until
    assert all(before.end <= after.start for before, after in pairwise(ranges))
    read = sum(part.end - part.start for part in ranges)
    minutes_from = by_width[FINEST].complete_from
    for minute in range(floor_to(window.since, 60), math.ceil(window.until / 60) * 60, 1740):
        kept_here = minute >= minutes_from or any(
            level.complete_from <= minute < level.complete_until for level in kept
        )
        assert any(part.start <= minute < part.end for part in ranges) == kept_here
    if window.since >= minutes_from:
        assert read == math.ceil(window.until / 60) * 60 - floor_to(window.since, 60)


def test_a_month_is_read_from_few_rows() -> None:
    now = START + 40 * DAY + 12345
    kept = [Resolution(60, now // 3600 * 3600 - 3 * DAY, FOREVER)]
    kept += [Resolution(width, START, floor_to(now - 60, width)) for width in COARSE_WIDTHS]
    parts = covering_ranges(Window(now - 30 * DAY, now), kept)
    assert sum((part.end - part.start) // part.width for part in parts) < 70


def test_a_window_before_everything_is_empty() -> None:
    kept = [Resolution(60, START, FOREVER), *(Resolution(width, START, START) for width in COARSE_WIDTHS)]
    assert covering_ranges(Window(START - DAY, START), kept) == []
    assert covering_ranges(Window(START + 5, START + 5), kept) == []


def test_centuries_are_gone_through_in_a_few_steps() -> None:
    kept = [
        Resolution(FINEST, START, FOREVER),
        *(Resolution(width, START, START + 40 * DAY) for width in COARSE_WIDTHS),
    ]
    centuries = Window(0, 1e12)
    assert covering_ranges(centuries, kept) == [
        (DAY, START, START + 40 * DAY),
        (60, START + 40 * DAY, math.ceil(1e12 / 60) * 60),
    ]


@given(st.floats(0, 1e9), st.floats(60, 1e12), st.sampled_from([60, 120, 600, 3600, DAY, 30 * DAY]))
def test_a_timeline_has_ten_thousand_steps_at_most(since: float, length: float, step: int) -> None:
    found = bounded_step(Window(since, since + length), step)
    assert found >= step
    assert length / found <= MAX_BUCKETS * 1.001
    assert found == step or length / step > MAX_BUCKETS
    assert found <= 2 * max(step, DAY, length / MAX_BUCKETS)


def test_a_step_is_as_small_as_the_number_of_buckets_allows() -> None:
    lengths = (1800, 7200, 7201, DAY, 30 * DAY, 900 * DAY)
    steps = [step_for(Window(START, START + length), 120) for length in lengths]
    assert steps == [60, 60, 120, 1200, 21600, DAY]
