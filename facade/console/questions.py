"""What each page asks the store: one function for each, of the same name as the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from weighbridge.reporting.report import Line, Report, per_minute_of, read_report
from weighbridge.transactions.model.naming import display_name
from weighbridge.transactions.recording.histogram import Histogram, bin_of
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.store.figures import Figures, Tally, Window
from weighbridge.transactions.store.reader import ApplicationFigures, Selection, StoreReader, Timeline

from .answers import (
    Application,
    Applications,
    Compared,
    Running,
    Sample,
    Summary,
    Transaction,
    Transactions,
    Trend,
    WhatIf,
)
from .error_questions import errors
from .frame import SPARKS, Frame, begun, charted_step, compared_places, frame_before, frame_of, holding, timeline
from .histogram import bars_of
from .parameters import RANGES, State
from .what_if import THRESHOLDS, scores, without

__all__ = [
    "applications",
    "errors",
    "first_application",
    "landing",
    "report",
    "running",
    "sample",
    "summary",
    "transaction",
    "transactions",
]


def first_application(reader: StoreReader, window: Window) -> str:
    """The application that is shown where none was asked for; empty if there is none."""
    return (reader.application_names(window) or reader.known_applications() or [""])[0]


def landing(reader: StoreReader, state: State, now: float) -> State:
    """What the page opens on: the last time in which there was something, of a kind of which there was any.

    Of several applications it names none. Where somebody has chosen a time, that stays.
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


def summary(reader: StoreReader, state: State, now: float) -> Summary:
    """What the page of that name shows."""
    frame, selection = frame_of(reader, state, now), Selection(state.app, state.kind)
    window, shown = frame.window, timeline(reader, frame, selection)
    return Summary(
        window=window,
        application=state.app,
        kind=state.kind,
        figures=reader.totals(window, selection),
        timeline=shown,
        compared=_compared(reader, state, frame, shown, now),
        top=[Line(one.series, one.figures, one.share) for one in reader.transactions(window, selection, limit=5)],
        slowest=reader.samples(window, selection, "slow", 5),
        errors=reader.errors(window, selection)[:5],
        instances=[one for one in reader.instances() if one.seen >= window.since],
    )


def report(reader: StoreReader, state: State, now: float) -> Report:
    """The report of one application and kind as ``weighbridge report`` gives it, narrowed down by the search."""
    found = read_report(reader, state.window(now), Selection(state.app, state.kind), state.sort)
    wanted = state.search.casefold()
    sections = [
        replace(section, lines=[line for line in section.lines if wanted in _title(line.series)])
        for section in found.sections
    ]
    return replace(found, sections=sections)


def transactions(reader: StoreReader, state: State, now: float) -> Transactions:
    """What the page of that name shows."""
    frame = frame_of(reader, state, now)
    found = _lines(read_report(reader, frame.window, Selection(state.app, state.kind), state.sort))
    wanted = state.search.casefold()
    lines = [line for line in found if wanted in _title(line.series)]
    top = [line.series for line in sorted(lines, key=lambda line: -line.figures.total)[:5]]
    over_time = reader.timelines(frame.charted, charted_step(frame), top)
    trends = [Trend(series, begun(one, frame.first)) for series, one in over_time.items()]
    return Transactions(frame.window, state.app, state.kind, lines, len(found), trends)


def transaction(reader: StoreReader, state: State, now: float) -> Transaction:
    """What the page of that name shows."""
    frame = frame_of(reader, state, now)
    window = frame.window
    series = Series(state.app, state.kind, state.group, state.name)
    selection = Selection(*series)
    figures, tally = _of_series(reader, window, series)
    return Transaction(
        window=window,
        series=series,
        figures=figures,
        timeline=timeline(reader, frame, selection),
        histogram=bars_of(tally.histogram),
        slowest=reader.samples(window, selection, "slow", 10),
        failed=reader.samples(window, selection, "failed", 10),
        errors=reader.errors(window, selection),
        statuses=reader.statuses(window, selection) if state.kind == "web" else {},
        running=[one for one in reader.running(now) if one.series == series],
        what_if=_what_if(reader, state, window, tally),
    )


