"""The transaction: one measured unit of work, from its entry point's start to its end."""

from __future__ import annotations

from contextvars import Token
from sys import getrefcount
from typing import Any, ClassVar, Final

from ..handoff import CLOSED_BUFFER, handoff
from ..log import capture_internal_exception
from . import errors
from .applications import Application
from .attributes import add_attribute
from .clock import epoch_at, monotonic
from .finished import ApdexZone, AttributeValue, FinishedTransaction, NoticedError
from .identity import DEFAULT_GROUP, ExplicitName, Flags, Identity, intern_identity
from .naming import TYPES, Kind, path_of
from .process import runtime

__all__ = ["Extras", "Transaction"]

_mark_closed: Final = handoff.open_transactions.discard
_buffer_for: Final = handoff.buffers.get
_queue: Final = handoff.queue


_UNOWNED: Final = 2
"""References to a mark that nobody holds: its transaction's, and that of the question."""


class Extras:
    """What most transactions do not have."""

    __slots__ = (
        "attributes",
        "disconnected",
        "errors",
        "frozen_at",
        "ignored",
        "queue_time",
        "reported",
        "stale_tokens",
    )

    @property
    def failing(self) -> bool:
        """Whether one of the errors was not expected."""
        for error in self.errors:  # noqa: SIM110  a generator costs as much as the rest of it
            if not error.expected:
                return True
        return False

    def __init__(self) -> None:
        self.ignored: bool = False
        self.attributes: dict[str, AttributeValue] = {}
        self.errors: list[NoticedError] = []
        self.reported: list[NoticedError] = []
        """Exceptions that a framework told of; they become errors if the answer is a 5xx."""
        self.frozen_at: float = 0.0
        """When its clock was stopped before its end, on the monotonic clock; else 0.0."""
        self.queue_time: float | None = None
        """Seconds that a request waited in front of us, where a proxy said so."""
        self.disconnected: bool = False
        """Whether the client went away before the last byte."""
        self.stale_tokens: list[Token[Transaction | None]] = []
        """Of steps whose contexts still have it as current, while it goes on elsewhere."""


