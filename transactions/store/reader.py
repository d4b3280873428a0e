"""Read access to a store, for the command line and the page."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import local

from ..log import log_once
from ..model.finished import Kind
from ..model.naming import display_name, path_of
from ..recording.histogram import Histogram
from ..recording.snapshot import SampleReason, Series
from ..recording.totals import PlainTotals, Totals, seconds
from ..schedules import Schedule
from .cache import RowCache
from .engines import source_at
from .error_groups import group_statistics, last_mark, most_first, new_since
from .ever import EverCache, counted_ever
from .limits import MAX_SAMPLES
from .liveness import reporting
from .names import scope_of
from .resolutions import (
    COARSE_WIDTHS,
    COARSEST,
    FINEST,
    FOREVER,
    Resolution,
    RowRange,
    bounded_step,
    covering_ranges,
    end_of,
    floor_to,
    step_for,
)
from .results import (
    AlertState,
    ApplicationStatistics,
    CountedEver,
    CustomMetricStatistics,
    EnqueuedBy,
    ErrorGroupInfo,
    ErrorGroupStatistics,
    ErrorKey,
    ErrorStatistics,
    ErrorTimeline,
    ErrorType,
    Figures_co,
    Health,
    HostStatistics,
    Mark,
    MarkKind,
    RunningNow,
    SampleErrorInfo,
    ScheduleStatus,
    Selection,
    SeriesStatistics,
    StoredEvents,
    StoredInstance,
    StoredSample,
    StoredSchedule,
    Timeline,
    TimelineBucket,
)
from .rows import Grouping, Rows, Scope, Source, StoreUnreadable
from .sample_filter import FoundSamples, SampleFilter, first_matching
from .shared_reading import SharedReading
from .statistics import Statistics, Window, Workload, statistics_of
from .steps import Steps, steps_of
from .sums import averages_of, first_start, last_start, plain_totals_of, times_of, totals_by
from .timelines import (
    STATISTICS,
    WITHOUT_QUANTILES,
    WORKLOADS,
    FigureKind,
    error_timeline,
    figures_over_time,
    timeline_of,
)
from .timetable import Run, missed, next_due
from .tracebacks import Traceback, TracebackFrame, traceback_from

__all__ = [
    "AlertState",
    "ApplicationStatistics",
    "CountedEver",
    "CustomMetricStatistics",
    "EnqueuedBy",
    "ErrorGroupInfo",
    "ErrorGroupStatistics",
    "ErrorKey",
    "ErrorStatistics",
    "ErrorTimeline",
    "ErrorType",
    "Figures_co",
    "FoundSamples",
    "Health",
    "HostStatistics",
    "Mark",
    "MarkKind",
    "RunningNow",
    "SampleErrorInfo",
    "SampleFilter",
    "ScheduleStatus",
    "Selection",
    "SeriesStatistics",
    "Statistics",
    "Steps",
    "StoreReader",
    "StoreUnreadable",
    "StoredEvents",
    "StoredInstance",
    "StoredSample",
    "Timeline",
    "TimelineBucket",
    "Traceback",
    "TracebackFrame",
    "Window",
    "Workload",
    "step_for",
]

_EVERYTHING = Selection()
_TOGETHER = Grouping()
_EACH = Grouping(by_series=True)
_EACH_START = Grouping(step="start")
_LONG_AGO = 32 * 86400.0
"""For so many seconds before a window, the last run of a schedule is looked for."""


class _OfThread(local):
    """What a thread has begun to read."""

    shared: SharedReading | None = None


class StoreReader:
    """Read-only access to a store, while others write to it.

    Transactions are counted in the minute in which they ended. A window includes
    every minute that it overlaps, or every hour where minutes are no longer kept.
    Throughput is per minute of the window so widened.

    A reader may be shared by threads; their queries run one after the other, each on
    one consistent state of the store.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._source: Source = source_at(os.fspath(path))
        self._cache = RowCache()
        self._ever_cache = EverCache()
        self._of_thread = _OfThread()

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
        return self._source.place

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def collect(self) -> None:
        """Merge what processes have sent to a server and nobody has merged so far, where that is allowed."""
        self._source.collect()

    def __enter__(self) -> StoreReader:  # noqa: PYI034 - Self is in no typing before 3.11
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def applications(self, window: Window) -> list[ApplicationStatistics]:
        """Return the statistics of each application and kind with calls in the window, most time consuming first."""
        with self._reading() as rows:
            ranges, minutes = _ranges(rows, window)
            totals_rows = rows.series(_EVERYTHING, "all")
            all_totals = totals_by(rows, self._cache, _EACH, ranges, totals_rows)
            found = [
                ApplicationStatistics(
                    totals_rows[number].application, totals_rows[number].kind, statistics_of(totals, minutes), totals
                )
                for (number,), totals in all_totals.items()
            ]
            return sorted(found, key=lambda one: -one.totals.total)

    def knows(self, selection: Selection) -> bool:
        """Whether anything selected has been counted, or is open, within the time for which names are kept."""
        with self._reading() as rows:
            return rows.knows(selection)

    def known_applications(self) -> list[str]:
        """Return the names of all applications in the store, however long ago they reported."""
        with self._reading() as rows:
            return sorted(rows.applications(), key=str.casefold)

    def application_names(self, window: Window) -> list[str]:
        """Return the names of applications with calls in the window, sorted regardless of case."""
        with self._reading() as rows:
            totals_rows = rows.series(_EVERYTHING, "all")
            called = times_of(rows, self._cache, _ranges(rows, window)[0], totals_rows)
            return sorted({totals_rows[number].application for number in called}, key=str.casefold)

    def transactions(
        self, window: Window, selection: Selection = _EVERYTHING, limit: int | None = None, scope: Scope = "name"
    ) -> list[SeriesStatistics]:
        """Return the statistics of each series with calls in the window, the most time consuming first.

        With a limit, only so many of them, which is much faster than reading all. In
        another scope, the series are those of all that has a host, a version or a queue in common.
        """
        with self._reading() as rows:
            ranges, minutes = _ranges(rows, window)
            series = rows.series(selection, scope)
            if limit is not None:
                times = times_of(rows, self._cache, ranges, series)
                top = sorted(times, key=lambda number: (-times[number], series[number]))[:limit]
                series = {number: series[number] for number in top}
            all_totals = totals_by(rows, self._cache, _EACH, ranges, series)
            totals_rows = rows.series(Selection(selection.application, selection.kind), "all")
            time_of = times_of(rows, self._cache, ranges, totals_rows)
            of_all = {totals_rows[number][:2]: time for number, time in time_of.items()}
            found = [
                SeriesStatistics(
                    one, statistics_of(totals, minutes), _share(totals.total, of_all.get(one[:2], 0.0)), totals
                )
                for one, totals in ((series[number], totals) for (number,), totals in all_totals.items())
            ]
            return sorted(found, key=lambda one: (-one.totals.total, one.series))

    def hosts(self, window: Window, now: float, selection: Selection = _EVERYTHING) -> list[HostStatistics]:
        """Return the statistics of each host with calls in the window, or with processes at present, by name.

        Args:
            window: of the figures.
            now: the present (epoch seconds).
            selection: of the figures; processes are counted whatever they report.
        """
        with self._reading() as rows:
            ranges, minutes = _ranges(rows, window)
            series = rows.series(Selection(selection.application, selection.kind), "host")
            totals: dict[str, Totals] = {}
            for (number,), one in totals_by(rows, self._cache, _EACH, ranges, series).items():
                totals.setdefault(series[number].name, Totals()).add(one)
            known = rows.instances()
            there = reporting(known, rows.silences(), now)
        latest = {instance.host: instance for instance in sorted(known.values(), key=lambda instance: instance.seen)}
        return [
            _host(host, statistics_of(totals.get(host, Totals()), minutes), latest.get(host), there.values())
            for host in sorted({*totals, *(instance.host for instance in there.values())}, key=str.casefold)
        ]

    def known_parts(self, scope: Scope, application: str | None = None) -> list[str]:
        """Return the hosts, versions or queues of an application within the time for which their names are kept."""
        with self._reading() as rows:
            series = rows.series(Selection(application), scope)
            return sorted({one.name for one in series.values()}, key=str.casefold)

    def has_former_bins(self, window: Window) -> bool:
        """Whether part of a window was recorded by versions whose percentiles are off by up to 2.1 %, not 1.1 %."""
        with self._reading() as rows:
            return rows.has_former_bins(_ranges(rows, window)[0])

    def plain_totals(self, window: Window, application: str, kind: Kind) -> dict[Series, PlainTotals]:
        """Return what puts the transactions of an application in order: however many there are, that is fast."""
        with self._reading() as rows:
            series = rows.series(Selection(application, kind))
            found = plain_totals_of(rows, self._cache, _ranges(rows, window)[0], series)
            return {series[number]: totals for number, totals in found.items()}

    def averages(self, window: Window, application: str, kind: Kind) -> dict[Series, float]:
        """Return the average duration (seconds) of each transaction of an application."""
        with self._reading() as rows:
            series = rows.series(Selection(application, kind))
            found = averages_of(rows, self._cache, _ranges(rows, window)[0], series)
            return {series[number]: average for number, average in found.items()}

    def statistics_by_series(self, window: Window, wanted: Collection[Series]) -> dict[Series, Statistics]:
        """Return the statistics of those of the wanted transactions of one application that were called."""
        some = next(iter(wanted), None)
        if some is None:
            return {}
        with self._reading() as rows:
            ranges, minutes = _ranges(rows, window)
            all_series = rows.series(Selection(some.application, some.kind))
            series = {number: one for number, one in all_series.items() if one in wanted}
            all_totals = totals_by(rows, self._cache, _EACH, ranges, series)
            return {series[number]: statistics_of(totals, minutes) for (number,), totals in all_totals.items()}

    def totals(self, window: Window, selection: Selection = _EVERYTHING, scope: Scope | None = None) -> Statistics:
        """Return the figures of all selected transactions together; in a scope, the name is a host, a queue, ...."""
        with self._reading() as rows:
            ranges, minutes = _ranges(rows, window)
            return statistics_of(self._sum(rows, ranges, selection, scope), minutes)

    def histogram(self, window: Window, selection: Selection = _EVERYTHING) -> Histogram:
        """Return the durations of all selected transactions (see ``recording/histogram.py``)."""
        with self._reading() as rows:
            return self._sum(rows, _ranges(rows, window)[0], selection).histogram

    def statuses(self, window: Window, selection: Selection = _EVERYTHING) -> dict[int, int]:
        """Return how many of the selected web transactions had each HTTP status; 0 stands for an invalid one."""
        with self._reading() as rows:
            series = _summed_series(rows, selection)
            return rows.statuses(_ranges(rows, window)[0], series)

    def counted(self, window: Window) -> Window:
        """Return the window that is counted for this one: widened to whole minutes, or to the coarser rows kept."""
        with self._reading() as rows:
            return _counted(window, _ranges(rows, window)[0])

    def first_counted(self, application: str, since: float) -> int | None:
        """Return the minute (epoch seconds) in which an application's first transaction ended, or ``None``.

        If that is before ``since``, or minutes are no longer kept, some earlier moment of the same day.
        """
        with self._reading() as rows:
            series = rows.series(Selection(application), "all")
            return first_start(rows, rows.resolutions().values(), series, since)

    def last_ended(self, selection: Selection, now: float) -> int | None:
        """Return the minute (epoch seconds) in which the last selected transaction ended up to now, or ``None``.

        Where minutes are no longer kept, the start of the time range that is.
        """
        with self._reading() as rows:
            series = _summed_series(rows, selection)
            ranges, _ = _ranges(rows, Window(0.0, now))
            return last_start(rows, rows.resolutions().values(), series, ranges) if series else None

    def named(self, path: str, application: str | None = None) -> Series | None:
        """Return a transaction of a path, such as ``WebTransaction/Route/GET /``; ``None`` if none is known."""
        with self._reading() as rows:
            found = rows.series(Selection(application)).values()
            return next((one for one in found if path_of(one.kind, one.group, one.name) == path), None)

    def timeline(
        self,
        window: Window,
        step: int | Steps,
        selection: Selection = _EVERYTHING,
        scope: Scope | None = None,
        quantiles: bool = True,
    ) -> Timeline[Statistics]:
        """Return the figures of all selected transactions together, every ``step`` seconds (a multiple of 60).

        Steps by `step_for` are fast to read however long the window is. If there would be more than 10 000 steps,
        they are made longer. ``step`` may also be the days of a time zone, as `Steps`. The scope is that of `totals`.
        Without quantiles, which are ``None`` then, the rest is read much faster.
        """
        kind = STATISTICS if quantiles else WITHOUT_QUANTILES
        with self._reading() as rows:
            steps, ranges = _stepped_ranges(rows, window, step)
            series = _summed_series(rows, selection, scope)
            found = figures_over_time(kind, rows, self._cache, window, steps, ranges, series)
            return timeline_of(kind, steps, {at: one for (at,), one in found.items()})

    def timelines(
        self, window: Window, step: int | Steps, wanted: Collection[Series]
    ) -> dict[Series, Timeline[Statistics]]:
        """Return a `timeline` for each of the wanted series."""
        return self._timelines(STATISTICS, window, step, wanted)

    def workloads(
        self, window: Window, step: int | Steps, wanted: Collection[Series]
    ) -> dict[Series, Timeline[Workload]]:
        """Return the same with few figures, which is much faster."""
        return self._timelines(WORKLOADS, window, step, wanted)

    def _timelines(
        self, kind: FigureKind[Figures_co], window: Window, step: int | Steps, wanted: Collection[Series]
    ) -> dict[Series, Timeline[Figures_co]]:
        with self._reading() as rows:
            steps, ranges = _stepped_ranges(rows, window, step)
            numbers = {series: number for number, series in _named(rows, wanted).items()}
            by_series: dict[int, dict[int, Figures_co]] = {}
            found = figures_over_time(kind, rows, self._cache, window, steps, ranges, numbers.values(), apart=True)
            for (number, at), one in found.items():
                by_series.setdefault(number, {})[at] = one
            return {series: timeline_of(kind, steps, by_series.get(numbers.get(series, 0), {})) for series in wanted}

    def samples(
        self,
        window: Window,
        selection: Selection = _EVERYTHING,
        reason: SampleReason | None = None,
        limit: int = 50,
    ) -> list[StoredSample]:
        """Return the slowest samples that ended in the window."""
        with self._reading() as rows:
            return list(rows.samples(window, selection, reason, limit))

    def find_samples(
        self, window: Window, selection: Selection, wanted: SampleFilter, latest: bool = False, limit: int = 1000
    ) -> FoundSamples:
        """Return samples that match a filter, the slowest or the latest first."""
        with self._reading() as rows:
            series = _called(rows, selection, wanted.part_of_name) if wanted.part_of_name else None
            most = limit + 1 if wanted.is_told_by_columns else 2 * limit
            candidates = rows.matching_samples(window, selection, series, wanted, latest, most)
            found = first_matching(candidates, wanted, limit, most)
            if found.is_complete or len(found.samples) == limit:
                return found
            # Too few of those that may match do: all of them are looked at, so that no sample which is there is missed.
            candidates = rows.matching_samples(window, selection, series, wanted, latest, MAX_SAMPLES)
            return first_matching(candidates, wanted, limit, MAX_SAMPLES)

    def sample(self, number: int) -> StoredSample | None:
        """Return a sample by its ``id``; ``None`` if it does not exist, or no longer."""
        with self._reading() as rows:
            return rows.sample(number)

    def errors(self, window: Window, selection: Selection = _EVERYTHING) -> list[ErrorStatistics]:
        """Return the errors, distinct by type, message and whether they were expected, the most frequent first."""
        found: dict[ErrorKey, dict[Series, int]] = {}
        last: dict[ErrorKey, int] = {}
        with self._reading() as rows:
            for key, count, start, series in rows.errors(_ranges(rows, window)[0], selection):
                counts = found.setdefault(key, {})
                counts[series] = counts.get(series, 0) + count
                last[key] = max(last.get(key, 0), start)
            errors = [
                ErrorStatistics(*key, sum(counts.values()), last[key], most_first(counts))
                for key, counts in found.items()
            ]
            return sorted(errors, key=lambda error: (-error.count, error.type, error.message))

    def error_timeline(
        self, window: Window, step: int | Steps, selection: Selection = _EVERYTHING
    ) -> ErrorTimeline[ErrorKey]:
        """Return how often each distinct error occurred in each step, as in `timeline`."""
        with self._reading() as rows:
            steps, ranges = _stepped_ranges(rows, window, step)
            return error_timeline(steps, rows.errors_by_step(ranges, selection, steps.number_sql))

    def error_groups(
        self, window: Window, selection: Selection = _EVERYTHING, now: float = FOREVER
    ) -> list[ErrorGroupStatistics]:
        """Return the groups of errors: of one class, from one place; those with the most errors first.

        They are new since the last mark up to ``now`` (epoch seconds).
        """
        with self._reading() as rows:
            return group_statistics(rows, _ranges(rows, window)[0], selection, now)

    def error_group_timeline(
        self, window: Window, step: int | Steps, selection: Selection = _EVERYTHING
    ) -> ErrorTimeline[int]:
        """Return how many errors each group had in each step, as in `timeline`."""
        with self._reading() as rows:
            steps, ranges = _stepped_ranges(rows, window, step)
            return error_timeline(steps, rows.groups_by_step(ranges, selection, steps.number_sql))

    def error_group(self, number: int, now: float = FOREVER) -> tuple[ErrorGroupInfo, str, Traceback | None] | None:
        """Return a group by its ``id``, since which mark it is new, and its last traceback; ``None`` if it is unknown.

        The mark is empty if the group is older.
        """
        with self._reading() as rows:
            found = rows.group(number)
            if found is None:
                return None
            group, text = found
            return group, new_since(group, last_mark(rows, group.application, now)), traceback_from(text)

    def samples_of_group(
        self, number: int, window: Window, selection: Selection = _EVERYTHING, limit: int = 20
    ) -> list[StoredSample]:
        """Return the last selected samples of a group of errors that ended in a window."""
        with self._reading() as rows:
            return list(rows.samples_of_group(number, window, selection, limit))

    def errors_of_sample(self, number: int) -> list[SampleErrorInfo]:
        """Return the groups and tracebacks of a sample's errors, in their order.

        Of one that failed without any error it is the group of such failures.
        """
        with self._reading() as rows:
            return list(rows.errors_of_sample(number))

    def instances(self) -> list[StoredInstance]:
        """Return the processes that reported in the last days, the last seen first."""
        with self._reading() as rows:
            return sorted(rows.instances().values(), key=lambda instance: -instance.seen)

    def reporting(self, now: float) -> list[StoredInstance]:
        """Return the processes that are still alive (``now``: epoch seconds), the last seen first."""
        with self._reading() as rows:
            found = reporting(rows.instances(), rows.silences(), now)
            return sorted(found.values(), key=lambda instance: -instance.seen)

    def running(self, now: float) -> list[RunningNow]:
        """Return the open transactions of processes that are still alive (``now``: epoch seconds), the oldest first."""
        with self._reading() as rows:
            there = reporting(rows.instances(), rows.silences(), now)
            return [
                RunningNow(series, started, there[number])
                for number, started, series in rows.running()
                if number in there
            ]

    def schedules(self, window: Window, now: float, application: str | None = None) -> list[ScheduleStatus]:
        """Return the schedules with their last run, the next one, and those that were missed in a window.

        Runs are told by their transactions, to the minute or as finely as they are kept. What was due before
        a schedule was first reported is not missed.
        """
        with self._reading() as rows:
            _, ranges = _stepped_ranges(rows, window, FINEST)
            earlier, _ = _ranges(rows, Window(window.since - _LONG_AGO, window.since))
            open_now = [(series, started) for _, started, series in rows.running()]
            found = []
            for stored in rows.schedules(application):
                runs = _runs(rows, stored.schedule, ranges, open_now)
                before = runs or _runs(rows, stored.schedule, earlier, ())
                found.append(_status(stored, runs, before[-1] if before else None, window, now))
            return found

    def enqueued(self, window: Window, selection: Selection) -> Sequence[EnqueuedBy]:
        """Return by what tasks were enqueued that ended in the hours of a window: the hundred most frequent pairs.

        It is known of tasks whose job system carries a header, and is kept for a month.
        """
        with self._reading() as rows:
            return rows.enqueued(window, selection)

    def reporters(self, application: str, kind: Kind) -> list[StoredInstance]:
        """Return the processes of the last days that have reported transactions of an application and kind.

        The last seen come first. Of a store that an earlier version wrote, which does not tell, these are all.
        """
        with self._reading() as rows:
            known, own = rows.instances(), rows.reporters(application, kind)
        found = [known[number] for number in own if number in known] or known.values()
        return sorted(found, key=lambda instance: -instance.seen)

    def workers(self, application: str, now: float) -> list[StoredInstance]:
        """Return the living processes that have reported background transactions of an application."""
        with self._reading() as rows:
            there = reporting(rows.instances(), rows.silences(), now)
            wanted = rows.reporters(application, "background")
            return [instance for number, instance in there.items() if number in wanted]

    def last_gone(self, selection: Selection, now: float) -> StoredInstance | None:
        """Return the process that reported last what is selected, an application and kind, if none of them runs now.

        Those that ended longer ago than processes are remembered are unknown, as if there were none.
        """
        assert selection.application is not None
        assert selection.kind is not None
        with self._reading() as rows:
            wanted = rows.reporters(selection.application, selection.kind)
            known = rows.instances()
            own = [number for number in wanted if number in known and known[number].is_of(selection)]
            last = max((known[number] for number in own), key=lambda instance: instance.seen, default=None)
            if last is None or last.seen > now - FINEST:
                return None
            there = reporting(known, rows.silences(), now)
            return None if any(number in there for number in own) else last

    def marks(self, window: Window, application: str | None = None) -> list[Mark]:
        """Return the marks in a window, in order of time: new versions, and what somebody marked."""
        with self._reading() as rows:
            return rows.marks(window, application)

    def alert_states(self) -> list[AlertState]:
        """Return the states of alerts, by name."""
        with self._reading() as rows:
            return rows.alert_states()

    def custom_metrics(self, window: Window, application: str | None = None) -> list[CustomMetricStatistics]:
        """Return the custom metrics with values in the window, by application and name."""
        found: dict[tuple[str, str], tuple[int, float, float, float]] = {}
        with self._reading() as rows:
            ranges, minutes = _ranges(rows, window)
            for whose, name, number, total, least, most in rows.custom_metrics(ranges, application):
                before = found.get((whose, name), (0, 0.0, least, most))
                values = (before[0] + number, before[1] + total, min(before[2], least), max(before[3], most))
                found[whose, name] = values
        return [
            CustomMetricStatistics(*key, number, number / minutes, total, least, most)
            for key, (number, total, least, most) in sorted(found.items())
        ]

    def custom_events(self, application: str | None = None) -> list[StoredEvents]:
        """Return the types of custom events, by application and type, however long ago they were recorded."""
        with self._reading() as rows:
            return sorted(rows.custom_events(application), key=lambda one: (one.application, one.type))

    def ever(self, max_names: int | None = None) -> CountedEver:
        """Return all that was ever counted, as counters show it.

        With a limit, the names that took the most time by the last full hour are told apart; the others are together.
        """
        with self._reading() as rows:
            return counted_ever(rows, self._ever_cache, max_names)

    def links(self) -> dict[str, tuple[str, ...]]:
        """Return the applications that each application is linked to, as far as samples show."""
        links: dict[str, tuple[str, ...]] = {}
        with self._reading() as rows:
            for application, linked in rows.links():
                links[application] = (*links.get(application, ()), linked)
        return links

    def dropped(self, window: Window, application: str | None = None) -> dict[str, int]:
        """Return what was dropped within a window by processes that report an application, or any: counts by cause."""
        with self._reading() as rows:
            return rows.dropped(window, application)

    def health(self) -> Health:
        """Return the state of the file, and what is known of its writers."""
        with self._reading() as rows:
            seen = [instance.seen for instance in rows.instances().values()]
            lost, last_write, version, waiting = rows.lost(), rows.last_seen(), rows.version, rows.waiting()
            now = rows.server_time()
        source, latest = self._source, max(seen, default=None)
        return Health(source.place, source.size(), source.owner(), last_write, lost, version, waiting, latest, now)

    def _sum(self, rows: Rows, ranges: Sequence[RowRange], selection: Selection, scope: Scope | None = None) -> Totals:
        series = _summed_series(rows, selection, scope)
        return totals_by(rows, self._cache, _TOGETHER, ranges, series).get((), Totals())

    @contextmanager
    def at_one_moment(self) -> Iterator[None]:
        """Answer all questions of the block, from this thread, as of one moment of the store; other threads wait."""
        if self._of_thread.shared is not None:
            yield
            return
        shared = self._of_thread.shared = SharedReading(self._source)
        try:
            yield
        finally:
            self._of_thread.shared = None
            shared.end()

    @contextmanager
    def _reading(self) -> Iterator[Rows]:
        shared = self._of_thread.shared
        with self._source.reading() if shared is None else shared.rows() as rows:
            self._cache.validate(rows.state, rows.resolutions().values())
            yield rows


