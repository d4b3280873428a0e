"""The queries of the errors page, and of that of one group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from operator import add

from weighbridge.transactions.model.finished import NoticedError
from weighbridge.transactions.store.reader import (
    ErrorGroupStatistics,
    ErrorKey,
    ErrorStatistics,
    ErrorTimeline,
    Selection,
    StoredSample,
    StoreReader,
)

from .chart_range import ChartRange, chart_range, timeline
from .models import ErrorCounts, ErrorPage, ErrorsOverTime, ErrorsPage
from .parameters import State

__all__ = ["error", "errors"]


def errors(reader: StoreReader, state: State, now: float, in_full: bool = True) -> ErrorsPage:
    """Return the content of the errors page; in full, with percentiles over time."""
    frame, selection, wanted = (
        chart_range(reader, state, now),
        state.selection,
        state.search.casefold(),
    )
    window, by_message = frame.window, not (state.host or state.version)  # messages are counted for all together
    found = [error for error in reader.errors(window, selection) if _speaks_of(error, wanted)] if by_message else []
    groups = [one for one in reader.error_groups(window, selection, now) if _is_called(one, wanted)]
    groups_over_time = reader.error_group_timeline(window, frame.step, selection)
    of_groups = [one for one in groups if not (by_message and one.group.is_exception)]  # others have no message
    by_group = _groups_over_time(of_groups, groups_over_time)
    kept = reader.samples(window, selection, "failed", 200 if wanted else 20)
    return ErrorsPage(
        window=window,
        application=state.app,
        kind=state.kind,
        statistics=reader.totals(window, selection),
        timeline=timeline(reader, frame, selection, quantiles=in_full),
        unexpected=[error for error in found if not error.expected],
        expected=[error for error in found if error.expected],
        over_time=_errors_over_time(reader, frame, selection, wanted, by_group) if by_message else by_group,
        samples=[one for one in kept if not wanted or _failed_by(one, wanted)][:20],
        groups=groups,
        groups_over_time=groups_over_time,
    )


def error(reader: StoreReader, state: State, now: float) -> ErrorPage | None:
    """Return the content of the page of one group; ``None`` if it is not known, or no longer."""
    found = reader.error_group(state.error or 0, now)
    if found is None or found[0].application != state.app:
        return None
    group, new_since, traceback = found
    frame, selection = chart_range(reader, state, now), state.selection
    over_time = reader.error_group_timeline(frame.window, frame.step, selection)
    in_window = [one for one in reader.error_groups(frame.window, selection) if one.group.id == group.id]
    return ErrorPage(
        window=frame.window,
        application=state.app,
        kind=state.kind,
        group=group,
        new_since=new_since,
        count=sum(one.count for one in in_window),
        by_series=in_window[0].by_series if in_window else None if state.host or state.version else {},
        over_time=replace(over_time, counts={group.id: over_time.counts.get(group.id, ())} if in_window else {}),
        samples=reader.samples_of_group(group.id, frame.window, selection),
        traceback=traceback,
    )


def _is_called(one: ErrorGroupStatistics, wanted: str) -> bool:
    return wanted in f"{one.group.type} {one.group.message} {one.group.frame}".casefold()


def _failed_by(one: StoredSample, wanted: str) -> bool:
    return any(_speaks_of(error, wanted) for error in one.transaction.errors)


def _errors_over_time(
    reader: StoreReader, frame: ChartRange, selection: Selection, wanted: str, by_group: ErrorsOverTime
) -> ErrorsOverTime:
    """Return errors by message and by class, with classes of which groups alone tell."""
    told = reader.error_timeline(frame.window, frame.step, selection)
    counts = {key: numbers for key, numbers in told.counts.items() if _speaks_of(key, wanted)}
    classes = _by_class((key.type, key.expected, numbers) for key, numbers in counts.items())
    return ErrorsOverTime(
        step=told.step,
        starts=told.starts,
        classes=_most_first([*classes, *by_group.classes]),
        errors=_most_first(ErrorCounts(*key, numbers) for key, numbers in counts.items()),
    )


def _groups_over_time(groups: Iterable[ErrorGroupStatistics], told: ErrorTimeline[int]) -> ErrorsOverTime:
    """Return the same as far as groups tell it: by class, not by message."""
    found = [one.group for one in groups if one.group.id in told.counts]
    classes = _by_class((group.type, group.expected, told.counts[group.id]) for group in found)
    return ErrorsOverTime(step=told.step, starts=told.starts, classes=classes, errors=[])


def _by_class(counts: Iterable[tuple[str, bool, Sequence[int]]]) -> list[ErrorCounts]:
    classes: dict[tuple[str, bool], list[int]] = {}
    for type_, expected, numbers in counts:
        whole = classes.setdefault((type_, expected), [0] * len(numbers))
        whole[:] = map(add, whole, numbers)
    return _most_first(ErrorCounts(type_, None, expected, whole) for (type_, expected), whole in classes.items())


def _most_first(found: Iterable[ErrorCounts]) -> list[ErrorCounts]:
    return sorted(found, key=lambda one: (-sum(one.counts), one.type, one.message or ""))


def _speaks_of(error: ErrorStatistics | ErrorKey | NoticedError, wanted: str) -> bool:
    return wanted in f"{error.type} {error.message}".casefold()
