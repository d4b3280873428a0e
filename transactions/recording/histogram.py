"""Mergeable latency histograms with a bounded relative error.

A histogram is a plain ``dict`` of bin number to count. The bins are spaced
logarithmically: each ends (inclusively) 2 ** (1/32) times as far as the one before,
and one of them ends at exactly one second. That is the grid of OpenTelemetry's
exponential histograms of scale 5 and of Prometheus' native ones of schema 5, so that
both can be told the counts as they are. A quantile read from it differs from the
exact one by at most `RELATIVE_ERROR`. Bin 0 holds everything up to a microsecond,
the last one everything beyond ten days. Histograms are merged bin by bin, whichever
processes and minutes they come from.

(The idea is that of HDR histograms and DDSketch, without their tuning.)
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import accumulate
from typing import Final

from .counts import CorruptCounts, add_counts, encode_counts, merge_counts, merge_to_bytes

__all__ = [
    "BINS_PER_DOUBLING",
    "BOUNDS",
    "FIRST_POWER",
    "FORMER_ERROR",
    "RELATIVE_ERROR",
    "CorruptHistogram",
    "Histogram",
    "add_durations",
    "add_sorted",
    "bin_of",
    "bin_value",
    "decode",
    "encode",
    "merge",
    "merge_encoded",
    "merge_to_encoded",
    "quantile",
    "quantiles",
]

Histogram = dict[int, int]
"""Bin number to count; counts are never 0."""

merge = add_counts
"""Add the counts of one histogram to another."""

BINS_PER_DOUBLING: Final = 32
"""Each bin's end is 2 ** (1 / 32) times that of the one before."""
_SMALLEST: Final = 1e-6
_LARGEST: Final = 10 * 86400.0
FIRST_POWER: Final = math.floor(BINS_PER_DOUBLING * math.log2(_SMALLEST))
"""Bin 0 ends at 2 ** (FIRST_POWER / 32) seconds."""
_LAST_POWER: Final = math.ceil(BINS_PER_DOUBLING * math.log2(_LARGEST))

BOUNDS: Final[list[float]] = [2.0 ** (power / BINS_PER_DOUBLING) for power in range(FIRST_POWER, _LAST_POWER + 1)]
"""Seconds; bin ``i`` ends at ``BOUNDS[i]``, which belongs to it."""

_GROWTH: Final = 2 ** (1 / BINS_PER_DOUBLING)
RELATIVE_ERROR: Final = (_GROWTH - 1) / (_GROWTH + 1)
"""The maximum relative error of a quantile: just under 1.1 %."""

CorruptHistogram = CorruptCounts
"""The bytes were not made by `encode`."""


def bin_of(seconds: float) -> int:
    """Return the number of the bin that a duration falls into."""
    return bisect_left(BOUNDS, seconds)


def bin_value(number: int) -> float:
    """Return the seconds that represent a bin: within `RELATIVE_ERROR` of each duration in it."""
    if number <= 0:
        return 0.0
    if number >= len(BOUNDS):
        return BOUNDS[-1]
    low, high = BOUNDS[number - 1], BOUNDS[number]
    return 2 * low * high / (low + high)


def add_durations(durations: Iterable[float], into: Histogram) -> None:
    """Count durations (seconds) into a histogram; a large list costs little more than sorting it."""
    add_sorted(sorted(durations), into)


def add_sorted(ordered: list[float], into: Histogram) -> None:
    """Count durations (seconds) that are in ascending order into a histogram."""
    position, end = 0, len(ordered)
    while position < end:
        number = bisect_left(BOUNDS, ordered[position])
        following = bisect_right(ordered, BOUNDS[number], position) if number < len(BOUNDS) else end
        into[number] = into.get(number, 0) + following - position
        position = following


