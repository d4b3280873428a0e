"""The demo's check: compares what the store has counted with what was sent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.store.reader import StoreReader
from weighbridge.transactions.store.statistics import Window

from .traffic import Counted, Traffic

__all__ = ["Calls", "SeriesComparison", "compare", "read_calls"]


class Calls(NamedTuple):
    """Number of calls of one series, and of failed ones among them."""

    calls: int = 0
    failed: int = 0


@dataclass(frozen=True)
class SeriesComparison:
    """One series: what was sent for it, and what was counted."""

    series: Series
    because: str
    """The kinds of traffic that cause it; empty if none does."""
    sent: Calls
    counted: Calls

    @property
    def right(self) -> bool:
        """Whether both are equal."""
        return self.sent == self.counted


def read_calls(reader: StoreReader, window: Window) -> dict[Series, Calls]:
    """Read from a store what it has counted within a window."""
    return {
        found.series: Calls(found.statistics.calls, found.statistics.errors) for found in reader.transactions(window)
    }


def compare(
    sent: Iterable[Traffic], before: Mapping[Series, Calls], after: Mapping[Series, Calls]
) -> list[SeriesComparison]:
    """Compare what was sent with what the store has counted since ``before``, series by series."""
    wanted, titles = _wanted(sent)
    grown = {series: _less(calls, before.get(series, Calls())) for series, calls in after.items()}
    everything = sorted(wanted.keys() | {series for series, calls in grown.items() if calls != Calls()})
    return [
        SeriesComparison(series, titles.get(series, ""), wanted.get(series, Calls()), grown.get(series, Calls()))
        for series in everything
    ]


def _wanted(sent: Iterable[Traffic]) -> tuple[dict[Series, Calls], dict[Series, str]]:
    """Return the calls that must have been counted, and the kinds of traffic that cause them."""
    calls: Counter[Series] = Counter()
    failed: Counter[Series] = Counter()
    titles: defaultdict[Series, set[str]] = defaultdict(set)
    for traffic in sent:
        for counted in traffic.counted:
            series = _series(counted)
            calls[series] += 1
            failed[series] += counted.failed
            titles[series].add(traffic.title)
    wanted = {series: Calls(calls[series], failed[series]) for series in calls}
    return wanted, {series: ", ".join(sorted(names)) for series, names in titles.items()}


def _series(counted: Counted) -> Series:
    return Series(counted.application, counted.kind, counted.group, counted.name)


def _less(calls: Calls, other: Calls) -> Calls:
    return Calls(calls.calls - other.calls, calls.failed - other.failed)
