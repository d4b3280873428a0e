"""Read access to a store, for the command line and the page."""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from ..log import log_once
from ..recording.histogram import Histogram
from ..recording.snapshot import Series
from ..visible import visible
from .cache import RowCache
from .location import MEMORY, owner
from .maintenance import first_row, resolutions_of
from .resolutions import (
    COARSE_WIDTHS,
    COARSEST,
    FINEST,
    Resolution,
    RowRange,
    bounded_step,
    covering_ranges,
    end_of,
    floor_to,
    step_for,
)
from .results import (
    ApplicationStatistics,
    ErrorKey,
    ErrorStatistics,
    ErrorTimeline,
    Health,
    RunningNow,
    Selection,
    SeriesStatistics,
    StoredInstance,
    StoredSample,
    Timeline,
    TimelineBucket,
)
from .sample_json import CorruptSample, from_json
from .sqlite.connection import FAILURES, StoreConnection
from .sqlite.diagnosis import explain
from .sqlite.dropped import dropped_in
from .sqlite.files import size
from .sqlite.queries import (
    SERIES,
    error_rows,
    errors_by_step,
    first_start,
    instances,
    last_seen,
    matching,
    reporting,
    series_matching,
    series_named,
    statuses_in,
    times_of,
    totals_by,
)
from .sqlite.schema import NotOurs, check
from .statistics import Statistics, Totals, Window, statistics_of
from .steps import Steps, steps_of
from .timelines import statistics_over_time, timeline_of

__all__ = [
    "ApplicationStatistics",
    "ErrorKey",
    "ErrorStatistics",
    "ErrorTimeline",
    "Health",
    "RunningNow",
    "Selection",
    "SeriesStatistics",
    "Statistics",
    "Steps",
    "StoreReader",
    "StoreUnreadable",
    "StoredInstance",
    "StoredSample",
    "Timeline",
    "TimelineBucket",
    "Window",
    "step_for",
]

_EVERYTHING = Selection()


class StoreUnreadable(Exception):
    """The store cannot be read; the message names the file and the reason."""


