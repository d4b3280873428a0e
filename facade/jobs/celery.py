"""Celery: ``weighbridge.jobs.celery.measure(app)`` measures every task of an application, in every pool.

Every run is a transaction of the group ``Celery``, with the name of the task. What
Celery runs eagerly inside a request is a part of the request; a task that is called
as a function is a part of its caller. Call it where the application is made, so that
those who send tasks stamp them: the time in the queue is known from that.

The main process records what its children cannot: tasks whose process was lost
(``killed``), that exceeded their hard time limit (``timed_out``), and that were revoked
or have expired (``cancelled``).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import celery  # type: ignore[import-untyped]
from celery import exceptions, signals
from celery.schedules import crontab, schedule  # type: ignore[import-untyped]

from weighbridge import flush, ignore_transaction, preload
from weighbridge.jobs.runs import attributes_of, aware, begin_run, record_run
from weighbridge.jobs.timetables import Entry, cron_rule, declare, period_rule
from weighbridge.transactions.host_exceptions import pass_on

if TYPE_CHECKING:
    from weighbridge.transactions.model.finished import Outcome
    from weighbridge.transactions.wrappers.handles import BackgroundTaskHandle

__all__ = ["measure"]

_GROUP: Final = "Celery"
_SENT: Final = "weighbridge_sent"
"""The header that says when a task was sent, in epoch seconds."""
_MEASURED: Final = "_weighbridge_measured"
"""The attribute of a request whose run has begun: a task may call itself as a function."""

_Application = TypeVar("_Application")

_applications: Final[list[Any]] = []
_worker: Final[list[int]] = []
"""The process id of the worker's main process, if this is one or a child of one."""


def measure(app: _Application) -> _Application:
    """Measure all tasks of a Celery application, those that are defined later too; return it."""
    if app not in _applications:
        if not _applications:
            _connect()
        _applications.append(app)
        application: Any = app
        application.Task = _measured_class(application.Task)
        application.on_after_finalize.connect(_cover, weak=False)
    return app


def _connect() -> None:
    signals.before_task_publish.connect(_stamp, weak=False)
    signals.worker_init.connect(_on_worker_init, weak=False)
    signals.worker_process_shutdown.connect(_on_child_end, weak=False)
    signals.beat_init.connect(_on_beat_init, weak=False)


# The run


class _MeasuredCall:
    """Mixin for a task class: measures what a worker, or Celery eagerly, runs."""

    request_stack: Any
    run: Callable[..., Any]
    name: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        request = self.request_stack.top
        if request is None or request.called_directly or vars(request).get(_MEASURED):
            return super().__call__(*args, **kwargs)  # type: ignore[misc]
        setattr(request, _MEASURED, True)
        run = begin_run(
            _GROUP, self.name, _queued(request), _queue_of(request), attributes_of(request.id, request.retries + 1)
        )
        try:
            result = self._as_celery_would(*args, **kwargs)
        except BaseException as exception:
            if isinstance(exception, Exception) or not _is_child():
                _end_failed(run, self, exception)
            else:  # the process ends, which its parent records
                ignore_transaction()
                run.end()
            raise
        run.end()
        return result

    def _as_celery_would(self, *args: Any, **kwargs: Any) -> Any:
        """Call a ``__call__`` of the program's own, if there is one, else what the task does."""
        inherited = super().__call__  # type: ignore[misc]
        if inherited.__func__ is celery.Task.__call__:
            return self.run(*args, **kwargs)
        return inherited(*args, **kwargs)


def _end_failed(run: BackgroundTaskHandle, task: Any, exception: BaseException) -> None:
    if isinstance(exception, exceptions.Retry):
        cause = exception.exc
        run.end(cause if isinstance(cause, BaseException) else None, "retried")
    elif task.throws and isinstance(exception, tuple(task.throws)):
        run.end(exception, "rejected")
    else:
        run.end(exception)


def _queued(request: Any) -> float | datetime | None:
    """When a task was sent, or is due if that is later."""
    sent, due = vars(request).get(_SENT), _due(request)
    if isinstance(sent, (int, float)):
        return sent if due is None else max(sent, due)
    return due


def _due(request: Any) -> float | None:
    try:
        moment = aware(datetime.fromisoformat(request.eta)) if isinstance(request.eta, str) else aware(request.eta)
    except ValueError as problem:
        pass_on(problem)
        return None
    return None if moment is None else moment.timestamp()


