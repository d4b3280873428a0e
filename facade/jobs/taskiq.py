"""Taskiq: ``broker.with_middlewares(weighbridge.jobs.taskiq.Measured())``.

Every run is a transaction of the group ``Taskiq``, with the name of the task. What a
middleware of Taskiq's sends again counts as ``retried``, and what exceeds the label
``timeout`` as ``timed_out``.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from taskiq import TaskiqMessage, TaskiqMiddleware, TaskiqResult
from taskiq.exceptions import NoResultError

from weighbridge.jobs.runs import attributes_of, begin_run, enqueuer_here
from weighbridge.jobs.timetables import Entry, declare, period_rule
from weighbridge.transactions.host_exceptions import pass_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from weighbridge.transactions.model.finished import Outcome
    from weighbridge.transactions.wrappers.handles import BackgroundTaskHandle

__all__ = ["Measured"]

_GROUP: Final = "Taskiq"
_ENQUEUER: Final = "weighbridge_enqueuer"
"""The label that says which transaction has sent a task."""
_SENT: Final = "weighbridge_sent"
"""The label that says when a task was sent or is due, in epoch seconds."""


class _Run:
    """A task that runs at this moment."""

    __slots__ = ("again", "began", "exception", "handle", "task_id")

    def __init__(self, handle: BackgroundTaskHandle, task_id: str) -> None:
        self.handle = handle
        self.task_id = task_id
        self.began = time.monotonic()
        self.exception: BaseException | None = None
        self.again = False
        """Whether it was sent again."""


_current: ContextVar[_Run | None] = ContextVar("weighbridge.taskiq", default=None)


class Measured(TaskiqMiddleware):
    """Middleware that measures every task."""

    def startup(self) -> None:
        """Declare, in workers and schedulers, when the tasks are due whose labels say so."""
        broker: Any = self.broker
        if getattr(broker, "is_worker_process", False) or getattr(broker, "is_scheduler_process", False):
            declare(_GROUP, _timetable(broker))

    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        """Note when a task is sent and by which transaction, and whether it is the running one again."""
        run = _current.get()
        if run is not None and run.task_id == message.task_id:
            run.again = True
        if not _retries(message.labels):
            enqueuer = enqueuer_here()
            if enqueuer is not None:
                message.labels[_ENQUEUER] = enqueuer
        message.labels[_SENT] = str(time.time() + _number(message.labels.get("delay"), 0.0))
        return message

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Begin."""
        run = _current.get()
        if run is not None and run.task_id == message.task_id:  # another one of these has begun it
            return message
        labels = message.labels
        retries = _retries(labels)
        queue = labels.get("queue_name") or getattr(self.broker, "queue_name", None)
        handle = begin_run(
            _GROUP,
            message.task_name,
            _number(labels.get(_SENT), None),
            None if queue is None else str(queue),
            attributes_of(message.task_id, retries + 1),
            None if retries else labels.get(_ENQUEUER),
        )
        _current.set(_Run(handle, message.task_id))
        return message

    def on_error(self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException) -> None:
        """Note what the task has raised: the result may say something else by its end."""
        run = _current.get()
        if run is not None:
            run.exception = exception
            run.handle._stop_clock()

    def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """End."""
        run = _current.get()
        if run is not None:
            _current.set(None)
            run.handle.end(run.exception, _outcome_of(run, message, result))


def _timetable(broker: Any) -> Iterator[Entry]:
    for name, task in broker.get_all_tasks().items():
        for label in task.labels.get("schedule") or ():
            rule, offset = _rule_of(label), label.get("cron_offset")
            if rule is not None and not isinstance(offset, timedelta):  # which is no time zone
                yield name, rule, "" if rule.startswith("every ") else str(offset or "UTC")


def _rule_of(label: Any) -> str | None:
    cron, interval = label.get("cron"), label.get("interval")
    if cron:
        return str(cron)
    if not interval:
        return None
    return period_rule(interval.total_seconds() if isinstance(interval, timedelta) else interval)


def _outcome_of(run: _Run, message: TaskiqMessage, result: TaskiqResult[Any]) -> Outcome | None:
    """Return the outcome of a task; ``None`` where its exception alone decides."""
    exception = run.exception
    if exception is None:
        return None
    if run.again or (isinstance(result.error, NoResultError) and not isinstance(exception, NoResultError)):
        return "retried"
    limit = _number(message.labels.get("timeout"), None)
    if isinstance(exception, TimeoutError) and limit is not None and time.monotonic() - run.began >= limit:
        return "timed_out"
    return None


def _retries(labels: Mapping[str, Any]) -> int:
    return int(_number(labels.get("_retries"), 0.0))


def _number(value: Any, otherwise: Any) -> Any:
    try:
        return otherwise if value is None else float(value)
    except (TypeError, ValueError) as problem:
        pass_on(problem)
        return otherwise
