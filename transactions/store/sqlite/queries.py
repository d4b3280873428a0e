"""Queries: the statements that read rows and sum them up.

Rows are summed up within SQLite, so that a query returns one row for each line of the result.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Hashable, Iterator, Sequence
from typing import Final

from ...model.finished import Kind
from ...recording.counts import merge_counts
from ...recording.snapshot import SampleReason, Series
from ..enqueued import enqueued_in
from ..error_queries import ErrorQueries
from ..intact import intact_samples
from ..names import SCOPES
from ..resolutions import Resolution, RowRange, are_few
from ..results import (
    AlertState,
    EnqueuedBy,
    ErrorGroupInfo,
    ErrorKey,
    Mark,
    SampleErrorInfo,
    Selection,
    StoredEvents,
    StoredInstance,
    StoredSample,
    StoredSchedule,
)
from ..rows import COLUMNS_OF, Grouping, Row, Scope, Sums
from ..sample_filter import SampleFilter
from ..sample_json import said_of
from ..statistics import Window
from .custom import custom_events, custom_metrics
from .dropped import dropped_in
from .jobs import reported, schedules
from .maintenance import first_row, resolutions_of
from .schema import CLOCKS_SINCE, ENQUEUERS_SINCE, GROUPS_SINCE, JOBS_SINCE, TOTALS_SINCE, check
from .state import alert_states
from .statements import SQLiteStatements
from .tables import FORMER, PRESENT, TableSet, summed_columns

__all__ = ["SQLiteRows"]

SERIES: Final = 'series.application, series.kind, series."group", series.name'
"""The columns that make a `Series`."""

_LOOKED_UP: Final = """
    WITH RECURSIVE part (span, first, last) AS (VALUES {parts}), wanted (number) AS (VALUES {numbers}),
    unit (span, at, last) AS (
        SELECT * FROM part UNION ALL SELECT span, at + span, last FROM unit WHERE at + span < last
    )
    SELECT {columns} FROM unit CROSS JOIN wanted CROSS JOIN {table}
    ON {table}.span = unit.span AND start = unit.at AND series = wanted.number {ending}
"""
_SCANNED: Final = """
    WITH part (span, first, last) AS (VALUES {parts})
    SELECT {columns} FROM part CROSS JOIN {table}
    ON {table}.span = part.span AND start >= part.first AND start < part.last
    WHERE series IN (VALUES {numbers}) {ending}
"""

_END: Final = """
    SELECT start FROM {table} WHERE span = ? AND start >= ? AND start < ? AND series IN ({numbers})
    ORDER BY start {order} LIMIT 1
"""

_SAMPLES: Final = f"""
    SELECT sample.id, {SERIES}, reason, body FROM sample JOIN series ON series.id = sample.series
"""

_HAS_TEXT: Final = "instr(body, ?) > 0"

_RUNNING: Final = f"""
    SELECT instance, running.started, {SERIES} FROM running JOIN series ON series.id = running.series
    ORDER BY running.started
"""

_EVICTED: Final = "SELECT number, replacement FROM evicted WHERE kind = 'series'"
_MOVED: Final = "SELECT number, replacement FROM moved_series"
_GONE: Final = """
    SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'series'), 0)
    - (SELECT count(*) FROM series WHERE id NOT IN ({evicted}))
"""

_LAST: Final = """(
    SELECT other.seen FROM instance AS other JOIN instance_clock ON instance_clock.instance = other.id
    ORDER BY report DESC LIMIT 1
)"""

_MARKS: Final = """
    SELECT application, moment, kind, name FROM mark
    WHERE moment >= :since AND moment < :until AND (:application IS NULL OR application IN (:application, ''))
    ORDER BY moment, id
"""

_SILENCES: Final = """
    SELECT instance, process, store_clock.elapsed - instance_clock.elapsed FROM instance_clock, store_clock
