"""Custom metrics and events, added up in the threads that record them until the recorder takes them.

No thread waits here, unless several append faster than one of them adds up: a value is
appended, which is atomic, and whoever gets the lock of the sums adds up all that was
appended. A signal handler or a destructor that interrupts the thread which holds it
leaves its value for the next one. The recorder takes the sums away and puts new ones in
their place, so that it waits for one value at most, however many threads add.
"""

# No postponed annotations here: see `identity`.
from _thread import allocate_lock
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final, NamedTuple

__all__ = ["MAX_EVENTS", "MAX_NAMES", "MAX_TYPES", "CustomEvent", "CustomEvents", "CustomMetric", "CustomValues"]

MAX_NAMES: Final = 500
"""Names of metrics per application."""
MAX_TYPES: Final = 50
"""Types of events per application."""
MAX_EVENTS: Final = 20
"""Events of one type that are kept, the last ones."""
_MAX_APPLICATIONS: Final = 100
_MAX_WAITING: Final = 20_000
"""Metrics by minute that may wait for an unavailable store."""
_MAX_PENDING: Final = 10_000
"""Values that may wait to be added up. So many are there only while several threads append without a pause, or if one
was cut off while it held the lock."""
_LOCK_TIMEOUT: Final = 1.0
"""Seconds after which sums were left behind by a thread that was cut off while it held their lock, or that nobody lets
run. Whoever finds so many values waiting gives another thread as long to add them up."""


class CustomMetric(NamedTuple):
    """The values of one custom metric in one minute."""

    application: str
    name: str
    minute: int
    """Epoch seconds of its start."""
    number: int
    """How many values."""
    total: float
    minimum: float
    maximum: float

    def plus(self, other: "CustomMetric") -> "CustomMetric":
        """Return the values of both."""
        return self._replace(
            number=self.number + other.number,
            total=self.total + other.total,
            minimum=min(self.minimum, other.minimum),
            maximum=max(self.maximum, other.maximum),
        )


class CustomEvent(NamedTuple):
    """One custom event."""

    application: str
    type: str
    moment: float
    """Epoch seconds."""
    attributes: Mapping[str, Any]


class CustomEvents(NamedTuple):
    """The custom events of one type since the last snapshot."""

    application: str
    type: str
    number: int
    """How many events."""
    last: tuple[CustomEvent, ...]
    """The last few of them, the oldest first."""


class _Kept:
    """The events of one type that have not been taken yet."""

    __slots__ = ("count", "last")

    def __init__(self) -> None:
        self.count = 0
        self.last: deque[CustomEvent] = deque(maxlen=MAX_EVENTS)


class _Limited:
    """Distinct names by application: a limited number of both."""

    __slots__ = ("_at_most", "_known")

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._known: dict[str, set[Hashable]] = {}

    def accepts(self, application: str, name: str) -> bool:
        """Whether a name is known, or there is room for it."""
        names = self._known.get(application)
        if names is None:
            if len(self._known) >= _MAX_APPLICATIONS:
                return False
            names = self._known[application] = set()
        if name not in names:
            if len(names) >= self._at_most:
                return False
            names.add(name)
        return True


class _Sums:
    """What has been added up since the recorder took it last, by one thread at a time: the one that holds the lock."""

    __slots__ = ("are_taken", "events", "lock", "metrics")

    def __init__(self) -> None:
        self.lock = allocate_lock()
        self.are_taken = False
        """Whether the recorder is about to take them: there are others now."""
        self.metrics: dict[tuple[str, str, int], CustomMetric] = {}
        self.events: dict[tuple[str, str], _Kept] = {}

    def copy(self) -> "_Sums":
        """Return the same for another thread, should the one that holds the lock ever go on."""
        copied = _Sums()
        copied.metrics, copied.events = self.metrics.copy(), self.events.copy()
        return copied


class CustomValues:
    """What was recorded since the recorder took it last; one per process.

    Args:
        record_dropped: told the kind and number of values beyond a limit.
    """

    def __init__(self, record_dropped: Callable[[str, int], None]) -> None:
        self._record_dropped = record_dropped
        self.reset()

    def reset(self) -> None:
        """Forget everything: in a forked child it belongs to the parent."""
        self._pending: deque[CustomMetric | CustomEvent] = deque()
        self._sums = _Sums()
        self._left_behind: object = None
        """Sums for which a thread has waited in vain; until they are free, nobody waits for them again."""
        self._names, self._types = _Limited(MAX_NAMES), _Limited(MAX_TYPES)

    def __bool__(self) -> bool:
        return bool(self._pending or self._sums.metrics or self._sums.events)

    def add(self, value: CustomMetric | CustomEvent) -> None:
        """Add a value to those of its name."""
        if len(self._pending) >= _MAX_PENDING and not self._catch_up():
            self._drop(value)
            return
        self._pending.append(value)
        sums = self._sums
        if sums.lock.acquire(False):
            try:
                self._left_behind = None
                self._add_up(sums)
            finally:
                sums.lock.release()

    def _catch_up(self) -> bool:
        """Wait for a moment until what waits is added up; return whether there is room."""
        while len(self._pending) >= _MAX_PENDING:
            sums = self._sums
            if sums is self._left_behind:
                return False
            if sums.lock.acquire(True, _LOCK_TIMEOUT):
                try:
                    self._add_up(sums)
                finally:
                    sums.lock.release()
            else:
                self._left_behind = sums
        return True

    def take(self) -> tuple[tuple[CustomMetric, ...], tuple[CustomEvents, ...]]:
        """Return metrics and events, and forget them. Called by the recorder."""
        sums, self._sums = self._sums, _Sums()
        sums.are_taken = True
        if sums.lock.acquire(True, _LOCK_TIMEOUT):
            try:
                return self._all_of(sums)
            finally:
                sums.lock.release()
        return self._all_of(sums.copy())

    def _all_of(self, sums: _Sums) -> tuple[tuple[CustomMetric, ...], tuple[CustomEvents, ...]]:
        for _ in range(len(self._pending)):
            self._add_next(sums)
        return tuple(sums.metrics.values()), tuple(
            CustomEvents(*key, kept.count, tuple(kept.last)) for key, kept in sums.events.items()
        )

    def _add_up(self, sums: _Sums) -> None:
        """Add up what waits, or leave it to others if the sums are taken."""
        for _ in range(len(self._pending)):
            if sums.are_taken:
                return
            self._add_next(sums)

    def _add_next(self, sums: _Sums) -> None:
        try:
            value = self._pending.popleft()
        except IndexError:  # another thread adds to other sums
            return
        if isinstance(value, CustomMetric):
            self._add_metric(value, sums.metrics)
        else:
            self._add_event(value, sums.events)

    def _add_metric(self, value: CustomMetric, metrics: dict[tuple[str, str, int], CustomMetric]) -> None:
        key = (value.application, value.name, value.minute)
        before = metrics.get(key)
        if before is not None:
            metrics[key] = before.plus(value)
        elif len(metrics) < _MAX_WAITING and self._names.accepts(value.application, value.name):
            metrics[key] = value
        else:
            self._drop(value)

    def _add_event(self, event: CustomEvent, events: dict[tuple[str, str], _Kept]) -> None:
        if not self._types.accepts(event.application, event.type):
            self._drop(event)
            return
        kept = events.setdefault((event.application, event.type), _Kept())
        kept.count += 1
        kept.last.append(event)

    def _drop(self, value: CustomMetric | CustomEvent) -> None:
        self._record_dropped("custom metrics" if isinstance(value, CustomMetric) else "custom events", 1)
