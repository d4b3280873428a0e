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
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import celery  # type: ignore[import-untyped]
from celery import exceptions, signals
from celery.schedules import crontab, schedule  # type: ignore[import-untyped]

from weighbridge import flush, preload
from weighbridge.jobs.runs import attributes_of, aware, enqueuer_here, record_run
from weighbridge.jobs.timetables import Entry, cron_rule, declare, period_rule
from weighbridge.transactions.host_exceptions import pass_on
from weighbridge.transactions.log import capture_internal_exception
from weighbridge.transactions.wrappers.handles import end_task, open_task

if TYPE_CHECKING:
    from weighbridge.transactions.model.finished import Outcome
    from weighbridge.transactions.model.transaction import Transaction

__all__ = ["measure"]

_GROUP: Final = "Celery"
_SENT: Final = "weighbridge_sent"
"""The header that says when a task was sent, in epoch seconds."""
_ENQUEUER: Final = "weighbridge_enqueuer"
"""The header that says which transaction has sent a task."""
_MEASURED: Final = "_weighbridge_measured"
"""The attribute of a request whose run has begun: a task may call itself as a function."""

_Application = TypeVar("_Application")

_applications: Final[list[Any]] = []
_worker: Final[list[int]] = []
"""The process id of the worker's main process, if this is one or a child of one."""
_worker_app: Final[list[Any]] = []
"""The application that the worker works for."""


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
        if request is None or request.called_directly or _MEASURED in request.__dict__:
            return super().__call__(*args, **kwargs)  # type: ignore[misc]
        inherited = super().__call__  # type: ignore[misc]
        call = self.run if getattr(inherited, "__func__", None) is _CALL else inherited  # the program's own
        mark: list[Any] = []
        run = _begin(self.name, request, mark)
        try:
            result = call(*args, **kwargs)
        except BaseException as exception:
            if run is not None:
                _end_failed(run, self, exception)
            raise
        if run is not None:
            end_task(run)
        return result


_CALL: Final = celery.Task.__call__


def _begin(name: str, request: Any, mark: list[Any]) -> Transaction | None:
    """Begin a run, unless it is a part of a transaction of which it changes nothing. Never raises."""
    try:
        known = request.__dict__
        known[_MEASURED] = True
        queue = _queue_of(known.get("delivery_info"))
        retries = _retries(known)
        enqueuer = None if retries else known.get(_ENQUEUER)
        return open_task(_GROUP, name, mark, _queued(known), queue, known.get("id"), retries + 1, enqueuer)
    except Exception:
        capture_internal_exception("a task of Celery")
        return None


def _end_failed(run: Transaction, task: Any, exception: BaseException) -> None:
    if not isinstance(exception, Exception) and _is_child():  # the process ends, which its parent records
        run._set_ignored(True)
        end_task(run)
    elif isinstance(exception, exceptions.Retry):
        cause = exception.exc
        end_task(run, cause if isinstance(cause, BaseException) else None, "retried")
    elif task.throws and isinstance(exception, tuple(task.throws)):
        end_task(run, exception, "rejected")
    else:
        if isinstance(exception, exceptions.Reject) and exception.requeue and task.acks_late:
            run._ensure_extras().enqueuer = None  # it is counted when it comes again
        end_task(run, exception)


def _retries(known: dict[str, Any]) -> int:
    """Return how often a task was tried before: another program may have written anything."""
    retries = known.get("retries")
    return retries if isinstance(retries, int) and retries > 0 else 0


def _queued(known: dict[str, Any]) -> float | None:
    """When a task was sent, or is due if that is later."""
    sent, eta = known.get(_SENT), known.get("eta")
    due = None if eta is None else _due(eta)
    if isinstance(sent, (int, float)):
        return sent if due is None else max(sent, due)
    return due


def _due(eta: Any) -> float | None:
    try:
        moment = aware(datetime.fromisoformat(eta) if isinstance(eta, str) else eta)
    except ValueError as problem:
        pass_on(problem)
        return None
    return None if moment is None else moment.timestamp()


