"""What the modules of all job systems share: a run of a task, here or in a process that is gone."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Context
from datetime import datetime, timezone
from typing import Any

from weighbridge.transactions.handoff import handoff
from weighbridge.transactions.log import capture_internal_exception
from weighbridge.transactions.model.clock import epoch
from weighbridge.transactions.model.finished import AttributeValue, Outcome
from weighbridge.transactions.model.process_state import process_state
from weighbridge.transactions.recording.enqueuers import header_of
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.wrappers.handles import BackgroundTaskHandle, begin_background_task
from weighbridge.transactions.wrappers.opening import get_owner

__all__ = ["attributes_of", "aware", "begin_run", "end_run_by_name", "enqueuer_here", "record_run"]


def enqueuer_here(ended: tuple[str, str] | None = None) -> str | None:
    """Return what a header says of the transaction that enqueues a task here; ``None`` if there is none. Never raises.

    Its name is the one that it has by now: a request's route, if its framework has found that.

    Args:
        ended: group and name of a task whose run has just ended here, and which is followed by another one.
    """
    try:
        series = _open_here() or _ended_here(ended)
        header = None if series is None else header_of(series)
        if header is None and series is not None:
            handoff.record_dropped("enqueuers")
        return header
    except Exception:
        capture_internal_exception("the name of what enqueues a task")
        return None


def _open_here() -> Series | None:
    transaction = get_owner()
    if transaction is None:
        return None
    transaction._refresh()
    return Series(transaction.application.name, transaction.kind, *transaction._name_so_far())


def _ended_here(ended: tuple[str, str] | None) -> Series | None:
    application = process_state.application
    return None if ended is None or application is None else Series(application.name, "background", *ended)


def begin_run(
    group: str,
    name: str,
    queued: float | datetime | None = None,
    queue: str | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
    enqueuer: object = None,
) -> BackgroundTaskHandle:
    """Begin a run of a task; one that a library runs at once, inside a request, is a part of the request.

    Args:
        group: of its name.
        name: of the task.
        queued: when it was enqueued or due.
        queue: that it was taken from.
        attributes: of the run, see `attributes_of`.
        enqueuer: what a header says of the transaction that enqueued it; to be told of its first attempt only.
    """
    handle = begin_background_task(name, group, queued=queued, queue=queue, attributes=attributes, segment=True)
    handle._note_enqueuer(enqueuer)
    return handle


def record_run(
    group: str,
    name: str,
    outcome: Outcome,
    error: BaseException | None = None,
    seconds: float = 0.0,
    queued: float | datetime | None = None,
    queue: str | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
    began: bool = False,
    enqueuer: object = None,
) -> None:
    """Record a run that has ended elsewhere without being recorded there: it was killed, or never began.

    It is no part of whatever is running here. If it ``began`` in a process that is gone, that has perhaps reported it
    as running: the store is told that it is settled, and does not count it as killed by itself.

    Args:
        group: of its name.
        name: of the task.
        outcome: how it ended.
        error: why.
        seconds: for how long it has run; 0 for one that never began, which has waited until now.
        queued: when it was enqueued or due.
        queue: that it was taken from.
        attributes: of the run, see `attributes_of`.
        began: whether it ran anywhere.
        enqueuer: see `begin_run`.
    """
    Context().run(_record, group, name, outcome, error, seconds, queued, queue, attributes, enqueuer)
    task_id = (attributes or {}).get("task.id")
    if began and task_id:
        handoff.settle(group, str(task_id), epoch())


def _record(
    group: str,
    name: str,
    outcome: Outcome,
    error: BaseException | None,
    seconds: float,
    queued: float | datetime | None,
    queue: str | None,
    attributes: Mapping[str, AttributeValue] | None,
    enqueuer: object,
) -> None:
    handle = begin_run(group, name, queued, queue, attributes, enqueuer)
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