class StoreReader:
    """Read-only access to a store, while others write to it.

    Transactions are counted in the minute in which they ended. A window includes
    every minute that it overlaps, or every hour where minutes are no longer kept.
    Throughput is per minute of the window so widened.

    A reader may be shared by threads; their queries run one after the other, each on
    one consistent state of the store.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._connection = StoreConnection(os.fspath(path), "ro")
        self._cache = RowCache()

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> StoreReader:
        """Open the store in a file, or the one in ``":memory:"`` that this process writes.

        Raises:
            StoreUnreadable: the file does not exist, is not a store, is a store of a
                newer version, or may not be read. All other methods raise it too, if
                that happens later.
        """
        reader = cls(path)
        with reader._reading():
            return reader

    @property
    def path(self) -> str:
        """The file, absolute, or ``":memory:"``."""
        return self._connection.path

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> StoreReader:  # noqa: PYI034 - Self is in no typing before 3.11
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def applications(self, window: Window) -> list[ApplicationStatistics]:
        """Return the statistics of each application and kind with calls in the window, most time consuming first."""
        with self._reading() as connection:
            ranges, minutes = _ranges(connection, window)
            totals_rows = series_matching(connection, _EVERYTHING, whole=True)
            all_totals = totals_by(connection, self._cache, ["series"], ranges, totals_rows)
            found = [
                ApplicationStatistics(
                    totals_rows[number].application, totals_rows[number].kind, statistics_of(totals, minutes), totals
                )
                for (number,), totals in all_totals.items()
            ]
            return sorted(found, key=lambda one: -one.totals.total)

    def knows(self, selection: Selection) -> bool:
        """Whether anything selected has been counted, or is open, within the time for which names are kept."""
        where, arguments = matching(selection)
        with self._reading() as connection:
            found = connection.execute(f"SELECT EXISTS (SELECT 1 FROM series WHERE {where})", arguments)
            return bool(found.fetchone()[0])

    def known_applications(self) -> list[str]:
        """Return the names of all applications in the store, however long ago they reported."""
        with self._reading() as connection:
            found = [name for (name,) in connection.execute("SELECT DISTINCT application FROM series")]
            return sorted(found, key=str.casefold)

    def application_names(self, window: Window) -> list[str]:
        """Return the names of applications with calls in the window, sorted regardless of case."""
        with self._reading() as connection:
            totals_rows = series_matching(connection, _EVERYTHING, whole=True)
            called = times_of(connection, self._cache, _ranges(connection, window)[0], totals_rows)
            return sorted({totals_rows[number].application for number in called}, key=str.casefold)

    def transactions(
        self, window: Window, selection: Selection = _EVERYTHING, limit: int | None = None
    ) -> list[SeriesStatistics]:
        """Return the statistics of each series with calls in the window, the most time consuming first.

        With a limit, only so many of them, which is much faster than reading all.
        """
        with self._reading() as connection:
            ranges, minutes = _ranges(connection, window)
            series = series_matching(connection, selection, whole=False)
            if limit is not None:
                times = times_of(connection, self._cache, ranges, series)
                top = sorted(times, key=lambda number: (-times[number], series[number]))[:limit]
                series = {number: series[number] for number in top}
            all_totals = totals_by(connection, self._cache, ["series"], ranges, series)
            totals_rows = series_matching(connection, Selection(selection.application, selection.kind), whole=True)
            time_of = times_of(connection, self._cache, ranges, totals_rows)
            of_all = {totals_rows[number][:2]: time for number, time in time_of.items()}
            found = [
                SeriesStatistics(
                    one, statistics_of(totals, minutes), _share(totals.total, of_all.get(one[:2], 0.0)), totals
                )
                for one, totals in ((series[number], totals) for (number,), totals in all_totals.items())
            ]
            return sorted(found, key=lambda one: (-one.totals.total, one.series))

    def totals(self, window: Window, selection: Selection = _EVERYTHING) -> Statistics:
        """Return the figures of all selected transactions together."""
        with self._reading() as connection:
            ranges, minutes = _ranges(connection, window)
            return statistics_of(self._sum(connection, ranges, selection), minutes)

    def histogram(self, window: Window, selection: Selection = _EVERYTHING) -> Histogram:
        """Return the durations of all selected transactions (see ``recording/histogram.py``)."""
        with self._reading() as connection:
            return self._sum(connection, _ranges(connection, window)[0], selection).histogram

    def statuses(self, window: Window, selection: Selection = _EVERYTHING) -> dict[int, int]:
        """Return how many of the selected web transactions had each HTTP status; 0 stands for an invalid one."""
        with self._reading() as connection:
            series = series_matching(connection, selection, whole=_uses_totals(selection))
            return statuses_in(connection, _ranges(connection, window)[0], series)

    def counted(self, window: Window) -> Window:
        """Return the window that is counted for this one: widened to whole minutes, or to the coarser rows kept."""
        with self._reading() as connection:
            return _counted(window, _ranges(connection, window)[0])

    def first_counted(self, application: str, since: float) -> int | None:
        """Return the minute (epoch seconds) in which an application's first transaction ended, or ``None``.

        If that is before ``since``, or minutes are no longer kept, some earlier moment of the same day.
        """
        with self._reading() as connection:
            series = series_matching(connection, Selection(application), whole=True)
            return first_start(connection, resolutions_of(connection).values(), series, since)

    def timeline(self, window: Window, step: int | Steps, selection: Selection = _EVERYTHING) -> Timeline:
        """Return the figures of all selected transactions together, every ``step`` seconds (a multiple of 60).

        Steps by `step_for` are fast to read however long the window is. If there would be more than 10 000 steps,
        they are made longer. ``step`` may also be the days of a time zone, as `Steps`.
        """
        with self._reading() as connection:
            steps, ranges = _stepped_ranges(connection, window, step)
            series = series_matching(connection, selection, whole=_uses_totals(selection))
            found = statistics_over_time(connection, self._cache, window, steps, ranges, series)
            return timeline_of(steps, {at: one for (at,), one in found.items()})

    def timelines(self, window: Window, step: int | Steps, wanted: Collection[Series]) -> dict[Series, Timeline]:
        """Return a `timeline` for each of the wanted series."""
        with self._reading() as connection:
            steps, ranges = _stepped_ranges(connection, window, step)
            numbers = {series: number for number, series in series_named(connection, wanted).items()}
            found: dict[int, dict[int, Statistics]] = {}
            for (number, at), one in statistics_over_time(
                connection, self._cache, window, steps, ranges, numbers.values(), apart=True
            ).items():
                found.setdefault(number, {})[at] = one
            return {series: timeline_of(steps, found.get(numbers.get(series, 0), {})) for series in wanted}

    def samples(
        self,
        window: Window,
        selection: Selection = _EVERYTHING,
        reason: Literal["slow", "failed"] | None = None,
        limit: int = 50,
    ) -> list[StoredSample]:
        """Return the slowest samples that ended in the window."""
        where, arguments = matching(selection)
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT sample.id, {SERIES}, reason, body FROM sample JOIN series ON series.id = sample.series"
                f" WHERE ended >= ? AND ended < ? AND (? IS NULL OR reason = ?) AND {where}"
                " ORDER BY duration DESC LIMIT ?",
                (window.since, window.until, reason, reason, *arguments, limit),
            )
            return list(_intact_samples(rows))

    def sample(self, number: int) -> StoredSample | None:
        """Return a sample by its ``id``; ``None`` if it does not exist, or no longer."""
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT sample.id, {SERIES}, reason, body FROM sample JOIN series ON series.id = sample.series"
                " WHERE sample.id = ?",
                (number,),
            )
            return next(_intact_samples(rows), None)

    def errors(self, window: Window, selection: Selection = _EVERYTHING) -> list[ErrorStatistics]:
        """Return the errors, distinct by type, message and whether they were expected, the most frequent first."""
        found: dict[tuple[str, str, bool], dict[Series, int]] = {}
        last: dict[tuple[str, str, bool], int] = {}
        with self._reading() as connection:
            for key, count, start, series in error_rows(connection, _ranges(connection, window)[0], selection):
                counts = found.setdefault(key, {})
                counts[series] = counts.get(series, 0) + count
                last[key] = max(last.get(key, 0), start)
            errors = [ErrorStatistics(*key, sum(counts.values()), last[key], counts) for key, counts in found.items()]
            return sorted(errors, key=lambda error: (-error.count, error.type, error.message))

    def error_timeline(self, window: Window, step: int | Steps, selection: Selection = _EVERYTHING) -> ErrorTimeline:
        """Return how often each distinct error occurred in each step, as in `timeline`."""
        counts: dict[ErrorKey, list[int]] = {}
        with self._reading() as connection:
            steps, ranges = _stepped_ranges(connection, window, step)
            places = {number: place for place, number in enumerate(steps.start_of)}
            for key, number, count in errors_by_step(connection, ranges, selection, steps.number_sql):
                counts.setdefault(key, [0] * len(places))[places[number]] += count
        return ErrorTimeline(steps.length, steps.starts, counts)

    def instances(self) -> list[StoredInstance]:
        """Return the processes that reported in the last days, the last seen first."""
        with self._reading() as connection:
            return sorted(instances(connection).values(), key=lambda instance: -instance.seen)

    def reporting(self, now: float) -> list[StoredInstance]:
        """Return the processes that are still alive (``now``: epoch seconds), the last seen first."""
        with self._reading() as connection:
            found = reporting(connection, now)
            return sorted(found.values(), key=lambda instance: -instance.seen)

    def running(self, now: float) -> list[RunningNow]:
        """Return the open transactions of processes that are still alive (``now``: epoch seconds), the oldest first."""
        with self._reading() as connection:
            there = reporting(connection, now)
            rows = connection.execute(
                f"SELECT instance, running.started, {SERIES} FROM running JOIN series ON series.id = running.series"
                " ORDER BY running.started"
            )
            return [RunningNow(Series(*row[2:]), row[1], there[row[0]]) for row in rows if row[0] in there]

    def links(self) -> dict[str, tuple[str, ...]]:
        """Return the applications that each application is linked to, as far as samples show."""
        links: dict[str, tuple[str, ...]] = {}
        with self._reading() as connection:
            for application, linked in connection.execute("SELECT application, linked FROM link ORDER BY 1, 2"):
                links[application] = (*links.get(application, ()), linked)
        return links

    def dropped(self, window: Window, application: str | None = None) -> dict[str, int]:
        """Return what was dropped within a window by processes that report an application, or any: counts by cause."""
        with self._reading() as connection:
            return dropped_in(connection, window, application)

    def health(self) -> Health:
        """Return the state of the file, and what is known of its writers."""
        with self._reading() as connection:
            lost = dict(connection.execute("SELECT cause, sum(count) FROM loss GROUP BY cause ORDER BY cause"))
            seen = [instance.seen for instance in instances(connection).values()]
            last_write, version = last_seen(connection), check(connection)
        path = self._connection.path
        return Health(path, size(path), owner(path), last_write, lost, version, max(seen, default=None))

    def _sum(self, connection: sqlite3.Connection, ranges: Sequence[RowRange], selection: Selection) -> Totals:
        series = series_matching(connection, selection, whole=_uses_totals(selection))
        return totals_by(connection, self._cache, [], ranges, series).get((), Totals())

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._connection.transaction() as connection:
                if check(connection) == 0:
                    raise NotOurs("nothing has been written to it yet")
                self._cache.validate(connection, resolutions_of(connection).values())
                yield connection
        except (*FAILURES, LookupError, TypeError) as error:  # the last two: a value is none of its column's
            path = self._connection.path
            reason = str(error) if path == MEMORY else explain(error, path, writing=False)
            raise StoreUnreadable(f"the store {visible(path)} cannot be read: {reason}") from error


def _uses_totals(selection: Selection) -> bool:
    """Whether rows that stand for all transactions of an application and kind will do."""
    return selection.group is None and selection.name is None


def _ranges(connection: sqlite3.Connection, window: Window) -> tuple[list[RowRange], float]:
    """The rows to read, and the length in minutes of the window as it is widened by them."""
    ranges = covering_ranges(_clipped(connection, window), resolutions_of(connection).values())
    return ranges, _counted(window, ranges).minutes


def _counted(window: Window, ranges: Iterable[RowRange]) -> Window:
    """The window as it is widened by the rows to be read."""
    since = min([floor_to(window.since, FINEST), *(part.start for part in ranges)])
    return Window(since, end_of(window, ranges))


def _clipped(connection: sqlite3.Connection, window: Window) -> Window:
    """The window from the first row on: before it there is nothing to look for."""
    firsts = [first_row(connection, width, 0) for width in (FINEST, *COARSE_WIDTHS)]
    first = min((start for start in firsts if start is not None), default=window.until)
    return window._replace(since=max(window.since, first))


def _stepped_ranges(connection: sqlite3.Connection, window: Window, step: int | Steps) -> tuple[Steps, list[RowRange]]:
    """Steps that the rows kept allow, and their rows, the last of which ends with the window.

    None of them belongs to two buckets.
    """
    resolutions = resolutions_of(connection).values()
    steps = step if isinstance(step, Steps) else _allowed_steps(resolutions, window, step)
    stepped = window._replace(since=min(steps.starts, default=window.since))
    usable = [resolution for resolution in resolutions if steps.can_be_made_of(resolution.width)]
    return steps, covering_ranges(_clipped(connection, stepped), usable)


def _allowed_steps(resolutions: Collection[Resolution], window: Window, step: int) -> Steps:
    kept = [resolution.width for resolution in resolutions if resolution.complete_from <= window.since] or [COARSEST]
    finest = min(kept)
    return steps_of(window, math.ceil(max(bounded_step(window, step), FINEST) / finest) * finest)


def _share(time: float, of_all: float) -> float:
    return time / of_all if of_all else 0.0


def _intact_samples(rows: Iterable[tuple[Any, ...]]) -> Iterator[StoredSample]:
    """Yield the samples, leaving out damaged ones with a log line."""
    for row in rows:
        try:
            yield StoredSample(row[0], Series(*row[1:5]), row[5], from_json(row[6]))
        except CorruptSample as error:
            log_once("corrupt sample", "the store holds a damaged sample, which is left out: %s", error)
