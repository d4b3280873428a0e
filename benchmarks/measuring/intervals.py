"""The median of a few figures, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from statistics import median
from typing import NamedTuple

__all__ = ["Interval", "interval"]


class Interval(NamedTuple):
    """A median with its 95 % interval."""

    low: float
    median: float
    high: float


def interval(figures: Sequence[float]) -> Interval:
    """From the order of the figures alone: each is above or below the true median with the same chance."""
    ordered = sorted(figures)
    rank = _rank(len(ordered))
    return Interval(ordered[rank], median(ordered), ordered[-1 - rank])


def _rank(count: int) -> int:
    """How many figures to leave out at either end, so that both ends together miss in at most 5 %."""
    missed, rank = 2 / 2**count, 0
    while missed + 2 * comb(count, rank + 1) / 2**count <= 0.05:
        rank += 1
        missed += 2 * comb(count, rank) / 2**count
    return rank
