"""The schedules of job systems: what should run when, as the system itself says."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from weighbridge.transactions.handoff import handoff
from weighbridge.transactions.host_exceptions import pass_on_signals
from weighbridge.transactions.log import log_once
from weighbridge.transactions.model.process_state import process_state
from weighbridge.transactions.schedules import Schedule

__all__ = ["Entry", "Timetable", "cron_rule", "declare", "log_unknown", "period_rule"]

Entry = tuple[str, str, str]
"""The name of a task, its rule, and the time zone of that."""


def declare(group: str, entries: Iterable[Entry], reporting: bool = True) -> None:
    """Declare the timetable of a job system, whose tasks are in the group of that name. Never raises.

    Args:
        group: of the tasks' transactions.
        entries: the timetable; an error in the middle of it is logged.
        reporting: whether this process reports it, even if it never runs a task.
    """
    try:
        if reporting:
            process_state.prepare()
        for name, rule, zone in entries:
            handoff.schedules.declare(Schedule("", group, group, name, rule, zone))
    except Exception as failure:
        log_unknown(group, failure)


def log_unknown(group: str, failure: Exception) -> None:
    """Log, once a kind, that a job system does not say when its tasks are due.

    It is asked on purpose, and may need a broker or a database for the answer: what it raises then is none of the
    program's. What a signal handler raises is raised again.
    """
    pass_on_signals(failure)
    kind = type(failure)
    name = f"{kind.__module__}.{kind.__qualname__}"  # a driver's message may have a password in it
    log_once(("schedules", group, name), "the schedules of %s are not known: asking for them raised %s", group, name)


class Timetable:
    """What a job system says again and again: what it says no longer is over.

    Args:
        group: of the tasks' transactions.
    """

    def __init__(self, group: str) -> None:
        self._group = group
        self._keys: set[object] = set()

    def replace(self, entries: Iterable[Entry]) -> None:
        """Declare all that is due by now, in the place of what was. Never raises."""
        try:
            by_key = {(self, entry): entry for entry in entries}
            for key, entry in by_key.items():
                self.put(key, entry)
            for gone in self._keys - by_key.keys():
                self.forget(gone)
        except Exception as failure:
            log_unknown(self._group, failure)

    def put(self, key: object, entry: Entry) -> None:
        """Declare one entry, in the place of the one with the same key."""
        if not self._keys:
            process_state.prepare()
        self._keys.add(key)
        name, rule, zone = entry
        handoff.schedules.declare(Schedule("", self._group, self._group, name, rule, zone), key)

    def forget(self, key: object) -> None:
        """Let go of an entry."""
        self._keys.discard(key)
        handoff.schedules.forget(key)


def period_rule(seconds: float) -> str:
    """Return the rule of what runs again after so many seconds."""
    return f"every {seconds:g}"


def cron_rule(minute: Any, hour: Any, day: Any, month: Any, weekday: Any) -> str:
    """Return a cron expression, given each field as text, a number, several of them, or ``None`` for all.

    >>> cron_rule({0, 30}, 3, None, "*", "mon-fri")
    '0,30 3 * * mon-fri'
    """
    return " ".join(_field(value) for value in (minute, hour, day, month, weekday))


def _field(value: Any) -> str:
    if value is None:
        return "*"
    if isinstance(value, Collection) and not isinstance(value, str):
        return ",".join(str(one) for one in sorted(value))
    return str(value).replace(" ", "")
