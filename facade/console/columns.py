"""The columns of the table of transactions: what each shows, in one unit, and how it is sorted by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from types import MappingProxyType
from typing import Final, NamedTuple

from weighbridge.reporting import formats
from weighbridge.reporting.report import SORTS, Line
from weighbridge.transactions.model.naming import display_name

from .models import TransactionLine

__all__ = ["ESTIMATED", "ORDERS", "Cells", "Column", "cells", "columns_for", "in_order"]

_Value = Callable[[TransactionLine], float | None]


class Column(NamedTuple):
    """A column of figures."""

    sort: str
    """The order that shows it sorted."""
    title: str
    unit: str
    """What the figures are: ``duration``, ``time`` (a sum of durations), ``rate`` and so on."""
    value: _Value
    extra: bool = False
    """Whether it is left out where there is little room."""


class Cells(NamedTuple):
    """A column as it is shown: one unit for all of it, said in the head."""

    unit: str
    texts: Sequence[str]


class Order(NamedTuple):
    """An order of the table."""

    words: str
    value: Callable[[TransactionLine], float | str | None]
    """What to compare; lines without it come last."""
    descending: bool = True


COLUMNS: Final = (
    Column("time", "Share", "share", lambda line: line.share),
    Column("time", "Total", "time", lambda line: line.statistics.total),
    Column("throughput", "Calls", "count", lambda line: line.statistics.calls),
    Column("throughput", "Throughput", "rate", lambda line: line.statistics.per_minute),
    Column("slowest", "Average", "duration", lambda line: line.statistics.average),
    Column("p95", "p95", "duration", lambda line: line.statistics.p95),
    Column("change", "Change", "change", lambda line: line.change),
    Column("error_rate", "Errors", "share", lambda line: line.statistics.error_rate),
    Column("score", "Apdex", "score", lambda line: line.statistics.apdex),
    Column("minimum", "Min", "duration", lambda line: line.statistics.minimum, extra=True),
    Column("median", "Median", "duration", lambda line: line.statistics.median, extra=True),
    Column("p99", "p99", "duration", lambda line: line.statistics.p99, extra=True),
    Column("maximum", "Max", "duration", lambda line: line.statistics.maximum, extra=True),
)


def _reported(sort: str) -> Callable[[TransactionLine], float]:
    """Return the value by which ``weighbridge report --sort`` orders lines."""
    return lambda line: SORTS[sort](Line(line.series, line.statistics, line.share))


ORDERS: Final[Mapping[str, Order]] = MappingProxyType(
    {
        "time": Order("Most time consuming", _reported("time")),
        "slowest": Order("Slowest average", _reported("slowest")),
        "throughput": Order("Highest throughput", _reported("throughput")),
        "apdex": Order("Apdex most dissatisfying", _reported("apdex")),
        "errors": Order("Most errors", _reported("errors")),
        "error_rate": Order("Highest error rate", lambda line: line.statistics.error_rate),
        "change": Order("Most slowed down", lambda line: line.change),
        "p95": Order("Highest p95", lambda line: line.statistics.p95),
        "median": Order("Highest median", lambda line: line.statistics.median),
        "p99": Order("Highest p99", lambda line: line.statistics.p99),
        "minimum": Order("Highest minimum", lambda line: line.statistics.minimum),
        "maximum": Order("Highest maximum", lambda line: line.statistics.maximum),
        "score": Order("Lowest Apdex", lambda line: line.statistics.apdex, descending=False),
        "name": Order("Name", lambda line: display_name(*line.series[2:]).casefold(), descending=False),
    }
)
"""The orders to choose from, with their words."""

ESTIMATED: Final = frozenset({"median", "p95", "p99"})
"""Orders that need the histograms of what is sorted."""


def columns_for(kind: str) -> list[Column]:
    """Return the columns of one kind of transactions: background ones have no Apdex."""
    return [column for column in COLUMNS if kind == "web" or column.sort != "score"]


def in_order(lines: Iterable[TransactionLine], sort: str, reverse: bool = False) -> list[TransactionLine]:
    """Sort lines; equal ones by total time and by name, so that they keep their places."""
    order = ORDERS[sort]
    by_name = sorted(lines, key=lambda line: (-line.statistics.total, line.series))
    known = [line for line in by_name if order.value(line) is not None]
    unknown = [line for line in by_name if order.value(line) is None]
    return sorted(known, key=order.value, reverse=order.descending != reverse) + unknown  # type: ignore[arg-type]


def cells(column: Column, lines: Sequence[TransactionLine]) -> Cells:
    """Return what a column shows: all of it in one unit, and with the same number of places."""
    values = [column.value(line) for line in lines]
    return _WRITERS[column.unit](values)


_Values = Sequence[float | None]
_DURATIONS: Final = (("h", 3600.0, 5 * 3600.0), ("min", 60.0, 300.0), ("s", 1.0, 10.0))
"""Unit, its length in seconds, and the typical value from which it is used."""


def _durations(values: _Values, finest: tuple[str, float] = ("ms", 0.001)) -> Cells:
    typical = _typical(values)
    unit, size = next(((unit, size) for unit, size, least in _DURATIONS if typical >= least), finest)
    return Cells(unit, _written([None if value is None else value / size for value in values]))


def _times(values: _Values) -> Cells:
    return _durations(values, finest=("s", 1.0))


def _rates(values: _Values) -> Cells:
    return Cells("/min", _written(values))


def _counts(values: _Values) -> Cells:
    return Cells("", [formats.count(int(value or 0)) for value in values])


def _shares(values: _Values) -> Cells:
    return Cells("%", _written([None if value is None else value * 100 for value in values], places=2, at_least=1))


def _changes(values: _Values) -> Cells:
    return Cells("%", [formats.NOTHING if value is None else _signed(round(value * 100)) for value in values])


def _signed(percent: int) -> str:
    return f"{percent:+,}" if percent else "0"


def _scores(values: _Values) -> Cells:
    return Cells("", [formats.apdex(value) for value in values])


_WRITERS: Final[Mapping[str, Callable[[_Values], Cells]]] = MappingProxyType(
    {
        "duration": _durations,
        "time": _times,
        "rate": _rates,
        "count": _counts,
        "share": _shares,
        "change": _changes,
        "score": _scores,
    }
)


def _typical(values: _Values) -> float:
    return median([value for value in values if value] or [0.0])


def _written(values: _Values, places: int = 3, at_least: int = 0) -> list[str]:
    """Write numbers with as many places as a typical one needs for three digits.

    >>> _written([12.34, 1.5, 0.0, None, 0.001])
    ['12.3', '1.5', '0', '-', '<0.1']
    """
    typical = _typical(values)
    wanted = 0 if typical >= 99.95 else 1 if typical >= 1.5 else 2 if typical >= 0.1 else 3
    return [_with_places(value, max(at_least, min(wanted, places))) for value in values]


def _with_places(value: float | None, places: int) -> str:
    if value is None:
        return formats.NOTHING
    least = 10.0**-places
    return "0" if value == 0 else f"<{least:.{places}f}" if value < least / 2 else f"{value:,.{places}f}"