def _runs(
    rows: Rows, schedule: Schedule, ranges: Sequence[RowRange], open_now: Iterable[tuple[Series, float]]
) -> list[Run]:
    """Return when the runs of a schedule may have begun, in order of their earliest moments."""
    wanted = Series(schedule.application, "background", schedule.group, schedule.name)
    series = rows.series(Selection(*wanted))
    found = [Run(started, started + 1) for one, started in open_now if one == wanted]
    for part in ranges:
        for start, *columns in rows.sums("plain", _EACH_START, (part,), series):
            totals = PlainTotals(*columns)
            if totals.begun:
                found.append(Run(start - seconds(totals.maximum), start + part.width))
    return sorted(found)


def _status(
    stored: StoredSchedule, runs: Sequence[Run], last: Run | None, window: Window, now: float
) -> ScheduleStatus:
    schedule, last_run = stored.schedule, None if last is None else min(last.latest, now)
    try:
        known = window._replace(since=max(window.since, stored.first_seen))
        lost = missed(schedule, runs, known, now)
        return ScheduleStatus(schedule, last_run, next_due(schedule, runs, now), lost.number, lost.last)
    except (ValueError, ImportError) as error:
        log_once(("schedule", schedule), "the schedule %r of %s is not understood: %s", *schedule[4:2:-1], error)
        return ScheduleStatus(schedule, last_run, None, 0, None)


