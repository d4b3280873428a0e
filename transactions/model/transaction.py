"""The transaction: one measured unit of work, from its entry point's start to its end."""

from __future__ import annotations

from contextvars import Token
from sys import getrefcount
from typing import Any, ClassVar, Final

from ..configuration.in_force import in_force
from ..handoff import CLOSED_BUFFER, handoff
from ..log import capture_internal_exception
from . import errors
from .applications import Application
from .attributes import add_attribute
from .clock import epoch_at, monotonic
from .finished import FAILURES, ApdexZone, AttributeValue, FinishedTransaction, Outcome
from .identity import DEFAULT_GROUP, ExplicitName, Flags, Identity, intern_identity
from .naming import TYPES, Kind, path_of

__all__ = ["Extras", "Transaction"]

_mark_closed: Final = handoff.open_transactions.discard
_buffer_for: Final = handoff.buffers.get
_queue: Final = handoff.queue


_UNOWNED: Final = 2
"""The reference count of a mark that nobody else holds: the transaction's own reference, and the argument's."""


_MAX_SAID: Final = 20
"""Exceptions that the program has spoken of which a transaction knows again, the latest."""


class Extras:
    """State that most transactions do not need."""

    __slots__ = (
        "attributes",
        "disconnected",
        "enqueuer",
        "errors",
        "frozen_at",
        "ignored",
        "outcome",
        "queue",
        "queue_time",
        "reported",
        "said",
        "stale_tokens",
        "task",
    )

    @property
    def failing(self) -> bool:
        """Whether one of the errors was not expected."""
        for error in self.errors:  # noqa: SIM110  a generator would double the cost
            if not error.expected:
                return True
        return False

    def __init__(self) -> None:
        self.ignored: bool = False
        self.attributes: dict[str, AttributeValue] = {}
        self.errors: list[errors.LocatedError] = []
        self.said: tuple[errors.Said, ...] = ()
        """The exceptions that the program has spoken of; its first word about each stands."""
        self.reported: list[errors.Said] = []
        """Exceptions reported by a framework; they become errors if the response is a 5xx."""
        self.frozen_at: float = 0.0
        """When ``end_of_transaction()`` froze it, on the monotonic clock; else 0.0."""
        self.queue_time: float | None = None
        """Seconds that it waited: a request in a proxy's queue, a task in its own, if that is known."""
        self.outcome: Outcome | None = None
        """How a background transaction ended, unless its errors alone decide that."""
        self.queue: str | None = None
        """The queue that a task was taken from, if it is known."""
        self.task: tuple[str, int | None] | None = None
        """What its job system calls this run, and the attempt, if known; empty for a frame around others' work."""
        self.enqueuer: str | None = None
        """What a header of a task says of the transaction that enqueued it; of its first attempt only."""
        self.disconnected: bool = False
        """Whether the client disconnected before the last byte."""
        self.stale_tokens: list[Token[Transaction | None]] = []
        """Tokens of steps whose contexts still have it as current, although it continues elsewhere."""


