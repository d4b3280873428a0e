"""The names under which a process counts: so many of each application, and those that are used."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from heapq import nsmallest
from itertools import chain
from typing import Final, TypeVar

from .snapshot import Series
from .surplus import OTHER, surplus_of

__all__ = ["KnownNames"]

_APPLICATIONS_AT_MOST: Final = 1000
_PERIOD: Final = 1800.0
"""Seconds. What was counted in this period and in the one before it is what was counted in about the last hour."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class _Use:
    """How much a name has been used of late."""

    __slots__ = ("before", "now", "seen")

    def __init__(self) -> None:
        self.now = self.before = 0
        """Calls in this period, and in the one before it."""
        self.seen = 0.0
        """On the monotonic clock."""

    def begin_period(self) -> None:
        """A new one has begun."""
        self.before, self.now = self.now, 0


class KnownNames:
    """The names that are told apart, by application.

    A bound that has been reached hides new names until the next minute begins:
    then a tenth of the names make room, those called least in the last hour
    first, and of them those seen longest ago. The same holds for applications.
    """

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._names: dict[str, dict[Series, _Use]] = {}
        self._period_until = 0.0
        self._crowded: set[str] = set()
        """The applications of which a name was refused, and `OTHER` if an application was."""

    def bounded(self, series: Series, moment: float) -> Series:
        """The series itself, or the one under which the surplus is counted; ``moment``: of the monotonic clock."""
        names = self._names.get(series.application)
        if names is None:
            if len(self._names) >= _APPLICATIONS_AT_MOST:
                self._crowded.add(OTHER)
                return surplus_of(series._replace(application=OTHER))
            names = self._names[series.application] = {}
        use = names.get(series)
        if use is None:
            if len(names) >= self._at_most:
                self._crowded.add(series.application)
                return surplus_of(series)
            use = names[series] = _Use()
        use.seen = max(use.seen, moment)
        return series

    def count(self, series: Series, calls: int) -> None:
        """Note that a name was called."""
        use = self._names.get(series.application, {}).get(series)
        if use is not None:
            use.now += calls

    def make_room(self, moment: float) -> None:
        """Once a minute: let go of a tenth of the names where one was refused; ``moment``: of the monotonic clock."""
        if moment >= self._period_until:
            self._period_until = moment + _PERIOD
            for use in chain.from_iterable(names.values() for names in self._names.values()):
                use.begin_period()
        if OTHER in self._crowded:
            _let_go(self._names, {name: _rank(names.values()) for name, names in self._names.items()})
        for application in self._crowded & self._names.keys():
            names = self._names[application]
            _let_go(names, {series: _rank([use]) for series, use in names.items()})
        self._crowded.clear()


def _rank(uses: Collection[_Use]) -> tuple[int, float]:
    """How often they were called in about the last hour, and when they were seen last."""
    return sum(use.now + use.before for use in uses), max((use.seen for use in uses), default=0.0)


def _let_go(known: dict[_Key, _Value], ranks: Mapping[_Key, tuple[int, float]]) -> None:
    for key in nsmallest(max(1, len(known) // 10), known, key=ranks.__getitem__):
        del known[key]
