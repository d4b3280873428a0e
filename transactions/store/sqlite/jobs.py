"""Schedules, and what each process reports: how they are added to the store, and read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final

from ...model.finished import Kind
from ...recording.snapshot import Snapshot
from ...schedules import MAX_SCHEDULES, Schedule
from ..names import storable
from ..results import StoredSchedule

__all__ = ["add_schedules", "note_reported", "reported", "schedules"]

_TOUCH: Final = """
UPDATE schedule SET seen = max(seen, ?), zone = ?, within = ?
WHERE (application, source, "group", name, rule) = (?, ?, ?, ?, ?)
"""
_ADD: Final = """
INSERT INTO schedule (seen, zone, within, application, source, "group", name, rule, first_seen)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_FORGET: Final = """
DELETE FROM schedule WHERE (application, source) = (?, ?) AND source != 'code' AND seen < ?
"""
"""A job system reports all of its timetable once an hour: what has not been in it for long is over."""
_OVER: Final = 3 * 3600


def add_schedules(connection: sqlite3.Connection, declared: Iterable[Schedule], moment: int) -> int:
    """Add what a process has declared, at a moment (epoch seconds); return how many of them found no room."""
    timetables, refused = set(), 0
    for one in declared:
        application, source, group, name, rule, zone = map(storable, one[:6])
        timetables.add((application, source))
        values = (moment, zone, one.within, application, source, group, name, rule)
        if connection.execute(_TOUCH, values).rowcount:
            continue
        known = connection.execute("SELECT count(*) FROM schedule WHERE application = ?", (application,)).fetchone()
        if known[0] >= MAX_SCHEDULES:
            refused += 1
        else:
            connection.execute(_ADD, (*values, moment))
    for timetable in timetables:
        connection.execute(_FORGET, (*timetable, moment - _OVER))
    return refused


def schedules(connection: sqlite3.Connection, application: str | None) -> Iterator[StoredSchedule]:
    """Yield the schedules, by application and name."""
    found = connection.execute(
        'SELECT application, source, "group", name, rule, zone, within, first_seen, seen FROM schedule'
        " WHERE :application IS NULL OR application = :application ORDER BY application, name, rule",
        {"application": application},
    )
    return (StoredSchedule(Schedule(*row[:7]), *row[7:]) for row in found)


def note_reported(connection: sqlite3.Connection, instance: int, snapshot: Snapshot) -> None:
    """Note of which applications, and of which kinds, an instance reports transactions."""
    reporting = [*(row.series for row in snapshot.minutes), *(one.series for one in snapshot.running)]
    series = {one[:2] for one in reporting}
    rows = [(instance, storable(application), kind) for application, kind in series]
    connection.executemany("INSERT OR IGNORE INTO reported (instance, application, kind) VALUES (?, ?, ?)", rows)


def reported(connection: sqlite3.Connection, application: str, kind: Kind) -> set[int]:
    """Return the numbers of the instances that have reported transactions of an application and kind."""
    statement = "SELECT instance FROM reported WHERE (application, kind) = (?, ?)"
    return {number for (number,) in connection.execute(statement, (application, kind))}