class Transaction:
    """A transaction while it is open. Once it has ended, it does not change any more.

    It holds no references to objects of the host program, so that a context which
    outlives it (that of a task started while it ran) keeps nothing else alive.
    """

    __slots__ = ("_end_time", "_extras", "_identity", "_mark", "_start_time", "_token")

    _opened_by_web: ClassVar[bool] = False
    """Whether it was opened as a web transaction, whatever its kind is by now."""

    _paused: bool = False
    """Whether it is between two steps, although it is still current in the context of the last one."""

    # There is no __init__, as every request would pay for the call: whoever opens a transaction fills it (`_start`).
    _identity: Identity
    """Its application, kind, explicit name and flags."""
    _extras: Extras | None
    _mark: list[Any] | None
    """An object that the call which opened it holds as well while it runs; ``None`` once it has been handed over.

    An exception from outside (raised by a signal handler or a time limit) may cut that call off before it
    ends the transaction. Then nobody else holds the mark any more, and its reference count shows that.
    """
    _token: Token[Transaction | None] | None
    """The token of the current step, which identifies the context of that step."""
    _end_time: float
    """When it ended, on the monotonic clock; 0.0 while it is open."""
    _start_time: float
    """When it began, on the monotonic clock."""

    def _start(self, identity: Identity, mark: list[Any]) -> None:
        """Initialize the attributes and start the clock."""
        self._mark = mark
        self._identity = identity
        self._extras = self._token = None
        self._end_time = 0.0
        handoff.open_transactions.add(self)
        self._start_time = monotonic()

    # Application, kind and name

    @property
    def application(self) -> Application:
        """The application that the transaction is reported to."""
        return self._identity.application

    @property
    def _background(self) -> bool:
        """Whether the kind is ``background``."""
        return self._identity.background

    @property
    def _explicit_name(self) -> ExplicitName | None:
        """The explicit name, if one was set."""
        return self._identity.explicit_name

    @property
    def kind(self) -> Kind:
        """``web`` or ``background``."""
        return "background" if self._background else "web"

    @property
    def type(self) -> str:
        """``WebTransaction`` or ``OtherTransaction``."""
        return TYPES[self.kind]

    @property
    def group(self) -> str:
        """The middle part of the path."""
        return self._group_and_name()[0]

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self._group_and_name()[1]

    @property
    def path(self) -> str:
        """``<type>/<group>/<name>``."""
        return path_of(self.kind, *self._group_and_name())

    @property
    def started(self) -> float:
        """When the transaction began, in epoch seconds."""
        return epoch_at(self._start_time)

    def _group_and_name(self) -> tuple[str, str]:
        """Return the group and name as they are now."""
        explicit_name = self._explicit_name
        return (DEFAULT_GROUP, "") if explicit_name is None else (explicit_name.group, explicit_name.name)

    def _name_so_far(self) -> tuple[str, str]:
        """Return the group and name that it would have if it ended now, and changed nothing in between."""
        return self._group_and_name()

    def _series_key(self) -> object:
        """Return the key of the series that counts it, made of values that are cheap to read; errors aside."""
        return self._identity

    def _buffer_key(self) -> object:
        """Return the key of its buffer in the hand-off: the series key and what else is counted apart."""
        extras = self._extras
        if extras is None or not (extras.errors or extras.outcome or extras.queue):
            return self._series_key()
        return self._series_key(), bool(extras.errors), extras.failing, extras.outcome, extras.queue

    # State

    @property
    def _is_finished(self) -> bool:
        """Whether it has ended: its clock has stopped, and calls no longer belong to it."""
        return self._end_time != 0.0

    @property
    def _has_owner(self) -> bool:
        """Whether the call that opened it still runs, and will end it."""
        return getrefcount(self._mark) > _UNOWNED

    @property
    def _is_running(self) -> bool:
        """Whether its clock runs: it is neither finished nor frozen."""
        return self._end_time == 0.0 and not (self._extras is not None and self._extras.frozen_at)

    @property
    def _is_active(self) -> bool:
        """Whether calls still act on it: it is neither finished, frozen nor ignored."""
        return self._is_running and not (self._extras is not None and self._extras.ignored)

    def _ensure_extras(self) -> Extras:
        """Return the extras, creating them at first use."""
        if self._extras is None:
            self._extras = Extras()
        return self._extras

    def _time_to_response(self) -> float | None:
        """Return the seconds from its start to the start of its response, if there was one."""
        return None

    # Changes while it runs

    def _refresh(self) -> None:
        """Apply what the host program has set by other means (per-request keys) since the last call."""

    def _accepts_name(self, priority: float | None) -> bool:
        """Whether a name of that priority would be accepted now."""
        return self._is_running and (priority is None or priority >= self._priority)

    @property
    def _priority(self) -> float:
        return 1 if self._explicit_name is None else self._explicit_name.priority

    def _rename(self, group: str | None, name: str, priority: float | None) -> None:
        """Set the name, unless one of a higher priority is set."""
        if self._accepts_name(priority):
            explicit_name = ExplicitName(group or DEFAULT_GROUP, name, self._priority if priority is None else priority)
            self._identity = intern_identity(self.application, self._background, explicit_name, self._identity.flags)

    def _keeps_name_when_reclassified(self) -> bool:
        """Whether its name has a priority above 1, that of the name of a reclassifying call."""
        return self._priority > 1

    def _set_background(self, flag: bool) -> None:
        """Change the kind, and nothing else."""
        if self._is_running:
            self._identity = intern_identity(self.application, flag, self._explicit_name, self._identity.flags)

    def _set_application(self, application: Application) -> None:
        """Report it to another application."""
        self._identity = intern_identity(application, self._background, self._explicit_name, self._identity.flags)

    def _set_apdex(self, flag: bool) -> None:
        """Set whether it has an Apdex zone."""
        self._set_flags(self._identity.flags._replace(apdex=flag))

    def _set_sampled(self, flag: bool) -> None:
        """Set whether it may be kept as a sample."""
        self._set_flags(self._identity.flags._replace(sampled=flag))

    def _set_capture_params(self, flag: bool) -> None:
        """Set whether its sample keeps the request's parameters."""
        self._set_flags(self._identity.flags._replace(capture_params=flag))

    def _set_flags(self, flags: Flags) -> None:
        self._identity = intern_identity(self.application, self._background, self._explicit_name, flags)

    def _set_ignored(self, flag: bool) -> None:
        """Set whether it is ignored, that is, not recorded."""
        if self._is_running and (flag or self._extras is not None):
            self._ensure_extras().ignored = flag

    def _freeze(self) -> None:
        """Freeze clock, name, kind and whether it is ignored; it is recorded only when its work ends."""
        if self._is_running:
            self._ensure_extras().frozen_at = monotonic()

    def _add_attribute(self, key: object, value: object) -> bool:
        """Add a custom attribute; return whether it was accepted."""
        if not in_force.privacy.takes_custom_attributes:
            return False
        if not self._end_time and add_attribute(self._ensure_extras().attributes, key, value):
            return True
        handoff.record_dropped("attributes")
        return False

    def _notice(self, error: errors.LocatedError) -> None:
        """Add an error, unless it has been added already or there are too many."""
        kept = self._ensure_extras().errors
        for known in kept:
            if known[:3] == error[:3]:
                return
        if len(kept) < errors.MAX_ERRORS:
            kept.append(error)
            return
        if not (error.expected or self._ensure_extras().failing):
            kept[-1] = error  # of those that are dropped none may be the only one that counts
        handoff.record_dropped("errors")

    def _notice_exception(self, exception: BaseException, is_failure: bool = True) -> None:
        """Add an exception as an error, unless the settings ignore it or the program has spoken of it before."""
        error = errors.noticed_by_settings(exception)
        if error is not None and not self._has_said(exception):
            self._notice(error if is_failure else error._replace(expected=True))

    def _say(self, exception: BaseException, error: errors.LocatedError, is_kept: bool) -> None:
        """Note what the program says of an exception, unless it has spoken of that before; a framework has no say."""
        if self._has_said(exception):
            return
        extras = self._ensure_extras()
        extras.said = (*extras.said[1 - _MAX_SAID :], errors.Said(exception, error))
        extras.reported = [one for one in extras.reported if not one.is_about(exception)]
        if is_kept:
            self._notice(error)

    def _has_said(self, exception: BaseException) -> bool:
        """Whether the program has spoken of an exception, or of all that a group consists of, before."""
        said = () if self._extras is None else self._extras.said
        return bool(said) and errors.are_said(said, exception)

    def _record_exception(self, exception: BaseException) -> None:
        """Record an exception that escapes from the measured work, if it is an error. Never raises."""
        try:
            outcome = errors.outcome_of(exception)
            if outcome in FAILURES:
                self._notice_exception(exception)
            self._note_outcome(outcome)
        except Exception:
            self._notice(errors.UNREADABLE)
            capture_internal_exception("Transaction._record_exception")

    def _record_named(self, name: str, message: str) -> None:
        """Record an exception, of which nothing else is known, as if it had escaped from the measured work."""
        outcome, error = errors.outcome_by_name(name), errors.noticed_by_name(name, message)
        said = () if self._extras is None else self._extras.said
        if outcome in FAILURES and error is not None and not any(one.may_be(error) for one in said):
            self._notice(error)
        self._note_outcome(outcome)

    def _note_outcome(self, outcome: Outcome) -> None:
        """Note how a task ends by the class of what escapes from it, unless its errors say so or are all expected."""
        if self._background and outcome != "failed" and (outcome not in FAILURES or self._failed()):
            self._ensure_extras().outcome = outcome

    # The end

    def _end(self) -> None:
        """Stop the clock and record the transaction. Only the first call counts.

        The common case of `_try_aggregate` is inlined here, which saves a fifth of
        the cost of calling a decorated function. The ``append`` counts the
        transaction; no exception from outside can strike between it and the two
        lines before it.
        """
        if self._extras is None and not self._end_time:
            end_time = monotonic()
            duration = end_time - self._start_time
            buffer = _buffer_for(self._identity, CLOSED_BUFFER)
            if (
                duration <= buffer.slow_threshold
                and end_time < buffer.expires_at
                and len(buffer.durations) < buffer.capacity
            ):
                self._end_time = end_time
                self._mark = None
                buffer.durations.append(duration)
                _mark_closed(self)
                return
        self._stop_clock()
        self._hand_off()

    def _stop_clock(self) -> None:
        """Stop the clock for good."""
        if not self._end_time:
            self._end_time = (self._extras is not None and self._extras.frozen_at) or monotonic()

    def _hand_off(self) -> None:
        """Hand over a transaction whose clock has stopped, once: to a buffer, or whole, as a possible sample."""
        if self._mark is not None:
            extras = self._extras
            if extras is None:
                whole = not self._try_aggregate()
            else:
                extras.said = ()
                whole = not (extras.ignored or self._try_aggregate())
            self._release(whole)
            self._mark = None
            if whole:
                _queue.append(self)
                _mark_closed(self)
                if len(_queue) > handoff.flush_threshold:
                    handoff.notify_finished(self)
        _mark_closed(self)

    def _try_aggregate(self) -> bool:
        """Add its numbers to its series' buffer; return whether that suffices.

        It does for most transactions: their series has an open buffer, and they are
        neither the slowest so far nor among the first to fail.
        """
        extras = self._extras
        if extras is not None and extras.disconnected:
            return False
        buffer = _buffer_for(self._buffer_key(), CLOSED_BUFFER)
        duration = self._end_time - self._start_time
        if duration > buffer.slow_threshold or not buffer.accepts(self._end_time):
            buffer.raise_slow_threshold(duration)
            return False
        start = self._time_to_response()
        self._mark = None  # no exception from outside can strike from here to the append: it is counted exactly once
        buffer.durations.append(duration)
        if start is not None:
            buffer.response_starts.append(start)
        if extras is not None:
            if extras.queue_time is not None:
                buffer.queue_times.append(extras.queue_time)
            if extras.enqueuer is not None:
                buffer.enqueuers.append(extras.enqueuer)
            buffer.errors.extend(extras.errors)
        return True

    def _release(self, whole: bool) -> None:
        """Drop references to the host's objects; of a whole transaction, read what a sample shows first."""

    def _on_step(self) -> None:
        """Hook: a step of its work begins."""

    def _release_request(self) -> None:
        """Hook: drop all references to the request."""

    def _discard(self) -> None:
        """End it without recording it: it was interrupted, or belongs to the process this one was forked from."""
        self._end_time = monotonic()
        self._token = self._mark = None

    # Afterwards

    @property
    def duration(self) -> float:
        """Seconds from the start to the end, or until now while the transaction runs."""
        stopped = 0.0 if self._extras is None else self._extras.frozen_at
        return (self._end_time or stopped or monotonic()) - self._start_time

    def _failed(self) -> bool:
        """Whether its outcome, or else an unexpected error, makes it a failed one."""
        extras = self._extras
        if extras is None:
            return False
        return extras.failing if extras.outcome is None or not self._background else extras.outcome in FAILURES

    def _outcome(self) -> Outcome | None:
        """Return how it ended, if it is a background transaction."""
        if not self._background:
            return None
        if self._extras is not None and self._extras.outcome is not None:
            return self._extras.outcome
        return "failed" if self._failed() else "succeeded"

    def _apdex_zone(self) -> ApdexZone | None:
        """Return the Apdex zone by the threshold of its application and path; only web transactions have one."""
        if self._background or not self._identity.flags.apdex:
            return None
        threshold = in_force.apdex_t(self.application, self.path)
        if self._failed() or self.duration > 4 * threshold:
            return "frustrated"
        return "satisfied" if self.duration <= threshold else "tolerating"

    def _attributes(self) -> dict[str, AttributeValue]:
        """Return its attributes: the custom ones and, in subclasses, those of its request."""
        extras = self._extras
        if extras is None:
            return {}
        if not extras.task or not in_force.privacy.takes_custom_attributes:
            return dict(extras.attributes)
        task_id, attempt = extras.task
        known = {"task.id": task_id, "task.attempt": attempt}
        return {**{key: value for key, value in known.items() if value}, **extras.attributes}

    @property
    def status(self) -> int | None:
        """The status of the response, if there was one."""
        return None

    @property
    def _was_disconnected(self) -> bool:
        """Whether the client disconnected before the last byte."""
        return self._extras is not None and self._extras.disconnected

    def _kept_errors(self) -> tuple[errors.LocatedError, ...]:
        """Return its errors, as far as the settings allow them to be kept."""
        return () if self._extras is None else errors.retained(self._extras.errors)

    def _as_finished(self) -> FinishedTransaction:
        """Return an immutable record of it."""
        group, name = self._group_and_name()
        return FinishedTransaction(
            application=self.application.name,
            linked_applications=self.application.linked,
            kind=self.kind,
            type=self.type,
            group=group,
            name=name,
            started=self.started,
            duration=self.duration,
            errors=tuple(map(errors.shown, self._kept_errors())),
            failed=self._failed(),
            apdex=self._apdex_zone(),
            status=self.status,
            disconnected=self._was_disconnected,
            attributes=in_force.privacy.attributes(self._attributes()),
            outcome=self._outcome(),
            queue=None if self._extras is None else self._extras.queue,
            queue_time=None if self._extras is None else self._extras.queue_time,
        )
