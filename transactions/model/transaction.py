"""The transaction: one measured unit of work, from its entry point's start to its end."""

from __future__ import annotations

from contextvars import Token
from typing import ClassVar, Final

from ..log import swallowed
from . import errors
from .applications import Application
from .attributes import taken_into
from .clock import epoch_at, monotonic
from .finished import ApdexZone, AttributeValue, FinishedTransaction, NoticedError
from .naming import TYPES, Kind, path_of
from .outlet import outlet
from .process import here

__all__ = ["DEFAULT_GROUP", "OVER", "RUNNING", "STOPPED", "Extras", "Transaction"]

DEFAULT_GROUP: Final = "Function"

RUNNING: Final = 0
STOPPED: Final = 1
OVER: Final = 2

_now_live = outlet.live.add
_no_longer_live = outlet.live.discard
_wait_to_be_counted = outlet.queue.append
_queue = outlet.queue


class Extras:
    """What most transactions do not have."""

    __slots__ = (
        "apdex_suppressed",
        "attributes",
        "errors",
        "ignored",
        "keys_seen",
        "params_wanted",
        "trace_suppressed",
    )

    def __init__(self) -> None:
        self.ignored: bool = False
        self.apdex_suppressed: bool = False
        self.trace_suppressed: bool = False
        self.params_wanted: bool | None = None
        self.attributes: dict[str, AttributeValue] = {}
        self.errors: list[NoticedError] = []
        self.keys_seen: dict[str, object] | None = None
        """The request's keys as they were when they were last applied."""


