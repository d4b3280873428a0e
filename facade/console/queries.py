"""The queries of each page: one function per page, of the same name.

Some take ``in_full``: whether to tell those figures over time that the JSON has and the page does not show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from weighbridge.reporting.report import Line, Report, per_minute_of, read_report, served
from weighbridge.transactions.model.naming import display_name
from weighbridge.transactions.recording.histogram import Histogram, bin_of
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.recording.totals import Totals
from weighbridge.transactions.store.reader import (
    ApplicationStatistics,
    HostStatistics,
    Selection,
    StoreReader,
    Timeline,
)
from weighbridge.transactions.store.statistics import Statistics, Window

from . import columns
from .chart_range import (
    SPARKS,
    ChartRange,
    begun,
    chart_range,
    charted_step,
    compared_places,
    comparison_range,
    counted_window,
    holding,
    settled_before,
    timeline,
)
from .error_queries import error, errors
from .histogram import bars_of
from .job_queries import jobs
from .line_queries import PAGE_LENGTH, candidates, in_table_order, page_of
from .models import (
    ApplicationsPage,
    ApplicationSummary,
    Comparison,
    CustomPage,
    HostsPage,
    RunningPage,
    SamplePage,
    SummaryPage,
    TransactionPage,
    TransactionsPage,
    Trend,
    WhatIf,
)
from .parameters import RANGES, State
from .sample_queries import samples, samples_csv
from .what_if import THRESHOLDS, scores, without

__all__ = [
    "applications",
    "custom",
    "error",
    "errors",
    "first_application",
    "jobs",
    "landing",
    "report",
    "running",
    "sample",
    "samples",
    "samples_csv",
    "summary",
    "transaction",
    "transactions",
]


def first_application(reader: StoreReader, window: Window) -> str:
    """Return the application to show if none was requested; empty if there is none."""
    return (reader.application_names(window) or reader.known_applications() or [""])[0]


def landing(reader: StoreReader, state: State, now: float) -> State:
    """Return the state with which the page opens: the shortest range that has data, and a kind that has.

    If there are several applications, it names none. A time range that was chosen is kept.
    """
    chosen = state.since is not None or state.range != State.range
    ranges = [state.range] if chosen else [name for name in RANGES if RANGES[name] >= RANGES[State.range]]
    for longer in (state.changed(range=name) for name in ranges):
        found = [one for one in reader.applications(longer.window(now)) if state.app in ("", one.application)]
        if len({one.application for one in found}) == 1:
            kind = state.kind if any(one.kind == state.kind for one in found) else found[0].kind
            return longer.changed(app=found[0].application, kind=kind)
        if found:
            return longer
    return state


def summary(reader: StoreReader, state: State, now: float, in_full: bool = True) -> SummaryPage:
    """Return the content of the summary page."""
    frame, selection = chart_range(reader, state, now), state.selection
    window, shown = frame.window, timeline(reader, frame, selection)
    there = served(reader, window, selection)
    of_all = not (state.host or state.version)  # what follows is counted for all hosts and versions together
    return SummaryPage(
        window=window,
        application=state.app,
        kind=state.kind,
        served=there,
        statistics=per_minute_of(reader.totals(window, selection), there),
        timeline=shown,
        compared=_compared(reader, state, frame, selection, shown, now, in_full),
        top=_top(reader, window, there, selection) if of_all else [],
        slowest=reader.samples(window, selection, "slow", 5),
        errors=reader.errors(window, selection)[:5] if of_all else [],
        groups=reader.error_groups(window, selection, now)[:5],
        hosts=_hosts(reader, window, now, selection) if not state.version else [],
        instances=[
            one for one in reader.reporters(state.app, state.kind) if one.seen >= window.since and one.is_of(selection)
        ],
    )


def _top(reader: StoreReader, window: Window, there: Window, selection: Selection) -> list[Line]:
    found = reader.transactions(window, selection, limit=5)
    return [Line(one.series, per_minute_of(one.statistics, there), one.share) for one in found]


def _hosts(reader: StoreReader, window: Window, now: float, selection: Selection) -> list[HostStatistics]:
    """Return the hosts of an application, most calls first; none if there is one only, as it is all there is to see."""
    hosts = reader.hosts(window, now, selection)
    found = [host for host in hosts if host.statistics.calls or host.host == selection.host]
    found.sort(key=lambda one: (-one.statistics.calls, one.host))
    return found if len(found) > 1 else []


def report(reader: StoreReader, state: State, now: float) -> Report:
    """Return the report of one application and kind, as ``weighbridge report`` does, in the order of the table."""
    found = read_report(reader, state.window(now), Selection(state.app, state.kind), "time")
    places = _places(reader, state, now)
    sections = [
        replace(
            section,
            lines=sorted(
                (line for line in section.lines if line.series in places), key=lambda line: places[line.series]
            ),
        )
        for section in found.sections
    ]
    return replace(found, sections=sections)


def _places(reader: StoreReader, state: State, now: float) -> dict[Series, int]:
    """Return the places in the table of those transactions that the search finds."""
    window = counted_window(reader, state, state.window(now))
    earlier = reader.averages(settled_before(window), state.app, state.kind) if state.sort == "change" else {}
    wanted = state.search.casefold()
    some = [one for one in candidates(reader, window, state, earlier) if wanted in _title(one.series)]
    return {one.series: place for place, one in enumerate(in_table_order(reader, window, some, state))}


def transactions(reader: StoreReader, state: State, now: float, in_full: bool = True) -> TransactionsPage:
    """Return the content of the page that lists transactions."""
    frame = chart_range(reader, state, now)
    before = settled_before(frame.window)
    known = candidates(reader, frame.window, state, reader.averages(before, state.app, state.kind))
    wanted = state.search.casefold()
    found = [one for one in known if wanted in _title(one.series)] if wanted else known
    pages = max(1, -(-len(found) // PAGE_LENGTH))
    page, of_all = min(state.page, pages), sum(one.totals.total for one in known) or 1
    by_time = columns.in_order(found, "time", False, {})
    there = served(reader, frame.window, state.selection)
    lines = page_of(reader, frame.window, by_time, state, page, of_all)
    return TransactionsPage(
        window=frame.window,
        served=there,
        before=before,
        application=state.app,
        kind=state.kind,
        lines=[line._replace(statistics=per_minute_of(line.statistics, there)) for line in lines],
        page=page,
        pages=pages,
        found=len(found),
        known=len(known),
        largest=by_time[0].totals.total / of_all if by_time else 0.0,
        trends=_trends(reader, frame, [one.series for one in by_time[:5]], in_full),
    )


def _trends(reader: StoreReader, frame: ChartRange, top: Sequence[Series], in_full: bool) -> list[Trend]:
    read = reader.timelines if in_full else reader.workloads
    over_time = read(frame.charted, charted_step(frame), top)
    return [Trend(series, begun(one, frame.first)) for series, one in over_time.items()]


def transaction(reader: StoreReader, state: State, now: float, in_full: bool = True) -> TransactionPage:
    """Return the content of the page of one transaction."""
    frame = chart_range(reader, state, now)
    window = frame.window
    series = Series(state.app, state.kind, state.group, state.name)
    selection = Selection(*series)
    statistics, totals = _of_series(reader, window, series)
    shown = timeline(reader, frame, selection)
    there = served(reader, window, selection)
    return TransactionPage(
        window=window,
        served=there,
        series=series,
        statistics=per_minute_of(statistics, there),
        timeline=shown,
        compared=_compared(reader, state, frame, selection, shown, now, in_full),
        histogram=bars_of(totals.histogram),
        slowest=reader.samples(window, selection, "slow", 10),
        failed=reader.samples(window, selection, "failed", 10),
        errors=reader.errors(window, selection),
        statuses=reader.statuses(window, selection) if state.kind == "web" else {},
        running=[one for one in reader.running(now) if one.series == series],
        what_if=_what_if(reader, state, window, there, totals),
        enqueued=reader.enqueued(window, selection) if state.kind == "background" else (),
    )


def _of_series(reader: StoreReader, window: Window, series: Series) -> tuple[Statistics, Totals]:
    found = [one for one in reader.transactions(window, Selection(*series)) if one.series == series]
    return (found[0].statistics, found[0].totals) if found else (reader.totals(window, Selection(*series)), Totals())


def sample(reader: StoreReader, state: State, now: float) -> SamplePage | None:
    """Return the content of the page of a sample; ``None`` if the sample is no longer kept."""
    series = Series(state.app, state.kind, state.group, state.name)
    found = reader.sample(state.sample or 0)
    if found is None or found.series != series:
        return None
    one = found.transaction
    window = reader.counted(holding(one.started + one.duration, state.window(now)))
    statistics, totals = _of_series(reader, window, series)
    faster = _faster(totals.histogram, one.duration)
    return SamplePage(window, found, statistics, bars_of(totals.histogram), faster, reader.errors_of_sample(found.id))


def _faster(histogram: Histogram, duration: float) -> float | None:
    """Return the share of calls in bins below that of a duration (seconds)."""
    own = bin_of(duration)
    below = sum(count for number, count in histogram.items() if number < own)
    return below / sum(histogram.values()) if histogram else None


def applications(reader: StoreReader, state: State, now: float, in_full: bool = True) -> ApplicationsPage:
    """Return the content of the applications page, ordered by name, web before non-web."""
    window, links = reader.counted(state.window(now)), reader.links()
    found = sorted(reader.applications(window), key=lambda one: (one.application.casefold(), one.kind != "web"))
    frames = {
        one: chart_range(reader, state.changed(app=one), now, SPARKS) for one in {one.application for one in found}
    }
    shown = [_application(reader, one, frames[one.application], links, in_full) for one in found]
    return ApplicationsPage(window, shown, reader.health())


def _application(
    reader: StoreReader,
    one: ApplicationStatistics,
    frame: ChartRange,
    links: Mapping[str, Sequence[str]],
    in_full: bool,
) -> ApplicationSummary:
    return ApplicationSummary(
        one.application,
        one.kind,
        frame.window,
        per_minute_of(one.statistics, served(reader, frame.window, Selection(one.application, one.kind))),
        timeline(reader, frame, Selection(one.application, one.kind), quantiles=in_full),
        linked=links.get(one.application, ()),
        linked_from=[source for source, targets in links.items() if one.application in targets],
    )


def running(reader: StoreReader, state: State, now: float) -> RunningPage:
    """Return the content of the page of open transactions, of one application or, if none is named, of all."""
    selection = state.selection
    found = [one for one in reader.running(now) if state.app in ("", one.series.application)]
    instances = [one for one in reader.reporting(now) if one.is_of(selection)]
    return RunningPage(now, [one for one in found if one.instance.is_of(selection)], instances)


def custom(reader: StoreReader, state: State, now: float) -> CustomPage:
    """Return the content of the page of custom metrics and events."""
    window = reader.counted(state.window(now))
    metrics, events = reader.custom_metrics(window, state.app), reader.custom_events(state.app)
    return CustomPage(window, state.app, metrics, events)


def hosts(reader: StoreReader, state: State, now: float) -> HostsPage:
    """Return the figures of each host, of one application and kind or, if no application is named, of all."""
    window = state.window(now)
    selection = Selection(state.app, state.kind) if state.app else Selection()
    return HostsPage(window, reader.hosts(window, now, selection))


def _compared(
    reader: StoreReader,
    state: State,
    frame: ChartRange,
    selection: Selection,
    shown: Timeline[Statistics],
    now: float,
    in_full: bool,
) -> Comparison | None:
    before = comparison_range(reader, state, frame, now)
    if before is None:
        return None
    over_time = timeline(reader, before, selection, quantiles=in_full)
    places = tuple(compared_places(shown, over_time, state))
    return Comparison(before.window, reader.totals(before.window, selection), over_time, places)


def _what_if(reader: StoreReader, state: State, window: Window, there: Window, totals: Totals) -> WhatIf:
    t = state.t or totals.apdex_t
    tried = scores(totals, [t] if t else [])
    totals_rows = (one for one in reader.applications(window) if (one.application, one.kind) == (state.app, "web"))
    whole = next(totals_rows, None)
    application = whole.totals if whole else Totals()
    part = totals if state.kind == "web" else Totals()
    nothing = Totals()
    return WhatIf(
        t=t if tried else None,
        apdex=tried[0].apdex if tried else None,
        scores=scores(totals, THRESHOLDS),
        now=without(application, nothing, there.minutes),
        reclassified=without(application, part, there.minutes),
    )


def _lines(found: Report) -> Sequence[Line]:
    return found.sections[0].lines if found.sections else ()


def _title(series: Series) -> str:
    return display_name(series.group, series.name).casefold()
