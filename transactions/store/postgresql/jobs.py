"""Schedules, and what each process reports: how they are merged into the store, and read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from ...model.finished import Kind
from ...schedules import MAX_SCHEDULES, Schedule
from ..names import storable
from ..results import StoredSchedule
from .drivers import Session

__all__ = ["add_schedules", "note_reported", "reported", "schedules"]

_TOUCH: Final = """
UPDATE @schedule SET seen = greatest(seen, %s), zone = %s, within = %s
WHERE (application, source, "group", name, rule) = (%s, %s, %s, %s, %s) RETURNING 1
"""
_ADD: Final = """
INSERT INTO @schedule (seen, zone, within, application, source, "group", name, rule, first_seen)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_FORGET: Final = """
DELETE FROM @schedule WHERE (application, source) = (%s, %s) AND source <> 'code' AND seen < %s
"""
"""A job system reports all of its timetable once an hour: what has not been in it for long is over."""
_OVER: Final = 3 * 3600
_NOTED: Final = "ON CONFLICT DO NOTHING"


def add_schedules(session: Session, declared: Iterable[Schedule], moment: int) -> int:
    """Add what a process has declared, at a moment (epoch seconds); return how many of them found no room."""
    timetables, refused = set(), 0
    for one in declared:
        application, source, group, name, rule, zone = map(storable, one[:6])
        timetables.add((application, source))
        values = (moment, zone, one.within, application, source, group, name, rule)
        if session.execute(_TOUCH, values).fetchone():
            continue
        known = session.execute("SELECT count(*) FROM @schedule WHERE application = %s", (application,)).fetchone()
        if (known or (0,))[0] >= MAX_SCHEDULES:
            refused += 1
        else:
            session.execute(_ADD, (*values, moment))
    for timetable in timetables:
        session.execute(_FORGET, (*timetable, moment - _OVER))
    return refused


def schedules(session: Session, application: str | None) -> Iterator[StoredSchedule]:
    """Yield the schedules, by application and name."""
    whose, values = ("true", ()) if application is None else ("application = %s", (storable(application),))
    found = session.execute(
        'SELECT application, source, "group", name, rule, zone, within, first_seen, seen FROM @schedule'
        f' WHERE {whose} ORDER BY application COLLATE "C", name COLLATE "C", rule COLLATE "C"',
        values,
    )
    return (StoredSchedule(Schedule(*row[:7]), *row[7:]) for row in found.fetchall())


def note_reported(session: Session, reported: Collection[tuple[int, str, str]]) -> None:
    """Note of which applications, and of which kinds, instances report transactions."""
    values = [value for instance, *names in sorted(reported) for value in (instance, *map(storable, names))]
    if values:
        rows = ", ".join(["(%s, %s, %s)"] * len(reported))
        session.execute(f"INSERT INTO @reported (instance, application, kind) VALUES {rows} {_NOTED}", values)


def reported(session: Session, application: str, kind: Kind) -> set[int]:
    """Return the numbers of the instances that have reported transactions of an application and kind."""
    statement = "SELECT instance FROM @reported WHERE (application, kind) = (%s, %s)"
    return {int(number) for (number,) in session.execute(statement, (storable(application), kind)).fetchall()}
