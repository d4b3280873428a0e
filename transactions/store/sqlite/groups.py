"""Error groups: how their counts and tracebacks are added to the store, how groups make room, and how they are read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from ...model.tracebacks import Stack
from ...recording.error_groups import other_group
from ...recording.snapshot import ErrorGroup, GroupCount, SampleError, Series
from ..names import storable
from ..resolutions import FINEST, FOREVER, RowRange
from ..results import ErrorGroupInfo, SampleErrorInfo
from ..tracebacks import traceback_from
from .ids import Ids
from .tables import GROUPS

__all__ = ["GroupRows", "Groups", "errors_of_sample", "evict_groups", "group_info", "group_steps", "groups_in"]

MAX_GROUPS: Final = 500
"""Groups of one application; errors of more are counted under `OTHER`."""
MAX_STACKS: Final = 200
"""Tracebacks kept of one application; those seen longest ago go first."""
_HOUR: Final = 3600

_Intervals = Callable[[int], Sequence[tuple[int, int]]]

_ADD: Final = """
INSERT INTO error_group (application, key, type, message, frame, expected, first_seen, seen, version)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_COUNT: Final = """
SELECT count(*) FROM error_group WHERE application = ? AND id NOT IN (SELECT number FROM moved_group)
"""
_SEEN: Final = """
UPDATE error_group SET seen = max(seen, :moment), first_seen = min(first_seen, :moment), frame = :frame WHERE id = :id
"""
_ADD_STACK: Final = """
INSERT INTO stack (application, digest, text, seen) VALUES (?, ?, ?, ?)
ON CONFLICT (application, digest) DO UPDATE SET seen = max(seen, excluded.seen) RETURNING id
"""
_BOUND_STACKS: Final = """
DELETE FROM stack WHERE application = :application AND id NOT IN (
    SELECT id FROM stack WHERE application = :application ORDER BY seen DESC, id DESC LIMIT :kept
)
"""


class Groups:
    """Adds what a snapshot says of error groups, within one transaction.

    Args:
        connection: of the transaction.
        ids: of series.
        version: of the program that reports.
    """

    def __init__(self, connection: sqlite3.Connection, ids: Ids, version: str) -> None:
        self._connection = connection
        self._ids = ids
        self._version = storable(version)
        self._known: dict[tuple[str, str, int], int] = {}
        """By application, key and minute."""
        self._numbers: dict[str, int] = {}
        """How many groups applications have, as far as that has been queried."""
        self._replacements = dict(connection.execute("SELECT number, replacement FROM moved_group").fetchall())
        self.overflow: dict[str, int] = {}

    def count(self, counts: Iterable[GroupCount], intervals: _Intervals) -> None:
        """Count errors for their groups."""
        rows: list[tuple[object, ...]] = []
        for one in counts:
            held = intervals(one.minute)
            if held:
                group = self._number(one.series.application, one.group, one.minute, one.count)
                series = self._ids.series(one.series, one.minute)
                rows += [(*interval, group, series, one.count) for interval in held]
        GROUPS.add(self._connection, rows)

    def add_sample(self, sample: int, application: str, errors: Sequence[SampleError], ended: float) -> None:
        """Note the groups of a sample's errors, and keep their tracebacks."""
        moment = int(ended)
        for position, error in enumerate(errors):
            group = self._number(application, error.group, moment - moment % FINEST, 0)
            stack = self._stack(application, error.stack, moment)
            self._connection.execute("INSERT INTO sample_error VALUES (?, ?, ?, ?)", (sample, position, group, stack))
            if stack is not None:
                self._connection.execute("UPDATE error_group SET stack = ? WHERE id = ?", (stack, group))

    def other(self, application: str, expected: bool, minute: int) -> int:
        """Return the id of the group that counts for those beyond the limit."""
        return self._number(application, other_group(expected), minute, 0)

    def _number(self, application: str, group: ErrorGroup, minute: int, count: int) -> int:
        """Return the id of a group that has errors in that minute; of too many, that of the rest."""
        whose = storable(self._ids.admitted(application))
        key = (whose, storable(group.key))
        known = (*key, minute)
        if known not in self._known:
            number = self._look_up(key, group, minute)
            self._known[known] = self._new(key, group, minute, count) if number is None else number
        return self._known[known]

    def _look_up(self, key: tuple[str, str], group: ErrorGroup, minute: int) -> int | None:
        statement = "SELECT id, first_seen, seen FROM error_group WHERE (application, key) = (?, ?)"
        row = self._connection.execute(statement, key).fetchone()
        if row is None:
            return None
        number, first, last = row
        if not first <= minute <= last:
            self._connection.execute(_SEEN, {"id": number, "moment": minute, "frame": storable(group.frame)})
        return int(self._replacements.get(number, number))

    def _new(self, key: tuple[str, str], group: ErrorGroup, minute: int, count: int) -> int:
        application, _ = key
        if group.key != other_group(group.expected).key and self._known_groups(application) >= MAX_GROUPS:
            self._connection.execute("INSERT OR IGNORE INTO over_limit VALUES ('error_group', ?)", (application,))
            self.overflow["errors of other groups"] = self.overflow.get("errors of other groups", 0) + count
            return self.other(application, group.expected, minute)
        self._numbers[application] = self._known_groups(application) + 1
        values = (*key, *map(storable, (group.type, group.message, group.frame)), int(group.expected))
        added = self._connection.execute(_ADD, (*values, minute, minute, self._version))
        return int(added.lastrowid or 0)

    def _known_groups(self, application: str) -> int:
        if application not in self._numbers:
            count = (
                "SELECT count(*) FROM error_group WHERE application = ? AND id NOT IN (SELECT number FROM moved_group)"
            )
            self._numbers[application] = int(self._connection.execute(count, (application,)).fetchone()[0])
        return self._numbers[application]

    def _stack(self, application: str, stack: Stack | None, moment: int) -> int | None:
        if stack is None or not stack.text:
            return None
        whose = storable(self._ids.admitted(application))
        found = self._connection.execute(_ADD_STACK, (whose, stack.digest, stack.text, moment)).fetchone()
        self._connection.execute(_BOUND_STACKS, {"application": whose, "kept": MAX_STACKS})
        return int(found[0])


