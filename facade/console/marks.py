"""Marks, figures before and after one of them (what a release has changed), and alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from weighbridge.reporting import formats
from weighbridge.reporting.report import per_minute_of, served
from weighbridge.transactions.model.finished import Kind
from weighbridge.transactions.store.reader import AlertState, Selection, Statistics, StoreReader, Window
from weighbridge.transactions.store.resolutions import FINEST, floor_to
from weighbridge.transactions.store.rows import Scope

from .chart_range import counted_window
from .models import AlertsPage, ChangedTransaction, MarkComparison, MarksPage, TimeAndFigures
from .parameters import BadParameter, State
from .ratings import trend

__all__ = ["Change", "alerts_page", "alerts_to_show", "changes", "comparison_at_mark", "marks_page"]

CANDIDATES: Final = 50
"""So many transactions, those with the most time, are compared."""
SHOWN: Final = 10
"""So many of them are shown."""
_SHOWN_FOR: Final = 86400.0
"""Seconds after which an alert is left out that nobody judges any more."""


def marks_page(reader: StoreReader, state: State, now: float) -> MarksPage:
    """Return the marks of a time range and, if the parameter ``mark`` says so, figures before and after one of them."""
    window = state.window(now)
    return MarksPage(window, reader.marks(window, state.app or None), comparison_at_mark(reader, state, now))


def alerts_page(reader: StoreReader, _: State, __: float) -> AlertsPage:
    """Return the states of all alerts."""
    return AlertsPage(reader.alert_states())


def alerts_to_show(reader: StoreReader, now: float) -> list[AlertState]:
    """Return the alerts to show: those that are on, and those whose webhook could not be told, for a day."""
    recent = [one for one in reader.alert_states() if now - one.claimed < _SHOWN_FOR]
    return [one for one in recent if one.is_on or (one.attempts and not one.is_untold)]


def comparison_at_mark(reader: StoreReader, state: State, now: float, queue: str = "") -> MarkComparison | None:
    """Return figures since a mark, and of as long a time before it; ``None`` if nothing is compared.

    Args:
        reader: of the store.
        state: says which mark, and of what the figures are.
        now: the present (epoch seconds).
        queue: of which alone the figures are; empty: of all.
    """
    if state.mark is None:
        return None
    moment = floor_to(state.mark, FINEST)
    if moment >= now:
        raise BadParameter("mark", "is not in the past")
    until = state.window(now).until
    until = until if until > moment else now
    selection = state.selection._replace(group=state.group or None, name=state.name or None)
    scope: Scope | None = "queue" if queue else None
    selection = selection._replace(name=queue) if queue else selection
    after = _figures(reader, state, Window(moment, until), selection, scope)
    before = _figures(reader, state, Window(2 * moment - until, moment), selection, scope)
    known = reader.marks(Window(moment, moment + FINEST), state.app or None)
    several = selection.name is None and not (state.host or state.version)  # names are kept of all of them together
    changed = _changed(reader, selection, before.window, after.window) if several else ()
    return MarkComparison(moment, [one.name for one in known], before, after, changed)


def _figures(
    reader: StoreReader, state: State, window: Window, selection: Selection, scope: Scope | None
) -> TimeAndFigures:
    counted = counted_window(reader, state, window)
    there = served(reader, counted, selection)
    return TimeAndFigures(counted, per_minute_of(reader.totals(window, selection, scope), there))


def _changed(reader: StoreReader, selection: Selection, before: Window, after: Window) -> Sequence[ChangedTransaction]:
    """Return the transactions that cost more time than before, those that add the most first, and then the others."""
    found = {one.series: one.statistics for one in reader.transactions(after, selection, limit=CANDIDATES)}
    earlier = reader.statistics_by_series(before, list(found))
    lines = [ChangedTransaction(series, earlier.get(series), now) for series, now in found.items()]
    return sorted(lines, key=lambda line: -line.added)[:SHOWN]


class Change(NamedTuple):
    """One figure before and after, as it is shown."""

    title: str
    before: str
    after: str
    difference: str
    tone: str


def changes(before: Statistics, after: Statistics, kind: Kind) -> list[Change]:
    """Return the figures of two columns, and their differences."""
    times = [
        ("Average", before.average, after.average),
        ("Median", before.median, after.median),
        ("p95", before.p95, after.p95),
        ("p99", before.p99, after.p99),
    ]
    if before.queued or after.queued:
        times += [
            ("Time in the queue", before.queue_time, after.queue_time),
            ("Queue p95", before.queue_p95, after.queue_p95),
        ]
    rates = (formats.rate(before.per_minute), formats.rate(after.per_minute))
    return [
        Change("Throughput", *rates, relative(after.per_minute, before.per_minute if before.calls else None), "none"),
        *(time_change(title, then, now) for title, then, now in times),
        _error_rates(before.error_rate, after.error_rate),
        *([_scores(before.apdex, after.apdex)] if kind == "web" else []),
    ]


def time_change(title: str, before: float | None, after: float | None) -> Change:
    """Return a duration before and after."""
    written = (formats.duration(before), formats.duration(after))
    return Change(title, *written, relative(after, before), trend(after, before))


def relative(after: float | None, before: float | None) -> str:
    """Write by what share a figure has changed.

    >>> relative(1.5, 1.0), relative(1.0, 1.0), relative(None, 1.0), relative(1.0, None)
    ('+50.0 %', '0 %', '-', '-')
    """
    if after is None or not before:
        return formats.NOTHING
    share = (after - before) / before
    return f"{share:+,.1%}".replace("%", " %") if abs(share) >= 0.0005 else "0 %"


def _error_rates(before: float | None, after: float | None) -> Change:
    texts = (_share(before), _share(after))
    if before is None or after is None:
        return Change("Error rate", *texts, formats.NOTHING, "none")
    points = 100 * (after - before)
    tone = "none" if abs(points) < 0.5 else "poor" if points > 0 else "good"
    return Change("Error rate", *texts, f"{points:+.1f} points" if points else "0", tone)


def _share(rate: float | None) -> str:
    return formats.NOTHING if rate is None else formats.percentage(rate)


def _scores(before: float | None, after: float | None) -> Change:
    texts = (formats.apdex(before), formats.apdex(after))
    if before is None or after is None:
        return Change("Apdex", *texts, formats.NOTHING, "none")
    tone = "none" if abs(after - before) < 0.05 else "poor" if after < before else "good"
    return Change("Apdex", *texts, f"{after - before:+.2f}", tone)
