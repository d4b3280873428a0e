"""Background tasks that begin in one place and end in another: hooks of job systems, callbacks, messages.

The way to begin and to end them is that of the other call forms; only the code
between the two is not one block.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from ..context.current import current
from ..context.finalizers import Guard, release
from ..context.lifetime import Mark, attach_step, detach_step, finish, finish_out_of_order, recover, undo_begin
from ..handoff import handoff
from ..host_exceptions import pass_on
from ..log import capture_internal_exception, log_once
from ..model import errors
from ..model.applications import ApplicationArgument
from ..model.clock import epoch
from ..model.finished import FAILURES, OUTCOMES, AttributeValue, Outcome
from ..model.naming import LONGEST_HEADER, LONGEST_NAME, function_name, text_of
from ..model.transaction import Extras, Transaction
from .opening import BackgroundOpener, CallName

if TYPE_CHECKING:
    from datetime import datetime
else:  # for `typing.get_type_hints`: who has such an object has imported it
    datetime = Any

__all__ = ["BackgroundTaskHandle", "TaskContext", "begin_background_task", "end_task", "open_task"]

_EARLIEST: Final = 946_684_800.0
_LATEST: Final = 32_503_680_000.0
"""Epoch seconds of the years 2000 and 3000: what lies outside is no time at which a task was enqueued."""

_MAX_OPENERS: Final = 1000


def begin_background_task(
    name: str,
    group: str = "Function",
    application: ApplicationArgument = None,
    queued: float | datetime | None = None,
    queue: str | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
    segment: bool = False,
) -> BackgroundTaskHandle:
    """Begin a background task here that is ended elsewhere, by the `end` of the handle that this returns.

    It is current in the caller's context until then. Inside a running transaction
    it behaves as `background_task`: a web transaction that it belongs to becomes a
    background one, and a background transaction stays as it is. Ending the handle
    does not end that transaction. Never raises.

    Args:
        name: the name of the transaction.
        group: the group of the name.
        application: the application to report to, as for `background_task`.
        queued: when the task was enqueued or due: epoch seconds, or a `datetime`
            with a time zone. The time from then until now is its queue time.
        queue: the queue that it was taken from.
        attributes: custom attributes of the transaction.
        segment: inside a running transaction, be a part of it and change nothing.
    """
    handle, before = BackgroundTaskHandle(), current.get()
    try:
        waited = _seconds_since(queued)
        handle._begin(_opener_for(name, group, application, segment, function_name(sys._getframe(1))))
        handle._describe(waited, text_of(queue, "queue="), attributes or {})
    except BaseException:
        handle._undo(before)
        capture_internal_exception("begin_background_task")
    return handle


def open_task(
    group: str,
    name: str,
    mark: Mark,
    queued: float | None = None,
    queue: str | None = None,
    task_id: str | None = None,
    attempt: int = 1,
    enqueuer: object = None,
) -> Transaction | None:
    """Open the transaction of a task that a worker calls, to be ended by `end_task` in the same context. Never raises.

    It is what `begin_background_task` does for a part, where the two ends are those of one call and all texts are
    known to be text: a worker that does nothing else pays a third.

    Args:
        group: of its name.
        name: of the task.
        mark: see `Transaction._mark`.
        queued: when it was enqueued or due, in epoch seconds.
        queue: that it was taken from.
        task_id: what the job system calls the run.
        attempt: its number, from 1 on.
        enqueuer: what a header of the task says of the transaction that enqueued it; of its first attempt only.
    """
    before, transaction = current.get(), None
    try:
        opener = _task_openers.get((group, name))
        if opener is None:
            opener = _task_opener(group, name)
        transaction = opener.open((), {}, mark)
        if transaction is not None:
            extras = transaction._extras = Extras()
            if queued is not None:
                extras.queue_time = _seconds_since(queued)
            extras.queue = queue
            if task_id is not None:
                extras.task = (task_id, attempt)
            if enqueuer is not None:
                extras.enqueuer = _as_header(enqueuer)
        return transaction
    except BaseException:
        undo_begin(transaction, before)
        capture_internal_exception("open_task")
        return None


def end_task(transaction: Transaction, error: BaseException | None = None, outcome: Outcome | None = None) -> None:
    """End what `open_task` has opened, as `BackgroundTaskHandle.end` does."""
    try:
        if error is not None or outcome is not None:
            _settle(transaction, error, outcome)
    except BaseException:
        capture_internal_exception("end_task")
    finally:
        finish(transaction)


def _as_header(enqueuer: object) -> str | None:
    """Return what a header says; ``None`` if it is nothing that a header of ours says."""
    if isinstance(enqueuer, str) and 0 < len(enqueuer) <= LONGEST_HEADER:
        return enqueuer
    handoff.record_dropped("enqueuers")
    return None


def _task_opener(group: str, name: str) -> BackgroundOpener:
    if len(_task_openers) >= _MAX_OPENERS:
        _task_openers.clear()
    opener = _task_openers[group, name] = _PartOpener(None, CallName(name[:LONGEST_NAME], group, name))
    return opener


class _PartOpener(BackgroundOpener):
    """Opens a background transaction where there is none; inside a transaction it changes nothing."""

    __slots__ = ()

    def reclassify(self, owner: Transaction, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """See `BackgroundOpener.reclassify`."""


_task_openers: Final[dict[tuple[str, str], BackgroundOpener]] = {}
"""Of `open_task`, by group and name."""
_openers: Final[dict[object, BackgroundOpener]] = {}
"""Openers by the arguments they were made from: a worker begins the same few tasks again and again."""


def _opener_for(
    name: object, group: object, application: ApplicationArgument, segment: bool, caller: str
) -> BackgroundOpener:
    texts = text_of(name, "name="), text_of(group, "group=")
    key = (*texts, application, segment, caller)
    opener = _openers.get(key)
    if opener is None:
        if len(_openers) >= _MAX_OPENERS:
            _openers.clear()
        made = _PartOpener if segment else BackgroundOpener
        opener = _openers[key] = made(application, CallName(*texts, caller))
    return opener


class _UnendedGuard(Guard):
    """Ends the transaction of a handle that was dropped without being ended: as cancelled."""

    __slots__ = ()

    def clean_up(self) -> None:
        """See `EndsWhenFinalized.clean_up`."""
        self.transaction._ensure_extras().outcome = "cancelled"


class BackgroundTaskHandle:
    """A background task that has begun; see `begin_background_task`."""

    def __init__(self) -> None:
        self._mark: Mark = []
        self._opened: Transaction | None = None
        self._guard: Guard | None = None
        self._unended: list[None] = [None]
        """Emptied by whoever ends the task, in whatever thread."""

    def context(self) -> TaskContext:
        """Return a context manager (sync and async) for the thread or the task in which the work itself runs.

        What runs inside it belongs to the transaction: attributes, errors, decorated
        functions. It is needed only where that is not the context in which the task
        began.
        """
        return TaskContext(self)

    def end(self, error: BaseException | None = None, outcome: Outcome | None = None) -> None:
        """End the task, in any thread; only the first call counts. Never raises.

        Args:
            error: the exception that the task ended with. Where the outcome is no
                failure, it is kept as an expected error.
            outcome: ``succeeded``, ``failed``, ``retried``, ``rejected``,
                ``cancelled``, ``timed_out`` or ``killed``. By default the errors decide:
                ``failed`` if there is one that counts.
        """
        try:
            if self._opened is not None and self._unended:
                _settle(self._opened, error, outcome)
        except BaseException:
            capture_internal_exception("BackgroundTaskHandle.end")
        finally:
            self._finish()

    # How it begins

    def _begin(self, opener: BackgroundOpener) -> None:
        self._opened = opener.open((), {}, self._mark)
        if self._opened is not None:
            self._guard = _UnendedGuard(self._opened)

    def _describe(self, waited: float | None, queue: str | None, attributes: Mapping[str, Any]) -> None:
        transaction = self._opened
        if transaction is None:
            return
        if waited is not None or queue is not None:
            extras = transaction._ensure_extras()
            extras.queue_time, extras.queue = waited, queue
        for key, value in attributes.items():
            transaction._add_attribute(key, value)
        task_id = attributes.get("task.id")
        if task_id:
            transaction._ensure_extras().task = (str(task_id), None)

    def _note_enqueuer(self, enqueuer: object) -> None:
        """Note what a header of the task says of the transaction that enqueued it."""
        if enqueuer is not None and self._opened is not None:
            self._opened._ensure_extras().enqueuer = _as_header(enqueuer)

    def _undo(self, before: Transaction | None) -> None:
        """Undo a beginning that was interrupted; ending the handle then does nothing."""
        undo_begin(self._opened, before)
        self._opened = self._guard = None

    def _backdate(self, seconds: float) -> None:
        """Move the start into the past, and with it the end of its waiting: another process reports it than ran it."""
        opened, earlier = self._opened, max(0.0, seconds)
        if opened is None:
            return
        opened._start_time -= earlier
        extras = opened._extras
        if extras is not None and extras.queue_time is not None:
            extras.queue_time = max(0.0, extras.queue_time - earlier)

    # How it ends

    def _end_named(self, name: str, message: str) -> None:
        """End the task with an exception of which nothing else is known, because it was raised elsewhere."""
        if self._opened is not None and self._unended:
            self._opened._record_named(name, message)
        self.end()

    def _stop_clock(self) -> None:
        """Stop the clock: the work is done, and it is still to be decided what became of it."""
        if self._opened is not None:
            self._opened._freeze()

    def _finish(self) -> None:
        """End the transaction, once."""
        opened, guard = self._opened, self._guard
        try:
            self._unended.pop()
        except IndexError as ended_before:
            pass_on(ended_before)
            return
        if opened is None:
            return
        try:
            finish_out_of_order(opened)
            self._opened = self._guard = None
            if guard is not None:
                release(guard)
        except BaseException:
            recover(opened)
            raise


class TaskContext:
    """The work of a background task in its own thread or task; see `BackgroundTaskHandle.context`."""

    def __init__(self, handle: BackgroundTaskHandle) -> None:
        self._handle = handle
        self._attached: Transaction | None = None
        self._anchored_before: Any = None

    def __enter__(self) -> None:
        transaction = self._handle._opened
        if transaction is not None and not transaction._is_finished:
            self._attached, self._anchored_before = transaction, transaction._token
            attach_step(transaction)

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None:
        transaction, self._attached = self._attached, None
        before, self._anchored_before = self._anchored_before, None
        if transaction is not None and not transaction._is_finished:
            detach_step(transaction)
            transaction._token = before

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, exception, traceback)


def _settle(transaction: Transaction, error: object, outcome: object) -> None:
    """Note how the task ended."""
    known = _as_outcome(outcome)
    exception = error if isinstance(error, BaseException) else None
    if exception is None and error is not None:
        log_once(("end", type(error)), "end(error=%.80r): an exception is expected: ignored", error)
    if known is not None:
        transaction._ensure_extras().outcome = known
    if exception is None:
        return
    if known is None:
        transaction._record_exception(exception)
    elif known in FAILURES:
        transaction._notice_exception(exception)
    elif errors.is_error(exception):
        transaction._notice_exception(exception, is_failure=False)


def _as_outcome(outcome: object) -> Outcome | None:
    if outcome is None or outcome in OUTCOMES:
        return outcome
    log_once(("outcome", str(outcome)[:80]), "outcome=%.80r is none of %s: ignored", outcome, ", ".join(OUTCOMES))
    return None


def _seconds_since(queued: object) -> float | None:
    """Return how long a task has waited; ``None``, with one log line, if the argument is no such time."""
    if queued is None:
        return None
    moment = _timestamp_of(queued)
    if isinstance(moment, (int, float)) and _EARLIEST <= moment < _LATEST:
        return max(0.0, epoch() - moment)
    log_once(
        ("queued", type(queued)),
        "queued=%.80r is neither epoch seconds nor a datetime with a time zone: no queue time",
        queued,
    )
    return None


def _timestamp_of(moment: Any) -> object:
    """Return the epoch seconds of a `datetime` with a time zone; anything else as it is."""
    module: Any = sys.modules.get("datetime")  # who has such an object has imported it
    if module is not None and isinstance(moment, module.datetime) and moment.tzinfo is not None:
        return moment.timestamp()
    return moment
