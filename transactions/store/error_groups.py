"""Answers about error groups, computed from the rows of any engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..recording.snapshot import Series
from .names import scope_of
from .resolutions import RowRange
from .results import ErrorGroupInfo, ErrorGroupStatistics, Mark, Selection
from .rows import Rows
from .statistics import Window
from .sums import first_start

__all__ = ["group_statistics", "last_mark", "most_first", "new_since"]


def group_statistics(
    rows: Rows, ranges: Sequence[RowRange], selection: Selection, now: float
) -> list[ErrorGroupStatistics]:
    """Return the groups with errors, those with the most first."""
    scope, _ = scope_of(selection)
    groups: dict[int, ErrorGroupInfo] = {}
    last: dict[int, int] = {}
    counts: dict[int, dict[Series, int]] = {}
    for group, count, start, series in rows.groups(ranges, selection):
        groups[group.id] = group
        last[group.id] = max(last.get(group.id, 0), start)
        of_group = counts.setdefault(group.id, {})
        of_group[series] = of_group.get(series, 0) + count
    applications = {one.application for one in groups.values()}
    marks = {application: last_mark(rows, application, now) for application in applications}
    found = [
        ErrorGroupStatistics(
            group,
            sum(counts[number].values()),
            last[number],
            new_since(group, marks[group.application]),
            most_first(counts[number]) if scope == "name" else None,
        )
        for number, group in groups.items()
    ]
    return sorted(found, key=lambda one: (-one.count, one.group.type, one.group.frame, one.group.id))


def most_first(counts: Mapping[Series, int]) -> dict[Series, int]:
    """Return counts in an order that is the same whatever order an engine has its rows in."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def new_since(group: ErrorGroupInfo, mark: Mark | None) -> str:
    """Return the name of a mark if a group was seen for the first time after it; else an empty one.

    While a version is rolled out, the one before goes on: what was seen in that first is not new since the other.
    """
    if mark is None or group.first_seen < mark.moment:
        return ""
    is_of_another = mark.kind == "version" and group.version not in ("", mark.name)
    return "" if is_of_another else mark.name


def last_mark(rows: Rows, application: str, now: float) -> Mark | None:
    """Return the last version or mark of an application, unless nothing was counted before: all would be new.

    That an alert begins or ends is a mark as well, and is no change of the program. What lies ahead is of a process
    whose clock is wrong.
    """
    marks = [one for one in rows.marks(Window(0, now), application) if one.kind in ("version", "manual")]
    if not marks:
        return None
    last = marks[-1]
    first = first_start(rows, rows.resolutions().values(), rows.series(Selection(application), "all"), last.moment)
    return last if first is not None and first < last.moment else None
