"""APScheduler 3: ``weighbridge.jobs.apscheduler.measure(scheduler)`` measures every job of a scheduler.

Every run is a transaction of the group ``APScheduler``, with the name of the job; the
time in the queue is the one from the moment at which it was due. A run that was missed
counts as ``cancelled``, and one that would have been one too many at a time as
``rejected``. Works with every executor, that of processes included.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from apscheduler import events  # type: ignore[import-untyped]
from apscheduler.executors.pool import ProcessPoolExecutor  # type: ignore[import-untyped]
from apscheduler.job import Job  # type: ignore[import-untyped]
from apscheduler.triggers.cron import CronTrigger  # type: ignore[import-untyped]
from apscheduler.triggers.interval import IntervalTrigger  # type: ignore[import-untyped]
from apscheduler.util import iscoroutinefunction_partial, ref_to_obj  # type: ignore[import-untyped]

from weighbridge.jobs.runs import attributes_of, begin_run, record_run
from weighbridge.jobs.timetables import Entry, Timetable, cron_rule, log_unknown, period_rule

if TYPE_CHECKING:
    from datetime import datetime

    from weighbridge.transactions.model.finished import Outcome

__all__ = ["measure"]

_GROUP: Final = "APScheduler"
_MEASURED: Final = "_weighbridge_submit"
_MAX_NAMES: Final = 1000
_CHANGES: Final = events.EVENT_JOB_ADDED | events.EVENT_JOB_MODIFIED

_Scheduler = TypeVar("_Scheduler")


def measure(scheduler: _Scheduler) -> _Scheduler:
    """Measure all jobs of a scheduler, those that are added later too; return it."""
    instance: Any = scheduler
    if not any(isinstance(getattr(callback, "__self__", None), _Listener) for callback, _ in instance._listeners):
        listener = _Listener(instance)
        instance.add_listener(listener.on_executor, events.EVENT_EXECUTOR_ADDED)
        instance.add_listener(listener.on_start, events.EVENT_SCHEDULER_STARTED)
        instance.add_listener(listener.on_change, _CHANGES)
        instance.add_listener(listener.on_removal, events.EVENT_JOB_REMOVED)
        instance.add_listener(listener.on_unrun, events.EVENT_JOB_MISSED | events.EVENT_JOB_MAX_INSTANCES)
        for executor in instance._executors.values():
            listener.measure(executor)
    return scheduler


class _Listener:
    """Measures what the executors of a scheduler run, and records what they do not."""

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler
        self._names: dict[str, str] = {}
        """Names of jobs by id: a job may be gone when its event arrives."""
        self._timetable = Timetable(_GROUP)

    def on_executor(self, event: Any) -> None:
        """Measure an executor that has been added."""
        executor = self._scheduler._executors.get(event.alias)
        if executor is not None:
            self.measure(executor)

    def measure(self, executor: Any) -> None:
        """Have an executor submit measured jobs."""
        if hasattr(executor, _MEASURED):
            return
        submit = executor._do_submit_job
        make: Any = _for_process if isinstance(executor, ProcessPoolExecutor) else _for_thread

        def submit_measured(job: Any, run_times: Any) -> Any:
            self._remember(job)
            return submit(make(job, run_times[-1].timestamp()), run_times)

        setattr(executor, _MEASURED, submit)
        executor._do_submit_job = submit_measured

    def on_start(self, event: Any) -> None:
        """Declare the jobs that run again and again: now it is known where they are kept."""
        for job in self._asked(self._scheduler.get_jobs) or ():
            self._declare(job)

    def on_change(self, event: Any) -> None:
        """Declare a job that was added to a scheduler that runs, or was changed; only this one is asked for."""
        if not self._scheduler.running:
            return
        job = self._asked(self._scheduler.get_job, event.job_id, event.jobstore)
        if job is not None:
            self._declare(job)

    def on_removal(self, event: Any) -> None:
        """Forget when a job was due that is gone, or will not run again."""
        self._timetable.forget((self._timetable, event.job_id))

    def _declare(self, job: Any) -> None:
        try:
            entry = _entry_of(job)
            if entry is None:
                self._timetable.forget((self._timetable, job.id))
            else:
                self._timetable.put((self._timetable, job.id), entry)
        except Exception as failure:
            log_unknown(_GROUP, failure)

    def _asked(self, ask: Callable[..., Any], *arguments: object) -> Any:
        """Return what a job store answers; ``None`` if it fails."""
        try:
            return ask(*arguments)
        except Exception as failure:
            log_unknown(_GROUP, failure)
            return None

    def on_unrun(self, event: Any) -> None:
        """Record a run that should have happened and did not."""
        name = self._names.get(event.job_id)
        if name is None:
            job = self._scheduler.get_job(event.job_id)
            name = event.job_id if job is None else job.name
        if event.code == events.EVENT_JOB_MISSED:
            self._record(name, "cancelled", event, event.scheduled_run_time)
        else:
            self._record(name, "rejected", event, event.scheduled_run_times[-1])

    def _record(self, name: str, outcome: Outcome, event: Any, due: datetime) -> None:
        record_run(_GROUP, name, outcome, queued=due, attributes=attributes_of(event.job_id))

    def _remember(self, job: Any) -> None:
        if len(self._names) >= _MAX_NAMES:
            self._names.clear()
        self._names[job.id] = job.name


def _entry_of(job: Any) -> Entry | None:
    """Return when a job runs again and again; ``None`` if it does not, or by a rule that cannot be told."""
    trigger = job.trigger
    if isinstance(trigger, IntervalTrigger):
        return job.name, period_rule(trigger.interval_length), ""
    if not isinstance(trigger, CronTrigger):
        return None
    fields = {field.name: str(field) for field in trigger.fields}
    if (fields["year"], fields["week"], fields["second"]) != ("*", "*", "0"):
        return None
    weekday = re.sub(r"\d", lambda day: str((int(day[0]) + 1) % 7), fields["day_of_week"])
    rule = cron_rule(fields["minute"], fields["hour"], fields["day"], fields["month"], weekday)
    return job.name, rule, str(trigger.timezone)


def _for_thread(job: Any, due: float) -> Any:
    """Return a job like the given one that measures itself, in this process."""
    run = _run_coroutine if iscoroutinefunction_partial(job.func) else _run
    return _copied(job, func=partial(run, job.func, job.name, job.id, due))


def _for_process(job: Any, due: float) -> Any:
    """Return a job like the given one that measures itself in another process, where it is found by its name."""
    if not job.func_ref:
        return job
    reference = f"{__name__}:{_run_by_reference.__name__}"
    args = (job.func_ref, job.name, job.id, due, *job.args)
    return _copied(job, func=_run_by_reference, func_ref=reference, args=args)


def _copied(job: Any, **changed: Any) -> Any:
    copy = object.__new__(Job)
    for name in Job.__slots__:
        if name != "__weakref__" and hasattr(job, name):
            setattr(copy, name, changed.get(name, getattr(job, name)))
    return copy


def _run(function: Any, name: str, job_id: str, due: float, *args: Any, **kwargs: Any) -> Any:
    handle = begin_run(_GROUP, name, due, attributes=attributes_of(job_id))
    try:
        result = function(*args, **kwargs)
    except BaseException as exception:
        handle.end(exception)
        raise
    handle.end()
    return result


async def _run_coroutine(function: Any, name: str, job_id: str, due: float, *args: Any, **kwargs: Any) -> Any:
    handle = begin_run(_GROUP, name, due, attributes=attributes_of(job_id))
    try:
        result = await function(*args, **kwargs)
    except BaseException as exception:
        handle.end(exception)
        raise
    handle.end()
    return result


def _run_by_reference(reference: str, name: str, job_id: str, due: float, *args: Any, **kwargs: Any) -> Any:
    return _run(ref_to_obj(reference), name, job_id, due, *args, **kwargs)
