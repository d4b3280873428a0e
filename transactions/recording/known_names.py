"""The names that a process tells apart, within limits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from heapq import nsmallest
from itertools import chain
from typing import Final, TypeVar

from .overflow import OTHER, overflow_of
from .snapshot import Series

__all__ = ["KnownNames"]

_MAX_APPLICATIONS: Final = 1000
_PERIOD: Final = 1800.0
"""Seconds: this period and the one before it are about the last hour."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class _Usage:
    """How much a name was used of late."""

    __slots__ = ("before", "now", "seen")

    def __init__(self) -> None:
        self.now = self.before = 0
        """Calls in this period, and in the one before."""
        self.seen = 0.0
        """On the monotonic clock."""

    def begin_period(self) -> None:
        """A period has ended."""
        self.before, self.now = self.now, 0


class KnownNames:
    """The names that are told apart, by application: a limited number of each.

    Where the limit was reached, a tenth of the names is evicted when the next
    minute begins: those with the fewest calls in about the last hour, and of
    them those seen longest ago. The same holds for applications.
    """

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._names: dict[str, dict[Series, _Usage]] = {}
        self._period_until = 0.0
        self._over_limit: set[str] = set()
        """Applications of which a name was refused; `OTHER` if an application was."""

    def bounded(self, series: Series, moment: float) -> Series:
        """The series itself, or the one under which the overflow is counted; ``moment``: on the monotonic clock."""
        names = self._names.get(series.application)
        if names is None:
            if len(self._names) >= _MAX_APPLICATIONS:
                self._over_limit.add(OTHER)
                return overflow_of(series._replace(application=OTHER))
            names = self._names[series.application] = {}
        usage = names.get(series)
        if usage is None:
            if len(names) >= self._at_most:
                self._over_limit.add(series.application)
                return overflow_of(series)
            usage = names[series] = _Usage()
        usage.seen = max(usage.seen, moment)
        return series

    def count(self, series: Series, calls: int) -> None:
        """Note that a name was called."""
        usage = self._names.get(series.application, {}).get(series)
        if usage is not None:
            usage.now += calls

    def evict(self, moment: float) -> None:
        """Make room for new names where some were refused; ``moment``: on the monotonic clock."""
        if moment >= self._period_until:
            self._period_until = moment + _PERIOD
            for usage in chain.from_iterable(names.values() for names in self._names.values()):
                usage.begin_period()
        if OTHER in self._over_limit:
            _evict(self._names, {name: _rank(names.values()) for name, names in self._names.items()})
        for application in self._over_limit & self._names.keys():
            names = self._names[application]
            _evict(names, {series: _rank([usage]) for series, usage in names.items()})
        self._over_limit.clear()


def _rank(usages: Collection[_Usage]) -> tuple[int, float]:
    """Calls in about the last hour, and when the last of them was seen."""
    return sum(usage.now + usage.before for usage in usages), max((usage.seen for usage in usages), default=0.0)


def _evict(known: dict[_Key, _Value], ranks: Mapping[_Key, tuple[int, float]]) -> None:
    for key in nsmallest(max(1, len(known) // 10), known, key=ranks.__getitem__):
        del known[key]
