"""The columns of a report, told once for the terminal and for plain text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from weighbridge.reporting import formats
from weighbridge.transactions.store.figures import Figures

__all__ = ["COLUMNS", "Column", "fitting"]


class Column(NamedTuple):
    """One column of figures."""

    title: str
    text: Callable[[Figures, float], str]
    """Takes the figures and their share of the section's time."""
    place: int = 0
    """On a narrow terminal the columns with the highest numbers go first."""
    style: Callable[[Figures], str] = lambda _: ""


def _error_style(figures: Figures) -> str:
    return "red" if figures.errors else "dim"


def _apdex_style(figures: Figures) -> str:
    """Colour an Apdex score by the ratings of its definition: good from 0.85, fair from 0.70."""
    if figures.apdex is None:
        return "dim"
    return "green" if figures.apdex >= 0.85 else "yellow" if figures.apdex >= 0.7 else "red"


def _errors(figures: Figures) -> str:
    return formats.NOTHING if figures.error_rate is None else formats.percentage(figures.error_rate)


COLUMNS: Final = (
    Column("calls", lambda figures, _: formats.count(figures.calls)),
    Column("throughput", lambda figures, _: formats.rate(figures.per_minute), 2),
    Column("total", lambda figures, _: formats.duration(figures.total), 6),
    Column("share", lambda _, share: formats.percentage(share), 4),
    Column("average", lambda figures, _: formats.duration(figures.average)),
    Column("median", lambda figures, _: formats.duration(figures.median), 3),
    Column("p95", lambda figures, _: formats.duration(figures.p95), 1),
    Column("p99", lambda figures, _: formats.duration(figures.p99), 5),
    Column("max", lambda figures, _: formats.duration(figures.maximum), 2),
    Column("errors", lambda figures, _: _errors(figures), 0, _error_style),
    Column("Apdex", lambda figures, _: formats.apdex(figures.apdex), 0, _apdex_style),
)


def fitting(widths: list[int], room: int) -> list[int]:
    """Choose the columns (by position) that fit into ``room`` characters, given the width of each."""
    kept = list(range(len(COLUMNS)))
    for position in sorted(kept, key=lambda position: -COLUMNS[position].place):
        if sum(widths[index] + 2 for index in kept) <= room or COLUMNS[position].place == 0:
            break
        kept.remove(position)
    return kept