def _is_child() -> bool:
    """Whether this is a child of a worker's pool of processes."""
    return bool(_worker) and os.getpid() != _worker[0]


# Its queue

_queues: Final[dict[tuple[str, str], str]] = {}
"""The names of queues by exchange and routing key, as messages that came from them have these."""
_MAX_QUEUES: Final = 1000


def _queue_of(delivery: Any) -> str | None:
    """Return the queue that a message was taken from; its routing key where that may be one of several."""
    delivery = delivery or {}
    exchange, key = delivery.get("exchange"), delivery.get("routing_key")
    if not isinstance(key, str):
        return None
    if not exchange or not isinstance(exchange, str):
        return key  # which the default exchange takes for the name of a queue
    return _queues.get((exchange, key)) or _find_queue(exchange, key)


def _find_queue(exchange: str, key: str) -> str:
    named = _DELAYED.sub("", key) if _DELAYED_BY in exchange else key
    bound = [
        (queue.name, binding)
        for queue in (_worker_app[0].amqp.queues.consume_from.values() if _worker_app else ())
        for binding in (queue.bindings or [queue])
        if _DELAYED_BY in exchange or binding.exchange.name == exchange
    ]
    names = {name for name, _ in bound}
    if len(names) > 1:
        names = {name for name, binding in bound if _fits(binding, named)}
    if len(_queues) >= _MAX_QUEUES:
        _queues.clear()
    found = _queues[exchange, key] = names.pop() if len(names) == 1 else named
    return found


def _fits(binding: Any, key: str) -> bool:
    """Whether a queue is bound so that messages with a routing key get into it."""
    pattern = str(binding.routing_key or "")
    if binding.exchange.type != "topic":
        return pattern == key
    words = (_WILDCARDS.get(word, re.escape(word)) for word in pattern.split("."))
    return re.fullmatch(r"\.".join(words), key) is not None


_WILDCARDS: Final = {"*": r"[^.]*", "#": r".*"}
_DELAYED_BY: Final = "celery_delayed_"
"""In the name of the exchanges in which RabbitMQ keeps what is due later."""
_DELAYED: Final = re.compile(r"^(?:[01]\.){28}")
"""What they put before the routing key: for how long."""


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
        if not headers.get("retries"):
            task: Any = celery.current_task  # a chain goes on when the run of its task has ended
            by = enqueuer_here((_GROUP, task.name) if task else None)
            if by is not None:
                headers[_ENQUEUER] = by


# The worker's processes


def _on_worker_init(sender: Any = None, **_: object) -> None:
    _worker[:] = [os.getpid()]
    preload()
    app = sender.app
    _worker_app[:] = [app]
    _queues.clear()
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
        retries = _retries(request.request_dict)
        enqueuer = None if retries or _comes_again(request.task, outcome) else request.request_dict.get(_ENQUEUER)
        attributes = attributes_of(request.id, retries + 1)
        began, queued, queue = bool(request.time_start), _queued(request.request_dict), _queue_of(request.delivery_info)
        record_run(_GROUP, request.task.name, outcome, error, seconds, queued, queue, attributes, began, enqueuer)


def _comes_again(task: Any, outcome: Outcome) -> bool:
    """Whether Celery puts the message of a task back that has lost its process: it is counted when it comes again."""
    if not task.acks_late:
        return False
    if outcome == "timed_out":
        acknowledged = getattr(task, "acks_on_timeout", None)  # Celery 5.7
        return not (task.acks_on_failure_or_timeout if acknowledged is None else acknowledged)
    retried = getattr(task, "retry_on_worker_lost", False)  # which sends it as another attempt
    return outcome == "killed" and bool(task.reject_on_worker_lost) and not retried


def _telling_class(given: Any) -> Any:
    from celery.utils.imports import symbol_by_name  # type: ignore[import-untyped]  # noqa: PLC0415  for workers only

    request_class: Any = symbol_by_name(given)
    return request_class if issubclass(request_class, _Telling) else type("Request", (_Telling, request_class), {})
