"""Eviction of names after a limit has been reached, to make room for new ones.

Names with the fewest calls in the last hour go first, and among equals those seen
longest ago: a tenth of the limit at a time. Their counts in the store are added to
`OTHER` at every resolution, so that no sum changes. A name that comes back later
is new.

The rows of a name can only be found by scanning all rows, which is done in short
steps, each a transaction of its own: note what is to be evicted, with its
replacement; move the rows of one interval after the other, the finest first, as
coarser ones are made from them; delete the names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Final, Literal, Protocol

from ..recording.name_limits import OTHER, overflow_of
from ..recording.snapshot import Series
from .maintenance import Step
from .names import SCOPES
from .resolutions import COARSE_WIDTHS, FINEST, FOREVER, SINCE_EVER
from .rows import Scope

__all__ = ["EvictableNames", "MovedRows", "NumberedNames", "Replacements", "keep_counters", "next_eviction_step"]

_ROWS_AT_ONCE: Final = 10_000
"""Approximate number of rows that one step scans."""
_WIDTHS: Final = (FINEST, *COARSE_WIDTHS, SINCE_EVER)
_HOUR: Final = 3600

Replacements = dict[int, int]
"""Evicted numbers, with those under which their rows are counted from then on."""


class NumberedNames(Protocol):
    """Finds the numbers of names, and makes new ones."""

    MAX_APPLICATIONS: ClassVar[int]
    MAX_SERIES: ClassVar[int]
    MAX_ERRORS: ClassVar[int]

    def series(self, series: Series, minute: float) -> int:
        """Return the number of a series that has counts at that time (epoch seconds)."""
        ...

    def totals_series(self, series: Series, minute: float, scope: Scope = "all", value: str = "") -> int:
        """Return the number of what stands for all of a series' application and kind, or of a part of them."""
        ...

    def overflow_error(self, series: int, type_: str, expected: bool, minute: int) -> int:
        """Return the number under which errors of a type are counted if their messages are not kept."""
        ...

    def count_applications(self) -> int:
        """Return the number of applications, without `OTHER` and those that are being evicted."""
        ...

    def count_series(self, application: str) -> int:
        """Return the number of an application's series, likewise."""
        ...

    def count_errors(self, series: int) -> int:
        """Return the number of a series' errors, likewise."""
        ...


class MovedRows(Protocol):
    """The rows of evicted names, which are being counted under their replacements."""

    def end_of_step(self, width: int, start: int, at_most: int) -> int:
        """Return up to which start about so many rows after ``start`` are; `FOREVER` if that is all."""
        ...

    def move(self, part: tuple[int, int, int]) -> bool:
        """Move rows, given their width, after which start, and up to which; return whether there were any."""
        ...

    def note_late(self, width: int) -> None:
        """Note that rows of a width have changed after they had been rolled up."""

    def has_rows(self, width: int) -> bool:
        """Whether there may be rows of a width."""
        ...

    def proceed(self, width: int, start: int) -> None:
        """Note after which row the next step begins."""

    def finish(self) -> None:
        """Delete the names, which have no rows any more."""


class EvictableNames(Protocol):
    """The names of a store, as far as eviction needs them, within one transaction."""

    @property
    def names(self) -> NumberedNames:
        """The numbers of names."""
        ...

    def under_way(self) -> tuple[MovedRows, int, int] | None:
        """Return the rows that are being moved, with the width and the start after which the next step begins."""
        ...

    def over_limit(self) -> tuple[str, str] | None:
        """Return the kind of a limit that was reached, and whose it is.

        The kinds are ``application``, ``series``, ``error`` and ``error_group``.
        """
        ...

    def forget_limit(self, kind: str, whose: str) -> None:
        """Forget that a limit was reached."""

    def least_used(
        self, kind: Literal["application", "series", "error"], arguments: Mapping[str, object]
    ) -> Sequence[tuple[Any, ...]]:
        """Return the least used applications; or kind and group of series, or type and message of errors, by number.

        Args:
            kind: of what.
            arguments: ``number`` of them at most, by their calls since ``hour``; what was seen after ``ahead`` has a
                wrong clock; ``other`` is kept; whose they are as ``application`` or ``series``.
        """
        ...

    def series_of(self, application: str) -> Iterable[tuple[int, Any, str, str, int]]:
        """Return number, kind, group, name and scope of all series of an application."""
        ...

    def evict(self, kind: Literal["series", "error"], evicted: Replacements) -> None:
        """Note that names are evicted, whose rows are to be moved."""

    def evict_groups(self, application: str, now: float) -> None:
        """Note which error groups make room for new ones, if there still are too many."""

    def pass_on_errors(self) -> Replacements:
        """Pass the errors of evicted series to the replacements; return those they have already."""
        ...

    def count_evicted(self, number: int, application: str, now: float) -> None:
        """Count evicted names as a loss of the instance that reported last."""

    # What was counted since ever

    def keep_overflow(self, unused: int) -> None:
        """Have the series under which evicted ones are counted stay, as if they had been seen at ``unused``."""

    def forgotten(self, unused: int) -> Iterable[tuple[int, str, Any, str]]:
        """Return number, application, kind and group of series that were seen before ``unused`` and have counts."""
        ...

    def move_counters(self, evicted: Replacements) -> None:
        """Count under the replacements what was ever counted."""

    def move_error_counters(self, unused: int) -> None:
        """Count what was ever counted of errors that were seen before ``unused`` with one of the type that is kept."""


