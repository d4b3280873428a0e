"""Dramatiq: ``broker.add_middleware(weighbridge.jobs.dramatiq.Measured())``, after the other middleware.

Every message that a worker processes is a transaction of the group ``Dramatiq``, named
after its actor. What will be tried again counts as ``retried``, whether the actor
raised `dramatiq.errors.Retry` or anything else; the last attempt as ``failed``; an
exception that ``throws`` announces as ``rejected``; a message that is skipped as
``cancelled``.
"""

from __future__ import annotations

import time
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

import dramatiq
from dramatiq.middleware import Retries

from weighbridge.jobs.runs import attributes_of, begin_run, enqueuer_here, record_run

if TYPE_CHECKING:
    from weighbridge.transactions.wrappers.handles import BackgroundTaskHandle

__all__ = ["Measured"]

_GROUP: Final = "Dramatiq"
_ENQUEUER: Final = "weighbridge_enqueuer"
"""The option that says which transaction has enqueued a message."""
_QUEUED: Final = "weighbridge_queued"
"""The option that says when a message was put into its queue, in epoch seconds."""


class _Run:
    """A message that is processed at this moment."""

    __slots__ = ("exception", "handle")

    def __init__(self, handle: BackgroundTaskHandle) -> None:
        self.handle = handle
        self.exception: BaseException | None = None


class Measured(dramatiq.Middleware):
    """Middleware that measures every message."""

    def __init__(self) -> None:
        self._runs: dict[int, _Run] = {}
        """What is processed, by the identity of the message, which each worker thread holds meanwhile."""
        self._ended: dict[int, str] = {}
        """The actors that have just succeeded, by the thread: it may be about to go on with a pipeline."""

    def before_enqueue(self, broker: Any, message: Any, delay: Any) -> None:
        """Note when the message is put into its queue, and by which transaction."""
        message.options[_QUEUED] = time.time() + (delay or 0) / 1000
        if message.options.get("retries"):
            return
        ended = self._ended.get(get_ident())
        enqueuer = enqueuer_here(None if ended is None else (_GROUP, ended))
        if enqueuer is not None:
            message.options[_ENQUEUER] = enqueuer

    def before_process_message(self, broker: Any, message: Any) -> None:
        """Begin."""
        retries = message.options.get("retries") or 0
        enqueuer = None if retries else message.options.get(_ENQUEUER)
        attributes = attributes_of(message.message_id, retries + 1)
        handle = begin_run(_GROUP, message.actor_name, _queued(message), message.queue_name, attributes, enqueuer)
        self._runs[id(message)] = _Run(handle)

    def after_process_message(
        self, broker: Any, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        """End, if it has succeeded; else it is still to be decided whether it is tried again."""
        run = self._runs.get(id(message))
        if run is None:
            return
        run.exception = exception
        if exception is None:
            self._end(message)
            self._ended[get_ident()] = message.actor_name
        else:
            run.handle._stop_clock()

    def after_skip_message(self, broker: Any, message: Any) -> None:
        """End what another middleware has skipped."""
        if not self._end(message, "cancelled"):
            record_run(
                _GROUP,
                message.actor_name,
                "cancelled",
                queued=_queued(message),
                queue=message.queue_name,
                attributes=attributes_of(message.message_id),
                enqueuer=None if message.options.get("retries") else message.options.get(_ENQUEUER),
            )

    def before_ack(self, broker: Any, message: Any) -> None:
        """End what has raised and was not given up: it is in its queue again."""
        self._ended.pop(get_ident(), None)
        retries = any(isinstance(middleware, Retries) for middleware in broker.middleware)
        self._end(message, "retried" if retries else None)

    def before_nack(self, broker: Any, message: Any) -> None:
        """End what has raised and is given up."""
        run = self._runs.get(id(message))
        if run is not None:
            self._end(message, _outcome_of_last(broker, message, run.exception))

    def _end(self, message: Any, outcome: Any = None) -> bool:
        """End what is being processed; return whether there was any."""
        run = self._runs.pop(id(message), None)
        if run is not None:
            run.handle.end(run.exception, outcome)
        return run is not None


def _queued(message: Any) -> Any:
    """Return when a message was put into its queue, in epoch seconds."""
    return message.options.get(_QUEUED, message.message_timestamp / 1000)


def _outcome_of_last(broker: Any, message: Any, exception: BaseException | None) -> Any:
    """Return the outcome of a message that is not tried again; ``None`` where the exception alone decides."""
    throws = message.options.get("throws") or broker.get_actor(message.actor_name).options.get("throws")
    if throws and isinstance(exception, throws):
        return "rejected"
    asked_again = isinstance(exception, (dramatiq.errors.Retry, dramatiq.errors.RateLimitExceeded))
    return "failed" if asked_again else None
