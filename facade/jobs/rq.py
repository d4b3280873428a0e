"""RQ: start its worker with ``rq worker --worker-class weighbridge.jobs.rq.Worker``.

Every job is a transaction of the group ``RQ``, named as RQ names the function. A
job that raises and has retries left counts as ``retried``, one that exceeds its
time limit as ``timed_out``, one that is stopped by a command as ``cancelled``, and one
whose process dies as ``killed``, which the worker itself records. For a worker class
of your own, put `MeasuredJobs` in front of RQ's class.

Jobs say which transaction has enqueued them where that uses `Queue` of this module in place of RQ's.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import rq
from rq.job import Job

try:
    from rq.cron import CronScheduler
except ImportError:  # older than RQ 2.5
    CronScheduler = None  # type: ignore[assignment,misc]

from weighbridge import BackgroundTaskHandle, flush, preload
from weighbridge.jobs.runs import attributes_of, aware, begin_run, enqueuer_here, record_run
from weighbridge.jobs.timetables import Entry, Timetable, log_unknown, period_rule
from weighbridge.transactions.host_exceptions import pass_on_signals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.transactions.model.finished import Outcome

    _Base = rq.worker.BaseWorker
    _QueueBase = rq.Queue
else:
    _Base = _QueueBase = object

__all__ = ["MeasuredJobs", "Queue", "SimpleWorker", "StampedJobs", "Worker", "stamped"]

_GROUP = "RQ"
_ENQUEUER = "weighbridge_enqueuer"
"""The key of a job's ``meta`` that says which transaction has enqueued it, and what was left to do then."""
_schedules = Timetable(_GROUP)


class MeasuredJobs(_Base):
    """Mixin for a worker class of RQ that measures every job."""

    _run: BackgroundTaskHandle | None = None
    """The job that runs in this process."""
    _failure: BaseException | None = None
    """What it has raised."""

    def work(self, *args: Any, **options: Any) -> bool:
        """Import here, once, what the process of each job would import otherwise."""
        preload()
        return super().work(*args, **options)

    def run_maintenance_tasks(self) -> None:
        """Look, every ten minutes, what RQ's cron schedulers have to enqueue."""
        super().run_maintenance_tasks()  # type: ignore[no-untyped-call]
        self._declare_schedules()

    def perform_job(self, *args: Any, **options: Any) -> bool:
        """Write what the job has left before its process ends, by ``os._exit``."""
        try:
            return super().perform_job(*args, **options)
        finally:
            self._end()
            if self.is_horse:
                flush()

    def prepare_job_execution(self, job: Job, *args: Any, **options: Any) -> None:
        """Begin: the job itself follows, or fails at once since it cannot be read."""
        try:
            super().prepare_job_execution(job, *args, **options)
        finally:
            attributes = attributes_of(job.id, _attempt(job))
            queued, enqueuer = aware(job.enqueued_at), _enqueuer_of(job)
            self._run = begin_run(_GROUP, _name_of(job), queued, job.origin, attributes, enqueuer)

    def handle_job_success(self, *args: Any, **options: Any) -> Any:
        """End: the job has returned."""
        self._end()
        return super().handle_job_success(*args, **options)

    def handle_job_retry(self, *args: Any, **options: Any) -> Any:
        """End: the job has returned a `rq.Retry`."""
        arguments = dict(zip(("job", "queue", "retry"), args, strict=False)) | options
        job, retry = arguments["job"], arguments["retry"]
        self._end("failed" if (job.number_of_retries or 0) >= retry.max else "retried")
        return super().handle_job_retry(*args, **options)

    def handle_exception(self, job: Job, *exc_info: Any) -> Any:
        """Note what the job has raised."""
        if self._run is not None:
            self._failure = exc_info[1]
        return super().handle_exception(job, *exc_info)

    def handle_job_failure(self, job: Job, *args: Any, **options: Any) -> Any:
        """End: the job has raised, or its process was stopped on request."""
        stopped = self._stopped_job_id == job.id
        if self._run is not None:
            self._end("cancelled" if stopped else "retried" if _will_retry(job) else None)
        elif stopped:
            _record_ended(job, "cancelled")
        return super().handle_job_failure(job, *args, **options)

    def handle_work_horse_killed(self, job: Job, *args: Any, **options: Any) -> Any:
        """Record a job whose process is gone: nobody else can."""
        _record_ended(job, "killed", ProcessLookupError("the process of the job was killed"))
        return super().handle_work_horse_killed(job, *args, **options)  # type: ignore[no-untyped-call]

    def _declare_schedules(self) -> None:
        """Declare what is due; while no scheduler runs nothing has changed, and its jobs are missed."""
        try:
            entries = [*_timetable(self.connection)]
        except Exception as failure:
            log_unknown(_GROUP, failure)
            return
        if entries:
            _schedules.replace(entries)

    def _end(self, outcome: Outcome | None = None) -> None:
        run, self._run = self._run, None
        failure, self._failure = self._failure, None
        if run is not None:
            run.end(failure, outcome)


