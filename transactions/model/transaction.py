"""The transaction: one measured unit of work, from its entry point's start to its end."""

from __future__ import annotations

from contextvars import Token
from sys import getrefcount
from typing import Any, ClassVar, Final

from ..log import swallowed
from . import errors
from .applications import Application
from .attributes import taken_into
from .clock import epoch_at, monotonic
from .finished import ApdexZone, AttributeValue, FinishedTransaction, NoticedError
from .label import DEFAULT_GROUP, Given, Label, Manner, label_of
from .naming import TYPES, Kind, path_of
from .outlet import CLOSED, outlet
from .process import here

__all__ = ["Extras", "Transaction"]

_no_longer_live: Final = outlet.live.discard
_lane_of: Final = outlet.lanes.get
_queue: Final = outlet.queue


_UNHELD: Final = 2
"""References to a mark that nobody holds: its transaction's, and that of the question."""


class Extras:
    """What most transactions do not have."""

    __slots__ = ("attributes", "disconnected", "errors", "ignored", "left_in", "queue_time", "stopped", "told")

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
        self.told: list[NoticedError] = []
        """Exceptions that a framework told of; they become errors if the answer is a 5xx."""
        self.stopped: float = 0.0
        """When its clock was stopped before its end, on the monotonic clock; else 0.0."""
        self.queue_time: float | None = None
        """Seconds that a request waited in front of us, where a proxy said so."""
        self.disconnected: bool = False
        """Whether the client went away before the last byte."""
        self.left_in: list[Token[Transaction | None]] = []
        """Of steps whose contexts still have it as current, while it goes on elsewhere."""


