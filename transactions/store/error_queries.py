"""The rows of errors and of error groups, as any engine reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from ..recording.snapshot import Series
from .names import SCOPES, scope_of
from .resolutions import RowRange
from .results import ErrorGroupInfo, ErrorKey, SampleErrorInfo, Selection
from .rows import Row
from .sql import Matching, Statements
from .tracebacks import traceback_from

__all__ = ["ErrorQueries"]

_SERIES: Final = 'series.application, series.kind, series."group", series.name'
_GROUP: Final = """
    error_group.id, error_group.application, error_group.type, error_group.message, error_group.frame,
    error_group.expected, error_group.first_seen, error_group.seen, error_group.version
"""
_WITHIN: Final = "{width} = %s AND start >= %s AND start < %s AND {where}"

_ERROR_COUNTS: Final = """
    FROM @error_count AS error_count JOIN @error AS error ON error.id = error_count.error
    JOIN @series AS series ON series.id = error.series
"""
_ERRORS: Final = f"""
    SELECT error.type, error.message, error.expected, CAST(sum(error_count.count) AS bigint), max(start), {_SERIES}
    {_ERROR_COUNTS} WHERE {_WITHIN} GROUP BY error.id, series.id
"""
_ERRORS_BY_STEP: Final = f"""
    SELECT error.type, error.message, error.expected, {{step}}, CAST(sum(error_count.count) AS bigint)
    {_ERROR_COUNTS} WHERE {_WITHIN} GROUP BY 1, 2, 3, 4
"""
_GROUPS: Final = f"""
    SELECT CAST(sum(error_group_count.count) AS bigint), max(start), {_SERIES}, {_GROUP}
    FROM @error_group_count AS error_group_count
    JOIN @error_group AS error_group ON error_group.id = error_group_count.error_group
    JOIN @series AS series ON series.id = error_group_count.series
    WHERE {_WITHIN} GROUP BY error_group.id, series.id
"""
_GROUPS_BY_STEP: Final = f"""
    SELECT error_group_count.error_group, {{step}}, CAST(sum(error_group_count.count) AS bigint)
    FROM @error_group_count AS error_group_count JOIN @series AS series ON series.id = error_group_count.series
    WHERE {_WITHIN} GROUP BY 1, 2
"""
_ONE: Final = f"""
    SELECT stack.text, {_GROUP} FROM @error_group AS error_group
    LEFT JOIN @stack AS stack ON stack.id = error_group.stack WHERE error_group.id = %s
"""
_OF_SAMPLE: Final = f"""
    SELECT stack.text, {_GROUP} FROM @sample_error AS sample_error
    JOIN @error_group AS error_group ON error_group.id = sample_error.error_group
    LEFT JOIN @stack AS stack ON stack.id = sample_error.stack WHERE sample = %s ORDER BY position
"""


class ErrorQueries:
    """Reads what `Rows` gives of errors and of their groups.

    Args:
        sql: of the engine.
        matching: returns the condition of a selection.
        has_groups: whether the store has tables of groups; else there are none.
    """

    def __init__(self, sql: Statements, matching: Callable[[Selection], Matching], has_groups: bool) -> None:
        self._sql = sql
        self._matching = matching
        self._has_groups = has_groups

    def errors(self, ranges: Sequence[RowRange], selection: Selection) -> Iterator[tuple[ErrorKey, int, int, Series]]:
        """Yield each distinct error in each range with its count, the last start, and its series."""
        for kind, message, expected, count, last, *series in self._within(_ERRORS, ranges, self._matching(selection)):
            yield ErrorKey(kind, message, bool(expected)), count, last, Series(*series)

    def errors_by_step(
        self, ranges: Sequence[RowRange], selection: Selection, step: str
    ) -> Iterator[tuple[ErrorKey, int, int]]:
        """Yield each distinct error in each range with the number of the step (an expression), and its count."""
        found = self._within(_ERRORS_BY_STEP, ranges, self._matching(selection), step)
        for kind, message, expected, number, count in found:
            yield ErrorKey(kind, message, bool(expected)), number, count

    def groups(
        self, ranges: Sequence[RowRange], selection: Selection
    ) -> Iterator[tuple[ErrorGroupInfo, int, int, Series]]:
        """Yield each group in each range with its count, the last start, and a series."""
        for row in self._within(_GROUPS, ranges if self._has_groups else (), self._scoped(selection)):
            yield _info(row[6:]), row[0], row[1], Series(*row[2:6])

    def groups_by_step(
        self, ranges: Sequence[RowRange], selection: Selection, step: str
    ) -> Iterator[tuple[int, int, int]]:
        """Yield the id of each group in each range with the number of the step (an expression), and its count."""
        groups = ranges if self._has_groups else ()
        yield from self._within(_GROUPS_BY_STEP, groups, self._scoped(selection), step)

    def group(self, number: int) -> tuple[ErrorGroupInfo, str | None] | None:
        """Return a group, and the text of its last traceback."""
        found = self._sql.rows(_ONE, (number,)) if self._has_groups else []
        return (_info(found[0][1:]), found[0][0]) if found else None

    def of_sample(self, sample: int) -> list[SampleErrorInfo]:
        """Return the groups and tracebacks of a sample's errors, in their order."""
        found = self._sql.rows(_OF_SAMPLE, (sample,)) if self._has_groups else []
        return [SampleErrorInfo(_info(row[1:]), traceback_from(row[0])) for row in found]

    def _scoped(self, selection: Selection) -> Matching:
        """Return the condition for counts that are kept by host and by version, too."""
        scope, selected = scope_of(selection)
        where, arguments = self._matching(selected)
        return f"series.whole = {SCOPES.index(scope)} AND {where}", arguments

    def _within(self, statement: str, ranges: Sequence[RowRange], matching: Matching, step: str = "") -> list[Row]:
        if not ranges:
            return []
        where, arguments = matching
        of_each = statement.format(width=self._sql.width, where=where, step=step)
        values = [value for part in ranges for value in (*part, *arguments)]
        return self._sql.rows("UNION ALL".join([of_each] * len(ranges)), values)


def _info(row: Sequence[object]) -> ErrorGroupInfo:
    number, application, kind, message, frame, expected, *seen = row
    return ErrorGroupInfo(number, application, kind, message, frame, bool(expected), *seen)  # type: ignore[arg-type]
