"""The lines of a table of transactions: a part of them, in the requested order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.store.reader import StoreReader
from weighbridge.transactions.store.statistics import Statistics, Window

from . import columns
from .models import TransactionLine
from .parameters import State

__all__ = ["PAGE_LENGTH", "candidates", "in_table_order", "page_of"]

PAGE_LENGTH: Final = 100
"""Lines of a table that are shown at a time."""
RANKED: Final = 200
"""Only so many names, those whose averages are at the wanted end, are ordered by what their histograms tell."""


def candidates(
    reader: StoreReader, window: Window, state: State, earlier: Mapping[Series, float]
) -> list[columns.Candidate]:
    """Return all transactions of an application and kind, with what puts them in order.

    Args:
        reader: of the store.
        window: of the figures.
        state: names the application and the kind.
        earlier: the averages of the time before, as far as they are known.
    """
    all_totals = reader.plain_totals(window, state.app, state.kind)
    return [columns.Candidate(series, totals, earlier.get(series)) for series, totals in all_totals.items()]


def page_of(
    reader: StoreReader, window: Window, by_time: Sequence[columns.Candidate], state: State, page: int, of_all: int
) -> list[TransactionLine]:
    """Return the lines of one page."""
    ordered, statistics = _ordered(reader, window, by_time, state)
    shown = ordered[(page - 1) * PAGE_LENGTH : page * PAGE_LENGTH]
    statistics |= _statistics(reader, window, [one for one in shown if one.series not in statistics])
    return [TransactionLine(one.series, statistics[one.series], one.totals.total / of_all, one.change) for one in shown]


def in_table_order(
    reader: StoreReader, window: Window, some: Iterable[columns.Candidate], state: State
) -> Sequence[columns.Candidate]:
    """Return candidates in the order in which the pages of the table have them."""
    return _ordered(reader, window, columns.in_order(some, "time", False, {}), state)[0]


def _ordered(
    reader: StoreReader, window: Window, by_time: Sequence[columns.Candidate], state: State
) -> tuple[Sequence[columns.Candidate], dict[Series, Statistics]]:
    """Return candidates in order, with the statistics that this took.

    Where there are too many for an order by a quantile, the others come last.
    """
    is_reversed, statistics = state.reverse == "yes", dict[Series, Statistics]()
    as_is = state.sort == "time" and not is_reversed
    ordered = by_time if as_is else columns.in_order(by_time, state.sort, is_reversed, {})
    if state.sort in columns.QUANTILES:
        ranked = ordered[:RANKED]
        statistics = _statistics(reader, window, ranked)
        ordered = [*columns.in_order(ranked, state.sort, is_reversed, statistics), *ordered[RANKED:]]
    return ordered, statistics


def _statistics(reader: StoreReader, window: Window, some: Sequence[columns.Candidate]) -> dict[Series, Statistics]:
    return reader.statistics_by_series(window, {one.series for one in some})
