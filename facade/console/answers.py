"""What each page is made of: read from the store, and not written for anybody yet.

The JSON API gives these as they are; the pages are rendered from them. Moments
are epoch seconds, durations are seconds, rates and shares 0 to 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from operator import add
from typing import Final

from weighbridge.reporting.report import Line, Report, known_applications, read_report
from weighbridge.transactions.model.finished import Kind, NoticedError
from weighbridge.transactions.recording.histogram import BOUNDS, Histogram, bin_of
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.store.figures import Figures, Tally, Window
from weighbridge.transactions.store.levels import floored, step_for
from weighbridge.transactions.store.reader import (
    ErrorFigures,
    ErrorKey,
    Health,
    RunningNow,
    Selection,
    StoredInstance,
    StoredSample,
    StoreReader,
    Timeline,
)

from .parameters import COMPARISONS, State
from .what_if import THRESHOLDS, Score, scores, without

__all__ = [
    "Application",
    "Applications",
    "Bar",
    "Compared",
    "ErrorCounts",
    "Errors",
    "ErrorsOverTime",
    "Running",
    "Sample",
    "Summary",
    "Transaction",
    "Transactions",
    "Trend",
    "WhatIf",
    "applications",
    "errors",
    "first_application",
    "report",
    "running",
    "sample",
    "summary",
    "transaction",
    "transactions",
]

_STEPS: Final = 90
_SPARKS: Final = 40
_UNWRITTEN: Final = 15.0
"""Seconds for which what has ended may not be in the store."""
_STILL_THERE: Final = 90.0
"""An instance that wrote nothing for so many seconds is taken to be gone."""


@dataclass(frozen=True)
class Compared:
    """The same span, some time before."""

    window: Window
    figures: Figures
    timeline: Timeline


@dataclass(frozen=True)
class Trend:
    """One transaction over time."""

    series: Series
    timeline: Timeline


@dataclass(frozen=True)
class Summary:
    """One kind of transactions of an application."""

    window: Window
    application: str
    kind: Kind
    figures: Figures
    timeline: Timeline
    compared: Compared | None
    top: Sequence[Line]
    slowest: Sequence[StoredSample]
    errors: Sequence[ErrorFigures]
    instances: Sequence[StoredInstance]


@dataclass(frozen=True)
class Transactions:
    """The transactions of an application and kind, in the order asked for."""

    window: Window
    application: str
    kind: Kind
    lines: Sequence[Line]
    known: int
    """How many there are, whatever was searched for."""
    trends: Sequence[Trend]


@dataclass(frozen=True)
class Bar:
    """One bar of the latency histogram."""

    low: float
    high: float
    count: int


@dataclass(frozen=True)
class WhatIf:
    """What would be, were something else."""

    t: float | None
    """The threshold tried out; ``None`` where there is no Apdex."""
    apdex: float | None
    """Of this transaction with that threshold."""
    scores: Sequence[Score]
    """Of this transaction with other thresholds."""
    now: Figures
    """Of the application as it is."""
    reclassified: Figures
    """Of the application, were this transaction non-web."""


@dataclass(frozen=True)
class Transaction:
    """One transaction."""

    window: Window
    series: Series
    figures: Figures
    timeline: Timeline
    histogram: Sequence[Bar]
    slowest: Sequence[StoredSample]
    failed: Sequence[StoredSample]
    errors: Sequence[ErrorFigures]
    statuses: Mapping[int, int]
    running: Sequence[RunningNow]
    """Those that are open at this moment."""
    what_if: WhatIf


@dataclass(frozen=True)
class Sample:
    """One transaction that was kept whole, among all calls of its name."""

    window: Window
    sample: StoredSample
    figures: Figures
    histogram: Sequence[Bar]
    faster: float | None
    """The share, 0 to 1, of the calls in the window that took less time; ``None`` where there were none."""


@dataclass(frozen=True)
class ErrorCounts:
    """How often an error occurred over time."""

    type: str
    message: str | None
    """``None``: all errors of that class together."""
    expected: bool
    counts: Sequence[int]


@dataclass(frozen=True)
class ErrorsOverTime:
    """Counts of errors, of each one for each start."""

    step: int
    """Seconds from one start to the next."""
    starts: Sequence[int]
    """Epoch seconds."""
    classes: Sequence[ErrorCounts]
    """By class, the most frequent first."""
    errors: Sequence[ErrorCounts]
    """By class and message."""

    def counts_of(self, error: ErrorFigures) -> Sequence[int]:
        """Those of one error."""
        wanted = (error.type, error.message, error.expected)
        return next((one.counts for one in self.errors if (one.type, one.message, one.expected) == wanted), ())


@dataclass(frozen=True)
class Errors:
    """The errors of an application and kind; expected ones apart."""

    window: Window
    application: str
    kind: Kind
    figures: Figures
    timeline: Timeline
    unexpected: Sequence[ErrorFigures]
    expected: Sequence[ErrorFigures]
    over_time: ErrorsOverTime
    samples: Sequence[StoredSample]


@dataclass(frozen=True)
class Application:
    """One kind of transactions of one application."""

    application: str
    kind: Kind
    figures: Figures
    timeline: Timeline
    linked: Sequence[str]
    """Other applications to which it reports as well."""


@dataclass(frozen=True)
class Applications:
    """All of them, and the state of the store."""

    window: Window
    applications: Sequence[Application]
    health: Health


@dataclass(frozen=True)
class Running:
    """What is open at this moment in the processes that report."""

    now: float
    transactions: Sequence[RunningNow]
    instances: Sequence[StoredInstance]


def first_application(reader: StoreReader, window: Window) -> str:
    """The application that is shown where none was asked for; empty if there is none."""
    return (reader.application_names(window) or known_applications(reader, window.until) or [""])[0]


def summary(reader: StoreReader, state: State, now: float) -> Summary:
    """What the page of that name shows."""
    window, selection = state.window(now), Selection(state.app, state.kind)
    step = step_for(window, _STEPS)
    return Summary(
        window=window,
        application=state.app,
        kind=state.kind,
        figures=reader.totals(window, selection),
        timeline=reader.timeline(_whole(window, step, now), step, selection),
        compared=_compared(reader, state, window, step, now),
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
    window = state.window(now)
    found = _lines(read_report(reader, window, Selection(state.app, state.kind), state.sort))
    wanted = state.search.casefold()
    lines = [line for line in found if wanted in _title(line.series)]
    step = step_for(window, _STEPS)
    top = [line.series for line in sorted(lines, key=lambda line: -line.figures.total)[:5]]
    trends = [Trend(*found) for found in reader.timelines(_whole(window, step, now), step, top).items()]
    return Transactions(window, state.app, state.kind, lines, len(found), trends)


def transaction(reader: StoreReader, state: State, now: float) -> Transaction:
    """What the page of that name shows."""
    window = state.window(now)
    series = Series(state.app, state.kind, state.group, state.name)
    selection = Selection(*series)
    step = step_for(window, _STEPS)
    figures, tally = _of_series(reader, window, series)
    return Transaction(
        window=window,
        series=series,
        figures=figures,
        timeline=reader.timeline(_whole(window, step, now), step, selection),
        histogram=_bars(tally.histogram),
        slowest=reader.samples(window, selection, "slow", 10),
        failed=reader.samples(window, selection, "failed", 10),
        errors=reader.errors(window, selection),
        statuses=reader.statuses(window, selection) if state.kind == "web" else {},
        running=[one for one in reader.running(now - _STILL_THERE) if one.series == series],
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
    window = _holding(one.started + one.duration, state.window(now))
    figures, tally = _of_series(reader, window, series)
    return Sample(window, found, figures, _bars(tally.histogram), _faster(tally.histogram, one.duration))


def _holding(moment: float, window: Window) -> Window:
    """The window, or one as long around the moment where that lies outside."""
    if window.since <= moment < window.until:
        return window
    half = (window.until - window.since) / 2
    return Window(moment - half, moment + half)


def _faster(histogram: Histogram, duration: float) -> float | None:
    """The share of calls in bins below that of a duration (seconds)."""
    own = bin_of(duration)
    below = sum(count for number, count in histogram.items() if number < own)
    return below / sum(histogram.values()) if histogram else None


def errors(reader: StoreReader, state: State, now: float) -> Errors:
    """What the page of that name shows."""
    window, selection, wanted = state.window(now), Selection(state.app, state.kind), state.search.casefold()
    step = step_for(window, _STEPS)
    found = [error for error in reader.errors(window, selection) if _speaks_of(error, wanted)]
    kept = reader.samples(window, selection, "failed", 200 if wanted else 20)
    return Errors(
        window=window,
        application=state.app,
        kind=state.kind,
        figures=reader.totals(window, selection),
        timeline=reader.timeline(_whole(window, step, now), step, selection),
        unexpected=[error for error in found if not error.expected],
        expected=[error for error in found if error.expected],
        over_time=_errors_over_time(reader, window, selection, step, wanted),
        samples=[one for one in kept if not wanted or _failed_by(one, wanted)][:20],
    )


def _failed_by(one: StoredSample, wanted: str) -> bool:
    return any(_speaks_of(error, wanted) for error in one.transaction.errors)


def _errors_over_time(
    reader: StoreReader, window: Window, selection: Selection, step: int, wanted: str
) -> ErrorsOverTime:
    told = reader.error_timeline(window, step, selection)
    counts = {key: numbers for key, numbers in told.counts.items() if _speaks_of(key, wanted)}
    classes: dict[tuple[str, bool], list[int]] = {}
    for key, numbers in counts.items():
        whole = classes.setdefault((key.type, key.expected), [0] * len(told.starts))
        whole[:] = map(add, whole, numbers)
    return ErrorsOverTime(
        step=told.step,
        starts=told.starts,
        classes=_most_first(ErrorCounts(type_, None, expected, whole) for (type_, expected), whole in classes.items()),
        errors=_most_first(ErrorCounts(*key, numbers) for key, numbers in counts.items()),
    )


def _most_first(found: Iterable[ErrorCounts]) -> list[ErrorCounts]:
    return sorted(found, key=lambda one: (-sum(one.counts), one.type, one.message or ""))


def applications(reader: StoreReader, state: State, now: float) -> Applications:
    """What the page of that name shows: by name, web before non-web."""
    window = state.window(now)
    step, links = step_for(window, _SPARKS), reader.links()
    found = sorted(reader.applications(window), key=lambda one: (one.application.casefold(), one.kind != "web"))
    shown = [
        Application(
            one.application,
            one.kind,
            one.figures,
            reader.timeline(_whole(window, step, now), step, Selection(one.application, one.kind)),
            links.get(one.application, ()),
        )
        for one in found
    ]
    return Applications(window, shown, reader.health())


def running(reader: StoreReader, state: State, now: float) -> Running:
    """What the page of that name shows, of one application or, where none is named, of all."""
    since = now - _STILL_THERE
    found = [one for one in reader.running(since) if state.app in ("", one.series.application)]
    return Running(now, found, [one for one in reader.instances() if one.seen >= since])


def _compared(reader: StoreReader, state: State, window: Window, step: int, now: float) -> Compared | None:
    back = COMPARISONS[state.compare]
    if not back:
        return None
    before, selection = Window(window.since - back, window.until - back), Selection(state.app, state.kind)
    timeline = reader.timeline(_whole(before, step, now), step, selection)
    return Compared(before, reader.totals(before, selection), timeline)


def _whole(window: Window, step: int, now: float) -> Window:
    """The window as far as its steps can be told rightly.

    Rows are counted in the step that they are in, so a last step that is over is taken whole: what is in the rest
    of it would make a rate too high. One that has just begun is left out: what ended in it may not be written yet,
    and every rate would seem to break down.
    """
    until = max(window.until, min(ceil(window.until / step) * step, now))
    begun = floored(until, step)
    if until >= now and until - begun < _UNWRITTEN and begun - window.since >= step:
        until = begun
    return window._replace(until=until)


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


def _bars(histogram: Mapping[int, int], at_most: int = 64) -> list[Bar]:
    """Bins put together to so many bars of equal width on a logarithmic scale."""
    if not histogram:
        return []
    first, last = max(1, min(histogram)), max(histogram)
    width = -(-(last - first + 1) // at_most)
    counts: dict[int, int] = {}
    for number, count in histogram.items():
        bar = (max(number, first) - first) // width
        counts[bar] = counts.get(bar, 0) + count
    return [
        Bar(_bound(first + bar * width - 1), _bound(first + (bar + 1) * width - 1), counts.get(bar, 0))
        for bar in range(max(counts) + 1)
    ]


def _bound(number: int) -> float:
    return BOUNDS[min(number, len(BOUNDS) - 1)]


def _lines(found: Report) -> Sequence[Line]:
    return found.sections[0].lines if found.sections else ()


def _title(series: Series) -> str:
    return f"{series.group}/{series.name}".casefold()


def _speaks_of(error: ErrorFigures | ErrorKey | NoticedError, wanted: str) -> bool:
    return wanted in f"{error.type} {error.message}".casefold()
