"""The latency histogram as a drawing: bars on a logarithmic axis, with ticks and marks.

Positions are percentages of the width, so that the drawing fits any screen without
stretching its text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from weighbridge.reporting import formats
from weighbridge.transactions.recording.histogram import BOUNDS

from .models import Bar, TransactionPage
from .ratings import rating

__all__ = ["HEIGHT", "Axis", "Shape", "axis_of", "bars_of", "count_ticks", "nearest", "rungs", "shapes", "ticks"]

HEIGHT: Final = 210
"""Height of the highest bar in pixels."""

_ROUND: Final = ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1,))
"""Leading digits of possible ticks, the densest choice first."""
_TICKS: Final = range(4, 10)
"""How many ticks there should be."""
_APART: Final = 8.0
"""Percent between two ticks at least."""
_COUNTS_APART: Final = 26
"""Pixels between two ticks of the axis of counts at least."""
_BEYOND: Final = 0.3
"""By what share of its length the axis is made longer at most, so that a mark is seen."""


class Axis(NamedTuple):
    """A logarithmic axis from one duration to another (seconds)."""

    low: float
    high: float

    def place(self, seconds: float) -> float | None:
        """Return the position of a duration in percent; ``None`` beyond the ends."""
        place = math.log(seconds / self.low) / math.log(self.high / self.low) * 100 if seconds > 0 else -1.0
        return round(place, 2) if 0 <= place <= 100 else None


class Shape(NamedTuple):
    """A bar as a rectangle."""

    x: float
    """Percent, like ``width``."""
    width: float
    height: float
    """Pixels."""
    bar: Bar


def bars_of(histogram: Mapping[int, int], at_most: int = 64) -> list[Bar]:
    """Combine bins into at most so many bars of equal width on a logarithmic scale."""
    if not histogram:
        return []
    first, last = max(1, min(histogram)), max(histogram)
    width = -(-(last - first + 1) // at_most)
    counts: dict[int, int] = {}
    for number, count in histogram.items():
        bar = (max(number, first) - first) // width
        counts[bar] = counts.get(bar, 0) + count
    return [
        Bar(_bound(first + bar * width - 1), _bound(first + (bar + 1) * width - 1), counts.get(bar, 0))
        for bar in range(max(counts) + 1)
    ]


def _bound(number: int) -> float:
    return BOUNDS[min(number, len(BOUNDS) - 1)]


def axis_of(bars: Sequence[Bar], marks: Iterable[float | None]) -> Axis:
    """Return an axis that covers all bars, and those marks (seconds) that would not leave much of it empty."""
    low, high = bars[0].low, bars[-1].high
    beyond = max(1.5, (high / low) ** _BEYOND)
    near = [mark for mark in marks if mark and low / beyond <= mark <= high * beyond]
    return Axis(min([low, *near]) / 1.04, max([high, *near]) * 1.04)


def shapes(bars: Sequence[Bar], axis: Axis) -> list[Shape]:
    """Return the non-empty bars; heights are by square root, so that rare slow calls are visible."""
    top = max((bar.count for bar in bars), default=1)
    return [_shape(bar, axis, top) for bar in bars if bar.count]


def _shape(bar: Bar, axis: Axis, top: int) -> Shape:
    left, right = axis.place(bar.low) or 0.0, axis.place(bar.high) or 100.0
    height = math.sqrt(bar.count / top) * HEIGHT
    return Shape(left, round(max(0.3, right - left - 0.1), 2), round(max(2.0, height), 1), bar)


def ticks(axis: Axis) -> list[tuple[float, str]]:
    """Return positions and texts of round durations: as many as find room."""
    powers = range(math.floor(math.log10(axis.low)) - 1, math.ceil(math.log10(axis.high)) + 1)
    wide = [[digit * 10.0**power for power in powers for digit in digits] for digits in _ROUND]
    steps = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    narrow = [[step * number for number in range(int(axis.low / step), int(axis.low / step) + 200)] for step in steps]
    candidates = [_placed(axis, rounds) for rounds in (*wide[:-1], *(narrow if axis.high < 5 * axis.low else ()))]
    fitting = [found for found in (*candidates, _placed(axis, wide[-1])) if _find_room(found)]
    return next((found for found in fitting if len(found) in _TICKS), max(fitting, key=len, default=[]))


def _find_room(found: Sequence[tuple[float, str]]) -> bool:
    return len(found) < _TICKS.stop and all(right - left >= _APART for (left, _), (right, _) in pairwise(found))


def count_ticks(bars: Sequence[Bar]) -> list[tuple[float, str]]:
    """Return heights (pixels) and texts of round counts on the axis of counts."""
    top = max((bar.count for bar in bars), default=1)
    rounds = [digit * 10**power for power in range(len(str(top))) for digit in (1, 2, 5)]
    found: list[tuple[float, str]] = []
    for number in (number for number in reversed(rounds) if number <= top):
        height = math.sqrt(number / top) * HEIGHT
        if height >= _COUNTS_APART / 2 and (not found or found[-1][0] - height >= _COUNTS_APART):
            found.append((round(height, 1), formats.count(number)))
    return found


def _placed(axis: Axis, rounds: Iterable[float]) -> list[tuple[float, str]]:
    placed = [(axis.place(seconds), _brief(seconds)) for seconds in sorted(rounds)]
    return [(place, words) for place, words in placed if place is not None and 2 <= place <= 98]


def _brief(seconds: float) -> str:
    """Return a round duration without superfluous digits.

    >>> _brief(1.5), _brief(0.05), _brief(2e-5), _brief(300.0)
    ('1.5 s', '50 ms', '20 µs', '300 s')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size * 0.999:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds * 1e6:.4g} µs"


def rungs(answer: TransactionPage, axis: Axis) -> str:
    """Return the texts and marks for each position of the slider for T, all computed here."""
    return json.dumps(
        [
            {
                "t": score.t,
                "seconds": formats.duration(score.t),
                "apdex": formats.apdex(score.apdex),
                "rating": rating(score.apdex),
                "marks": [axis.place(score.t), axis.place(4 * score.t)],
            }
            for score in answer.what_if.scores
        ]
    )


def nearest(answer: TransactionPage) -> int:
    """Return the position of the slider that is nearest to the threshold."""
    t, found = answer.what_if.t or 0.5, answer.what_if.scores
    return min(range(len(found)), key=lambda place: abs(math.log(found[place].t / t)), default=0)