def next_eviction_step(store: EvictableNames, now: float) -> Step | None:
    """Return the next step, to be taken in the same transaction, or ``None``; ``now`` is in epoch seconds."""
    under_way = store.under_way()
    if under_way is not None:
        return partial(_move_rows, *under_way)
    over_limit = store.over_limit()
    return None if over_limit is None else partial(_evict, store, *over_limit, now)


# Choice of what is evicted


def _evict(store: EvictableNames, kind: str, whose: str, now: float) -> None:
    """Choose what to evict because of a limit that was reached, if it still is."""
    store.forget_limit(kind, whose)
    if kind == "error_group":
        store.evict_groups(whose, now)
        return
    if kind == "error":
        _note(store, "error", _least_errors(store, int(whose), now))
        return
    if kind == "series":
        evicted = _least_series(store, whose, now)
    else:
        whose, evicted = OTHER, _least_applications(store, now)
    _note(store, "series", evicted)
    _note(store, "error", store.pass_on_errors())
    if evicted:
        store.count_evicted(len(evicted), whose, now)


def _note(store: EvictableNames, kind: Literal["series", "error"], evicted: Replacements) -> None:
    if evicted:
        store.evict(kind, evicted)


def _arguments(now: float, limit: int, **whose: object) -> Mapping[str, object]:
    """Return the arguments that select the least used names, a tenth of a limit."""
    return {"hour": now - _HOUR, "ahead": now + _HOUR, "other": OTHER, "number": max(1, limit // 10), **whose}


def _least_applications(store: EvictableNames, now: float) -> Replacements:
    """Choose applications, with all of their series, including those of their totals."""
    names = store.names
    evicted: Replacements = {}
    if names.count_applications() < names.MAX_APPLICATIONS:
        return evicted
    for (application,) in store.least_used("application", _arguments(now, names.MAX_APPLICATIONS)):
        for number, kind, group, name, whole in store.series_of(application):
            overflow, scope = overflow_of(Series(OTHER, kind, group, "")), SCOPES[whole]
            evicted[number] = (
                names.series(overflow, now)
                if scope == "name"
                else names.totals_series(overflow, now, scope, "" if scope == "all" else name)
            )
    return evicted


def _least_series(store: EvictableNames, application: str, now: float) -> Replacements:
    names = store.names
    if names.count_series(application) < names.MAX_SERIES:
        return {}
    found = store.least_used("series", _arguments(now, names.MAX_SERIES, application=application))
    return _overflowing(names, ((number, application, kind, group) for number, kind, group in found), now)


def _overflowing(names: NumberedNames, series: Iterable[tuple[int, str, Any, str]], moment: float) -> Replacements:
    """Return series, given as number, application, kind and group, with those that take their counts."""
    return {
        number: names.series(overflow_of(Series(application, kind, group, "")), moment)
        for number, application, kind, group in series
    }


def _least_errors(store: EvictableNames, series: int, now: float) -> Replacements:
    """Choose errors, whose messages are no longer kept then; if they were not kept already, nor are their types."""
    names = store.names
    if names.count_errors(series) < names.MAX_ERRORS:
        return {}
    found = store.least_used("error", _arguments(now, names.MAX_ERRORS, series=series))
    evicted = {
        number: names.overflow_error(series, OTHER if message == OTHER else type_, bool(expected), int(now))
        for number, type_, message, expected in found
    }
    return {number: replacement for number, replacement in evicted.items() if number not in evicted.values()}


# Moving the rows


def _move_rows(rows: MovedRows, width: int, start: int) -> None:
    """Move the rows of one interval that begins after ``start``."""
    until = rows.end_of_step(width, start, _ROWS_AT_ONCE)
    if rows.move((width, start, until)) and width > FINEST:
        rows.note_late(width)
    if until < FOREVER:
        rows.proceed(width, until)
        return
    following = next((other for other in _WIDTHS[_WIDTHS.index(width) + 1 :] if rows.has_rows(other)), None)
    if following is None:
        rows.finish()
    else:
        rows.proceed(following, -FOREVER)


# What has been counted since ever, of names that are forgotten


def keep_counters(store: EvictableNames, unused: int) -> None:
    """Count under `OTHER` what was ever counted of names that were seen before ``unused``, and are to be forgotten.

    An application that is forgotten as a whole takes its counts with it, as does a type
    of errors. The other rows of these names have expired.
    """
    store.keep_overflow(unused)
    evicted = _overflowing(store.names, store.forgotten(unused), unused)
    if evicted:
        store.move_counters(evicted)
    store.move_error_counters(unused)
