"""arq: ``functions = weighbridge.jobs.arq.measured([...], timeout=300)`` in the worker's settings.

Every run is a transaction of the group ``arq``, named as arq names the function; the
same for ``cron_jobs = measured([...])``. The time limit is that of the function, else
``timeout``; it is put around the function itself, so that a job that exceeds it
counts as ``timed_out`` and one that is aborted as ``cancelled``. What arq will run again
counts as ``retried``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from functools import wraps
from typing import Any, Final

from arq.cron import CronJob  # type: ignore[import-not-found,unused-ignore]  # pyright: ignore[reportMissingImports]
from arq.worker import (  # type: ignore[import-not-found,unused-ignore]  # pyright: ignore[reportMissingImports]
    func,
)

from weighbridge.jobs.runs import attributes_of, begin_run
from weighbridge.jobs.timetables import Entry, cron_rule, declare

__all__ = ["measured"]

_GROUP: Final = "arq"
_IS_MEASURED: Final = "_weighbridge_measured"
_MARGIN: Final = 5.0
"""Seconds by which arq's own limit is later than ours."""


def measured(functions: Iterable[Any], timeout: float | None = 300) -> list[Any]:
    """Return arq's functions or cron jobs, measured.

    Args:
        functions: coroutine functions, their import paths, results of `arq.func`
            or of `arq.cron`.
        timeout: the time limit in seconds of those that have none of their own; that of
            arq's worker by default. ``None`` for none.
    """
    return [_measured(function, timeout) for function in functions]


def _measured(given: Any, timeout: float | None) -> Any:
    if hasattr(getattr(given, "coroutine", None), _IS_MEASURED):
        return given
    function: Any = given if isinstance(given, CronJob) else func(given)
    limit = timeout if function.timeout_s is None else function.timeout_s
    if isinstance(function, CronJob):
        declare(_GROUP, _timetable(function), reporting=False)
    outer = None if limit is None else limit + _MARGIN
    return replace(function, coroutine=_wrapper_of(function.coroutine, function.name, limit), timeout_s=outer)


def _timetable(job: Any) -> Iterator[Entry]:
    """Return when a cron job is due: arq's weekdays begin with Monday, and its worker's clock shows UTC by default."""
    days = [job.weekday] if isinstance(job.weekday, (int, str)) else job.weekday
    weekday = None if days is None else {day if isinstance(day, str) else (day + 1) % 7 for day in days}
    yield job.name, cron_rule(job.minute, job.hour, job.day, job.month, weekday), "UTC"


def _wrapper_of(coroutine: Callable[..., Awaitable[Any]], name: str, limit: float | None) -> Any:
    @wraps(coroutine)
    async def run(ctx: dict[Any, Any], *args: Any, **kwargs: Any) -> Any:
        score = ctx.get("score")
        handle = begin_run(
            _GROUP,
            name,
            None if score is None else score / 1000,
            getattr(ctx.get("redis"), "default_queue_name", None),
            attributes_of(ctx.get("job_id"), ctx.get("job_try")),
        )
        deadline = _Deadline(limit)
        try:
            with deadline:
                result = await coroutine(ctx, *args, **kwargs)
        except BaseException as exception:
            handle.end(exception, "timed_out" if deadline.struck else None)
            raise
        handle.end()
        return result

    setattr(run, _IS_MEASURED, True)
    return run


class _Deadline:
    """A time limit of the task that enters it, which knows whether it was this that cancelled it.

    `asyncio.timeout` is that from Python 3.11 on.
    """

    def __init__(self, seconds: float | None) -> None:
        self.struck = False
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if self._seconds is not None and task is not None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._strike, task)

    def __exit__(self, kind: object, exception: BaseException | None, traceback: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self.struck and isinstance(exception, asyncio.CancelledError):
            task: Any = asyncio.current_task()
            if hasattr(task, "uncancel"):
                task.uncancel()
            raise asyncio.TimeoutError from exception

    def _strike(self, task: asyncio.Task[Any]) -> None:
        self.struck = True
        task.cancel()
