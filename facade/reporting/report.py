"""The report that ``report`` and ``top`` show, as data: sections of lines, in the chosen order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from weighbridge.transactions.model.finished import Kind
from weighbridge.transactions.model.naming import display_name
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.store.reader import (
    ApplicationStatistics,
    CustomMetricStatistics,
    ErrorGroupStatistics,
    Health,
    Mark,
    ScheduleStatus,
    Selection,
    SeriesStatistics,
    StoredEvents,
    StoreReader,
)
from weighbridge.transactions.store.resolutions import FINEST, floor_to
from weighbridge.transactions.store.statistics import Statistics, Window

__all__ = [
    "KIND_WORDS",
    "SORTS",
    "By",
    "Line",
    "Report",
    "Section",
    "UnknownName",
    "first_within",
    "nothing_recorded",
    "per_minute_of",
    "read_report",
    "require_known",
    "served",
    "since_first",
    "with_schedules",
]

KIND_WORDS: Final[Mapping[Kind, str]] = MappingProxyType({"web": "web", "background": "non-web"})
"""The words for the kinds."""


_DAY: Final = 86400
"""Seconds for which schedules are judged at least: most are due once a night."""
_SERVES: Final = 60.0
"""Seconds that a process lives at least which waits for requests; what ends sooner is a script, or CGI."""
_NAMED: Final = 20
"""Applications that a message names."""


class Line(NamedTuple):
    """One line of figures."""

    series: Series
    statistics: Statistics
    share: float
    """The share, 0 to 1, of the time that its section took."""


@dataclass(frozen=True)
class Section:
    """One kind of transaction of one application."""

    application: str
    kind: Kind
    window: Window
    """The report's window, from the first figure of the application on."""
    statistics: Statistics
    lines: Sequence[Line]


@dataclass(frozen=True)
class Report:
    """The requested figures, and the state of the store that they come from."""

    window: Window
    """The counted range: whole minutes, or coarser for older figures, from the first application's first figure on."""
    sections: Sequence[Section]
    lost: Mapping[str, int]
    """Numbers of items dropped in that time by processes that report the requested figures, by cause."""
    health: Health
    ever: bool = True
    """Whether anything has ever been recorded in the store."""
    custom_metrics: Sequence[CustomMetricStatistics] = ()
    custom_events: Sequence[StoredEvents] = ()
    """The types that were recorded in that time, with their counts since ever."""
    groups: Sequence[ErrorGroupStatistics] = ()
    """The groups of errors, if they were asked for."""
    marks: Sequence[Mark] = ()
    """The moments in that time at which a version began to report, somebody set a mark, or an alert began or ended."""

    schedules: Sequence[ScheduleStatus] = ()
    """The schedules, if they were asked for, with what was missed in that time, or the last day if that is longer."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.sections or self.custom_metrics or self.custom_events or self.schedules)


def _dissatisfaction(line: Line) -> float:
    """How much a line lowers its application's Apdex: two tolerating calls count as one frustrated one."""
    return line.statistics.frustrated + line.statistics.tolerating / 2


SORTS: Final[Mapping[str, Callable[[Line], float]]] = MappingProxyType(
    {
        "time": lambda line: line.statistics.total,
        "slowest": lambda line: line.statistics.average or 0.0,
        "throughput": lambda line: line.statistics.calls,
        "apdex": _dissatisfaction,
        "errors": lambda line: line.statistics.errors,
        "queue-wait": lambda line: line.statistics.queue_time or 0.0,
    }
)
"""The available orders, each by descending value."""


By = Literal["name", "host", "version", "queue"]
"""What the lines of a report are of: transactions of one name, or all of one host, version or queue."""


def read_report(reader: StoreReader, window: Window, selection: Selection, sort: str, by: By = "name") -> Report:
    """Read the figures of a window: applications by name, web before non-web, lines in the order of ``sort``."""
    counted = reader.counted(window)
    lines: dict[tuple[str, Kind], list[SeriesStatistics]] = {}
    for found in reader.transactions(counted, selection, scope=by):
        lines.setdefault((found.series.application, found.series.kind), []).append(found)
    sections = [
        _section(reader, counted, whole, lines[whole.application, whole.kind], sort)
        for whole in reader.applications(counted)
        if (whole.application, whole.kind) in lines
    ]
    windows = [section.window for section in sections] or [counted]
    all_of_them = Window(min(one.since for one in windows), max(one.until for one in windows))
    lost = reader.dropped(counted, selection.application)
    ever = bool(sections) or bool(reader.known_applications())
    marks = reader.marks(counted, selection.application)
    report = Report(all_of_them, sorted(sections, key=_web_first), lost, reader.health(), ever, marks=marks)
    return report if selection.kind else _with_custom_values(report, reader, counted, selection.application)