"""


class SQLiteRows:
    """The `Rows` of a file, read by a connection that has begun a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._version = check(connection)
        self._errors = ErrorQueries(SQLiteStatements(connection), _matching, self._version >= GROUPS_SINCE)
        self._sets = (FORMER, PRESENT) if self._version >= TOTALS_SINCE else (FORMER,)
        self._resolutions: dict[int, Resolution] | None = None
        self._first_rows: dict[tuple[int, int], int | None] = {}
        self._series: dict[tuple[Selection, Scope], dict[int, Series]] = {}

    @property
    def state(self) -> Hashable:
        """The connection: another file is read by another one."""
        return self._connection

    @property
    def version(self) -> int:
        """The version of the schema."""
        return self._version

    def resolutions(self) -> dict[int, Resolution]:
        """Return the resolutions, by width."""
        if self._resolutions is None:
            self._resolutions = resolutions_of(self._connection, self._sets)
        return self._resolutions

    def first_row(self, width: int, start: int) -> int | None:
        """Return the start of the first row of a width that starts at ``start`` or later (epoch seconds)."""
        if (width, start) not in self._first_rows:
            self._first_rows[width, start] = first_row(self._connection, self._sets, width, start)
        return self._first_rows[width, start]

    # Series

    def series(self, selection: Selection, scope: Scope = "name") -> dict[int, Series]:
        """Return the selected series of a scope by number; those of a host, a version or a queue have its name."""
        if (selection, scope) not in self._series:
            where, arguments = _matching(selection)
            statement = f"SELECT id, {SERIES} FROM series WHERE whole = ? AND {where}"
            found = self._connection.execute(statement, (SCOPES.index(scope), *arguments))
            self._series[selection, scope] = {row[0]: Series(*row[1:]) for row in found}
        return self._series[selection, scope]

    def knows(self, selection: Selection) -> bool:
        """Whether there is any selected series."""
        where, arguments = _matching(selection)
        found = self._connection.execute(f"SELECT EXISTS (SELECT 1 FROM series WHERE {where})", arguments)
        if found.fetchone()[0]:
            return True
        application = selection.application
        return application is not None and selection == Selection(application) and application in self.applications()

    def applications(self) -> Iterator[str]:
        """Return the names of all applications."""
        tables = ("series", "custom_metric", "custom_event_type") if self._version >= TOTALS_SINCE else ("series",)
        statement = " UNION ".join(f"SELECT DISTINCT application FROM {table}" for table in tables)
        return (name for (name,) in self._connection.execute(statement))

    def evicted(self) -> dict[int, int]:
        """Return the series that are being evicted, with those under which their rows will be counted."""
        tables = [_EVICTED] if self._version >= CLOCKS_SINCE else []
        tables += [_MOVED] if self._version >= TOTALS_SINCE else []
        return {number: other for table in tables for number, other in self._connection.execute(table)}

    def evictions(self) -> int:
        """Return a number that changes whenever a series is evicted or forgotten: how many numbers are unused."""
        evicted = "SELECT number FROM evicted WHERE kind = 'series'" if self._version >= CLOCKS_SINCE else ""
        (gone,) = self._connection.execute(_GONE.format(evicted=evicted)).fetchone()
        return int(gone)

    # Totals

    def sums(
        self, columns: Sums, grouping: Grouping, ranges: Sequence[RowRange], series: Collection[int]
    ) -> Iterator[Row]:
        """Yield the keys of each group and its columns, added up."""
        if not series:
            return
        keys = grouping.keys
        ending = f"GROUP BY {', '.join(str(number) for number in range(1, len(keys) + 1))}" if keys else "GROUP BY NULL"
        for tables in self._sets:
            wanted = ", ".join([*keys, summed_columns(tables, COLUMNS_OF[columns])])
            yield from self._select(tables, wanted, ranges, series, ending)

    def first_of(self, series: Collection[int], part: RowRange) -> int | None:
        """Return the start of the first row of any of these series in a range."""
        return min(self._ends(series, part, "ASC"), default=None)

    def last_of(self, series: Collection[int], part: RowRange) -> int | None:
        """Return the start of the last row of any of these series in a range."""
        return max(self._ends(series, part, "DESC"), default=None)

    def _ends(self, series: Collection[int], part: RowRange, order: str) -> Iterator[int]:
        """Yield the start of the first row in an order, one of each set of tables that has any."""
        numbers = ", ".join(f"{number:d}" for number in series)
        for tables in self._sets:
            statement = _END.format(table=tables.totals.name, numbers=numbers, order=order)
            row = self._connection.execute(statement, part).fetchone()
            if row is not None:
                yield int(row[0])

    def statuses(self, ranges: Sequence[RowRange], series: Collection[int]) -> dict[int, int]:
        """Return HTTP statuses with the number of times they were sent."""
        if not ranges or not series:
            return {}
        found = (self._select(tables, "merged(statuses)", ranges, series, "GROUP BY NULL") for tables in self._sets)
        return merge_counts(row[0] for rows in found for row in rows)

    def _select(
        self, tables: TableSet, columns: str, ranges: Sequence[RowRange], series: Collection[int], ending: str
    ) -> Iterator[Row]:
        statement = (_LOOKED_UP if are_few(ranges, series) else _SCANNED).format(
            table=tables.totals.name,
            columns=columns,
            parts=", ".join(["(?, ?, ?)"] * len(ranges)),
            numbers=", ".join(f"({number:d})" for number in series),
            ending=ending,
        )
        return self._connection.execute(statement, [value for part in ranges for value in part])

    def has_former_bins(self, ranges: Sequence[RowRange]) -> bool:
        """Whether anything in the ranges was recorded by versions that counted in other bins."""
        former = "SELECT 1 FROM tally WHERE span = ? AND start >= ? AND start < ? LIMIT 1"
        return any(self._connection.execute(former, part).fetchone() for part in ranges)

    # Errors and their groups

    def errors(self, ranges: Sequence[RowRange], selection: Selection) -> Iterator[tuple[ErrorKey, int, int, Series]]:
        """Yield each distinct error in each range with its count, the last start, and its series."""
        return self._errors.errors(ranges, selection)

    def errors_by_step(
        self, ranges: Sequence[RowRange], selection: Selection, step: str
    ) -> Iterator[tuple[ErrorKey, int, int]]:
        """Yield each distinct error in each range with the number of the step (an expression), and its count."""
        return self._errors.errors_by_step(ranges, selection, step)

    def groups(
        self, ranges: Sequence[RowRange], selection: Selection
    ) -> Iterator[tuple[ErrorGroupInfo, int, int, Series]]:
        """Yield each group of errors in each range with its count, the last start, and a series."""
        return self._errors.groups(ranges, selection)

    def groups_by_step(
        self, ranges: Sequence[RowRange], selection: Selection, step: str
    ) -> Iterator[tuple[int, int, int]]:
        """Yield the id of each group in each range with the number of the step (an expression), and its count."""
        return self._errors.groups_by_step(ranges, selection, step)

    def group(self, number: int) -> tuple[ErrorGroupInfo, str | None] | None:
        """Return a group, and its last traceback as text."""
        return self._errors.group(number)

    def errors_of_sample(self, number: int) -> list[SampleErrorInfo]:
        """Return the groups and tracebacks of a sample's errors, in their order."""
        return self._errors.of_sample(number)

    def samples_of_group(self, number: int, window: Window, selection: Selection, limit: int) -> Iterator[StoredSample]:
        """Yield the last selected samples of a group that ended in a window, without damaged ones."""
        where, arguments = _matching(selection)
        said = said_of(selection)
        return intact_samples(
            self._connection.execute(
                f"{_SAMPLES} WHERE sample.id IN (SELECT sample FROM sample_error WHERE error_group = ?)"
                f" AND ended >= ? AND ended < ? AND {where}{' AND instr(body, ?) > 0' * len(said)}"
                " ORDER BY ended DESC, sample.id DESC LIMIT ?",
                (number, window.since, window.until, *arguments, *said, limit),
            )
        )

    # Samples

    def samples(
        self, window: Window, selection: Selection, reason: SampleReason | None, limit: int
    ) -> Iterator[StoredSample]:
        """Yield the slowest samples that ended in a window, without damaged ones."""
        where, arguments = _matching(selection)
        said = said_of(selection)
        return intact_samples(
            self._connection.execute(
                f"{_SAMPLES} WHERE ended >= ? AND ended < ? AND (? IS NULL OR reason = ?) AND {where}"
                f"{f' AND {_HAS_TEXT}' * len(said)} ORDER BY duration DESC LIMIT ?",
                (window.since, window.until, reason, reason, *arguments, *said, limit),
            )
        )

    def matching_samples(
        self,
        window: Window,
        selection: Selection,
        series: Collection[int] | None,
        wanted: SampleFilter,
        latest: bool,
        limit: int,
    ) -> Iterator[StoredSample]:
        """Yield samples that ended in a window and may match a filter, the latest or the slowest first."""
        where, arguments = _matching(selection)
        said, (condition, asked) = said_of(selection), wanted.condition(_HAS_TEXT, "?")
        among = "" if series is None else f" AND id IN ({', '.join(map(str, series))})"
        order = "ended DESC, sample.id DESC" if latest else "duration DESC, sample.id"
        column = "series" if selection.name else "+series"  # of many series, rows are read faster in order of time
        # The whole rows are read of what was chosen alone: sorting them all would take three times as long.
        chosen = (
            f"SELECT id FROM sample WHERE ended >= ? AND ended < ?"
            f" AND {column} IN (SELECT id FROM series WHERE {where}{among})"
            f"{f' AND {_HAS_TEXT}' * len(said)} AND {condition} ORDER BY {order} LIMIT ?"
        )
        return intact_samples(
            self._connection.execute(
                f"{_SAMPLES} WHERE sample.id IN ({chosen}) ORDER BY {order}",
                (window.since, window.until, *arguments, *said, *asked, limit),
            )
        )

    def sample(self, number: int) -> StoredSample | None:
        """Return a sample."""
        found = self._connection.execute(f"{_SAMPLES} WHERE sample.id = ?", (number,))
        return next(intact_samples(found), None)

    # Processes

    def instances(self) -> dict[int, StoredInstance]:
        """Return all processes that have reported, by number."""
        lost: dict[int, dict[str, int]] = {}
        for number, cause, count in self._connection.execute("SELECT instance, cause, count FROM loss ORDER BY cause"):
            lost.setdefault(number, {})[cause] = count
        version = "version" if self._version >= TOTALS_SINCE else "''"
        found = self._connection.execute(f"SELECT id, key, host, pid, program, started, seen, {version} FROM instance")
        return {
            number: StoredInstance(key, host, pid, program, started, seen, lost.get(number, {}), version=version)
            for number, key, host, pid, program, started, seen, version in found
        }

    def silences(self) -> dict[int, tuple[str, float]]:
        """Return by instance its process, and for how long (seconds) only others have reported, as far as known."""
        found = self._connection.execute(_SILENCES) if self._version >= CLOCKS_SINCE else ()
        return {number: (process, seconds) for number, process, seconds in found}

    def last_seen(self) -> float | None:
        """Return the time of the last report (epoch seconds), by its process's clock; ``None`` if there was none."""
        statement = "SELECT max(seen) FROM instance"
        if self._version >= CLOCKS_SINCE:
            statement = f"{statement} WHERE seen <= coalesce({_LAST}, seen) + 60"
        return self._connection.execute(statement).fetchone()[0]  # type: ignore[no-any-return]

    def waiting(self) -> float | None:
        """Return ``None``: whoever writes to a file merges at once."""
        return None

    def running(self) -> Iterator[tuple[int, float, Series]]:
        """Yield instance, start (epoch seconds) and series of open transactions, the oldest first."""
        return ((row[0], row[1], Series(*row[2:])) for row in self._connection.execute(_RUNNING))

    def marks(self, window: Window, application: str | None) -> list[Mark]:
        """Return the marks in a window, of an application those that are of all too, in order of time."""
        if self._version < TOTALS_SINCE:
            return []
        named = {"since": window.since, "until": window.until, "application": application}
        found = self._connection.execute(_MARKS, named)
        return [Mark(*row) for row in found]

    def alert_states(self) -> list[AlertState]:
        """Return the states of all alerts, by name."""
        return alert_states(self._connection) if self._version >= TOTALS_SINCE else []

    def links(self) -> Iterator[tuple[str, str]]:
        """Yield each application with one that it is linked to, sorted."""
        return self._connection.execute("SELECT application, linked FROM link ORDER BY 1, 2")

    # Jobs

    def schedules(self, application: str | None) -> Iterator[StoredSchedule]:
        """Yield the schedules of an application, or of all."""
        return schedules(self._connection, application) if self._version >= JOBS_SINCE else iter(())

    def enqueued(self, window: Window, selection: Selection) -> list[EnqueuedBy]:
        """Return by what tasks were enqueued that ended in the hours of a window, the most frequent first."""
        if self._version < ENQUEUERS_SINCE:
            return []
        return enqueued_in(SQLiteStatements(self._connection), window, _matching(selection))

    def reporters(self, application: str, kind: Kind) -> set[int]:
        """Return the numbers of the instances that have reported transactions of an application and kind."""
        return reported(self._connection, application, kind) if self._version >= JOBS_SINCE else set()

    # Custom metrics and events

    def custom_metrics(
        self, ranges: Sequence[RowRange], application: str | None
    ) -> Iterator[tuple[str, str, int, float, float, float]]:
        """Yield application, name, count, total, least and most of each metric in each range."""
        return custom_metrics(self._connection, ranges if self._version >= TOTALS_SINCE else (), application)

    def custom_events(self, application: str | None) -> Iterator[StoredEvents]:
        """Yield the types of events, each with its count and the last of them, the latest first."""
        return custom_events(self._connection, application) if self._version >= TOTALS_SINCE else iter(())

    # What was dropped

    def dropped(self, window: Window, application: str | None) -> dict[str, int]:
        """Return what was dropped within a window, by cause; of an application: by processes that report it."""
        return dropped_in(self._connection, window, application)

    def lost(self) -> dict[str, int]:
        """Return what all processes have dropped, by cause."""
        return dict(self._connection.execute("SELECT cause, sum(count) FROM loss GROUP BY cause ORDER BY cause"))


def _matching(selection: Selection) -> tuple[str, list[object]]:
    """Return a condition on the columns of the table ``series``, and its arguments."""
    wanted = [(f'series."{column}" = ?', value) for column, value in selection.series.items()]
    return " AND ".join(["1", *(condition for condition, _ in wanted)]), [value for _, value in wanted]