class Transaction:
    """An open transaction. Once it is over it does not change any more.

    It refers to nothing of the host program, so that a context which outlives
    it (a task that was started while it ran) keeps nothing alive but itself.
    """

    __slots__ = ("_end_time", "_extras", "_identity", "_mark", "_start_time", "_token")

    _opened_by_web: ClassVar[bool] = False
    """Whether a request or a web form opened it, whatever its kind is by now."""

    _paused: bool = False
    """Whether it is between two steps, and yet current in the context of the last one."""

    # There is no __init__: where one is opened it is filled, too (`start`), as every request would pay for the call.
    _identity: Identity
    """Its application, kind, given name and flags."""
    _extras: Extras | None
    _mark: list[Any] | None
    """Held by the call that opened it as well, for as long as that runs; ``None`` once it has been handed over.

    A call that was cut off by an exception from outside (a signal handler's, a time limit's) may be gone
    without having ended it: then nobody else holds the mark any more.
    """
    _token: Token[Transaction | None] | None
    """Of the step that runs now; it tells in which context that is."""
    _end_time: float
    """When it ended, on the monotonic clock; 0.0 until it has."""
    _start_time: float
    """When it began, likewise."""

    def _start(self, identity: Identity, mark: list[Any]) -> None:
        """Fill in what every transaction has, and start its clock."""
        self._mark = mark
        self._identity = identity
        self._extras = self._token = None
        self._end_time = 0.0
        handoff.open_transactions.add(self)
        self._start_time = monotonic()

    # To whom it is reported, and what it is called

    @property
    def application(self) -> Application:
        """The application that it is reported to."""
        return self._identity.application

    @property
    def _background(self) -> bool:
        """Whether its kind is ``background``."""
        return self._identity.background

    @property
    def _explicit_name(self) -> ExplicitName | None:
        """The name that it was given, if it was given one."""
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
        """The middle part of its path."""
        return self._group_and_name()[0]

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self._group_and_name()[1]

    @property
    def path(self) -> str:
        """``<type>/<group>/<name>``."""
        return path_of(self.kind, *self._group_and_name())

    @property
    def started(self) -> float:
        """Epoch seconds."""
        return epoch_at(self._start_time)

    def _group_and_name(self) -> tuple[str, str]:
        """Its group and name as they are now."""
        explicit_name = self._explicit_name
        return (DEFAULT_GROUP, "") if explicit_name is None else (explicit_name.group, explicit_name.name)

    def _series_key(self) -> object:
        """What is cheap to tell of it and decides where it is counted, but for its errors."""
        return self._identity

    def _buffer_key(self) -> object:
        """What is cheap to tell of it and decides where it is counted."""
        extras = self._extras
        if extras is None or not extras.errors:
            return self._series_key()
        return self._series_key(), extras.failing

    # How far it is

    @property
    def _is_finished(self) -> bool:
        """Whether it has ended; its clock stands still and calls no longer belong to it."""
        return self._end_time != 0.0

    @property
    def _has_owner(self) -> bool:
        """Whether whoever opened it is still there, and will end it."""
        return getrefcount(self._mark) > _UNOWNED

    @property
    def _is_running(self) -> bool:
        """Whether its clock runs: it is neither over nor stopped."""
        return self._end_time == 0.0 and not (self._extras is not None and self._extras.frozen_at)

    @property
    def _is_active(self) -> bool:
        """Whether it still takes part in what is measured: it is neither over, stopped nor ignored."""
        return self._is_running and not (self._extras is not None and self._extras.ignored)

    def _ensure_extras(self) -> Extras:
        """What most transactions do not have, made at first use."""
        if self._extras is None:
            self._extras = Extras()
        return self._extras

    def _time_to_response(self) -> float | None:
        """Seconds from its start to that of its response, if it had one."""
        return None

    # What may be done to it while it runs

    def _refresh(self) -> None:
        """Apply what the host program has said in other ways since the last call."""

    def _accepts_name(self, priority: float | None) -> bool:
        """Whether a name of that priority would be used now."""
        return self._is_running and (priority is None or priority >= self._priority)

    @property
    def _priority(self) -> float:
        return 1 if self._explicit_name is None else self._explicit_name.priority

    def _rename(self, group: str | None, name: str, priority: float | None) -> None:
        """Take a name, unless one of a higher priority is there."""
        if self._accepts_name(priority):
            explicit_name = ExplicitName(group or DEFAULT_GROUP, name, self._priority if priority is None else priority)
            self._identity = intern_identity(self.application, self._background, explicit_name, self._identity.flags)

    def _keeps_name_when_reclassified(self) -> bool:
        """Whether a name was set with a priority above that of a call's own name."""
        return self._priority > 1

    def _set_background(self, flag: bool) -> None:
        """Change the kind and nothing else."""
        if self._is_running:
            self._identity = intern_identity(self.application, flag, self._explicit_name, self._identity.flags)

    def _set_application(self, application: Application) -> None:
        """Change the application that it is reported to."""
        self._identity = intern_identity(application, self._background, self._explicit_name, self._identity.flags)

    def _set_apdex(self, flag: bool) -> None:
        """Let it have an Apdex zone, or none."""
        self._set_flags(self._identity.flags._replace(apdex=flag))

    def _set_sampled(self, flag: bool) -> None:
        """Let it be kept whole, or not."""
        self._set_flags(self._identity.flags._replace(sampled=flag))

    def _set_capture_params(self, flag: bool) -> None:
        """Let it be kept with its request's parameters, or without."""
        self._set_flags(self._identity.flags._replace(capture_params=flag))

    def _set_flags(self, flags: Flags) -> None:
        self._identity = intern_identity(self.application, self._background, self._explicit_name, flags)

    def _set_ignored(self, flag: bool) -> None:
        """Let it be recorded, or not."""
        if self._is_running and (flag or self._extras is not None):
            self._ensure_extras().ignored = flag

    def _freeze(self) -> None:
        """Freeze clock, name, kind and whether it is ignored; it is recorded when the work really ends."""
        if self._is_running:
            self._ensure_extras().frozen_at = monotonic()

    def _add_attribute(self, key: object, value: object) -> bool:
        """Take a custom attribute; whether it was taken."""
        if not runtime.privacy.takes_custom_attributes:
            return False
        if not self._end_time and add_attribute(self._ensure_extras().attributes, key, value):
            return True
        handoff.record_dropped("attributes")
        return False

    def _notice(self, error: NoticedError) -> None:
        """Keep an error, unless it is there already or there are enough of them."""
        kept = self._ensure_extras().errors
        if error in kept:
            return
        if len(kept) < errors.MAX_ERRORS:
            kept.append(error)
        else:
            handoff.record_dropped("errors")

    def _notice_exception(self, exception: BaseException) -> None:
        """Keep an exception that failed the transaction, as the settings say."""
        error = self._as_error(exception)
        if error is not None:
            self._notice(error)

    def _as_error(self, exception: BaseException) -> NoticedError | None:
        """What the settings let be kept of an exception; ``None`` where it is ignored."""
        names = errors.class_names(exception)
        settings = runtime.settings
        if not names.isdisjoint(settings.ignored_errors):
            return None
        return errors.noticed(exception, not names.isdisjoint(settings.expected_errors))

    def _record_exception(self, exception: BaseException) -> None:
        """An exception leaves the work that this transaction measures. Never raises."""
        try:
            if errors.is_error(exception):
                self._notice_exception(exception)
        except Exception:
            capture_internal_exception("Transaction._record_exception")

    # Its end

    def _end(self) -> None:
        """The work is done: stop the clock and record. Only the first call counts.

        What most of them need is written out here, as it saves a fifth of what a
        call of a decorated function costs: see `noted`. It is counted by the
        ``append``; between the two lines before it and that nothing can strike.
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
        """Hand a frozen transaction over, once: noted in a buffer, or whole, to be kept as a sample perhaps."""
        if self._mark is not None:
            whole = not ((self._extras is not None and self._extras.ignored) or self._try_aggregate())
            self._release(whole)
            self._mark = None
            if whole:
                _queue.append(self)
                _mark_closed(self)
                if len(_queue) > handoff.flush_threshold:
                    handoff.notify_finished(self)
        _mark_closed(self)

    def _try_aggregate(self) -> bool:
        """Note in a buffer what is to be counted of it; whether that is all that is asked of it.

        Most of those that end are like many before them, and are neither the
        slowest so far nor among the first to fail: for these there are buffers.
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
        self._mark = None  # from here to the append nothing can strike: it is counted exactly once
        buffer.durations.append(duration)
        if start is not None:
            buffer.response_starts.append(start)
        if extras is not None:
            if extras.queue_time is not None:
                buffer.queue_times.append(extras.queue_time)
            buffer.errors.extend(extras.errors)
        return True

    def _release(self, whole: bool) -> None:
        """Refer to what is the host program's no longer; of a whole one, what a sample shows is read before."""

    def _on_step(self) -> None:
        """A step of it begins."""

    def _release_request(self) -> None:
        """Refer to nothing of the host's any more."""

    def _discard(self) -> None:
        """It belongs to the process that this one was forked from: nothing is recorded here."""
        self._end_time = monotonic()
        self._token = self._mark = None

    # What is known of it afterwards

    @property
    def duration(self) -> float:
        """Seconds, until now while it runs."""
        stopped = 0.0 if self._extras is None else self._extras.frozen_at
        return (self._end_time or stopped or monotonic()) - self._start_time

    def _failed(self) -> bool:
        """Whether an error counts against it."""
        return self._extras is not None and self._extras.failing

    def _apdex_zone(self) -> ApdexZone | None:
        """Its zone by the threshold of its application and name; only web transactions have one."""
        if self._background or not self._identity.flags.apdex:
            return None
        threshold = runtime.apdex_t(self.application, self.path)
        if self._failed() or self.duration > 4 * threshold:
            return "frustrated"
        return "satisfied" if self.duration <= threshold else "tolerating"

    def _attributes(self) -> dict[str, AttributeValue]:
        """Its custom attributes and what is known of its request."""
        return {} if self._extras is None else dict(self._extras.attributes)

    @property
    def status(self) -> int | None:
        """The status of its response, if it had one."""
        return None

    @property
    def _was_disconnected(self) -> bool:
        """Whether the client went away before the last byte."""
        return self._extras is not None and self._extras.disconnected

    def _as_finished(self) -> FinishedTransaction:
        """All that is known of it, as an immutable record."""
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
            errors=() if self._extras is None else errors.retained(self._extras.errors),
            failed=self._failed(),
            apdex=self._apdex_zone(),
            status=self.status,
            disconnected=self._was_disconnected,
            attributes=runtime.privacy.attributes(self._attributes()),
        )
