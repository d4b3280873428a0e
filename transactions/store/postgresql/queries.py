"""Queries: the statements that read rows. Numbers are summed up by the server, histograms here."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from ...model.finished import Kind
from ...recording.snapshot import SampleReason, Series
from ...recording.totals import GREATEST, HISTOGRAMS
from ..enqueued import enqueued_in
from ..error_queries import ErrorQueries
from ..intact import intact_counts, intact_samples
from ..joined import parts_of
from ..names import SCOPES, storable
from ..resolutions import FINEST, Resolution, RowRange, are_few, floor_to
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
from .drivers import Session
from .jobs import reported, schedules
from .maintenance import first_rows, resolutions_of
from .schema import ALERTS_SINCE, ENQUEUERS_SINCE, JOBS_SINCE
from .sending import cut_label
from .state import alert_states
from .statements import ServerStatements
from .tables import GROUPS_SINCE

__all__ = ["ServerRows"]

_SERIES: Final = 'series.application, series.kind, series."group", series.name'
"""The columns that make a `Series`."""

_LOOKED_UP: Final = """
SELECT {columns} FROM (VALUES {parts}) AS part (width, first, last)
CROSS JOIN LATERAL generate_series(part.first, part.last - 1, part.width::bigint) AS at
CROSS JOIN unnest('{{{numbers}}}'::bigint[]) AS wanted
CROSS JOIN LATERAL (
    SELECT * FROM @totals AS totals WHERE width = part.width AND start = at AND series = wanted OFFSET 0
) AS totals {ending}
"""
"""``OFFSET 0`` has each row looked up by the index: PostgreSQL would rather read all rows of the series, as it cannot
tell how few are asked for."""
_SCANNED: Final = "SELECT {columns} FROM ({parts}) AS totals {ending}"
_PART: Final = """
SELECT * FROM @totals
WHERE width = {0:d} AND start >= {1:d} AND start < {2:d} AND series = ANY('{{{numbers}}}'::bigint[])
"""
"""Each range by itself: only with constants can PostgreSQL tell how few rows it has, and does not read the table."""
_END: Final = """
SELECT start FROM @totals WHERE width = %s AND start >= %s AND start < %s AND series = ANY(ARRAY[{numbers}]::bigint[])
ORDER BY start {order} LIMIT 1
"""

_JOINED: Final = "coalesce(string_agg(int4send(octet_length({0})) || {0}, ''::bytea), ''::bytea)"
"""All encoded histograms of a group (see ``joined.py``)."""
_ENCODED: Final = (*HISTOGRAMS, "statuses")

_SAMPLES: Final = f"""
SELECT sample.id, {_SERIES}, reason, body FROM @sample AS sample JOIN @series AS series ON series.id = sample.series
"""
_HAS_TEXT: Final = "strpos(body, %s) > 0"
_RUNNING: Final = f"""
SELECT instance, running.started, {_SERIES} FROM @running AS running JOIN @series AS series
ON series.id = running.series ORDER BY running.started
"""
_LAST_SEEN: Final = """
SELECT max(seen) FROM @instance WHERE seen <= (SELECT seen FROM @instance ORDER BY received DESC, id DESC LIMIT 1) + 60
"""
_GONE: Final = """
SELECT coalesce(max(id), 0) - count(*) FILTER (WHERE id NOT IN (SELECT number FROM @evicted WHERE kind = 'series'))
FROM @series
"""
_WAITING: Final = """
SELECT extract(epoch FROM clock_timestamp())::double precision - received FROM @inbox ORDER BY number LIMIT 1
"""
_SILENCES: Final = """
SELECT id, process, (SELECT max(received) FROM @instance) - received FROM @instance
"""


def _merged(column: str) -> str:
    if column == "minimum":
        return "min(minimum)"
    if column in GREATEST:
        return f"max({column})"
    if column == "apdex_t":
        return "(array_agg(apdex_t ORDER BY start DESC) FILTER (WHERE apdex_t IS NOT NULL))[1]"
    return _JOINED.format(column) if column in _ENCODED else f"sum({column})::bigint"


_SUMMED: Final[Mapping[Sums, str]] = {columns: ", ".join(map(_merged, names)) for columns, names in COLUMNS_OF.items()}


class ServerRows:
    """The `Rows` of a server, read within one transaction."""

    def __init__(self, session: Session, state: Hashable, version: int) -> None:
        self._session = session
        self.state: Hashable = state
        """The identity of the store."""
        self.version: int = version
        """The version of the schema."""
        self._errors = ErrorQueries(ServerStatements(session), _matching, version >= GROUPS_SINCE)
        self._resolutions = resolutions_of(session)
        self._first_rows: dict[int, dict[int, int | None]] = {}
        self._series: dict[tuple[Selection, Scope], dict[int, Series]] = {}

    def resolutions(self) -> dict[int, Resolution]:
        """Return the resolutions, by width."""
        return self._resolutions

    def first_row(self, width: int, start: int) -> int | None:
        """Return the start of the first row of a width that starts at ``start`` or later (epoch seconds).

        All widths are asked for at once: each statement takes a journey.
        """
        if start not in self._first_rows:
            self._first_rows[start] = first_rows(self._session, self.version, self._resolutions, start)
        return self._first_rows[start][width]

    # Series

    def series(self, selection: Selection, scope: Scope = "name") -> dict[int, Series]:
        """Return the selected series of a scope by number; those of a host, a version or a queue have its name."""
        if (selection, scope) in self._series:
            return self._series[selection, scope]
        where, arguments = _matching(selection)
        rows = self._session.execute(
            f"SELECT id, {_SERIES} FROM @series AS series WHERE whole = %s AND {where} ORDER BY id",
            (SCOPES.index(scope), *arguments),
        )
        self._series[selection, scope] = {row[0]: Series(*row[1:]) for row in rows.fetchall()}
        return self._series[selection, scope]

    def knows(self, selection: Selection) -> bool:
        """Whether there is any selected series."""
        where, arguments = _matching(selection)
        found = self._session.execute(f"SELECT 1 FROM @series AS series WHERE {where} LIMIT 1", arguments)
        if found.fetchone() is not None:
            return True
        return selection == Selection(selection.application) and selection.application in {*self.applications()}

    def applications(self) -> Iterator[str]:
        """Return the names of all applications."""
        tables = ("series", "custom_metric", "custom_event_type")
        statement = " UNION ".join(f"SELECT application FROM @{table}" for table in tables)
        return (name for (name,) in self._session.execute(statement).fetchall())

    def evicted(self) -> dict[int, int]:
        """Return the series that are being evicted, with those under which their rows will be counted."""
        return dict(self._session.execute("SELECT number, replacement FROM @evicted WHERE kind = 'series'").fetchall())

    def evictions(self) -> int:
        """Return a number that changes whenever a series is evicted or forgotten: how many numbers are unused."""
        row = self._session.execute(_GONE).fetchone()
        return int(row[0]) if row else 0

    # Totals

    def sums(
        self, columns: Sums, grouping: Grouping, ranges: Sequence[RowRange], series: Collection[int]
    ) -> Iterator[Row]:
        """Yield the keys of each group and its columns, added up."""
        if not series:
            return
        keys = grouping.keys
        ending = (
            f"GROUP BY {', '.join(str(number) for number in range(1, len(keys) + 1))}"
            if keys
            else "HAVING count(*) > 0"
        )
        yield from self._select(", ".join([*keys, _SUMMED[columns]]), ranges, series, ending)

    def first_of(self, series: Collection[int], part: RowRange) -> int | None:
        """Return the start of the first row of any of these series in a range."""
        return self._end(series, part, "ASC")

    def last_of(self, series: Collection[int], part: RowRange) -> int | None:
        """Return the start of the last row of any of these series in a range."""
        return self._end(series, part, "DESC")

    def _end(self, series: Collection[int], part: RowRange, order: str) -> int | None:
        statement = _END.format(numbers=", ".join(f"{number:d}" for number in series), order=order)
        row = self._session.execute(statement, part).fetchone()
        return None if row is None else int(row[0])

    def statuses(self, ranges: Sequence[RowRange], series: Collection[int]) -> dict[int, int]:
        """Return HTTP statuses with the number of times they were sent."""
        if not ranges or not series:
            return {}
        ((joined,),) = self._select(_JOINED.format("statuses"), ranges, series, "")
        return intact_counts(parts_of(joined))

    def _select(self, columns: str, ranges: Sequence[RowRange], series: Collection[int], ending: str) -> list[Row]:
        numbers = ",".join(f"{number:d}" for number in series)
        if are_few(ranges, series):
            parts = ", ".join(f"({width:d}, {start:d}::bigint, {end:d}::bigint)" for width, start, end in ranges)
            statement = _LOOKED_UP.format(columns=columns, parts=parts, numbers=numbers, ending=ending)
        else:
            parts = "UNION ALL".join(_PART.format(*part, numbers=numbers) for part in ranges)
            statement = _SCANNED.format(columns=columns, parts=parts, ending=ending)
        return self._session.execute(statement).fetchall()

    def has_former_bins(self, ranges: Sequence[RowRange]) -> bool:
        """Return ``False``: servers came after the bins of today."""
        return False

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

    def samples_of_group(self, number: int, window: Window, selection: Selection, limit: int) -> Iterable[StoredSample]:
        """Yield the last selected samples of a group that ended in a window, without damaged ones."""
        where, arguments = _matching(selection)
        said = said_of(selection)
        rows = self._session.execute(
            f"{_SAMPLES} WHERE sample.id IN (SELECT sample FROM @sample_error WHERE error_group = %s)"
            f" AND ended >= %s AND ended < %s AND {where}{' AND strpos(body, %s) > 0' * len(said)}"
            " ORDER BY ended DESC, sample.id DESC LIMIT %s",
            (number, window.since, window.until, *arguments, *said, limit),
        )
        return intact_samples(rows.fetchall())

    # Samples

    def samples(
        self, window: Window, selection: Selection, reason: SampleReason | None, limit: int
    ) -> Iterator[StoredSample]:
        """Yield the slowest samples that ended in a window, without damaged ones."""
        where, arguments = _matching(selection)
        said = said_of(selection)
        of_reason = ("AND reason = %s", (reason,)) if reason else ("", ())
        rows = self._session.execute(
            f"{_SAMPLES} WHERE ended >= %s AND ended < %s {of_reason[0]} AND {where}"
            f"{f' AND {_HAS_TEXT}' * len(said)} ORDER BY duration DESC, sample.id LIMIT %s",
            (window.since, window.until, *of_reason[1], *arguments, *said, limit),
        )
        return intact_samples(rows.fetchall())

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
        said, (condition, asked) = said_of(selection), wanted.condition(_HAS_TEXT, "%s")
        numbers = ", ".join(map(str, series or ()))
        among = "" if series is None else f" AND series.id = ANY(ARRAY[{numbers}]::bigint[])"
        order = "ended DESC, sample.id DESC" if latest else "duration DESC, sample.id"
        rows = self._session.execute(
            f"{_SAMPLES} WHERE ended >= %s AND ended < %s AND {where}{among}"
            f"{f' AND {_HAS_TEXT}' * len(said)} AND {condition} ORDER BY {order} LIMIT %s",
            (window.since, window.until, *arguments, *said, *asked, limit),
        )
        return intact_samples(rows.fetchall())

    def sample(self, number: int) -> StoredSample | None:
        """Return a sample."""
        found = self._session.execute(f"{_SAMPLES} WHERE sample.id = %s", (number,))
        return next(intact_samples(found.fetchall()), None)

    # Processes

    def instances(self) -> dict[int, StoredInstance]:
        """Return all processes that have reported, by number."""
        lost: dict[int, dict[str, int]] = {}
        rows = self._session.execute("SELECT instance, cause, count FROM @loss ORDER BY cause")
        for number, cause, count in rows.fetchall():
            lost.setdefault(number, {})[cause] = count
        found = self._session.execute(
            "SELECT id, key, host, pid, program, started, seen, received, version FROM @instance"
        )
        return {
            number: StoredInstance(
                key,
                cut_label(host),
                pid,
                program,
                started,
                seen,
                lost.get(number, {}),
                received - seen,
                cut_label(version),
            )
            for number, key, host, pid, program, started, seen, received, version in found.fetchall()
        }

    def silences(self) -> dict[int, tuple[str, float]]:
        """Return by instance its process, and for how long (seconds) only others have reported."""
        rows = self._session.execute(_SILENCES).fetchall()
        return {number: (process, seconds) for number, process, seconds in rows}

    def last_seen(self) -> float | None:
        """Return the time of the last report (epoch seconds), by its process's clock; ``None`` if there was none."""
        (found,) = self._session.execute(_LAST_SEEN).fetchone() or (None,)
        return None if found is None else float(found)

    def waiting(self) -> float | None:
        """Return for how long (seconds) the oldest snapshot has waited to be merged; ``None`` if none waits."""
        row = self._session.execute(_WAITING).fetchone()
        return None if row is None else float(row[0])

    def running(self) -> Iterator[tuple[int, float, Series]]:
        """Yield instance, start (epoch seconds) and series of open transactions, the oldest first."""
        return ((row[0], row[1], Series(*row[2:])) for row in self._session.execute(_RUNNING).fetchall())

    def marks(self, window: Window, application: str | None) -> list[Mark]:
        """Return the marks in a window, of an application those that are of all too, in order of time."""
        whose = "" if application is None else "AND application IN (%s, '')"
        rows = self._session.execute(
            f"SELECT application, moment, kind, name FROM @mark WHERE moment >= %s AND moment < %s {whose}"
            " ORDER BY moment, id",
            (window.since, window.until, *(() if application is None else (storable(application),))),
        )
        return [Mark(*row) for row in rows.fetchall()]

    def alert_states(self) -> list[AlertState]:
        """Return the states of all alerts, by name."""
        return alert_states(self._session) if self.version >= ALERTS_SINCE else []

    def links(self) -> Iterator[tuple[str, str]]:
        """Yield each application with one that it is linked to, sorted."""
        rows = self._session.execute(
            'SELECT application, linked FROM @link ORDER BY application COLLATE "C", linked COLLATE "C"'
        )
        return ((application, linked) for application, linked in rows.fetchall())

    # Jobs

    def schedules(self, application: str | None) -> Iterator[StoredSchedule]:
        """Yield the schedules of an application, or of all."""
        return schedules(self._session, application) if self.version >= JOBS_SINCE else iter(())

    def enqueued(self, window: Window, selection: Selection) -> list[EnqueuedBy]:
        """Return by what tasks were enqueued that ended in the hours of a window, the most frequent first."""
        if self.version < ENQUEUERS_SINCE:
            return []
        return enqueued_in(ServerStatements(self._session), window, _matching(selection))

    def reporters(self, application: str, kind: Kind) -> set[int]:
        """Return the numbers of the instances that have reported transactions of an application and kind."""
        return reported(self._session, application, kind) if self.version >= JOBS_SINCE else set()

    # Custom metrics and events

    def custom_metrics(
        self, ranges: Sequence[RowRange], application: str | None
    ) -> Iterator[tuple[str, str, int, float, float, float]]:
        """Yield application, name, count, total, least and most of each metric in each range."""
        return custom_metrics(self._session, ranges, application)

    def custom_events(self, application: str | None) -> Iterator[StoredEvents]:
        """Yield the types of events, each with its count and the last of them, the latest first."""
        return custom_events(self._session, application)

    # What was dropped

    def dropped(self, window: Window, application: str | None) -> dict[str, int]:
        """Return what was dropped within a window, by cause; of an application: by processes that report it."""
        whose = "" if application is None else "AND (applications = '[]' OR applications::jsonb ? %s)"
        rows = self._session.execute(
            f"SELECT cause, sum(count)::bigint FROM @dropped WHERE start >= %s AND start < %s {whose}"
            ' GROUP BY cause ORDER BY cause COLLATE "C"',
            (floor_to(window.since, FINEST), window.until, *(() if application is None else (storable(application),))),
        )
        return dict(rows.fetchall())

    def lost(self) -> dict[str, int]:
        """Return what all processes have dropped, by cause."""
        rows = self._session.execute(
            'SELECT cause, sum(count)::bigint FROM @loss GROUP BY cause ORDER BY cause COLLATE "C"'
        )
        return dict(rows.fetchall())


def _matching(selection: Selection) -> tuple[str, list[object]]:
    """Return a condition on the columns of the table ``series``, and its arguments."""
    wanted = [(f'series."{column}" = %s', storable(value)) for column, value in selection.series.items()]
    return " AND ".join(["true", *(condition for condition, _ in wanted)]), [value for _, value in wanted]