def _host(
    host: str, statistics: Statistics, latest: StoredInstance | None, there: Iterable[StoredInstance]
) -> HostStatistics:
    processes = sum(instance.host == host for instance in there)
    if latest is None:
        return HostStatistics(host, statistics, processes, None, None)
    return HostStatistics(host, statistics, processes, latest.seen, latest.clock_difference)


def _summed_series(rows: Rows, selection: Selection, scope: Scope | None = None) -> dict[int, Series]:
    """Return the series of a scope, else of the one where fewest are to be added up."""
    if scope is not None:
        return rows.series(selection, scope)
    scope, selected = scope_of(selection)
    is_whole = scope == "name" and selection.group is None and selection.name is None
    return rows.series(selected, "all" if is_whole else scope)


def _called(rows: Rows, selection: Selection, part: str) -> list[int]:
    """Return the numbers of the selected series with a text in the name that is shown, in whatever case."""
    found = rows.series(selection).items()
    return [number for number, one in found if part.casefold() in display_name(one.group, one.name).casefold()]


def _ranges(rows: Rows, window: Window) -> tuple[list[RowRange], float]:
    """The rows to read, and the length in minutes of the window as it is widened by them."""
    ranges = covering_ranges(_clipped(rows, window), rows.resolutions().values())
    return ranges, _counted(window, ranges).minutes


