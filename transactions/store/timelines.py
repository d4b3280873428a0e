"""Figures over time."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from math import ceil

from .answers import Bucket, Timeline
from .figures import Figures, Tally, Window, figures
from .levels import FINEST, Range, end_of, floored, split_at
from .past import Past
from .queries import tallies_by

__all__ = ["figures_over_time", "starts_of", "timeline_of"]


def starts_of(window: Window, step: int) -> range:
    """Where the steps begin that a window touches (epoch seconds)."""
    return range(floored(window.since, step), ceil(window.until), step)


def timeline_of(window: Window, step: int, found: Mapping[int, Figures]) -> Timeline:
    """From the figures of each step, by number; where nothing ended, there are none."""
    starts = starts_of(window, step)
    nothing = figures(Tally(), step / 60)
    return Timeline(step, tuple(Bucket(start, found.get(start // step, nothing)) for start in starts))


def figures_over_time(
    connection: sqlite3.Connection,
    past: Past,
    window: Window,
    step: int,
    ranges: Sequence[Range],
    series: Collection[int],
    apart: bool = False,
) -> dict[tuple[int, ...], Figures]:
    """Figures of some series by number of the step; if ``apart`` by number of the series and of the step.

    Those of steps that are over and wholly rolled up are kept as they are.
    """
    keys = [*(["series"] if apart else []), f"start / {step}"]
    over, rest = _over(window, step, ranges)

    def read() -> list[tuple[tuple[int, ...], Figures]]:
        tallies = tallies_by(connection, None, keys, over, series)
        return [(key, figures(tally, step / 60)) for key, tally in tallies.items()]

    end = end_of(window, ranges)
    found = dict(past.rows(("figures", *keys, *over, *series), read))
    for key, tally in tallies_by(connection, past, keys, rest, series).items():
        found[key] = figures(tally, _minutes(key[-1] * step, step, end))
    return found


def _over(window: Window, step: int, ranges: Sequence[Range]) -> tuple[Sequence[Range], Sequence[Range]]:
    """The rolled-up rows of the steps that are over, and all other rows."""
    rolled_up_until = max((part.end for part in ranges if part.span > FINEST), default=0)
    over, rest = split_at(ranges, floored(min(rolled_up_until, window.until), step))
    return (over, rest) if all(part.span > FINEST for part in over) else ((), ranges)


def _minutes(start: int, step: int, end: float) -> float:
    """Throughput of the last step is per minute of its part in the window, of which its rows are."""
    return (min(start + step, end) - start) / 60
