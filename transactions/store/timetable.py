"""Which runs of a schedule were due, and which of them have been missed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ..log import log_once
from ..schedules import Schedule
from .statistics import Window

__all__ = ["Missed", "Run", "dues", "missed", "next_due"]

_WITHIN: Final = 600
"""Seconds after which a run that has not begun is missed, unless something else was said."""
_MAX_DUES: Final = 20_000
_EVERY: Final = "every "


class Run(NamedTuple):
    """Between which moments (epoch seconds) a run, or some of them, began."""

    earliest: float
    latest: float


class Missed(NamedTuple):
    """Runs that were due and did not begin in time."""

    number: int
    last: float | None
    """Epoch seconds at which the last of them was due."""


def missed(schedule: Schedule, runs: Sequence[Run], window: Window, now: float) -> Missed:
    """Return what was missed in a window, given all runs that began in it, in order of their earliest moments.

    Raises:
        ValueError: the rule is not understood.
    """
    period = _period_of(schedule)
    if period is not None:
        return _missed_in_gaps(period, schedule.within, runs, Window(window.since, min(window.until, now)))
    lost = []
    due_times = [*dues(schedule, window.since, now)]
    for due, following in pairwise([*due_times, next_due(schedule, (), now) or now]):
        latest = due + (min(_WITHIN, following - due) if schedule.within is None else schedule.within)
        if due < window.until and latest <= now and not _began(runs, due, latest):
            lost.append(due)
    return Missed(len(lost), lost[-1] if lost else None)


def next_due(schedule: Schedule, runs: Sequence[Run], now: float) -> float | None:
    """Return when the next run is due (epoch seconds).

    Raises:
        ValueError: the rule is not understood.
    """
    period = _period_of(schedule)
    if period is not None:
        return runs[-1].latest + period if runs else None
    return next((due for due in dues(schedule, now, float("inf")) if due > now), None)


def dues(schedule: Schedule, since: float, until: float) -> Iterator[float]:
    """Yield when a cron expression was due from ``since`` on, before ``until`` (epoch seconds).

    A local time that a clock change skips is not due; one that it repeats is due once.

    Raises:
        ValueError: the expression is not understood.
    """
    from croniter import croniter  # type: ignore[import-untyped]  # noqa: PLC0415 - where there are schedules

    zone = _zone_of(schedule)
    start = datetime.fromtimestamp(since, zone).replace(tzinfo=None) - timedelta(hours=2)
    times: Iterator[datetime] = croniter(schedule.rule, start, ret_type=datetime)
    for _, local in zip(range(_MAX_DUES), times):  # noqa: B905 - endless
        moment = _moment_of(local, zone)
        if moment is not None and moment >= until:
            return
        if moment is not None and moment >= since:
            yield moment


def _moment_of(local: datetime, zone: tzinfo | None) -> float | None:
    """Return the first moment of a local time; ``None`` if a clock change skips it."""
    moment = local.replace(tzinfo=zone).timestamp()
    return moment if datetime.fromtimestamp(moment, zone).replace(tzinfo=None) == local else None


def _zone_of(schedule: Schedule) -> tzinfo | None:
    try:
        return ZoneInfo(schedule.zone) if schedule.zone else None
    except (KeyError, ValueError, OSError):
        log_once(("zone", schedule.zone), "a schedule is in the time zone %r, which is not known here", schedule.zone)
        return None


def _period_of(schedule: Schedule) -> float | None:
    """Return the seconds from one run to the next, where that is what the rule says."""
    return float(schedule.rule.removeprefix(_EVERY)) if schedule.rule.startswith(_EVERY) else None


def _began(runs: Sequence[Run], due: float, latest: float) -> bool:
    return any(run.earliest <= latest and run.latest > due for run in runs)


def _missed_in_gaps(period: float, within: float | None, runs: Sequence[Run], window: Window) -> Missed:
    """Count the runs that would have fitted between two others, and before the end of the window."""
    allowed = min(_WITHIN, period) if within is None else within
    number, last = 0, None
    bounds = [Run(window.since, window.since), *runs, Run(window.until, window.until)]
    reached = window.since
    for run in bounds[1:]:
        lost = max(0, int((run.earliest - reached - allowed) // period)) if period > 0 else 0
        number += lost
        last = reached + lost * period if lost else last
        reached = max(reached, run.latest)
    return Missed(number, last)
