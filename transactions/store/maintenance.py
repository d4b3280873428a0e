"""Maintenance, which keeps a store small: it rolls up complete rows and deletes old ones.

What is due is read from the store itself; each step is a short transaction of its own, which the engine makes,
and which any process that writes may take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple, Protocol

from ..configuration.settings import DEFAULTS, Settings
from .resolutions import COARSE_WIDTHS, FINEST, FOREVER, Resolution, floor_to

__all__ = ["DEFAULT_RETENTION", "MaintainedRows", "Retention", "Step", "TrustedTime", "next_step", "reopen"]

_GRACE: Final = 60
"""Seconds between the end of an interval and its roll-up. Later counts are added at every resolution."""
_DAY: Final = 86400
_HOUR: Final = 3600

Resolutions = Mapping[int, Resolution]
Step = Callable[[], None]


class TrustedTime(NamedTuple):
    """The current time (epoch seconds), as far as a store can tell."""

    earliest: float
    """The time by the slowest clock of those that report: an interval that is over by it is over for all."""
    latest: float
    """No process reports anything later than this, unless its clock is wrong."""
    trusted: float | None
    """The time for which there is enough evidence; ``None`` if there is not enough, and nothing expires."""


@dataclass(frozen=True)
class Retention:
    """The number of days for which each resolution is kept."""

    minutes: float = DEFAULTS.keep_minutes
    hours: float = DEFAULTS.keep_hours
    samples: float = DEFAULTS.keep_samples

    @classmethod
    def of(cls, settings: Settings) -> Retention:
        """Return the retention that the settings ask for."""
        return cls(settings.keep_minutes, settings.keep_hours, settings.keep_samples)

    @property
    def longest(self) -> float:
        """Return the seconds for which any figures are kept."""
        return max(self.hours, self.minutes) * _DAY

    def oldest(self, width: int, now: float) -> int:
        """Return the start of the first kept rows of a width (epoch seconds, on a boundary of the next kept width)."""
        if width < _HOUR:
            return floor_to(now - self.minutes * _DAY, _HOUR)
        return floor_to(now - self.longest, _DAY)

    def unused(self, now: float, first: int | None) -> int:
        """Return the moment before which names must have been seen last, to be forgotten (epoch seconds).

        Args:
            now: the present.
            first: the start of the first row of a day: after a long pause, some may have yet to expire.
        """
        unused = self.oldest(_HOUR, now) - 2 * _DAY
        return unused if first is None else min(unused, first)


DEFAULT_RETENTION: Final = Retention()


class MaintainedRows(Protocol):
    """Rows of all resolutions, as far as maintenance needs them; all times are epoch seconds."""

    def resolutions(self) -> dict[int, Resolution]:
        """Return the resolutions, by width."""
        ...

    def first_row(self, width: int, start: int) -> int | None:
        """Return the start of the first row of a width that starts at ``start`` or later."""
        ...

    def last_row(self, width: int, end: int) -> int | None:
        """Return the start of the last row of a width that starts before ``end``."""
        ...

    def roll_up(self, interval: tuple[int, int], finer: int) -> None:
        """Make the rows of one interval, given as (width, start), from those of the next finer width."""

    def delete(self, width: int, start: int, end: int) -> None:
        """Delete the rows of a width that start at ``start`` or later and before ``end``."""

    def expire(self, width: int, end: int) -> None:
        """Delete the rows of a width that start before ``end``, for good."""

    def set_complete(self, width: int, since: int | None = None, until: int | None = None, late: bool = False) -> None:
        """Note from when on, or until when, the rows of a width are complete; ``late`` if rolled-up rows changed."""

    def tidy(self, width: int, retention: Retention, now: float | None) -> None:
        """Enforce other limits, after an interval of a width was rolled up; ``now`` is ``None`` if not trusted."""


def next_step(rows: MaintainedRows, retention: Retention, now: TrustedTime) -> Step | None:
    """Return a maintenance step that is due, to be taken in the same transaction; ``None`` if there is none."""
    resolutions = rows.resolutions()
    return (
        _giving_back(rows, resolutions, now.latest)
        or _rolling_up(rows, resolutions, retention, now)
        or _expiring(rows, resolutions, retention, now.trusted)
    )


# Rolling up


def _finer(width: int) -> int:
    index = COARSE_WIDTHS.index(width)
    return COARSE_WIDTHS[index - 1] if index else FINEST


def _rolling_up(rows: MaintainedRows, resolutions: Resolutions, retention: Retention, now: TrustedTime) -> Step | None:
    """Return the step that rolls up an interval that is over and whose finer rows are complete, if there is one."""
    for width in COARSE_WIDTHS:
        start = resolutions[width].complete_until
        if start + width + _GRACE <= now.earliest and start + width <= resolutions[_finer(width)].complete_until:
            return partial(_roll_up, rows, resolutions, (width, start), retention, now)
    return None


def _roll_up(
    rows: MaintainedRows,
    resolutions: Resolutions,
    interval: tuple[int, int],
    retention: Retention,
    now: TrustedTime,
) -> None:
    width, start = interval
    finer = _finer(width)
    first = rows.first_row(finer, start)
    if first is not None and first < start + width:
        rows.roll_up(interval, finer)
        reached = start + width
    else:
        nothing_until = now.earliest - _GRACE if first is None else min(first, now.earliest - _GRACE)
        reached = floor_to(min(nothing_until, resolutions[finer].complete_until), width)
    rows.set_complete(width, until=max(reached, start + width))
    rows.tidy(width, retention, now.trusted)


# Undoing what a wrong clock has done


def _giving_back(rows: MaintainedRows, resolutions: Resolutions, latest: float) -> Step | None:
    """Return the step that undoes roll-ups of intervals that are over by no clock: new counts would all be late."""
    for width in reversed(COARSE_WIDTHS):
        resolution, until = resolutions[width], floor_to(latest, width)
        if resolution.complete_until > until + width and resolutions[FINEST].complete_from <= until:
            return partial(_give_back, rows, resolution, until)
    return None


def _give_back(rows: MaintainedRows, resolution: Resolution, until: int) -> None:
    """Undo the roll-up of at most a day; its finer rows are still there, and will be rolled up when they are due."""
    last = rows.last_row(resolution.width, resolution.complete_until)
    reached = until if last is None else max(until, floor_to(last, _DAY))
    rows.delete(resolution.width, reached, FOREVER)
    rows.set_complete(resolution.width, until=reached, late=True)


def reopen(rows: MaintainedRows, retention: Retention, now: TrustedTime) -> dict[int, Resolution]:
    """Return the resolutions, reopened for instances whose clocks are behind those by which rows have expired."""
    resolutions = rows.resolutions()
    for width, resolution in resolutions.items():
        if now.earliest < resolution.complete_from:
            since = _kept_since(rows, resolution, retention, now)
            if since < resolution.complete_from:
                rows.set_complete(width, since=since)
                resolutions[width] = resolution._replace(complete_from=since)
    return resolutions


def _kept_since(rows: MaintainedRows, resolution: Resolution, retention: Retention, now: TrustedTime) -> int:
    """Return the start of what may be reopened: no expired minutes for which there are hours."""
    oldest = retention.oldest(resolution.width, now.earliest)
    hour = rows.last_row(_HOUR, resolution.complete_from) if resolution.width < _HOUR else None
    return oldest if hour is None else max(oldest, hour + _HOUR)


# Expiry


def _expiring(rows: MaintainedRows, resolutions: Resolutions, retention: Retention, now: float | None) -> Step | None:
    """Return the step that deletes rows beyond their retention, if there are any."""
    if now is None:
        return None
    for width, resolution in resolutions.items():
        expiry = _expiry(resolutions, retention, width, now)
        first = rows.first_row(width, -FOREVER) if resolution.complete_from < expiry else None
        if first is not None and first < expiry:
            return partial(_expire, rows, resolution, first, expiry)
    return None


def _expiry(resolutions: Resolutions, retention: Retention, width: int, now: float) -> int:
    """Return the start of the first rows of a width to keep. Minutes are kept until their hours are rolled up."""
    rolled_up = floor_to(resolutions[max(width, _HOUR)].complete_until, _HOUR if width < _HOUR else _DAY)
    return min(retention.oldest(width, now), rolled_up)


def _expire(rows: MaintainedRows, resolution: Resolution, first: int, expiry: int) -> None:
    """Delete the oldest rows: at most an hour of minutes or a day of hours at a time."""
    interval = _HOUR if resolution.width < _HOUR else _DAY
    reached = min(expiry, max(floor_to(first, interval), resolution.complete_from) + interval)
    rows.expire(resolution.width, reached)
    rows.set_complete(resolution.width, since=reached)
