"""The columns of the table of transactions: what each shows, in one unit, and how it is sorted by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from weighbridge.reporting import formats
from weighbridge.transactions.model.naming import display_name
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.recording.totals import PlainTotals, seconds
from weighbridge.transactions.store.statistics import Statistics

from .models import TransactionLine
from .ratings import alarm, rating, starred, trend

__all__ = ["ORDERS", "QUANTILES", "Candidate", "Cells", "Column", "cells", "in_order", "job_cells"]

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
    tone: Callable[[TransactionLine], str] | None = None
    """How good a figure is."""


class Cells(NamedTuple):
    """A column as it is shown: one unit for all of it, said in the head."""

    column: Column
    unit: str
    texts: Sequence[str]
    tones: Sequence[str]

    @property
    def heading(self) -> str:
        """The title with the unit."""
        return f"{self.column.title}, {self.unit}" if self.unit else self.column.title


class Candidate(NamedTuple):
    """A transaction before it is known whether it will be shown."""

    series: Series
    totals: PlainTotals
    before: float | None
    """The average in the time before."""

    @property
    def average(self) -> float:
        """Seconds."""
        return seconds(self.totals.total) / self.totals.count

    @property
    def change(self) -> float | None:
        """By what share the average has changed."""
        return self.average / self.before - 1 if self.before else None


class Order(NamedTuple):
    """An order of the table."""

    words: str
    value: Callable[[Candidate], Any]
    """What to compare; those without it (``None``) come last."""
    descending: bool = True


def _tone_of_change(change: float | None) -> str:
    return "none" if change is None else trend(1 + change, 1)


COLUMNS: Final = (
    Column("time", "Share", "share", lambda line: line.share),
    Column("time", "Total", "time", lambda line: line.statistics.total),
    Column("throughput", "Calls", "count", lambda line: line.statistics.calls),
    Column("throughput", "Throughput", "rate", lambda line: line.statistics.per_minute),
    Column("slowest", "Average", "duration", lambda line: line.statistics.average),
    Column("p95", "p95", "duration", lambda line: line.statistics.p95),
    Column("change", "Change", "change", lambda line: line.change, tone=lambda line: _tone_of_change(line.change)),
    Column(
        "error_rate", "Errors", "share", lambda line: line.statistics.error_rate,
        tone=lambda line: alarm(line.statistics.error_rate),
    ),
    Column(
        "score", "Apdex", "score", lambda line: line.statistics.apdex,
        tone=lambda line: rating(line.statistics.apdex),
    ),
    Column("minimum", "Min", "duration", lambda line: line.statistics.minimum, extra=True),
    Column("median", "Median", "duration", lambda line: line.statistics.median, extra=True),
    Column("p99", "p99", "duration", lambda line: line.statistics.p99, extra=True),
    Column("maximum", "Max", "duration", lambda line: line.statistics.maximum, extra=True),
)  # fmt: skip

JOB_COLUMNS: Final = (
    Column("time", "Total", "time", lambda line: line.statistics.total),
    Column("throughput", "Runs", "count", lambda line: line.statistics.calls),
    Column("throughput", "Throughput", "rate", lambda line: line.statistics.per_minute, extra=True),
    Column("slowest", "Average", "duration", lambda line: line.statistics.average),
    Column("p95", "p95", "duration", lambda line: line.statistics.p95),
    Column("p99", "p99", "duration", lambda line: line.statistics.p99, extra=True),
    Column("queue-wait", "Wait", "duration", lambda line: line.statistics.queue_time),
    Column("queue-p95", "Wait p95", "duration", lambda line: line.statistics.queue_p95),
    Column("retried", "Retried", "share", lambda line: _share_of("retried", line.statistics)),
    Column(
        "error_rate", "Failed", "share", lambda line: line.statistics.error_rate,
        tone=lambda line: alarm(line.statistics.error_rate),
    ),
)  # fmt: skip


def _share_of(outcome: str, statistics: Statistics) -> float | None:
    return statistics.outcomes[outcome] / statistics.calls if statistics.calls else None


def _queue_average(one: Candidate) -> float | None:
    return _ratio(one.totals.queue_total, one.totals.queued)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _score(one: Candidate) -> float | None:
    judged = one.totals.satisfied + one.totals.tolerating + one.totals.frustrated
    return (one.totals.satisfied + one.totals.tolerating / 2) / judged if judged else None


ORDERS: Final[Mapping[str, Order]] = MappingProxyType(
    {
        "time": Order("Most time consuming", lambda one: one.totals.total),
        "slowest": Order("Slowest average", lambda one: one.average),
        "throughput": Order("Highest throughput", lambda one: one.totals.count),
        "apdex": Order("Apdex most dissatisfying", lambda one: one.totals.frustrated + one.totals.tolerating / 2),
        "errors": Order("Most errors", lambda one: one.totals.errors),
        "error_rate": Order("Highest error rate", lambda one: one.totals.errors / one.totals.count),
        "change": Order("Most slowed down", lambda one: one.change),
        "p95": Order("Highest p95", lambda one: one.average),
        "median": Order("Highest median", lambda one: one.average),
        "p99": Order("Highest p99", lambda one: one.average),
        "minimum": Order("Highest minimum", lambda one: one.totals.minimum),
        "maximum": Order("Highest maximum", lambda one: one.totals.maximum),
        "score": Order("Lowest Apdex", _score, descending=False),
        "queue-wait": Order("Longest in the queue", _queue_average),
        "queue-p95": Order("Highest p95 in the queue", _queue_average),
        "retried": Order("Most often retried", lambda one: _ratio(one.totals.retried, one.totals.count)),
        "name": Order("Name", lambda one: display_name(*one.series[2:]).casefold(), descending=False),
    }
)
"""The orders to choose from, with their words; an average stands for a quantile until histograms are read."""

QUANTILES: Final[Mapping[str, Callable[[Statistics], float | None]]] = MappingProxyType(
    {
        "median": lambda statistics: statistics.median,
        "p95": lambda statistics: statistics.p95,
        "p99": lambda statistics: statistics.p99,
        "queue-p95": lambda statistics: statistics.queue_p95,
    }
)
"""Orders that need the histograms of what is sorted."""


def in_order(
    candidates: Iterable[Candidate], sort: str, is_reversed: bool, statistics: Mapping[Series, Statistics]
) -> list[Candidate]:
    """Sort candidates; equal ones by total time and by name, so that they keep their places.

    An order by a quantile needs the statistics of all of them; without any it is that of their averages.
    """
    order, quantile = ORDERS[sort], QUANTILES.get(sort) if statistics else None
    by_time = sorted(candidates, key=lambda one: (-one.totals.total, one.series))
    values: list[Any] = [quantile(statistics[one.series]) if quantile else order.value(one) for one in by_time]
    places = [place for place, value in enumerate(values) if value is not None]
    places.sort(key=values.__getitem__, reverse=order.descending != is_reversed)
    unknown = [one for one, value in zip(by_time, values, strict=True) if value is None]
    return [*(by_time[place] for place in places), *unknown]


def cells(kind: str, lines: Sequence[TransactionLine]) -> list[Cells]:
    """Return what the columns of one kind of transactions show: background ones have no Apdex."""
    return [_cells(column, lines) for column in COLUMNS if kind == "web" or column.sort != "score"]


def job_cells(lines: Sequence[TransactionLine]) -> list[Cells]:
    """Return what the columns of the table of tasks show."""
    return [_cells(column, lines) for column in JOB_COLUMNS]


def _cells(column: Column, lines: Sequence[TransactionLine]) -> Cells:
    """Return what a column shows: all of it in one unit, and with the same number of places."""
    tones = [column.tone(line) for line in lines] if column.tone else [""] * len(lines)
    if column.unit == "score":
        return Cells(column, "", [starred(line.statistics) for line in lines], tones)
    unit, texts = _WRITERS[column.unit]([column.value(line) for line in lines])
    return Cells(column, unit, texts, tones)


_Values = Sequence[float | None]
_Written = tuple[str, list[str]]
"""A unit, and figures in it."""
_DURATIONS: Final = (("h", 3600.0, 5 * 3600.0), ("min", 60.0, 300.0), ("s", 1.0, 10.0))
"""Unit, its length in seconds, and the typical value from which it is used."""


def _durations(values: _Values, finest: tuple[str, float] = ("ms", 0.001)) -> _Written:
    typical = _typical(values)
    unit, size = next(((unit, size) for unit, size, least in _DURATIONS if typical >= least), finest)
    return (unit, _written([None if value is None else value / size for value in values]))


def _times(values: _Values) -> _Written:
    return _durations(values, finest=("s", 1.0))


def _rates(values: _Values) -> _Written:
    return ("/min", _written(values))


def _counts(values: _Values) -> _Written:
    return ("", [formats.count(int(value or 0)) for value in values])


def _shares(values: _Values) -> _Written:
    return ("%", _written([None if value is None else value * 100 for value in values], places=2, at_least=1))


def _changes(values: _Values) -> _Written:
    return ("%", [formats.NOTHING if value is None else _signed(round(value * 100)) for value in values])


def _signed(percent: int) -> str:
    return f"{percent:+,}" if percent else "0"


_WRITERS: Final[Mapping[str, Callable[[_Values], _Written]]] = MappingProxyType(
    {
        "duration": _durations,
        "time": _times,
        "rate": _rates,
        "count": _counts,
        "share": _shares,
        "change": _changes,
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
