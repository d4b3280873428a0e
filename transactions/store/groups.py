"""Error groups: how any engine adds their counts and tracebacks to its tables, and how groups make room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from ..recording.error_groups import other_group
from ..recording.snapshot import ErrorGroup, GroupCount, Series
from .names import scopes_of, storable
from .resolutions import FINEST, FOREVER
from .rows import Scope
from .sql import Statements

__all__ = ["GroupRows", "Groups", "KeptError", "evict_groups"]

MAX_GROUPS: Final = 500
"""Groups of one application; errors of more are counted under `OTHER`."""
MAX_STACKS: Final = 200
"""Tracebacks kept of one application; those seen longest ago go first."""
_HOUR: Final = 3600

KeptError = tuple[ErrorGroup, str, str]
"""Of an error of a sample: its group, and the digest and the text of its traceback; empty if that was not kept."""
GroupRow = tuple[int, int, int, int, int]
"""Width, start, group, series and count."""

_FIND: Final = "SELECT id, first_seen, seen FROM @error_group WHERE application = %s AND {has_key}"
_ADD: Final = """
INSERT INTO @error_group (application, key, type, message, frame, expected, first_seen, seen, version)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
_COUNT: Final = """
SELECT count(*) FROM @error_group WHERE application = %s AND id NOT IN (SELECT number FROM @moved_group)
"""
_ADD_STACK: Final = """
INSERT INTO @stack AS known (application, digest, text, seen) VALUES (%s, %s, %s, %s)
ON CONFLICT (application, digest) DO UPDATE
SET seen = CASE WHEN excluded.seen > known.seen THEN excluded.seen ELSE known.seen END RETURNING id
"""
_BOUND_STACKS: Final = """
DELETE FROM @stack WHERE application = %s AND id NOT IN (
    SELECT id FROM @stack WHERE application = %s ORDER BY seen DESC, id DESC LIMIT %s
)
"""
_NOTE_OVER_LIMIT: Final = "INSERT INTO @over_limit VALUES ('error_group', %s) ON CONFLICT DO NOTHING"
_ADD_SAMPLE_ERROR: Final = "INSERT INTO @sample_error (sample, position, error_group, stack) VALUES (%s, %s, %s, %s)"


class GroupNames(Protocol):
    """The numbers of series, as far as groups need them."""

    def series(self, series: Series, minute: float) -> int:
        """Return the number of a series that has counts at that time (epoch seconds)."""
        ...

    def totals_series(self, series: Series, minute: float, scope: Scope = "all", value: str = "") -> int:
        """Return the number of what stands for all of a series' application and kind, or of a part of them."""
        ...

    def admitted(self, application: str) -> str:
        """Return the application itself, or the one that counts for those beyond the limit."""
        ...


class Groups:
    """Adds what snapshots say of error groups, within one transaction.

    Args:
        sql: of the transaction.
        names: of series.
        add: adds rows to those that are there.
    """

    def __init__(self, sql: Statements, names: GroupNames, add: Callable[[Iterable[GroupRow]], None]) -> None:
        self._sql = sql
        self._names = names
        self._add = add
        self._find = _FIND.format(has_key=sql.has_key)
        self._host = ""
        self._version = ""
        self._known: dict[tuple[str, str, int], int] = {}
        """By application, key and minute."""
        self._numbers: dict[str, int] = {}
        """How many groups applications have, as far as that has been queried."""
        self._replacements: dict[int, int] = dict(sql.rows("SELECT number, replacement FROM @moved_group"))
        self.overflow: dict[str, int] = {}

    def reported_by(self, host: str, version: str) -> None:
        """Note where what is added from now on comes from."""
        self._host, self._version = host, storable(version)

    def count(self, counts: Iterable[GroupCount], intervals: Callable[[int], Sequence[tuple[int, int]]]) -> None:
        """Count errors for their groups: of their series, and of the host and the version as a whole."""
        rows: Counter[tuple[int, int, int, int]] = Counter()
        for one in counts:
            held = intervals(one.minute)
            if held:
                group = self._number(one.series.application, one.group, one.minute, one.count)
                for series in self._counted_for(one):
                    rows.update({(*interval, group, series): one.count for interval in held})
        self._add((*key, number) for key, number in rows.items())

    def _counted_for(self, one: GroupCount) -> list[int]:
        whole = [scope for scope in scopes_of(self._host, self._version, "") if scope[0] != "all"]
        return [
            self._names.series(one.series, one.minute),
            *(self._names.totals_series(one.series, one.minute, *scope) for scope in whole),
        ]

    def add_sample(self, sample: int, application: str, errors: Iterable[KeptError], ended: float) -> None:
        """Note the groups of a sample's errors, and keep their tracebacks."""
        moment = int(ended)
        for position, (kind, digest, text) in enumerate(errors):
            group = self._number(application, kind, moment - moment % FINEST, 0)
            stack = self._stack(application, digest, text, moment)
            self._sql.run(_ADD_SAMPLE_ERROR, (sample, position, group, stack))
            if stack is not None:
                self._sql.run("UPDATE @error_group SET stack = %s WHERE id = %s", (stack, group))

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
        for number, first, last in self._sql.rows(self._find, key):
            if not first <= minute <= last:
                seen = (min(first, minute), max(last, minute), storable(group.frame), number)
                self._sql.run("UPDATE @error_group SET first_seen = %s, seen = %s, frame = %s WHERE id = %s", seen)
            return self._replacements.get(int(number), int(number))
        return None

    def _new(self, key: tuple[str, str], group: ErrorGroup, minute: int, count: int) -> int:
        application, _ = key
        if group.key != other_group(group.expected).key and self._known_groups(application) >= MAX_GROUPS:
            self._sql.run(_NOTE_OVER_LIMIT, (application,))
            self.overflow["errors of other groups"] = self.overflow.get("errors of other groups", 0) + count
            return self.other(application, group.expected, minute)
        self._numbers[application] = self._known_groups(application) + 1
        values = (*key, *map(storable, (group.type, group.message, group.frame)), int(group.expected))
        ((number,),) = self._sql.rows(_ADD, (*values, minute, minute, self._version))
        return int(number)

    def _known_groups(self, application: str) -> int:
        if application not in self._numbers:
            ((self._numbers[application],),) = self._sql.rows(_COUNT, (application,))
        return self._numbers[application]

    def _stack(self, application: str, digest: str, text: str, moment: int) -> int | None:
        if not text:
            return None
        whose = storable(self._names.admitted(application))
        ((number,),) = self._sql.rows(_ADD_STACK, (whose, digest, text, moment))
        self._sql.run(_BOUND_STACKS, (whose, whose, MAX_STACKS))
        return int(number)


