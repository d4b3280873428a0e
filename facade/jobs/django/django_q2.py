"""Tasks of ``django-q2``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django_q import signals  # type: ignore[import-untyped]
from django_q.utils import get_func_repr  # type: ignore[import-untyped]

from weighbridge.jobs.runs import attributes_of, aware, begin_run, end_run_by_name

if TYPE_CHECKING:
    from weighbridge.transactions.wrappers.handles import BackgroundTaskHandle

__all__ = ["connect"]

_GROUP: Final = "Django"

_runs: Final[dict[str, BackgroundTaskHandle]] = {}
"""The tasks that run at this moment, by id."""


def connect() -> None:
    """Measure what the signals of the package tell."""
    signals.pre_execute.connect(_begin, dispatch_uid=__name__)
    signals.post_execute_in_worker.connect(_end, dispatch_uid=__name__)


def _begin(task: Any, **_: object) -> None:
    name = get_func_repr(task["func"]) or "None"
    queued = aware(task.get("started"))
    _runs[task["id"]] = begin_run(_GROUP, name, queued, task.get("cluster"), attributes_of(task["id"]))


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
