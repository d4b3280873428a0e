"""Judgement of figures by limits, for ``weighbridge check`` and for alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from weighbridge.transactions.configuration.limits import MEASURES, Limit
from weighbridge.transactions.model.finished import Kind
from weighbridge.transactions.model.naming import path_of
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.schedules import Schedule
from weighbridge.transactions.store.reader import Selection, StoreReader
from weighbridge.transactions.store.resolutions import FINEST
from weighbridge.transactions.store.statistics import Statistics, Window

from . import formats
from .report import first_within, per_minute_of, require_known, since_first
from .time_range import roughly

__all__ = ["WORST_FIRST", "Condition", "Judgement", "Subject", "judge", "subject_of", "worst", "written"]

Condition = Literal["ok", "warning", "critical", "unknown"]

WORST_FIRST: Final[Sequence[Condition]] = ("critical", "warning", "unknown", "ok")


class Subject(NamedTuple):
    """What is judged."""

    selection: Selection
    path: str = ""
    """The transaction; empty for all of the selection."""
    is_known: bool = True
    """Whether the transaction has ever been recorded."""

    @property
    def words(self) -> str:
        """What it is called in sentences."""
        return " ".join(filter(None, (self.selection.application or "all applications", self.path)))


class Judgement(NamedTuple):
    """A figure, judged by a limit."""

    limit: Limit
    condition: Condition
    value: float | None
    """``None`` where it is not known."""
    calls: int
    """How many calls it was judged by."""
    words: str
    """A sentence on it, without an end."""


def worst(judgements: Iterable[Judgement]) -> Condition:
    """Return the worst condition; a limit that is exceeded counts for more than one that cannot be judged."""
    found = {one.condition for one in judgements}
    for condition in WORST_FIRST:
        if condition in found:
            return condition
    return "unknown"


def subject_of(reader: StoreReader, application: str | None, path: str | None, kind: Kind | None) -> Subject:
    """Return what is to be judged.

    Raises:
        UnknownName: the store has no application of that name, or nothing at all.
    """
    require_known(reader, Selection(application))
    if not path:
        return Subject(Selection(application, kind))
    found = reader.named(path, application)
    if found is None:
        return Subject(Selection(application), path, is_known=False)
    return Subject(Selection(application, found.kind, found.group, found.name), path)


class _Figure(NamedTuple):
    value: Callable[[Statistics], float | None]
    calls: Callable[[Statistics], int]
    """How many calls the value was made of."""


_FIGURES: Final[Mapping[str, _Figure]] = MappingProxyType(
    {
        "error_rate": _Figure(lambda found: found.error_rate, lambda found: found.calls),
        "p95": _Figure(lambda found: found.p95, lambda found: found.calls),
        "average": _Figure(lambda found: found.average, lambda found: found.calls),
        "apdex": _Figure(lambda found: found.apdex, lambda found: found.apdex_samples),
        "queue_wait": _Figure(lambda found: found.queue_time, lambda found: found.queued),
    }
)
_TIMES: Final = frozenset({"p95", "average"})
"""Figures that mean little where requests and jobs are mixed."""
_MOST_TOLD: Final = 3
"""Schedules that are named in a sentence."""


def judge(reader: StoreReader, limit: Limit, subject: Subject, window: Window, min_calls: int) -> Judgement:
    """Judge one figure of a window that ends now."""
    if limit.measure == "missing":
        return _judge_last_run(reader, limit, subject, window.until)
    if not subject.is_known:
        return Judgement(limit, "unknown", None, 0, f"{_words(limit)} unknown: there is no such transaction")
    statistics = reader.totals(window, _selection(reader, limit, subject))
    if limit.measure == "throughput":
        whole = _since_first(reader, reader.counted(window), subject.selection.application)
        return _judged(limit, per_minute_of(statistics, whole).per_minute, statistics.calls)
    figure = _FIGURES[limit.measure]
    value, calls = figure.value(statistics), figure.calls(statistics)
    if value is None or calls < min_calls:
        few = f"{formats.things(calls, 'call')}, and at least {min_calls} are needed" if calls else "no calls"
        return Judgement(limit, "unknown", value, calls, f"{_words(limit)} unknown: {few}")
    return _judged(limit, value, calls)


def _selection(reader: StoreReader, limit: Limit, subject: Subject) -> Selection:
    """Return the transactions to judge: for times those of the web, as on the page, unless a kind was named or none is.

    How long a nightly job takes says nothing about how long a request does.
    """
    selection = subject.selection
    if selection.kind is None and limit.measure in _TIMES and reader.knows(selection._replace(kind="web")):
        return selection._replace(kind="web")
    return selection


def _since_first(reader: StoreReader, window: Window, application: str | None) -> Window:
    """Return the window without the time before the first figure, as a report does."""
    names = [application] if application else reader.known_applications()
    firsts = [first_within(reader, window, name) for name in names]
    known = [first for first in firsts if first is not None]
    return since_first(window, min(known) if known and len(known) == len(firsts) else None)


def _judge_last_run(reader: StoreReader, limit: Limit, subject: Subject, now: float) -> Judgement:
    """Judge how long ago a transaction ran last, to the minute; one that is running now has begun in time or not.

    Where a schedule says that it was due since, and it has not run, that is critical whatever the limit.
    """
    last, missed = _last_run(reader, subject, now), _missed(reader, limit, subject, now)
    if last is None:
        words = [f"it has never run ({_bounds(limit)})", *missed]
        return Judgement(limit, "critical", None, 0, ", ".join(words))
    ago = max(0.0, now - last)
    condition = limit.severity_of(ago)
    words = [f"last run {roughly(ago)} ago{_exceeded(limit, condition)}", *missed]
    return Judgement(limit, "critical" if missed else condition, ago, 1, ", ".join(words))


def _missed(reader: StoreReader, limit: Limit, subject: Subject, now: float) -> list[str]:
    """Say which schedules of a subject were due, as long ago as the limit is long, and have not run since."""
    schedules = reader.schedules(Window(now - limit.critical, now), now, subject.selection.application)
    found = [
        (one.last_missed, one.schedule)
        for one in schedules
        if one.last_missed is not None
        and _is_scheduled(one.schedule, subject)
        and (one.last_run is None or one.last_run <= one.last_missed)
    ]
    told = [f"{one.name} was due {roughly(now - due)} ago ({one.rule}) and has not run" for due, one in sorted(found)]
    return [*told[:_MOST_TOLD], *([f"{len(told) - _MOST_TOLD} more"] if len(told) > _MOST_TOLD else [])]


def _is_scheduled(schedule: Schedule, subject: Subject) -> bool:
    series = Series(schedule.application, "background", schedule.group, schedule.name)
    is_named = subject.is_known or path_of(series.kind, series.group, series.name) == subject.path
    return is_named and _is_selected(series, subject.selection)


def _last_run(reader: StoreReader, subject: Subject, now: float) -> float | None:
    if not subject.is_known:
        return None
    wanted = subject.selection
    begun = [one.started for one in reader.running(now) if _is_selected(one.series, wanted)]
    ended = reader.last_ended(wanted, now)
    done = [] if ended is None else [min(now, ended + FINEST)]
    return max([*begun, *done], default=None)


def _is_selected(series: Series, wanted: Selection) -> bool:
    return all(getattr(wanted, field) in (None, getattr(series, field)) for field in Series._fields)


def _judged(limit: Limit, value: float, calls: int) -> Judgement:
    condition = limit.severity_of(value)
    words = f"{_words(limit)} {written(limit.measure, value)}{_exceeded(limit, condition)}"
    return Judgement(limit, condition, value, calls, words)


def _words(limit: Limit) -> str:
    return MEASURES[limit.measure].words


def written(measure: str, value: float) -> str:
    """Write a figure with its unit.

    >>> written("error_rate", 0.062), written("missing", 90000.0), written("apdex", 0.8)
    ('6.20 %', '25 hours', '0.80')
    """
    if measure == "error_rate":
        return formats.percentage(value)
    if measure == "throughput":
        return formats.rate(value)
    if measure == "missing":
        return roughly(value)
    return formats.apdex(value) if measure == "apdex" else formats.duration(value)


def _exceeded(limit: Limit, condition: Condition) -> str:
    return "" if condition == "ok" else f" ({_bounds(limit, condition)})"


def _bounds(limit: Limit, condition: Condition = "critical") -> str:
    bound = limit.warning if condition == "warning" and limit.warning is not None else limit.critical
    return f"{condition} {'below' if MEASURES[limit.measure].below_is_bad else 'above'} {written(limit.measure, bound)}"