def _of_series(reader: StoreReader, window: Window, series: Series) -> tuple[Figures, Tally]:
    found = [one for one in reader.transactions(window, Selection(*series)) if one.series == series]
    return (found[0].figures, found[0].tally) if found else (reader.totals(window, Selection(*series)), Tally())


def sample(reader: StoreReader, state: State, now: float) -> Sample | None:
    """What the page of that name shows; ``None`` where that sample is no longer kept."""
    series = Series(state.app, state.kind, state.group, state.name)
    found = reader.sample(state.sample or 0)
    if found is None or found.series != series:
        return None
    one = found.transaction
    window = reader.counted(holding(one.started + one.duration, state.window(now)))
    figures, tally = _of_series(reader, window, series)
    return Sample(window, found, figures, bars_of(tally.histogram), _faster(tally.histogram, one.duration))


def _faster(histogram: Histogram, duration: float) -> float | None:
    """The share of calls in bins below that of a duration (seconds)."""
    own = bin_of(duration)
    below = sum(count for number, count in histogram.items() if number < own)
    return below / sum(histogram.values()) if histogram else None


def applications(reader: StoreReader, state: State, now: float) -> Applications:
    """What the page of that name shows: by name, web before non-web."""
    window, links = reader.counted(state.window(now)), reader.links()
    found = sorted(reader.applications(window), key=lambda one: (one.application.casefold(), one.kind != "web"))
    frames = {one: frame_of(reader, state.changed(app=one), now, SPARKS) for one in {one.application for one in found}}
    shown = [_application(reader, one, frames[one.application], links) for one in found]
    return Applications(window, shown, reader.health())


def _application(
    reader: StoreReader, one: ApplicationFigures, frame: Frame, links: Mapping[str, Sequence[str]]
) -> Application:
    return Application(
        one.application,
        one.kind,
        frame.window,
        per_minute_of(one.figures, frame.window),
        timeline(reader, frame, Selection(one.application, one.kind)),
        linked=links.get(one.application, ()),
        linked_from=[source for source, targets in links.items() if one.application in targets],
    )


def running(reader: StoreReader, state: State, now: float) -> Running:
    """What the page of that name shows, of one application or, where none is named, of all."""
    found = [one for one in reader.running(now) if state.app in ("", one.series.application)]
    return Running(now, found, reader.reporting(now))


def _compared(reader: StoreReader, state: State, frame: Frame, shown: Timeline, now: float) -> Compared | None:
    before, selection = frame_before(reader, state, frame, now), Selection(state.app, state.kind)
    if before is None:
        return None
    over_time = timeline(reader, before, selection)
    places = tuple(compared_places(shown, over_time, state))
    return Compared(before.window, reader.totals(before.window, selection), over_time, places)


def _what_if(reader: StoreReader, state: State, window: Window, tally: Tally) -> WhatIf:
    t = state.t or tally.apdex_t
    tried = scores(tally, [t] if t else [])
    wholes = (one for one in reader.applications(window) if (one.application, one.kind) == (state.app, "web"))
    whole = next(wholes, None)
    application = whole.tally if whole else Tally()
    part = tally if state.kind == "web" else Tally()
    nothing = Tally()
    return WhatIf(
        t=t if tried else None,
        apdex=tried[0].apdex if tried else None,
        scores=scores(tally, THRESHOLDS),
        now=without(application, nothing, window.minutes),
        reclassified=without(application, part, window.minutes),
    )


def _lines(found: Report) -> Sequence[Line]:
    return found.sections[0].lines if found.sections else ()


def _title(series: Series) -> str:
    return display_name(series.group, series.name).casefold()
