"""Procrastinate: ``App(..., worker_defaults=weighbridge.jobs.procrastinate.measured())``.

Every run is a transaction of the group ``Procrastinate``, with the name of the task.
What its retry strategy will run again counts as ``retried``, and a job that is aborted as
``cancelled``. Procrastinate keeps no time at which a job was deferred where a worker
sees it: the time in the queue is known of scheduled jobs and of repeated ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from weighbridge.jobs.runs import attributes_of, begin_run
from weighbridge.jobs.timetables import Entry, declare

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from weighbridge.transactions.wrappers.handles import BackgroundTaskHandle

__all__ = ["measured"]

_GROUP: Final = "Procrastinate"
_declared: Final[list[Any]] = []
"""The applications whose schedules are known."""


def measured(**worker_defaults: Any) -> dict[str, Any]:
    """Return the worker's defaults that measure every job, and the given ones."""
    middleware = [_run, _run_coroutine, *worker_defaults.pop("task_middleware", ())]
    return {**worker_defaults, "task_middleware": middleware}


def _run(call_next: Callable[[], Any], context: Any, worker: Any = None) -> Any:
    handle = _begin(context)
    try:
        result = call_next()
    except BaseException as exception:
        _end_failed(handle, context, exception)
        raise
    handle.end()
    return result


async def _run_coroutine(call_next: Callable[[], Awaitable[Any]], context: Any, worker: Any = None) -> Any:
    handle = _begin(context)
    try:
        result = await call_next()
    except BaseException as exception:
        _end_failed(handle, context, exception)
        raise
    handle.end()
    return result


def _begin(context: Any) -> BackgroundTaskHandle:
    job, app = context.job, context.app
    if app not in _declared:
        _declared.append(app)
        declare(_GROUP, _timetable(app))
    return begin_run(_GROUP, job.task_name, job.scheduled_at, job.queue, attributes_of(job.id, job.attempts + 1))


def _timetable(app: Any) -> Iterator[Entry]:
    for periodic in app.periodic_registry.periodic_tasks.values():
        yield periodic.task.name, periodic.cron, "UTC"


def _end_failed(handle: BackgroundTaskHandle, context: Any, exception: BaseException) -> None:
    strategy = context.task.retry_strategy
    again = strategy is not None and strategy.get_retry_exception(exception=exception, job=context.job)
    handle.end(exception, "retried" if again else None)