class Transaction:
    """An open transaction. Once it is over it does not change any more.

    It refers to nothing of the host program, so that a context which outlives
    it (a task that was started while it ran) keeps nothing alive but itself.
    """

    __slots__ = (
        "_group",
        "_name",
        "_priority",
        "_state",
        "application",
        "background",
        "ended",
        "entered",
        "extras",
        "token",
    )

    opened_by_web_entry: ClassVar[bool] = False
    """Whether a request or a web form opened it, whatever its kind is by now."""

    # What only requests have; here, so that nobody needs to ask which it is.
    response_started: float = 0.0
    queue_time: float | None = None
    disconnected: bool = False

    def __init__(self, application: Application, group: str | None, name: str | None, priority: float = 1) -> None:
        self.application: Application = application
        self.background: bool = not self.opened_by_web_entry
        self.extras: Extras | None = None
        self.token: Token[Transaction | None] | None = None
        """Of the step that runs now; it tells in which context that is."""
        self._group = group
        self._name = name
        self._priority = priority
        self._state = RUNNING
        self.ended: float = 0.0
        """When it ended or was stopped, on the monotonic clock; 0.0 while it runs."""
        _now_live(self)
        self.entered: float = monotonic()

    # What it is called

    @property
    def kind(self) -> Kind:
        """``web`` or ``background``."""
        return "background" if self.background else "web"

    @property
    def type(self) -> str:
        """``WebTransaction`` or ``OtherTransaction``."""
        return TYPES[self.kind]

    @property
    def group(self) -> str:
        """The middle part of its path."""
        return self.naming()[0]

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.naming()[1]

    @property
    def path(self) -> str:
        """``<type>/<group>/<name>``."""
        return path_of(self.kind, *self.naming())

    @property
    def started(self) -> float:
        """Epoch seconds."""
        return epoch_at(self.entered)

    def naming(self) -> tuple[str, str]:
        """Its group and name as they are now."""
        return self._group or DEFAULT_GROUP, self._name or ""

    def counted_as(self) -> tuple[object, ...]:
        """What is cheap to tell of it and decides where it is counted."""
        return self.application.spelled, self.background, self._group, self._name

    @property
    def named(self) -> bool:
        """Whether it was given a name, rather than one being derived from the request."""
        return self._name is not None

    # How far it is

    @property
    def over(self) -> bool:
        """Whether it has ended; its clock stands still and calls no longer belong to it."""
        return self._state == OVER

    @property
    def active(self) -> bool:
        """Whether it still takes part in what is measured: it is neither over, stopped nor ignored."""
        return self._state == RUNNING and not (self.extras is not None and self.extras.ignored)

    @property
    def more(self) -> Extras:
        """What most transactions do not have, made at first use."""
        if self.extras is None:
            self.extras = Extras()
        return self.extras

    # What may be done to it while it runs

    def refresh(self) -> None:
        """Apply what the host program has said in other ways since the last call."""

    def takes_name(self, priority: float | None) -> bool:
        """Whether a name of that priority would be used now."""
        return self._state == RUNNING and (priority is None or priority >= self._priority)

    def rename(self, name: str, group: str | None, priority: float | None) -> None:
        """Take a name, unless one of a higher priority is there."""
        if not self.takes_name(priority):
            return
        if priority is not None:
            self._priority = priority
        self._name = name
        self._group = group or DEFAULT_GROUP

    def keeps_name_when_reclassified(self) -> bool:
        """Whether a name was set with a priority above that of a call's own name."""
        return self._priority > 1

    def set_background(self, flag: bool) -> None:
        """Change the kind and nothing else."""
        if self._state == RUNNING:
            self.background = flag

    def stop(self) -> None:
        """Freeze clock, name and kind; the transaction is recorded when the work really ends."""
        if self._state == RUNNING:
            self.ended = monotonic()
            self._state = STOPPED

    def add_attribute(self, key: object, value: object) -> bool:
        """Take a custom attribute; whether it was taken."""
        if self._state != OVER and taken_into(self.more.attributes, key, value):
            return True
        outlet.lose("attributes")
        return False

    def notice(self, error: NoticedError) -> None:
        """Keep an error, unless it is there already or there are enough of them."""
        kept = self.more.errors
        if error in kept:
            return
        if len(kept) < errors.ERRORS_AT_MOST:
            kept.append(error)
        else:
            outlet.lose("errors")

    def notice_exception(self, exception: BaseException) -> None:
        """Keep an exception that failed the transaction, as the settings say."""
        names = errors.class_names(exception)
        settings = here.settings
        if errors.matches(names, settings.ignored_errors):
            return
        self.notice(errors.noticed(exception, errors.matches(names, settings.expected_errors)))

    def left_by(self, exception: BaseException) -> None:
        """An exception leaves the work that this transaction measures. Never raises."""
        try:
            if errors.is_error(exception):
                self.notice_exception(exception)
        except Exception:
            swallowed("Transaction.left_by")

    # Its end

    def end(self) -> None:
        """The work is done: stop the clock and record. Only the first call counts."""
        if self.freeze():
            self.deliver()

    def freeze(self) -> bool:
        """Stop the clock for good; whether it was running until now."""
        if self._state == OVER:
            return False
        if self._state == RUNNING:
            self.ended = monotonic()
        self._state = OVER
        _no_longer_live(self)
        return True

    def deliver(self) -> None:
        """Hand a frozen transaction over to be counted."""
        if self.extras is not None and self.extras.ignored:
            return
        _wait_to_be_counted(self)
        if len(_queue) > outlet.patience:
            outlet.attend(self)

    def disown(self) -> None:
        """It belongs to the process that this one was forked from: nothing is recorded here."""
        self._state = OVER
        self.token = None

    # What is known of it afterwards

    @property
    def duration(self) -> float:
        """Seconds, until now while it runs."""
        return (self.ended or monotonic()) - self.entered

    def failed(self) -> bool:
        """Whether an error counts against it."""
        extras = self.extras
        return extras is not None and any(not error.expected for error in extras.errors)

    def apdex_zone(self) -> ApdexZone | None:
        """Its zone by the threshold of its application and name; only web transactions have one."""
        if self.background or (self.extras is not None and self.extras.apdex_suppressed):
            return None
        threshold = here.apdex_t(self.application, self.path)
        if self.failed() or self.duration > 4 * threshold:
            return "frustrated"
        return "satisfied" if self.duration <= threshold else "tolerating"

    def attributes(self) -> dict[str, AttributeValue]:
        """Its custom attributes and what is known of its request."""
        return {} if self.extras is None else dict(self.extras.attributes)

    @property
    def http_status(self) -> int | None:
        """The status of its response, if it had one."""
        return None

    @property
    def was_disconnected(self) -> bool:
        """Whether the client went away before the last byte."""
        return False

    def finished(self) -> FinishedTransaction:
        """All that is known of it, as an immutable record."""
        group, name = self.naming()
        return FinishedTransaction(
            application=self.application.name,
            linked_applications=self.application.linked,
            kind=self.kind,
            type=self.type,
            group=group,
            name=name,
            started=self.started,
            duration=self.duration,
            errors=() if self.extras is None else tuple(self.extras.errors),
            failed=self.failed(),
            apdex=self.apdex_zone(),
            status=self.http_status,
            disconnected=self.was_disconnected,
            attributes=self.attributes(),
        )
