"""The names that are counted separately, within limits, and the name that counts for the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from heapq import nsmallest
from itertools import chain
from typing import Final, TypeVar

from .snapshot import Series

__all__ = ["OTHER", "KnownNames", "overflow_of"]

OTHER: Final = "<other>"
"""The name under which names beyond the limit are counted, and the application for applications beyond it."""

_GROUPS_KEPT: Final = frozenset({"Function", "Uri", "Route", "StatusCode"})

_MAX_APPLICATIONS: Final = 1000
_PERIOD: Final = 1800.0
"""Seconds; the current period and the one before it make up about the last hour."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def overflow_of(series: Series) -> Series:
    """The series under which one beyond the limit is counted: same application and kind, and a group that is ours."""
    group = series.group if series.group in _GROUPS_KEPT else "Function"
    return Series(series.application, series.kind, group, OTHER)


class _Usage:
    """The recent usage of a name."""

    __slots__ = ("before", "now", "seen")

    def __init__(self) -> None:
        self.now = self.before = 0
        """Calls in the current period, and in the one before."""
        self.seen = 0.0
        """When it was seen last, on the monotonic clock."""

    def begin_period(self) -> None:
        """Begin a period: the current one becomes the one before."""
        self.before, self.now = self.now, 0


class KnownNames:
    """The names that are counted separately, by application: a limited number of both.

    If the limit was reached, a tenth of the names is evicted when the next minute
    begins: those with the fewest calls in about the last hour, and among equals
    those seen longest ago. The same applies to applications.
    """

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._names: dict[str, dict[Series, _Usage]] = {}
        self._period_until = 0.0
        self._over_limit: set[str] = set()
        """Applications that had a name refused; `OTHER` if an application was refused."""

    def bounded(self, series: Series, moment: float) -> Series:
        """Return the series itself, or the one that counts the overflow; ``moment`` is on the monotonic clock."""
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
        """Add to the calls of a name."""
        usage = self._names.get(series.application, {}).get(series)
        if usage is not None:
            usage.now += calls

    def evict(self, moment: float) -> None:
        """Make room for new names if some were refused; ``moment`` is on the monotonic clock."""
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
    """Return the calls in about the last hour, and when the latest was seen."""
    return sum(usage.now + usage.before for usage in usages), max((usage.seen for usage in usages), default=0.0)


def _evict(known: dict[_Key, _Value], ranks: Mapping[_Key, tuple[int, float]]) -> None:
    for key in nsmallest(max(1, len(known) // 10), known, key=ranks.__getitem__):
        del known[key]