class Transaction:
    """An open transaction. Once it is over it does not change any more.

    It refers to nothing of the host program, so that a context which outlives
    it (a task that was started while it ran) keeps nothing alive but itself.
    """

    __slots__ = ("_ended", "_entered", "_extras", "_label", "_mark", "_token")

    _opened_by_web_entry: ClassVar[bool] = False
    """Whether a request or a web form opened it, whatever its kind is by now."""

    _paused: bool = False
    """Whether it is between two steps, and yet current in the context of the last one."""

    # There is no __init__: where one is opened it is filled, too (`start`), as every request would pay for the call.
    _label: Label
    """Its application, kind, given name and manner."""
    _extras: Extras | None
    _mark: list[Any] | None
    """Held by the call that opened it as well, for as long as that runs; ``None`` once it has been handed over.

    A call that was cut off by an exception from outside (a signal handler's, a time limit's) may be gone
    without having ended it: then nobody else holds the mark any more.
    """
    _token: Token[Transaction | None] | None
    """Of the step that runs now; it tells in which context that is."""
    _ended: float
    """When it ended, on the monotonic clock; 0.0 until it has."""
    _entered: float
    """When it began, likewise."""

    def _start(self, label: Label, mark: list[Any]) -> None:
        """Fill in what every transaction has, and start its clock."""
        self._mark = mark
        self._label = label
        self._extras = self._token = None
        self._ended = 0.0
        outlet.live.add(self)
        self._entered = monotonic()

    # To whom it is reported, and what it is called

    @property
    def application(self) -> Application:
        """The application that it is reported to."""
        return self._label.application

    @property
    def _background(self) -> bool:
        """Whether its kind is ``background``."""
        return self._label.background

    @property
    def _given(self) -> Given | None:
        """The name that it was given, if it was given one."""
        return self._label.given

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
        return self._naming()[0]

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self._naming()[1]

    @property
    def path(self) -> str:
        """``<type>/<group>/<name>``."""
        return path_of(self.kind, *self._naming())

    @property
    def started(self) -> float:
        """Epoch seconds."""
        return epoch_at(self._entered)

    def _naming(self) -> tuple[str, str]:
        """Its group and name as they are now."""
        given = self._given
        return (DEFAULT_GROUP, "") if given is None else (given.group, given.name)

    def _counted_as(self) -> object:
        """What is cheap to tell of it and decides where it is counted, but for its errors."""
        return self._label

    def _lane_key(self) -> object:
        """What is cheap to tell of it and decides where it is counted."""
        extras = self._extras
        if extras is None or not extras.errors:
            return self._counted_as()
        return self._counted_as(), extras.failing

    # How far it is

    @property
    def _over(self) -> bool:
        """Whether it has ended; its clock stands still and calls no longer belong to it."""
        return self._ended != 0.0

    @property
    def _held(self) -> bool:
        """Whether whoever opened it is still there, and will end it."""
        return getrefcount(self._mark) > _UNHELD

    @property
    def _running(self) -> bool:
        """Whether its clock runs: it is neither over nor stopped."""
        return self._ended == 0.0 and not (self._extras is not None and self._extras.stopped)

    @property
    def _active(self) -> bool:
        """Whether it still takes part in what is measured: it is neither over, stopped nor ignored."""
        return self._running and not (self._extras is not None and self._extras.ignored)

    @property
    def _more(self) -> Extras:
        """What most transactions do not have, made at first use."""
        if self._extras is None:
            self._extras = Extras()
        return self._extras

    def _response_start(self) -> float | None:
        """Seconds from its start to that of its response, if it had one."""
        return None

    # What may be done to it while it runs

    def _refresh(self) -> None:
        """Apply what the host program has said in other ways since the last call."""

    def _takes_name(self, priority: float | None) -> bool:
        """Whether a name of that priority would be used now."""
        return self._running and (priority is None or priority >= self._priority)

    @property
    def _priority(self) -> float:
        return 1 if self._given is None else self._given.priority

    def _rename(self, group: str | None, name: str, priority: float | None) -> None:
        """Take a name, unless one of a higher priority is there."""
        if self._takes_name(priority):
            given = Given(group or DEFAULT_GROUP, name, self._priority if priority is None else priority)
            self._label = label_of(self.application, self._background, given, self._label.manner)

    def _keeps_name_when_reclassified(self) -> bool:
        """Whether a name was set with a priority above that of a call's own name."""
        return self._priority > 1

    def _set_background(self, flag: bool) -> None:
        """Change the kind and nothing else."""
        if self._running:
            self._label = label_of(self.application, flag, self._given, self._label.manner)

    def _report_to(self, application: Application) -> None:
        """Change the application that it is reported to."""
        self._label = label_of(application, self._background, self._given, self._label.manner)

    def _rate(self, flag: bool) -> None:
        """Let it have an Apdex zone, or none."""
        self._behave(self._label.manner._replace(rated=flag))

    def _sample(self, flag: bool) -> None:
        """Let it be kept whole, or not."""
        self._behave(self._label.manner._replace(sampled=flag))

    def _keep_params(self, flag: bool) -> None:
        """Let it be kept with its request's parameters, or without."""
        self._behave(self._label.manner._replace(with_params=flag))

    def _behave(self, manner: Manner) -> None:
        self._label = label_of(self.application, self._background, self._given, manner)

    def _ignore(self, flag: bool) -> None:
        """Let it be recorded, or not."""
        if self._running and (flag or self._extras is not None):
            self._more.ignored = flag

    def _stop(self) -> None:
        """Freeze clock, name, kind and whether it is ignored; it is recorded when the work really ends."""
        if self._running:
            self._more.stopped = monotonic()

    def _add_attribute(self, key: object, value: object) -> bool:
        """Take a custom attribute; whether it was taken."""
        if not here.privacy.takes_custom_attributes:
            return False
        if not self._ended and taken_into(self._more.attributes, key, value):
            return True
        outlet.lose("attributes")
        return False

    def _notice(self, error: NoticedError) -> None:
        """Keep an error, unless it is there already or there are enough of them."""
        kept = self._more.errors
        if error in kept:
            return
        if len(kept) < errors.ERRORS_AT_MOST:
            kept.append(error)
        else:
            outlet.lose("errors")

    def _notice_exception(self, exception: BaseException) -> None:
        """Keep an exception that failed the transaction, as the settings say."""
        error = self._as_error(exception)
        if error is not None:
            self._notice(error)

    def _as_error(self, exception: BaseException) -> NoticedError | None:
        """What the settings let be kept of an exception; ``None`` where it is ignored."""
        names = errors.class_names(exception)
        settings = here.settings
        if not names.isdisjoint(settings.ignored_errors):
            return None
        return errors.noticed(exception, not names.isdisjoint(settings.expected_errors))

    def _left_by(self, exception: BaseException) -> None:
        """An exception leaves the work that this transaction measures. Never raises."""
        try:
            if errors.is_error(exception):
                self._notice_exception(exception)
        except Exception:
            swallowed("Transaction.left_by")

    # Its end

    def _end(self) -> None:
        """The work is done: stop the clock and record. Only the first call counts.

        What most of them need is written out here, as it saves a fifth of what a
        call of a decorated function costs: see `noted`. It is counted by the
        ``append``; between the two lines before it and that nothing can strike.
        """
        if self._extras is None and not self._ended:
            ended = monotonic()
            duration = ended - self._entered
            lane = _lane_of(self._label, CLOSED)
            if duration <= lane.bar and ended < lane.until and len(lane.durations) < lane.room:
                self._ended = ended
                self._mark = None
                lane.durations.append(duration)
                _no_longer_live(self)
                return
        self._freeze()
        self._hand_over()

    def _freeze(self) -> None:
        """Stop the clock for good."""
        if not self._ended:
            self._ended = (self._extras is not None and self._extras.stopped) or monotonic()

    def _hand_over(self) -> None:
        """Hand a frozen transaction over, once: noted in a lane, or whole, to be kept as a sample perhaps."""
        if self._mark is not None:
            whole = not ((self._extras is not None and self._extras.ignored) or self._noted())
            self._let_go(whole)
            self._mark = None
            if whole:
                _queue.append(self)
                _no_longer_live(self)
                if len(_queue) > outlet.patience:
                    outlet.attend(self)
        _no_longer_live(self)

    def _noted(self) -> bool:
        """Note in a lane what is to be counted of it; whether that is all that is asked of it.

        Most of those that end are like many before them, and are neither the
        slowest so far nor among the first to fail: for these there are lanes.
        """
        extras = self._extras
        if extras is not None and extras.disconnected:
            return False
        lane = _lane_of(self._lane_key(), CLOSED)
        duration = self._ended - self._entered
        if duration > lane.bar or not lane.takes(self._ended):
            lane.raise_bar(duration)
            return False
        start = self._response_start()
        self._mark = None  # from here to the append nothing can strike: it is counted exactly once
        lane.durations.append(duration)
        if start is not None:
            lane.starts.append(start)
        if extras is not None:
            if extras.queue_time is not None:
                lane.queue_times.append(extras.queue_time)
            lane.errors.extend(extras.errors)
        return True

    def _let_go(self, whole: bool) -> None:
        """Refer to what is the host program's no longer; of a whole one, what a sample shows is read before."""

    def _goes_on(self) -> None:
        """A step of it begins."""

    def _let_go_of_request(self) -> None:
        """Refer to nothing of the host's any more."""

    def _disown(self) -> None:
        """It belongs to the process that this one was forked from: nothing is recorded here."""
        self._ended = monotonic()
        self._token = self._mark = None

    # What is known of it afterwards

    @property
    def duration(self) -> float:
        """Seconds, until now while it runs."""
        stopped = 0.0 if self._extras is None else self._extras.stopped
        return (self._ended or stopped or monotonic()) - self._entered

    def _failed(self) -> bool:
        """Whether an error counts against it."""
        return self._extras is not None and self._extras.failing

    def _apdex_zone(self) -> ApdexZone | None:
        """Its zone by the threshold of its application and name; only web transactions have one."""
        if self._background or not self._label.manner.rated:
            return None
        threshold = here.apdex_t(self.application, self.path)
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

    def _finished(self) -> FinishedTransaction:
        """All that is known of it, as an immutable record."""
        group, name = self._naming()
        return FinishedTransaction(
            application=self.application.name,
            linked_applications=self.application.linked,
            kind=self.kind,
            type=self.type,
            group=group,
            name=name,
            started=self.started,
            duration=self.duration,
            errors=() if self._extras is None else errors.to_keep(self._extras.errors),
            failed=self._failed(),
            apdex=self._apdex_zone(),
            status=self.status,
            disconnected=self._was_disconnected,
            attributes=here.privacy.attributes(self._attributes()),
        )
