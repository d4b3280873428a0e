"""Hypothetical Apdex scores: with another threshold, or without a transaction."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from weighbridge.transactions.recording.histogram import bin_value
from weighbridge.transactions.recording.totals import Totals
from weighbridge.transactions.store.statistics import Statistics, statistics_of

__all__ = ["THRESHOLDS", "Score", "scores", "without"]

_DIGITS: Final = (1, 1.2, 1.5, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9)
THRESHOLDS: Final = tuple(round(digits * 10.0**power, 4) for power in (-3, -2, -1, 0, 1) for digits in _DIGITS)
"""Thresholds (seconds) that can be tried out."""


class Score(NamedTuple):
    """An Apdex score."""

    t: float
    """The threshold in seconds."""
    apdex: float


def scores(totals: Totals, thresholds: Iterable[float]) -> list[Score]:
    """Return the Apdex scores that these transactions would have with given thresholds (seconds).

    Failed transactions stay frustrated. The histogram does not tell which ones failed:
    they are assumed to be spread evenly within each of the three zones of the
    threshold in force, so that its own score is exact. Empty if none has an Apdex zone.
    """
    judged = totals.satisfied + totals.tolerating + totals.frustrated
    if not judged or totals.apdex_t is None:
        return []
    values = [bin_value(number) for number in sorted(totals.histogram)]
    counts = [totals.histogram[number] for number in sorted(totals.histogram)]
    good = [0.0, *accumulate(_good(values, counts, totals, totals.apdex_t))]

    def below(limit: float) -> float:
        return good[bisect_right(values, limit)]

    return [Score(t, min(1.0, (below(t) + below(4 * t)) / 2 / judged)) for t in thresholds]


def _good(values: Sequence[float], counts: Sequence[int], totals: Totals, t: float) -> list[float]:
    """Return how many transactions of each bin would be satisfied if the threshold were high enough."""
    zones = [(value > t) + (value > 4 * t) for value in values]
    sizes = [sum(count for count, zone in zip(counts, zones, strict=True) if zone == wanted) for wanted in range(3)]
    failed_early = max(0, sizes[0] - totals.satisfied) + max(0, sizes[1] - totals.tolerating)
    late = max(0, sizes[2] - max(0, totals.errors - failed_early))
    shares = [
        kept / size if size else 0.0
        for kept, size in zip((totals.satisfied, totals.tolerating, late), sizes, strict=True)
    ]
    return [count * shares[zone] for count, zone in zip(counts, zones, strict=True)]


def without(whole: Totals, part: Totals, minutes: float) -> Statistics:
    """Return the figures of an application without some of its transactions; there are no quantiles."""
    return statistics_of(
        Totals(
            count=whole.count - part.count,
            total=max(0, whole.total - part.total),
            minimum=whole.minimum,
            maximum=whole.maximum,
            succeeded=whole.succeeded - part.succeeded,
            failed=whole.errors - part.errors,
            satisfied=whole.satisfied - part.satisfied,
            tolerating=whole.tolerating - part.tolerating,
            frustrated=whole.frustrated - part.frustrated,
            apdex_t=whole.apdex_t,
        ),
        minutes,
    )