# Making room

_LEAST: Final = """
SELECT id, expected FROM error_group LEFT JOIN (
    SELECT error_group, sum(count) AS calls FROM error_group_count WHERE span = 60 AND start >= :hour
    GROUP BY error_group
) ON error_group = id
WHERE application = :application AND type != :other
ORDER BY coalesce(calls, 0), CASE WHEN seen > :ahead THEN 0 ELSE seen END, id LIMIT :number
"""


def evict_groups(connection: sqlite3.Connection, ids: Ids, application: str, now: float) -> None:
    """Choose groups that make room for new ones: a tenth of the limit, those with the fewest errors lately."""
    groups = Groups(connection, ids, "")
    (known,) = connection.execute("SELECT count(*) FROM error_group WHERE application = ?", (application,)).fetchone()
    if known < MAX_GROUPS:
        return
    named = {
        "application": application, "hour": now - _HOUR, "ahead": now + _HOUR, "number": MAX_GROUPS // 10,
        "other": other_group(expected=False).type,
    }  # fmt: skip
    for number, expected in connection.execute(_LEAST, named).fetchall():
        other = groups.other(application, bool(expected), int(now))
        connection.execute("INSERT OR IGNORE INTO moved_group VALUES (?, ?)", (number, other))
    connection.execute("INSERT OR REPLACE INTO moved_group_progress VALUES (1, ?, ?)", (FINEST, -FOREVER))


_REPLACE_IN_SAMPLES: Final = """
UPDATE sample_error SET error_group = (SELECT replacement FROM moved_group WHERE number = error_group)
WHERE error_group IN (SELECT number FROM moved_group)
"""


