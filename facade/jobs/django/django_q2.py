"""Tasks of ``django-q2``."""

from __future__ import annotations

from multiprocessing.process import current_process, parent_process
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django_q import signals  # type: ignore[import-untyped]
from django_q.conf import Conf  # type: ignore[import-untyped]
from django_q.models import Schedule  # type: ignore[import-untyped]
from django_q.utils import get_func_repr  # type: ignore[import-untyped]

from weighbridge.jobs.runs import attributes_of, aware, begin_run, end_run_by_name, enqueuer_here
from weighbridge.jobs.timetables import Entry, Timetable, cron_rule, period_rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from weighbridge.transactions.wrappers.handles import BackgroundTaskHandle

__all__ = ["connect"]

_GROUP: Final = "Django"
_ENQUEUER: Final = "weighbridge_enqueuer"
"""The key of a task that says which transaction has enqueued it."""
_schedules: Final = Timetable(_GROUP)
_PERIODS: Final = {Schedule.MINUTES: 60, Schedule.HOURLY: 3600}
"""Seconds."""


def _months(step: int) -> Callable[[datetime], tuple[Any, ...]]:
    return lambda due: (due.day, {(due.month - 1 + later) % 12 + 1 for later in range(0, 12, step)}, None)


_CALENDAR: Final[dict[str, Callable[[datetime], tuple[Any, ...]]]] = {
    Schedule.DAILY: lambda due: (None, None, None),
    Schedule.WEEKLY: lambda due: (None, None, due.isoweekday() % 7),
    Schedule.MONTHLY: lambda due: (due.day, None, None),
    Schedule.BIMONTHLY: _months(2),
    Schedule.QUARTERLY: _months(3),
    Schedule.YEARLY: _months(12),
}
"""Days, months and weekdays as a cron expression has them."""
_ANY_DAY: Final = {Schedule.DAILY, Schedule.WEEKLY}

_runs: Final[dict[str, BackgroundTaskHandle]] = {}
"""The tasks that run at this moment, by id."""


def connect() -> None:
    """Measure what the signals of the package tell."""
    signals.pre_enqueue.connect(_stamp, dispatch_uid=__name__)
    signals.pre_execute.connect(_begin, dispatch_uid=__name__)
    signals.post_spawn.connect(_look_at_schedules, dispatch_uid=__name__)
    signals.post_execute_in_worker.connect(_end, dispatch_uid=__name__)


def _look_at_schedules(**_: object) -> None:
    """Declare what is due, when a worker begins: the cluster replaces each after some tasks."""
    is_worker = current_process().daemon == Conf.DAEMONIZE_WORKERS and parent_process() is not None
    if is_worker:  # and not a request that runs a task at once
        _schedules.replace(_timetable())


def _timetable() -> Iterator[Entry]:
    for planned in Schedule.objects.exclude(repeats=0):
        rule = _rule_of(planned)
        if rule is not None:
            yield planned.func, *rule


def _rule_of(planned: Any) -> tuple[str, str] | None:
    """Return when a schedule is due, and its time zone; ``None`` if no rule says it: once, or on the 31st of a month.

    Days, weeks and months are counted by local time.
    """
    kind, zone = planned.schedule_type, timezone.get_default_timezone_name()
    if kind == Schedule.CRON:
        return str(planned.cron), zone
    if kind in _PERIODS:
        return period_rule(_PERIODS[kind] * ((planned.minutes or 1) if kind == Schedule.MINUTES else 1)), ""
    due = planned.next_run
    if due is None or kind not in _CALENDAR:
        return None
    due = timezone.localtime(due) if timezone.is_aware(due) else due
    return (cron_rule(due.minute, due.hour, *_CALENDAR[kind](due)), zone) if due.day <= 28 or kind in _ANY_DAY else None


def _stamp(task: Any, **_: object) -> None:
    enqueuer = enqueuer_here()
    if enqueuer is not None:
        task[_ENQUEUER] = enqueuer


def _begin(task: Any, **_: object) -> None:
    name = get_func_repr(task["func"]) or "None"
    queued = aware(task.get("started"))
    attributes, enqueuer = attributes_of(task["id"]), task.get(_ENQUEUER)
    _runs[task["id"]] = begin_run(_GROUP, name, queued, task.get("cluster"), attributes, enqueuer)


def _end(task: Any, **_: object) -> None:
    handle = _runs.pop(task["id"], None)
    if handle is None:
        return
    if task.get("success", False):
        handle.end()
    else:
        end_run_by_name(handle, *_failure_in(str(task.get("result"))))


def _failure_in(text: str) -> tuple[str, str]:
    """Return the dotted class and the message of the exception whose traceback a text ends with."""
    dotted, _, message = text.strip().rpartition("\n")[2].partition(": ")
    return dotted, message
