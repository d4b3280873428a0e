"""Error groups: how their counts and tracebacks are added to the store, how groups make room, and how they are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from ...recording.error_groups import other_group
from ...recording.snapshot import ErrorGroup, GroupCount, Series
from ..names import storable
from ..resolutions import FINEST, FOREVER, RowRange
from ..results import ErrorGroupInfo, SampleErrorInfo
from ..tracebacks import traceback_from
from .drivers import Session
from .names import Names
from .sending import SentError
from .tables import GROUPS

__all__ = ["GroupRows", "Groups", "errors_of_sample", "evict_groups", "group_info", "group_steps", "groups_in"]

MAX_GROUPS: Final = 500
"""Groups of one application; errors of more are counted under `OTHER`."""
MAX_STACKS: Final = 200
"""Tracebacks kept of one application; those seen longest ago go first."""
_HOUR: Final = 3600

_Intervals = Callable[[int], Sequence[tuple[int, int]]]

_FIND: Final = """
SELECT id, first_seen, seen FROM @error_group WHERE (application, digest) = (%s, md5(%s))
"""
_ADD: Final = """
INSERT INTO @error_group (application, key, type, message, frame, expected, first_seen, seen, version)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
_COUNT: Final = """
SELECT count(*) FROM @error_group WHERE application = %s AND id NOT IN (SELECT number FROM @moved_group)
"""
_SEEN: Final = """
UPDATE @error_group SET seen = greatest(seen, %(moment)s), first_seen = least(first_seen, %(moment)s), frame = %(frame)s
WHERE id = %(id)s
"""
_ADD_STACK: Final = """
INSERT INTO @stack (application, digest, text, seen) VALUES (%s, %s, %s, %s)
ON CONFLICT (application, digest) DO UPDATE SET seen = greatest(stack.seen, excluded.seen) RETURNING id
"""
_BOUND_STACKS: Final = """
DELETE FROM @stack WHERE application = %(application)s AND id NOT IN (
    SELECT id FROM @stack WHERE application = %(application)s ORDER BY seen DESC, id DESC LIMIT %(kept)s
)
"""
_NOTE_OVER_LIMIT: Final = "INSERT INTO @over_limit VALUES ('error_group', %s) ON CONFLICT DO NOTHING"
_ADD_SAMPLE_ERROR: Final = "INSERT INTO @sample_error (sample, position, error_group, stack) VALUES (%s, %s, %s, %s)"


