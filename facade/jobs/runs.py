"""What the modules of all job systems share: a run of a task, here or in a process that is gone."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Context
from datetime import datetime, timezone
from typing import Any

from weighbridge.transactions.handoff import handoff
from weighbridge.transactions.model.clock import epoch
from weighbridge.transactions.model.finished import AttributeValue, Outcome
from weighbridge.transactions.wrappers.handles import BackgroundTaskHandle, begin_background_task

__all__ = ["attributes_of", "aware", "begin_run", "end_run_by_name", "record_run"]


def begin_run(
    group: str,
    name: str,
    queued: float | datetime | None = None,
    queue: str | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> BackgroundTaskHandle:
    """Begin a run of a task; one that a library runs at once, inside a request, is a part of the request."""
    return begin_background_task(name, group, queued=queued, queue=queue, attributes=attributes, segment=True)


def record_run(
    group: str,
    name: str,
    outcome: Outcome,
    error: BaseException | None = None,
    seconds: float = 0.0,
    queue: str | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
    began: bool = False,
) -> None:
    """Record a run that has ended elsewhere without being recorded there: it was killed, or never began.

    It is no part of whatever is running here. If it ``began`` in a process that is gone, that has perhaps reported it
    as running: the store is told that it is settled, and does not count it as killed by itself.
    """
    Context().run(_record, group, name, outcome, error, seconds, queue, attributes)
    task_id = (attributes or {}).get("task.id")
    if began and task_id:
        handoff.settle(group, str(task_id), epoch())


def _record(
    group: str,
    name: str,
    outcome: Outcome,
    error: BaseException | None,
    seconds: float,
    queue: str | None,
    attributes: Mapping[str, AttributeValue] | None,
) -> None:
    handle = begin_run(group, name, queue=queue, attributes=attributes)
    handle._backdate(seconds)
    handle.end(error, outcome)


def attributes_of(task_id: object, attempt: int | None = None) -> dict[str, Any]:
    """Return the attributes of a run; the first attempt is number 1."""
    attributes: dict[str, Any] = {} if task_id is None else {"task.id": str(task_id)}
    return attributes if attempt is None else {**attributes, "task.attempt": attempt}


def aware(moment: datetime | None) -> datetime | None:
    """Return a moment with a time zone: libraries that leave it out mean UTC."""
    return moment.replace(tzinfo=timezone.utc) if moment is not None and moment.tzinfo is None else moment


def end_run_by_name(handle: BackgroundTaskHandle, dotted: str, message: str) -> None:
    """End a run that has failed, where all that is known of the exception is its class's dotted name."""
    module, _, name = dotted.rpartition(".")
    handle._end_named(f"{module or 'builtins'}:{name}", message)