class GroupRows:
    """The `MovedRows` of groups that make room."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def end_of_step(self, width: int, start: int, at_most: int) -> int:
        """Return up to which start about so many rows are."""
        row = self._connection.execute(
            "SELECT start FROM error_group_count WHERE span = ? AND start > ? ORDER BY start LIMIT 1 OFFSET ?",
            (width, start, at_most),
        ).fetchone()
        return FOREVER if row is None else int(row[0])

    def move(self, part: tuple[int, int, int]) -> bool:
        """Move rows; return whether there were any."""
        return GROUPS.move(self._connection, "error_group", "SELECT number, replacement FROM moved_group", part) > 0

    def note_late(self, width: int) -> None:
        """Note that rows of a width have changed after they had been rolled up."""
        self._connection.execute("UPDATE resolution SET late = late + 1 WHERE span = ?", (width,))

    def has_rows(self, width: int) -> bool:
        """Whether there may be rows of a width."""
        return True

    def proceed(self, width: int, start: int) -> None:
        """Note after which row the next step begins."""
        self._connection.execute("UPDATE moved_group_progress SET span = ?, start = ?", (width, start))

    def finish(self) -> None:
        """Delete the groups; samples get their replacements."""
        self._connection.execute(_REPLACE_IN_SAMPLES)
        self._connection.execute("DELETE FROM error_group WHERE id IN (SELECT number FROM moved_group)")
        self._connection.execute("DELETE FROM moved_group")
        self._connection.execute("DELETE FROM moved_group_progress")


# Reading

_INFO: Final = """
    error_group.id, error_group.application, error_group.type, error_group.message, error_group.frame,
    error_group.expected, error_group.first_seen, error_group.seen, error_group.version
"""
_COUNTS: Final = f"""
    SELECT sum(error_group_count.count), max(start),
        series.application, series.kind, series."group", series.name, {_INFO}
    FROM error_group_count JOIN error_group ON error_group.id = error_group_count.error_group
    JOIN series ON series.id = error_group_count.series
    WHERE span = ? AND start >= ? AND start < ? AND {{where}} GROUP BY error_group.id, series.id
"""
_STEPS: Final = """
    SELECT error_group, {number}, sum(error_group_count.count)
    FROM error_group_count JOIN series ON series.id = error_group_count.series
    WHERE span = ? AND start >= ? AND start < ? AND {where} GROUP BY 1, 2
"""


def groups_in(
    connection: sqlite3.Connection, ranges: Iterable[RowRange], where: str, arguments: Sequence[object]
) -> Iterator[tuple[ErrorGroupInfo, int, int, Series]]:
    """Yield each group in each range with its count, the last start, and a series."""
    for part in ranges:
        for row in connection.execute(_COUNTS.format(where=where), (*part, *arguments)):
            yield _info(row[6:]), row[0], row[1], Series(*row[2:6])


def group_steps(
    connection: sqlite3.Connection, ranges: Iterable[RowRange], where: str, arguments: Sequence[object], step: str
) -> Iterator[tuple[int, int, int]]:
    """Yield the id of each group in each range with the number of the step (an expression), and its count."""
    for part in ranges:
        yield from connection.execute(_STEPS.format(where=where, number=step), (*part, *arguments))


def group_info(connection: sqlite3.Connection, number: int) -> tuple[ErrorGroupInfo, str | None] | None:
    """Return a group, and the text of its last traceback."""
    row = connection.execute(
        f"SELECT stack.text, {_INFO} FROM error_group LEFT JOIN stack ON stack.id = error_group.stack"
        " WHERE error_group.id = ?",
        (number,),
    ).fetchone()
    return None if row is None else (_info(row[1:]), row[0])


def errors_of_sample(connection: sqlite3.Connection, sample: int) -> list[SampleErrorInfo]:
    """Return the groups and tracebacks of a sample's errors, in their order."""
    rows = connection.execute(
        f"SELECT stack.text, {_INFO} FROM sample_error JOIN error_group ON error_group.id = sample_error.error_group"
        " LEFT JOIN stack ON stack.id = sample_error.stack WHERE sample = ? ORDER BY position",
        (sample,),
    )
    return [SampleErrorInfo(_info(row[1:]), traceback_from(row[0])) for row in rows]


def _info(row: Sequence[object]) -> ErrorGroupInfo:
    number, application, kind, message, frame, expected, *seen = row
    return ErrorGroupInfo(number, application, kind, message, frame, bool(expected), *seen)  # type: ignore[arg-type]