class Groups:
    """Adds what snapshots say of error groups, within one transaction.

    Args:
        session: of a transaction that has the lock.
        names: of series.
    """

    def __init__(self, session: Session, names: Names) -> None:
        self._session = session
        self._names = names
        self.version: str = ""
        """Of the program whose snapshot is added."""
        self._known: dict[tuple[str, str, int], int] = {}
        """By application, key and minute."""
        self._numbers: dict[str, int] = {}
        """How many groups applications have, as far as that has been queried."""
        self._replacements = dict(session.execute("SELECT number, replacement FROM @moved_group").fetchall())
        self.overflow: dict[str, int] = {}

    def count(self, counts: Iterable[GroupCount], intervals: _Intervals) -> None:
        """Count errors for their groups."""
        rows: Counter[tuple[int, int, int, int]] = Counter()
        for one in counts:
            held = intervals(one.minute)
            if held:
                group = self._number(one.series.application, one.group, one.minute, one.count)
                series = self._names.series(one.series, one.minute)
                rows.update({(*interval, group, series): one.count for interval in held})
        GROUPS.add(self._session, ((*key, number) for key, number in rows.items()))

    def add_sample(self, sample: int, application: str, errors: Sequence[SentError], ended: float) -> None:
        """Note the groups of a sample's errors, and keep their tracebacks."""
        moment = int(ended)
        for position, error in enumerate(errors):
            group = self._number(application, error.group, moment - moment % FINEST, 0)
            stack = self._stack(application, error.digest, error.text, moment)
            self._session.execute(_ADD_SAMPLE_ERROR, (sample, position, group, stack))
            if stack is not None:
                self._session.execute("UPDATE @error_group SET stack = %s WHERE id = %s", (stack, group))

    def other(self, application: str, expected: bool, minute: int) -> int:
        """Return the id of the group that counts for those beyond the limit."""
        return self._number(application, other_group(expected), minute, 0)

    def _number(self, application: str, group: ErrorGroup, minute: int, count: int) -> int:
        """Return the id of a group that has errors in that minute; of too many, that of the rest."""
        whose = storable(self._names.admitted(application))
        key = (whose, storable(group.key))
        known = (*key, minute)
        if known not in self._known:
            number = self._look_up(key, group, minute)
            self._known[known] = self._new(key, group, minute, count) if number is None else number
        return self._known[known]

    def _look_up(self, key: tuple[str, str], group: ErrorGroup, minute: int) -> int | None:
        row = self._session.execute(_FIND, key).fetchone()
        if row is None:
            return None
        number, first, last = row
        if not first <= minute <= last:
            self._session.execute(_SEEN, {"id": number, "moment": minute, "frame": storable(group.frame)})
        return int(self._replacements.get(number, number))

    def _new(self, key: tuple[str, str], group: ErrorGroup, minute: int, count: int) -> int:
        application, _ = key
        if group.key != other_group(group.expected).key and self._known_groups(application) >= MAX_GROUPS:
            self._session.execute(_NOTE_OVER_LIMIT, (application,))
            self.overflow["errors of other groups"] = self.overflow.get("errors of other groups", 0) + count
            return self.other(application, group.expected, minute)
        self._numbers[application] = self._known_groups(application) + 1
        values = (*key, *map(storable, (group.type, group.message, group.frame)), int(group.expected))
        (number,) = self._session.execute(_ADD, (*values, minute, minute, storable(self.version))).fetchone() or (0,)
        return int(number)

    def _known_groups(self, application: str) -> int:
        if application not in self._numbers:
            (count,) = self._session.execute(_COUNT, (application,)).fetchone() or (0,)
            self._numbers[application] = int(count)
        return self._numbers[application]

    def _stack(self, application: str, digest: str, text: str, moment: int) -> int | None:
        if not text:
            return None
        whose = storable(self._names.admitted(application))
        (number,) = self._session.execute(_ADD_STACK, (whose, digest, text, moment)).fetchone() or (0,)
        self._session.execute(_BOUND_STACKS, {"application": whose, "kept": MAX_STACKS})
        return int(number)


# Making room

_LEAST: Final = """
SELECT id, expected FROM @error_group AS error_group LEFT JOIN (
    SELECT error_group AS number, sum(count) AS calls FROM @error_group_count WHERE width = 60 AND start >= %(hour)s
    GROUP BY error_group
) AS called ON called.number = id
WHERE application = %(application)s AND type != %(other)s
ORDER BY coalesce(calls, 0), CASE WHEN seen > %(ahead)s THEN 0 ELSE seen END, id LIMIT %(number)s
"""
_BEGIN_TO_MOVE: Final = """
INSERT INTO @moved_group_progress VALUES (1, %s, %s)
ON CONFLICT (id) DO UPDATE SET width = excluded.width, start = excluded.start
"""


def evict_groups(session: Session, names: Names, application: str, now: float) -> None:
    """Choose groups that make room for new ones: a tenth of the limit, those with the fewest errors lately."""
    groups = Groups(session, names)
    (known,) = session.execute(_COUNT, (application,)).fetchone() or (0,)
    if known < MAX_GROUPS:
        return
    named = {
        "application": application, "hour": now - _HOUR, "ahead": now + _HOUR, "number": MAX_GROUPS // 10,
        "other": other_group(expected=False).type,
    }  # fmt: skip
    for number, expected in session.execute(_LEAST, named).fetchall():
        other = groups.other(application, bool(expected), int(now))
        session.execute("INSERT INTO @moved_group VALUES (%s, %s) ON CONFLICT DO NOTHING", (number, other))
    session.execute(_BEGIN_TO_MOVE, (FINEST, -FOREVER))