def _counted(window: Window, ranges: Iterable[RowRange]) -> Window:
    """The window as it is widened by the rows to be read."""
    since = min([floor_to(window.since, FINEST), *(part.start for part in ranges)])
    return Window(since, end_of(window, ranges))


def _clipped(rows: Rows, window: Window) -> Window:
    """The window from the first row on: before it there is nothing to look for."""
    firsts = [rows.first_row(width, 0) for width in (FINEST, *COARSE_WIDTHS)]
    first = min((start for start in firsts if start is not None), default=window.until)
    return window._replace(since=max(window.since, first))


def _stepped_ranges(rows: Rows, window: Window, step: int | Steps) -> tuple[Steps, list[RowRange]]:
    """Steps that the rows kept allow, and their rows, the last of which ends with the window.

    None of them belongs to two buckets.
    """
    resolutions = rows.resolutions().values()
    steps = step if isinstance(step, Steps) else _allowed_steps(resolutions, window, step)
    stepped = window._replace(since=min(steps.starts, default=window.since))
    usable = [resolution for resolution in resolutions if steps.can_be_made_of(resolution.width)]
    return steps, covering_ranges(_clipped(rows, stepped), usable)


def _allowed_steps(resolutions: Collection[Resolution], window: Window, step: int) -> Steps:
    kept = [resolution.width for resolution in resolutions if resolution.complete_from <= window.since] or [COARSEST]
    finest = min(kept)
    return steps_of(window, math.ceil(max(bounded_step(window, step), FINEST) / finest) * finest)


def _share(time: float, of_all: float) -> float:
    return time / of_all if of_all else 0.0


def _named(rows: Rows, wanted: Collection[Series]) -> dict[int, Series]:
    """Return those of the wanted series that the store has, by number."""
    found: dict[int, Series] = {}
    for series in wanted:
        found |= rows.series(Selection(*series))
    return found