# Making room

_LEAST: Final = """
SELECT id, expected FROM @error_group AS error_group LEFT JOIN (
    SELECT error_group AS counted, sum(count) AS calls FROM @error_group_count
    WHERE {width} = %s AND start >= %s AND series IN (SELECT id FROM @series WHERE whole = 0) GROUP BY error_group
) AS lately ON lately.counted = id
WHERE application = %s AND type != %s
ORDER BY coalesce(calls, 0), CASE WHEN seen > %s THEN 0 ELSE seen END, id LIMIT %s
"""
_MOVE: Final = "INSERT INTO @moved_group VALUES (%s, %s) ON CONFLICT DO NOTHING"
_BEGIN_TO_MOVE: Final = """
INSERT INTO @moved_group_progress VALUES (1, %s, %s)
ON CONFLICT (id) DO UPDATE SET {width} = excluded.{width}, start = excluded.start
"""


def evict_groups(sql: Statements, groups: Groups, application: str, now: float) -> None:
    """Choose groups that make room for new ones: a tenth of the limit, those with the fewest errors lately."""
    ((known,),) = sql.rows(_COUNT, (application,))
    if known < MAX_GROUPS:
        return
    hour_ago, ahead, most = int(now - _HOUR), int(now + _HOUR), MAX_GROUPS // 10
    other = other_group(expected=False).type
    least = sql.rows(_LEAST.format(width=sql.width), (FINEST, hour_ago, application, other, ahead, most))
    for number, expected in least:
        sql.run(_MOVE, (number, groups.other(application, bool(expected), int(now))))
    sql.run(_BEGIN_TO_MOVE.format(width=sql.width), (FINEST, -FOREVER))


_REPLACE_IN_SAMPLES: Final = """
UPDATE @sample_error SET error_group = (SELECT replacement FROM @moved_group WHERE number = error_group)
WHERE error_group IN (SELECT number FROM @moved_group)
"""


class GroupRows:
    """The `MovedRows` of groups that make room.

    Args:
        sql: of the transaction.
        move: counts rows of such groups under their replacements, given their width, after which start, and up to
            which; returns whether there were any.
    """

    def __init__(self, sql: Statements, move: Callable[[tuple[int, int, int]], bool]) -> None:
        self._sql = sql
        self._move = move

    def end_of_step(self, width: int, start: int, at_most: int) -> int:
        """Return up to which start about so many rows are."""
        after = f"SELECT start FROM @error_group_count WHERE {self._sql.width} = %s AND start > %s ORDER BY start"
        found = self._sql.rows(f"{after} LIMIT 1 OFFSET %s", (width, start, at_most))
        return int(found[0][0]) if found else FOREVER

    def move(self, part: tuple[int, int, int]) -> bool:
        """Move rows; return whether there were any."""
        return self._move(part)

    def note_late(self, width: int) -> None:
        """Note that rows of a width have changed after they had been rolled up."""
        self._sql.run(f"UPDATE @resolution SET late = late + 1 WHERE {self._sql.width} = %s", (width,))

    def has_rows(self, width: int) -> bool:
        """Whether there may be rows of a width."""
        return True

    def proceed(self, width: int, start: int) -> None:
        """Note after which row the next step begins."""
        self._sql.run(f"UPDATE @moved_group_progress SET {self._sql.width} = %s, start = %s", (width, start))

    def finish(self) -> None:
        """Delete the groups; samples get their replacements."""
        self._sql.run(_REPLACE_IN_SAMPLES)
        self._sql.run("DELETE FROM @error_group WHERE id IN (SELECT number FROM @moved_group)")
        self._sql.run("DELETE FROM @moved_group")
        self._sql.run("DELETE FROM @moved_group_progress")