class GroupRows:
    """The `MovedRows` of groups that make room."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def end_of_step(self, width: int, start: int, at_most: int) -> int:
        """Return up to which start about so many rows are."""
        row = self._session.execute(
            f"SELECT start FROM {GROUPS.name} WHERE width = {width:d} AND start > {start:d}"
            f" ORDER BY start OFFSET {at_most:d} LIMIT 1"
        ).fetchone()
        return FOREVER if row is None else int(row[0])

    def move(self, part: tuple[int, int, int]) -> bool:
        """Move rows; return whether there were any."""
        return GROUPS.move_groups(self._session, part)

    def note_late(self, width: int) -> None:
        """Note that rows of a width have changed after they had been rolled up."""
        self._session.execute("UPDATE @resolution SET late = late + 1 WHERE width = %s", (width,))

    def has_rows(self, width: int) -> bool:
        """Whether there may be rows of a width."""
        return True

    def proceed(self, width: int, start: int) -> None:
        """Note after which row the next step begins."""
        self._session.execute("UPDATE @moved_group_progress SET width = %s, start = %s", (width, start))

    def finish(self) -> None:
        """Delete the groups; samples get their replacements."""
        self._session.execute(
            "UPDATE @sample_error AS kept SET error_group = replacement FROM @moved_group AS moved"
            " WHERE moved.number = kept.error_group"
        )
        self._session.execute("DELETE FROM @error_group WHERE id IN (SELECT number FROM @moved_group)")
        self._session.execute("DELETE FROM @moved_group")
        self._session.execute("DELETE FROM @moved_group_progress")


# Reading

_INFO: Final = """
    error_group.id, error_group.application, error_group.type, error_group.message, error_group.frame,
    error_group.expected, error_group.first_seen, error_group.seen, error_group.version
"""
_COUNTS: Final = f"""
    SELECT sum(error_group_count.count)::bigint, max(start),
        series.application, series.kind, series."group", series.name, {_INFO}
    FROM @error_group_count AS error_group_count
    JOIN @error_group AS error_group ON error_group.id = error_group_count.error_group
    JOIN @series AS series ON series.id = error_group_count.series
    WHERE width = %s AND start >= %s AND start < %s AND {{where}}
    GROUP BY error_group.id, series.id
"""
_STEPS: Final = """
    SELECT error_group_count.error_group, {number}, sum(error_group_count.count)::bigint
    FROM @error_group_count AS error_group_count JOIN @series AS series ON series.id = error_group_count.series
    WHERE width = %s AND start >= %s AND start < %s AND {where} GROUP BY 1, 2
"""


def groups_in(
    session: Session, ranges: Iterable[RowRange], where: str, arguments: Sequence[object]
) -> Iterator[tuple[ErrorGroupInfo, int, int, Series]]:
    """Yield each group in each range with its count, the last start, and a series."""
    for part in ranges:
        for row in session.execute(_COUNTS.format(where=where), (*part, *arguments)).fetchall():
            yield _info(row[6:]), row[0], row[1], Series(*row[2:6])


def group_steps(
    session: Session, ranges: Iterable[RowRange], where: str, arguments: Sequence[object], step: str
) -> Iterator[tuple[int, int, int]]:
    """Yield the id of each group in each range with the number of the step (an expression), and its count."""
    for part in ranges:
        yield from session.execute(_STEPS.format(where=where, number=step), (*part, *arguments)).fetchall()


def group_info(session: Session, number: int) -> tuple[ErrorGroupInfo, str | None] | None:
    """Return a group, and the text of its last traceback."""
    row = session.execute(
        f"SELECT stack.text, {_INFO} FROM @error_group AS error_group"
        " LEFT JOIN @stack AS stack ON stack.id = error_group.stack"
        " WHERE error_group.id = %s",
        (number,),
    ).fetchone()
    return None if row is None else (_info(row[1:]), row[0])


def errors_of_sample(session: Session, sample: int) -> list[SampleErrorInfo]:
    """Return the groups and tracebacks of a sample's errors, in their order."""
    rows = session.execute(
        f"SELECT stack.text, {_INFO} FROM @sample_error AS sample_error"
        " JOIN @error_group AS error_group ON error_group.id = sample_error.error_group"
        " LEFT JOIN @stack AS stack ON stack.id = sample_error.stack WHERE sample = %s ORDER BY position",
        (sample,),
    )
    return [SampleErrorInfo(_info(row[1:]), traceback_from(row[0])) for row in rows.fetchall()]


def _info(row: Sequence[object]) -> ErrorGroupInfo:
    number, application, kind, message, frame, expected, *seen = row
    return ErrorGroupInfo(number, application, kind, message, frame, bool(expected), *seen)  # type: ignore[arg-type]