class Worker(MeasuredJobs, rq.Worker):
    """RQ's worker, which runs each job in a process of its own."""


class SimpleWorker(MeasuredJobs, rq.SimpleWorker):
    """RQ's worker that runs jobs in its own process."""


class StampedJobs(_QueueBase):
    """Mixin for a queue class of RQ whose jobs say which transaction has enqueued them."""

    def create_job(self, *args: Any, **options: Any) -> Job:
        """Stamp the job."""
        return stamped(super().create_job(*args, **options))


class Queue(StampedJobs, rq.Queue):
    """RQ's queue."""


def stamped(job: Job) -> Job:
    """Have a new job say which transaction enqueues it; return the job."""
    enqueuer = enqueuer_here()
    if enqueuer is not None and isinstance(job.meta, dict) and _ENQUEUER not in job.meta:
        job.meta = {**job.meta, _ENQUEUER: [enqueuer, *_left(job)]}  # the program's own stays as it is
    return job


def _name_of(job: Job) -> str:
    """Return what RQ calls a job; where that cannot be read, which is how the job fails then, what RQ logs."""
    try:
        return str(job.func_name)
    except Exception as unreadable:
        pass_on_signals(unreadable)
        return f"<{type(unreadable).__name__}>"


def _enqueuer_of(job: Job) -> object:
    """Return which transaction has enqueued a job; ``None`` when it is tried again or repeated."""
    match _stamp_of(job):
        case [enqueuer, *left] if left == _left(job) and not getattr(job, "number_of_retries", None):
            return enqueuer
    return None


def _stamp_of(job: Job) -> object:
    """Return what `stamped` has left in a job; RQ takes for ``meta`` also what is no dictionary."""
    return job.meta.get(_ENQUEUER) if isinstance(job.meta, dict) else None


def _left(job: Job) -> list[int | None]:
    """Return how often a job may be tried again and is to be repeated, which it is told from the first time on."""
    return [getattr(job, "retries_left", None), getattr(job, "repeats_left", None)]


def _record_ended(job: Job, outcome: Outcome, error: BaseException | None = None) -> None:
    started = aware(job.started_at)
    seconds = 0.0 if started is None else (datetime.now(timezone.utc) - started).total_seconds()
    attributes, queued = attributes_of(job.id, _attempt(job)), aware(job.enqueued_at)
    enqueuer = _enqueuer_of(job)
    record_run(_GROUP, _name_of(job), outcome, error, seconds, queued, job.origin, attributes, True, enqueuer)


def _timetable(connection: Any) -> Iterator[Entry]:
    """Return what is due by RQ's cron schedulers, which leave it in Redis; their time is the local one."""
    if CronScheduler is None:
        return
    for scheduler in CronScheduler.all(connection, cleanup=False):
        for job in scheduler.get_jobs():
            yield job.func_name, job.cron or period_rule(job.interval or 0), ""


def _attempt(job: Job) -> int | None:
    """Return the number of an attempt; ``None`` if it is not known: RQ counts only those that a job asks for itself."""
    asked: int = getattr(job, "number_of_retries", None) or 0
    left: int | None = getattr(job, "retries_left", None)
    if left is None:
        return asked + 1
    match _stamp_of(job):
        case [_, int(at_first), *_]:
            return max(0, at_first - left) + asked + 1
    return None


def _will_retry(job: Job) -> bool:
    """Whether RQ will run a job again that has raised."""
    return bool(getattr(job, "retries_left", None))
