"""Tasks of Django 6 and of ``django-tasks``, which have the same signals."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from weighbridge.jobs.runs import attributes_of, begin_run, end_run_by_name

if TYPE_CHECKING:
    from weighbridge.transactions.wrappers.handles import BackgroundTaskHandle

__all__ = ["connect"]

_GROUP: Final = "Django"

_runs: Final[dict[str, BackgroundTaskHandle]] = {}
"""The tasks that run at this moment, by id."""


def connect(module: Any) -> None:
    """Measure what the signals of a module tell."""
    module.task_started.connect(_begin, dispatch_uid=__name__)
    module.task_finished.connect(_end, dispatch_uid=__name__)


def _begin(task_result: Any, **_: object) -> None:
    task = task_result.task
    queued = max((moment for moment in (task_result.enqueued_at, task.run_after) if moment), default=None)
    attributes = attributes_of(task_result.id, getattr(task_result, "attempts", None) or 1)
    _runs[task_result.id] = begin_run(_GROUP, task.module_path, queued, task.queue_name, attributes)


def _end(task_result: Any, **_: object) -> None:
    handle = _runs.pop(task_result.id, None)
    if handle is None:
        return
    error = sys.exc_info()[1]
    if not task_result.errors or error is not None:
        handle.end(error)
    else:
        end_run_by_name(handle, task_result.errors[-1].exception_class_path, "")
