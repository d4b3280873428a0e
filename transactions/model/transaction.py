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

    __slots__ = ("ended", "entered", "extras", "label", "mark", "token")

    opened_by_web_entry: ClassVar[bool] = False
    """Whether a request or a web form opened it, whatever its kind is by now."""

    paused: bool = False
    """Whether it is between two steps, and yet current in the context of the last one."""

    # There is no __init__: where one is opened it is filled, too (`start`), as every request would pay for the call.
    label: Label
    """Its application, kind, given name and manner."""
    extras: Extras | None
    mark: list[Any] | None
    """Held by the call that opened it as well, for as long as that runs; ``None`` once it has been handed over.

    A call that was cut off by an exception from outside (a signal handler's, a time limit's) may be gone
    without having ended it: then nobody else holds the mark any more.
    """
    token: Token[Transaction | None] | None
    """Of the step that runs now; it tells in which context that is."""
    ended: float
    """When it ended, on the monotonic clock; 0.0 until it has."""
    entered: float
    """When it began, likewise."""

    def start(self, label: Label, mark: list[Any]) -> None:
        """Fill in what every transaction has, and start its clock."""
        self.mark = mark
        self.label = label
        self.extras = self.token = None
        self.ended = 0.0
        outlet.live.add(self)
        self.entered = monotonic()

    # To whom it is reported, and what it is called

    @property
    def application(self) -> Application:
        """The application that it is reported to."""
        return self.label.application

    @property
    def background(self) -> bool:
        """Whether its kind is ``background``."""
        return self.label.background

    @property
    def given(self) -> Given | None:
        """The name that it was given, if it was given one."""
        return self.label.given

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
        given = self.given
        return (DEFAULT_GROUP, "") if given is None else (given.group, given.name)

    def counted_as(self) -> object:
        """What is cheap to tell of it and decides where it is counted, but for its errors."""
        return self.label

    def lane_key(self) -> object:
        """What is cheap to tell of it and decides where it is counted."""
        extras = self.extras
        if extras is None or not extras.errors:
            return self.counted_as()
        return self.counted_as(), extras.failing

    # How far it is

    @property
    def over(self) -> bool:
        """Whether it has ended; its clock stands still and calls no longer belong to it."""
        return self.ended != 0.0

    @property
    def held(self) -> bool:
        """Whether whoever opened it is still there, and will end it."""
        return getrefcount(self.mark) > _UNHELD

    @property
    def running(self) -> bool:
        """Whether its clock runs: it is neither over nor stopped."""
        return self.ended == 0.0 and not (self.extras is not None and self.extras.stopped)

    @property
    def active(self) -> bool:
        """Whether it still takes part in what is measured: it is neither over, stopped nor ignored."""
        return self.running and not (self.extras is not None and self.extras.ignored)

    @property
    def more(self) -> Extras:
        """What most transactions do not have, made at first use."""
        if self.extras is None:
            self.extras = Extras()
        return self.extras

    def response_start(self) -> float | None:
        """Seconds from its start to that of its response, if it had one."""
        return None

    # What may be done to it while it runs

    def refresh(self) -> None:
        """Apply what the host program has said in other ways since the last call."""

    def takes_name(self, priority: float | None) -> bool:
        """Whether a name of that priority would be used now."""
        return self.running and (priority is None or priority >= self._priority)

    @property
    def _priority(self) -> float:
        return 1 if self.given is None else self.given.priority

    def rename(self, group: str | None, name: str, priority: float | None) -> None:
        """Take a name, unless one of a higher priority is there."""
        if self.takes_name(priority):
            given = Given(group or DEFAULT_GROUP, name, self._priority if priority is None else priority)
            self.label = label_of(self.application, self.background, given, self.label.manner)

    def keeps_name_when_reclassified(self) -> bool:
        """Whether a name was set with a priority above that of a call's own name."""
        return self._priority > 1

    def set_background(self, flag: bool) -> None:
        """Change the kind and nothing else."""
        if self.running:
            self.label = label_of(self.application, flag, self.given, self.label.manner)

    def report_to(self, application: Application) -> None:
        """Change the application that it is reported to."""
        self.label = label_of(application, self.background, self.given, self.label.manner)

    def rate(self, flag: bool) -> None:
        """Let it have an Apdex zone, or none."""
        self._behave(self.label.manner._replace(rated=flag))

    def sample(self, flag: bool) -> None:
        """Let it be kept whole, or not."""
        self._behave(self.label.manner._replace(sampled=flag))

    def keep_params(self, flag: bool) -> None:
        """Let it be kept with its request's parameters, or without."""
        self._behave(self.label.manner._replace(with_params=flag))

    def _behave(self, manner: Manner) -> None:
        self.label = label_of(self.application, self.background, self.given, manner)

    def ignore(self, flag: bool) -> None:
        """Let it be recorded, or not."""
        if self.running and (flag or self.extras is not None):
            self.more.ignored = flag

    def stop(self) -> None:
        """Freeze clock, name, kind and whether it is ignored; it is recorded when the work really ends."""
        if self.running:
            self.more.stopped = monotonic()

    def add_attribute(self, key: object, value: object) -> bool:
        """Take a custom attribute; whether it was taken."""
        if not here.privacy.takes_custom_attributes:
            return False
        if not self.ended and taken_into(self.more.attributes, key, value):
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
        error = self.as_error(exception)
        if error is not None:
            self.notice(error)

    def as_error(self, exception: BaseException) -> NoticedError | None:
        """What the settings let be kept of an exception; ``None`` where it is ignored."""
        names = errors.class_names(exception)
        settings = here.settings
        if not names.isdisjoint(settings.ignored_errors):
            return None
        return errors.noticed(exception, not names.isdisjoint(settings.expected_errors))

    def left_by(self, exception: BaseException) -> None:
        """An exception leaves the work that this transaction measures. Never raises."""
        try:
            if errors.is_error(exception):
                self.notice_exception(exception)
        except Exception:
            swallowed("Transaction.left_by")

    # Its end

    def end(self) -> None:
        """The work is done: stop the clock and record. Only the first call counts.

        What most of them need is written out here, as it saves a fifth of what a
        call of a decorated function costs: see `noted`. It is counted by the
        ``append``; between the two lines before it and that nothing can strike.
        """
        if self.extras is None and not self.ended:
            ended = monotonic()
            duration = ended - self.entered
            lane = _lane_of(self.label, CLOSED)
            if duration <= lane.bar and ended < lane.until and len(lane.durations) < lane.room:
                self.ended = ended
                self.mark = None
                lane.durations.append(duration)
                _no_longer_live(self)
                return
        self.freeze()
        self.hand_over()

    def freeze(self) -> None:
        """Stop the clock for good."""
        if not self.ended:
            self.ended = (self.extras is not None and self.extras.stopped) or monotonic()

    def hand_over(self) -> None:
        """Hand a frozen transaction over, once: noted in a lane, or whole, to be kept as a sample perhaps."""
        if self.mark is not None:
            whole = not ((self.extras is not None and self.extras.ignored) or self.noted())
            self.let_go(whole)
            self.mark = None
            if whole:
                _queue.append(self)
                _no_longer_live(self)
                if len(_queue) > outlet.patience:
                    outlet.attend(self)
        _no_longer_live(self)

    def noted(self) -> bool:
        """Note in a lane what is to be counted of it; whether that is all that is asked of it.

        Most of those that end are like many before them, and are neither the
        slowest so far nor among the first to fail: for these there are lanes.
        """
        extras = self.extras
        if extras is not None and extras.disconnected:
            return False
        lane = _lane_of(self.lane_key(), CLOSED)
        duration = self.ended - self.entered
        if duration > lane.bar or not lane.takes(self.ended):
            lane.raise_bar(duration)
            return False
        start = self.response_start()
        self.mark = None  # from here to the append nothing can strike: it is counted exactly once
        lane.durations.append(duration)
        if start is not None:
            lane.starts.append(start)
        if extras is not None:
            if extras.queue_time is not None:
                lane.queue_times.append(extras.queue_time)
            lane.errors.extend(extras.errors)
        return True

    def let_go(self, whole: bool) -> None:
        """Refer to what is the host program's no longer; of a whole one, what a sample shows is read before."""

    def goes_on(self) -> None:
        """A step of it begins."""

    def let_go_of_request(self) -> None:
        """Refer to nothing of the host's any more."""

    def disown(self) -> None:
        """It belongs to the process that this one was forked from: nothing is recorded here."""
        self.ended = monotonic()
        self.token = self.mark = None

    # What is known of it afterwards

    @property
    def duration(self) -> float:
        """Seconds, until now while it runs."""
        stopped = 0.0 if self.extras is None else self.extras.stopped
        return (self.ended or stopped or monotonic()) - self.entered

    def failed(self) -> bool:
        """Whether an error counts against it."""
        return self.extras is not None and self.extras.failing

    def apdex_zone(self) -> ApdexZone | None:
        """Its zone by the threshold of its application and name; only web transactions have one."""
        if self.background or not self.label.manner.rated:
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
        return self.extras is not None and self.extras.disconnected

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
            errors=() if self.extras is None else errors.to_keep(self.extras.errors),
            failed=self.failed(),
            apdex=self.apdex_zone(),
            status=self.http_status,
            disconnected=self.was_disconnected,
            attributes=here.privacy.attributes(self.attributes()),
        )
