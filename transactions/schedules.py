"""Schedules: when tasks should run, as programs and job systems declare it; they are reported now and then."""

# No postponed annotations here: see `identity`.
from collections.abc import Callable
from typing import Final, NamedTuple

__all__ = ["MAX_SCHEDULES", "Schedule", "Schedules"]

MAX_SCHEDULES: Final = 500
"""Schedules of one process, and of one application in a store."""
_EVERY: Final = 3600.0
"""Seconds after which all of them are reported again: what is not any more is forgotten some day."""


class Schedule(NamedTuple):
    """When one task should run."""

    application: str
    """Empty for the configured one."""
    source: str
    """Who says so: ``code`` for a decorator, else a job system."""
    group: str
    name: str
    """Group and name of the task's transactions."""
    rule: str
    """A cron expression, or ``every`` with a number of seconds."""
    zone: str = ""
    """The time zone of a cron expression by its IANA name; empty for local time."""
    within: int | None = None
    """Seconds after which a run that has not begun is missed."""


class Schedules:
    """What this process has declared.

    Args:
        record_dropped: told the kind and number of schedules beyond the limit.
    """

    def __init__(self, record_dropped: Callable[[str, int], None]) -> None:
        self._record_dropped = record_dropped
        self._declared: dict[object, Schedule] = {}
        self._has_changed = False
        self._reported = 0.0

    def __bool__(self) -> bool:
        return self._has_changed

    def declare(self, schedule: Schedule, key: object = None) -> None:
        """Declare a schedule; one with the same key, by default all of it, takes the place of the one before."""
        key = schedule if key is None else key
        if key not in self._declared and len(self._declared) >= MAX_SCHEDULES:
            self._record_dropped("schedules", 1)
            return
        self._declared[key] = schedule
        self._has_changed = True

    def forget(self, key: object) -> None:
        """Report no more what was declared with a key; it is over."""
        self._declared.pop(key, None)

    def take(self, now: float, application: str) -> tuple[Schedule, ...]:
        """Return all schedules if they have to be reported again, else none. Called by the recorder.

        Args:
            now: by a monotonic clock.
            application: the configured one.
        """
        if not (self._has_changed or (self._declared and now - self._reported >= _EVERY)):
            return ()
        self._has_changed, self._reported = False, now
        declared = dict.fromkeys(self._declared.values())
        return tuple(one if one.application else one._replace(application=application) for one in declared)
