"""The columns of a report, told once for the terminal and for plain text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from weighbridge.reporting import formats
from weighbridge.transactions.store.statistics import Statistics

__all__ = ["COLUMNS", "Column", "fitting", "shown"]


class Column(NamedTuple):
    """One column of figures."""

    title: str
    text: Callable[[Statistics, float], str]
    """Takes the figures and their share of the section's time."""
    place: int = 0
    """On a narrow terminal the columns with the highest numbers go first."""
    style: Callable[[Statistics], str] = lambda _: ""
    always: bool = True
    """Whether it is there even if no line has anything in it."""


def _error_style(statistics: Statistics) -> str:
    return "red" if statistics.errors else "dim"


def _apdex_style(statistics: Statistics) -> str:
    """Colour an Apdex score by the ratings of its definition: good from 0.85, fair from 0.70."""
    if statistics.apdex is None:
        return "dim"
    return "green" if statistics.apdex >= 0.85 else "yellow" if statistics.apdex >= 0.7 else "red"


def _errors(statistics: Statistics) -> str:
    return formats.NOTHING if statistics.error_rate is None else formats.percentage(statistics.error_rate)


_SAID_BY_ERRORS: Final = frozenset({"succeeded", "failed"})


def _outcomes(statistics: Statistics) -> str:
    """Say how often each other outcome occurred: the rate of errors says all of these two."""
    outcomes = {name: count for name, count in statistics.outcomes.items() if count and name not in _SAID_BY_ERRORS}
    words = (f"{formats.count(count)} {name.replace('_', ' ')}" for name, count in outcomes.items())
    return ", ".join(words) or formats.NOTHING


COLUMNS: Final = (
    Column("calls", lambda statistics, _: formats.count(statistics.calls)),
    Column("throughput", lambda statistics, _: formats.rate(statistics.per_minute), 2),
    Column("total", lambda statistics, _: formats.duration(statistics.total), 6),
    Column("share", lambda _, share: formats.percentage(share), 4),
    Column("average", lambda statistics, _: formats.duration(statistics.average)),
    Column("median", lambda statistics, _: formats.duration(statistics.median), 3),
    Column("p95", lambda statistics, _: formats.duration(statistics.p95), 1),
    Column("p99", lambda statistics, _: formats.duration(statistics.p99), 5),
    Column("max", lambda statistics, _: formats.duration(statistics.maximum), 2),
    Column("errors", lambda statistics, _: _errors(statistics), 0, _error_style),
    Column("Apdex", lambda statistics, _: formats.apdex(statistics.apdex), 0, _apdex_style),
    Column("queue wait", lambda statistics, _: formats.duration(statistics.queue_time), 1, always=False),
    Column("outcomes", lambda statistics, _: _outcomes(statistics), 2, always=False),
)


def shown(columns_of_lines: Sequence[Sequence[str]]) -> list[int]:
    """Choose the columns (by position) that have something to show in any of the lines."""
    return [
        position
        for position, column in enumerate(COLUMNS)
        if column.always or any(line[position] != formats.NOTHING for line in columns_of_lines)
    ]


def fitting(widths: list[int], room: int) -> list[int]:
    """Choose the columns (by position) that fit into ``room`` characters, given the width of each; 0 leaves one out."""
    kept = [position for position, width in enumerate(widths) if width]
    for position in sorted(kept, key=lambda position: -COLUMNS[position].place):
        if sum(widths[index] + 2 for index in kept) <= room or COLUMNS[position].place == 0:
            break
        kept.remove(position)
    return kept
