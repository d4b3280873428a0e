"""Figures over time."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence

from .answers import Bucket, Timeline
from .figures import Figures, Tally, Window, figures
from .levels import FINEST, FOREVER, Range, end_of, split_at
from .past import Past
from .queries import tallies_by
from .steps import Steps

__all__ = ["figures_over_time", "timeline_of"]


def timeline_of(steps: Steps, found: Mapping[int, Figures]) -> Timeline:
    """From the figures of each step, by number; where nothing ended, there are none."""
    nothing = figures(Tally(), steps.length / 60)
    buckets = (Bucket(start, found.get(number, nothing)) for number, start in steps.start_of.items())
    return Timeline(steps.length, tuple(buckets))


def figures_over_time(
    connection: sqlite3.Connection,
    past: Past,
    window: Window,
    steps: Steps,
    ranges: Sequence[Range],
    series: Collection[int],
    apart: bool = False,
) -> dict[tuple[int, ...], Figures]:
    """Figures of some series by number of the step; if ``apart`` by number of the series and of the step.

    Those of steps that are over and wholly rolled up are kept as they are.
    """
    keys = [*(["series"] if apart else []), steps.number_sql]
    over, rest = _over(window, steps, ranges)

    def minutes(number: int, until: float) -> float:
        return steps.minutes(steps.start_of[number], until)

    def read() -> list[tuple[tuple[int, ...], Figures]]:
        tallies = tallies_by(connection, None, keys, over, series)
        return [(key, figures(tally, minutes(key[-1], FOREVER))) for key, tally in tallies.items()]

    end = end_of(window, ranges)
    found = dict(past.rows(("figures", *keys, *over, *series), read))
    for key, tally in tallies_by(connection, past, keys, rest, series).items():
        found[key] = figures(tally, minutes(key[-1], end))
    return found


def _over(window: Window, steps: Steps, ranges: Sequence[Range]) -> tuple[Sequence[Range], Sequence[Range]]:
    """The rolled-up rows of the steps that are over, and all other rows."""
    rolled_up_until = max((part.end for part in ranges if part.span > FINEST), default=0)
    over, rest = split_at(ranges, steps.border(min(rolled_up_until, window.until)))
    return (over, rest) if all(part.span > FINEST for part in over) else ((), ranges)