def _with_custom_values(report: Report, reader: StoreReader, counted: Window, application: str | None) -> Report:
    events = [one for one in reader.custom_events(application) if one.seen >= counted.since]
    metrics = [
        replace(one, per_minute=one.count / report.window.minutes)
        for one in reader.custom_metrics(counted, application)
    ]
    return replace(report, custom_metrics=metrics, custom_events=events)


def with_schedules(report: Report, reader: StoreReader, selection: Selection, now: float) -> Report:
    """Give the same report with the schedules of what is selected; web transactions have none."""
    if selection.kind == "web":
        return report
    window = report.window._replace(since=min(report.window.since, report.window.until - _DAY))
    return replace(report, schedules=reader.schedules(window, now, selection.application))


def nothing_recorded(store: str, window: Window) -> Report:
    """Return the report on a store that does not exist yet."""
    return Report(window, (), {}, Health(store, 0, "", None, {}, 0), ever=False)


def first_within(reader: StoreReader, window: Window, application: str) -> int | None:
    """Tell when an application was seen first (epoch seconds), if that lies within the window."""
    first = reader.first_counted(application, window.since)
    return first if first is not None and window.since < first < window.until else None


def since_first(window: Window, first: int | None) -> Window:
    """Leave out the time before an application was seen first: no rate is to be averaged over that.

    Its first minute counts as a whole one, also while it runs.
    """
    return window if first is None else Window(first, max(window.until, first + FINEST))


def served(reader: StoreReader, window: Window, selection: Selection) -> Window:
    """Leave out the time since all servers of a web application are gone: no rate is to be averaged over that either.

    Background transactions keep theirs, as scripts are meant to end, and how often they run is what is asked for.
    """
    if selection.application is None or selection.kind != "web":
        return window
    last = reader.last_gone(selection, window.until)
    if last is None or last.seen - last.started < _SERVES or last.seen <= window.since:
        return window
    return window._replace(until=min(window.until, floor_to(last.seen, FINEST) + FINEST))


def per_minute_of(statistics: Statistics, window: Window) -> Statistics:
    """Give the same figures, their throughput averaged over a window."""
    per_minute = statistics.calls / window.minutes
    return statistics if per_minute == statistics.per_minute else replace(statistics, per_minute=per_minute)


def _section(
    reader: StoreReader, counted: Window, whole: ApplicationStatistics, found: Sequence[SeriesStatistics], sort: str
) -> Section:
    window = since_first(counted, first_within(reader, counted, whole.application))
    there = served(reader, window, Selection(whole.application, whole.kind))
    lines = [Line(one.series, per_minute_of(one.statistics, there), one.share) for one in found]
    statistics = per_minute_of(whole.statistics, there)
    return Section(whole.application, whole.kind, window, statistics, _sorted(lines, sort))


class UnknownName(LookupError):
    """The store has no application or transaction of that name; the message says so and lists known applications."""

    def __init__(self, message: str, applications: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.applications = applications
        """The known applications, if the requested one is not among them."""


def require_known(reader: StoreReader, selection: Selection) -> None:
    """Raise an error for a mistyped name, but not for one without recent calls.

    Raises:
        UnknownName: nothing of what is selected has ever been recorded.
    """
    if selection.application is None or reader.knows(selection):
        return
    if selection.name is None or not reader.knows(Selection(selection.application)):
        raise _no_application(reader, selection.application)
    kind, path = KIND_WORDS[selection.kind or "web"], display_name(selection.group or "", selection.name)
    raise UnknownName(f"there is no {kind} transaction {path!r} of the application {selection.application!r}")


def _no_application(reader: StoreReader, name: str) -> UnknownName:
    known = reader.known_applications()
    several = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    there_are = ", ".join(known[:_NAMED]) + several if known else "none yet"
    return UnknownName(f"there is no application {name!r} in {reader.path}; there are: {there_are}", known)


def _sorted(lines: Sequence[Line], sort: str) -> Sequence[Line]:
    """Sort in descending order, then by total time and by name, so that equal lines keep their places."""
    by_name = sorted(lines, key=lambda line: (-line.statistics.total, line.series))
    return sorted(by_name, key=SORTS[sort], reverse=True)


def _web_first(section: Section) -> tuple[str, bool]:
    return section.application.casefold(), section.kind != "web"