def quantile(histogram: Mapping[int, int], q: float, minimum: float = 0.0, maximum: float = math.inf) -> float:
    """Return the duration (seconds) that a share ``q`` of all durations does not exceed, by nearest rank.

    Args:
        histogram: the counted durations.
        q: from 0 to 1; 0.5 is the median.
        minimum: the shortest counted duration, if known: no quantile is below it.
        maximum: the longest counted duration, if known: no quantile is above it.

    Raises:
        ValueError: nothing was counted.
    """
    return quantiles(histogram, (q,), minimum, maximum)[0]


def quantiles(
    histogram: Mapping[int, int], shares: Iterable[float], minimum: float = 0.0, maximum: float = math.inf
) -> list[float]:
    """Return several quantiles, at little more than the cost of one; see `quantile`.

    Raises:
        ValueError: nothing was counted.
    """
    numbers = sorted(histogram)
    ranks = list(accumulate(map(histogram.__getitem__, numbers)))
    if not ranks or not ranks[-1]:
        raise ValueError("an empty histogram has no quantiles")
    wanted = (min(max(1, math.ceil(q * ranks[-1])), ranks[-1]) for q in shares)
    values = (bin_value(numbers[bisect_left(ranks, rank)]) for rank in wanted)
    return [min(max(value, minimum), maximum) for value in values]


# Bytes for the store: the number of the grid, and the counts of its bins. Those written before version 5 of the store
# have no such number, and were counted in bins that grow by 1.02 from a microsecond on: they are re-binned when read.

_GRID: Final = b"2"


def encode(histogram: Mapping[int, int]) -> bytes:
    """Encode a histogram as compact bytes.

    Raises:
        ValueError: a bin number is not in 0 to 65535, or a count not in 0 to 2**64 - 1.
    """
    return _marked(encode_counts(histogram))


def decode(data: bytes) -> Histogram:
    """Return the counts that `encode` was given, without zeros; those of the former grid are re-binned.

    Raises:
        CorruptHistogram: these bytes are not from `encode`.
    """
    return merge_encoded((data,))


def merge_encoded(encoded: Iterable[bytes]) -> Histogram:
    """Merge encoded histograms; much faster than decoding them one by one.

    Raises:
        CorruptHistogram: some of these bytes are not from `encode`.
    """
    present, former = _by_grid(encoded)
    whole = merge_counts(present)
    if former:
        merge(_rebinned(merge_counts(former)), whole)
    return whole


def merge_to_encoded(encoded: Iterable[bytes]) -> bytes:
    """Merge encoded histograms into an encoded one, without a step per bin in Python if most bins are filled.

    Raises:
        CorruptHistogram: some of these bytes are not from `encode`.
    """
    present, former = _by_grid(encoded)
    if former:
        present.append(encode_counts(_rebinned(merge_counts(former))))
    return _marked(merge_to_bytes(present))


def _marked(counts: bytes) -> bytes:
    return _GRID + counts if counts else b""


def _by_grid(encoded: Iterable[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Return the counts in bins of this grid, and those in bins of the former one."""
    filled = [data for data in encoded if data]
    return [data[1:] for data in filled if data[:1] == _GRID], [data for data in filled if data[:1] != _GRID]


_FORMER_GROWTH: Final = 1.02
FORMER_ERROR: Final = (1 + (_FORMER_GROWTH - 1) / (_FORMER_GROWTH + 1)) * (1 + RELATIVE_ERROR) - 1
"""The maximum relative error of a quantile of what was counted in the former grid: 2.1 %."""


def _rebinned(histogram: Mapping[int, int]) -> Histogram:
    """Return a histogram of the former grid in bins of this one."""
    found: Histogram = {}
    for number, count in histogram.items():
        place = _place_of(number)
        found[place] = found.get(place, 0) + count
    return found


@cache
def _place_of(former: int) -> int:
    """Return the bin that holds the middle of a bin of the former grid."""
    high = _SMALLEST * _FORMER_GROWTH ** min(former, _FORMER_BINS)
    return bin_of(2 * high / (1 + _FORMER_GROWTH)) if former else 0


_FORMER_BINS: Final = math.ceil(math.log(_LARGEST / _SMALLEST, _FORMER_GROWTH))
