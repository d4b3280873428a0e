"""Huey: ``weighbridge.jobs.huey.measure(huey)`` measures every task of an instance.

Every run is a transaction of the group ``Huey``, named as Huey's log names the task. A
run that Huey will repeat counts as ``retried``; one that exceeds its time limit as
``timed_out``; one that finds its lock taken as ``rejected``; one that is cancelled,
revoked, expired or interrupted as ``cancelled``. Huey keeps no time at which a task
was enqueued: the time in the queue is known of scheduled tasks only.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final, TypeVar

from huey import signals  # type: ignore[import-untyped]

from weighbridge.jobs.runs import attributes_of, begin_run, record_run
from weighbridge.jobs.timetables import Entry, cron_rule, declare

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from weighbridge.transactions.wrappers.handles import BackgroundTaskHandle

__all__ = ["measure"]

_GROUP: Final = "Huey"
_RUN: Final = "_weighbridge_run"
"""The attribute of a task that is its run."""
_NAME: Final = "weighbridge"

_Huey = TypeVar("_Huey")


def measure(huey: _Huey) -> _Huey:
    """Measure all tasks of a Huey instance; return it."""
    instance: Any = huey
    if _NAME not in getattr(instance, "_post_execute", {}):
        hooks = _Hooks(instance)
        instance.signal(signals.SIGNAL_EXECUTING)(hooks.begin)
        instance.signal(signals.SIGNAL_CANCELED)(hooks.cancel)
        instance.signal(signals.SIGNAL_INTERRUPTED)(hooks.cancel)
        instance.signal(signals.SIGNAL_REVOKED, signals.SIGNAL_EXPIRED)(hooks.record_unrun)
        instance.post_execute(_NAME)(hooks.end)
    return huey


class _Hooks:
    """What is called around each run of an instance's tasks."""

    def __init__(self, huey: Any) -> None:
        self._huey = huey
        self._has_declared = False

    def begin(self, signal: str, task: Any, *_: object) -> None:
        """Begin a run: Huey calls the task next."""
        if not self._has_declared:
            self._has_declared = True
            declare(_GROUP, _timetable(self._huey))
        handle = begin_run(_GROUP, _name_of(task), self._due(task), self._huey.name, attributes_of(task.id))
        setattr(task, _RUN, handle)

    def end(self, task: Any, value: Any, exception: BaseException | None) -> None:
        """End a run that has returned or raised."""
        handle = _taken_from(task)
        if handle is not None:
            handle.end(exception, "retried" if exception is not None and task.retries else None)

    def cancel(self, signal: str, task: Any, *_: object) -> None:
        """End a run that was cancelled or interrupted, perhaps before the task itself was called."""
        handle = _taken_from(task)
        if handle is not None:
            handle.end(outcome="retried" if task.retries and signal == signals.SIGNAL_CANCELED else "cancelled")

    def record_unrun(self, signal: str, task: Any, *_: object) -> None:
        """Record a task that was revoked, or has expired, before it could run."""
        due, attributes = self._due(task), attributes_of(task.id)
        record_run(_GROUP, _name_of(task), "cancelled", queued=due, queue=self._huey.name, attributes=attributes)

    def _due(self, task: Any) -> datetime | None:
        eta = task.eta
        if eta is None or eta.tzinfo is not None:
            return eta  # type: ignore[no-any-return]
        return eta.replace(tzinfo=timezone.utc) if self._huey.utc else eta.astimezone()  # type: ignore[no-any-return]


_RANGES: Final = (range(1, 13), range(1, 32), range(7), range(24), range(60))
"""Months, days of the month, weekdays, hours and minutes, in the order in which Huey keeps them."""


def _timetable(huey: Any) -> Iterator[Entry]:
    """Return when periodic tasks are due that go by Huey's ``crontab``; its fields are kept in a closure only."""
    for task in huey._registry.periodic_tasks:
        fields = _fields_of(task.validate_datetime)
        if fields is not None:
            month, day, weekday, hour, minute = map(_field, fields, _RANGES)
            yield _name_of(task), cron_rule(minute, hour, day, month, weekday), "UTC" if huey.utc else ""


def _fields_of(test: Any) -> Any:
    """Return the fields that the test of a datetime goes by, or the test that it calls; ``None`` for another one."""
    for cell in getattr(test, "__closure__", None) or ():
        found = cell.cell_contents if isinstance(cell.cell_contents, list) else _fields_of(cell.cell_contents)
        if found is not None and len(found) == len(_RANGES):
            return found
    return None


def _field(values: Iterable[int], all_values: range) -> set[int] | None:
    known = {value % 7 for value in values} if len(all_values) == 7 else set(values)
    return None if known == set(all_values) else known


def _name_of(task: Any) -> str:
    return f"{type(task).__module__}.{task.name}"


def _taken_from(task: Any) -> BackgroundTaskHandle | None:
    handle: BackgroundTaskHandle | None = vars(task).pop(_RUN, None)
    return handle