def _queue_of(request: Any) -> str | None:
    return (request.delivery_info or {}).get("routing_key")


def _is_child() -> bool:
    """Whether this is a child of a worker's pool of processes."""
    return bool(_worker) and os.getpid() != _worker[0]


# Which tasks


def _measured_class(task_class: Any) -> Any:
    if issubclass(task_class, _MeasuredCall):
        return task_class
    namespace = {"abstract": True, "__module__": task_class.__module__, "__qualname__": task_class.__qualname__}
    return type(task_class.__name__, (_MeasuredCall, task_class), namespace)


def _cover(sender: Any = None, **_: object) -> None:
    """Measure also those tasks whose class is not made from that of the application."""
    for task in list(sender.tasks.values()):
        if not isinstance(task, _MeasuredCall):
            task.__class__ = _measured_class(type(task))


def _stamp(headers: Any = None, **_: object) -> None:
    if isinstance(headers, dict):
        headers[_SENT] = time.time()


# The worker's processes


def _on_worker_init(sender: Any = None, **_: object) -> None:
    _worker[:] = [os.getpid()]
    preload()
    app = sender.app
    if app in _applications:
        _cover(app)
        for task in app.tasks.values():
            task.Request = _telling_class(task.Request)


def _on_child_end(**_: object) -> None:
    flush()


# The schedules, which the process of Celery's beat knows


def _on_beat_init(sender: Any = None, **_: object) -> None:
    if sender.app in _applications:
        declare(_GROUP, _timetable(sender))


def _timetable(service: Any) -> Iterator[Entry]:
    for entry in service.scheduler.schedule.values():
        when = entry.schedule
        if isinstance(when, crontab):
            fields = (getattr(when, f"_orig_{field}") for field in _CRON_FIELDS)
            yield entry.task, cron_rule(*fields), str(when.tz)
        elif isinstance(when, schedule):
            yield entry.task, period_rule(when.run_every.total_seconds()), ""


_CRON_FIELDS: Final = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")

_LOST: Final = (exceptions.WorkerLostError, SystemExit, KeyboardInterrupt)
"""What the main process is told of a child that is gone."""


class _Telling:
    """Mixin for the worker's side of a task: records what the child that ran it cannot."""

    _already_revoked = False
    _already_cancelled = False
    _told = False

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """Record a task that exceeds its hard time limit."""
        if not soft:
            self._tell("timed_out", exceptions.TimeLimitExceeded(timeout))
        super().on_timeout(soft, timeout)  # type: ignore[misc]

    def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> Any:
        """Record a task whose process is lost."""
        exception = getattr(exc_info.exception, "exc", exc_info.exception)
        if isinstance(exception, _LOST) and not (self._already_revoked or self._already_cancelled):
            self._tell("killed", exception)
        try:
            return super().on_failure(exc_info, *args, **kwargs)  # type: ignore[misc]
        finally:
            self._tell_if_revoked()

    def revoked(self) -> bool:
        """Record a task that does not begin: it was revoked, or has expired."""
        try:
            return bool(super().revoked())  # type: ignore[misc]
        finally:
            self._tell_if_revoked()

    def terminate(self, *args: Any, **kwargs: Any) -> None:
        """Record a task that is stopped on request."""
        super().terminate(*args, **kwargs)  # type: ignore[misc]
        self._tell_if_revoked()

    def _tell_if_revoked(self) -> None:
        if self._already_revoked:
            self._tell("cancelled")

    def _tell(self, outcome: Outcome, error: BaseException | None = None) -> None:
        """Record the task, once."""
        if self._told:
            return
        self._told = True
        request: Any = self
        seconds = time.time() - request.time_start if request.time_start else 0.0
        attempt = (request.request_dict.get("retries") or 0) + 1
        attributes = attributes_of(request.id, attempt)
        record_run(_GROUP, request.task.name, outcome, error, seconds, _queue_of(request), attributes)


def _telling_class(given: Any) -> Any:
    from celery.utils.imports import symbol_by_name  # type: ignore[import-untyped]  # noqa: PLC0415  for workers only

    request_class: Any = symbol_by_name(given)
    return request_class if issubclass(request_class, _Telling) else type("Request", (_Telling, request_class), {})
