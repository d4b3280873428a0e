"""What an engine provides to the reader: the rows of a store, as they are at one moment.

The reader computes every answer from these, so that all engines give the same ones. An engine sums rows up as far as
it can, and leaves to the reader what the rows mean.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Literal, NamedTuple, Protocol

from ..model.finished import Kind
from ..recording.snapshot import SampleReason, Series
from ..recording.totals import COLUMNS, NUMBERS, PLAIN
from .resolutions import Resolution, RowRange
from .results import (
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
from .sample_filter import SampleFilter
from .statistics import Window

__all__ = ["COLUMNS_OF", "Grouping", "Row", "Rows", "Scope", "Source", "StoreUnreadable", "Sums"]

Row = tuple[Any, ...]

Sums = Literal["totals", "numbers", "plain", "average", "time"]
"""The columns to sum up: all of `Totals` but for statuses; these without histograms; those of `PlainTotals`; count and
total; the total alone."""
COLUMNS_OF: Final[Mapping[Sums, Sequence[str]]] = {
    "totals": COLUMNS[:-1],
    "numbers": NUMBERS,
    "plain": PLAIN,
    "average": ("count", "total"),
    "time": ("total",),
}


Scope = Literal["name", "all", "host", "version", "queue"]
"""What the transactions of a series have in common besides application and kind: group and name, nothing, ..."""


class Grouping(NamedTuple):
    """What is kept apart when rows are summed up."""

    by_series: bool = False
    step: str | None = None
    """An SQL expression over the column ``start`` (see `Steps.number_sql`) that every engine understands."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns and expressions to group by."""
        return (*(("series",) if self.by_series else ()), *((self.step,) if self.step else ()))


class Rows(Protocol):
    """The rows of a store at one moment. Series are told by their numbers, of which `series` knows what they mean."""

    @property
    def state(self) -> Hashable:
        """What stays the same for as long as it is the same store that is read."""
        ...

    @property
    def version(self) -> int:
        """The version of the schema."""
        ...

    def resolutions(self) -> Mapping[int, Resolution]:
        """Return the resolutions, by width."""
        ...

    def first_row(self, width: int, start: int) -> int | None:
        """Return the start of the first row of a width that starts at ``start`` or later (epoch seconds)."""
        ...

    # Series

    def series(self, selection: Selection, scope: Scope = "name") -> dict[int, Series]:
        """Return the selected series of a scope by number; those of a host, a version or a queue have its name."""
        ...

    def knows(self, selection: Selection) -> bool:
        """Whether there is any selected series."""
        ...

    def evicted(self) -> Mapping[int, int]:
        """Return the series that are being evicted, with those under which their rows will be counted."""
        ...

    def evictions(self) -> int:
        """Return a number that changes whenever a series is evicted or forgotten."""
        ...

    def applications(self) -> Iterable[str]:
        """Return the names of all applications."""
        ...

    # Totals

    def sums(
        self, columns: Sums, grouping: Grouping, ranges: Sequence[RowRange], series: Collection[int]
    ) -> Iterable[Row]:
        """Yield the keys of each group and its columns, added up; a group may be given in several parts.

        Histograms are not added up yet, but joined (see ``joined.py``).
        """
        ...

    def first_of(self, series: Collection[int], part: RowRange) -> int | None:
        """Return the start of the first row of any of these series in a range."""
        ...

    def last_of(self, series: Collection[int], part: RowRange) -> int | None:
        """Return the start of the last row of any of these series in a range."""
        ...

    def statuses(self, ranges: Sequence[RowRange], series: Collection[int]) -> dict[int, int]:
        """Return HTTP statuses with the number of times they were sent."""
        ...

    def has_former_bins(self, ranges: Sequence[RowRange]) -> bool:
        """Whether anything in the ranges was recorded by versions that counted in other bins."""
        ...

    # Errors

    def errors(self, ranges: Sequence[RowRange], selection: Selection) -> Iterable[tuple[ErrorKey, int, int, Series]]:
        """Yield each distinct error in each range with its count, the last start, and its series."""
        ...

    def errors_by_step(
        self, ranges: Sequence[RowRange], selection: Selection, step: str
    ) -> Iterable[tuple[ErrorKey, int, int]]:
        """Yield each distinct error in each range with the number of the step (an expression), and its count."""
        ...

    # Error groups

    def groups(
        self, ranges: Sequence[RowRange], selection: Selection
    ) -> Iterable[tuple[ErrorGroupInfo, int, int, Series]]:
        """Yield each group of errors in each range with its count, the last start, and a series.

        That series is a host or a version where one is selected (see `scope_of`).
        """
        ...

    def groups_by_step(
        self, ranges: Sequence[RowRange], selection: Selection, step: str
    ) -> Iterable[tuple[int, int, int]]:
        """Yield the id of each group in each range with the number of the step (an expression), and its count."""
        ...

    def group(self, number: int) -> tuple[ErrorGroupInfo, str | None] | None:
        """Return a group, and its last traceback as text."""
        ...

    def samples_of_group(self, number: int, window: Window, selection: Selection, limit: int) -> Iterable[StoredSample]:
        """Yield the last selected samples of a group that ended in a window, without damaged ones."""
        ...

    def errors_of_sample(self, number: int) -> Sequence[SampleErrorInfo]:
        """Return the groups and tracebacks of a sample's errors, in their order."""
        ...

    # Samples

    def samples(
        self, window: Window, selection: Selection, reason: SampleReason | None, limit: int
    ) -> Iterable[StoredSample]:
        """Yield the slowest samples that ended in a window, without damaged ones."""
        ...

    def matching_samples(
        self,
        window: Window,
        selection: Selection,
        series: Collection[int] | None,
        wanted: SampleFilter,
        latest: bool,
        limit: int,
    ) -> Iterable[StoredSample]:
        """Yield samples that ended in a window and may match a filter, the latest or the slowest first.

        Of ``series`` alone, unless it is ``None``; damaged ones are left out.
        """
        ...

    def sample(self, number: int) -> StoredSample | None:
        """Return a sample."""
        ...

    # Processes

    def instances(self) -> dict[int, StoredInstance]:
        """Return all processes that have reported, by number."""
        ...

    def silences(self) -> Mapping[int, tuple[str, float]]:
        """Return by instance its process (see ``liveness.py``), and for how long (seconds) only others have reported.

        Instances of which that is not known are left out.
        """
        ...

    def last_seen(self) -> float | None:
        """Return the time of the last report (epoch seconds), by its process's clock; ``None`` if there was none."""
        ...

    def waiting(self) -> float | None:
        """Return for how long (seconds) the oldest snapshot has waited to be merged; ``None`` if none waits."""
        ...

    def running(self) -> Iterable[tuple[int, float, Series]]:
        """Yield instance, start (epoch seconds) and series of open transactions, the oldest first."""
        ...

    def marks(self, window: Window, application: str | None) -> list[Mark]:
        """Return the marks in a window, of an application those that are of all too, in order of time."""
        ...

    def alert_states(self) -> list[AlertState]:
        """Return the states of all alerts, by name."""
        ...

    def links(self) -> Iterable[tuple[str, str]]:
        """Yield each application with one that it is linked to, sorted."""
        ...

    # Jobs

    def schedules(self, application: str | None) -> Iterable[StoredSchedule]:
        """Yield the schedules of an application, or of all, by application and name."""
        ...

    def enqueued(self, window: Window, selection: Selection) -> Sequence[EnqueuedBy]:
        """Return by what tasks were enqueued that ended in the hours of a window, the most frequent first."""
        ...

    def reporters(self, application: str, kind: Kind) -> set[int]:
        """Return the numbers of the instances that have reported transactions of an application and kind."""
        ...

    # Custom metrics and events

    def custom_metrics(
        self, ranges: Sequence[RowRange], application: str | None
    ) -> Iterable[tuple[str, str, int, float, float, float]]:
        """Yield application, name, count, total, least and most of each metric in each range."""
        ...

    def custom_events(self, application: str | None) -> Iterable[StoredEvents]:
        """Yield the types of events, each with its count and the last of them, the latest first."""
        ...

    # What was dropped

    def dropped(self, window: Window, application: str | None) -> dict[str, int]:
        """Return what was dropped within a window, by cause; of an application: by processes that report it."""
        ...

    def lost(self) -> dict[str, int]:
        """Return what all processes have dropped, by cause."""
        ...


class Source(Protocol):
    """Where the rows of a store are read from: one engine's way to one store. May be shared by threads."""

    @property
    def place(self) -> str:
        """Where the store is, for people to read."""
        ...

    def reading(self) -> AbstractContextManager[Rows]:
        """Give the rows as they are now, until the end of the block.

        Raises:
            StoreUnreadable: the store cannot be read, or what the block met in it is damaged.
        """
        ...

    def collect(self) -> None:
        """Merge what has been sent to the store but nobody has merged so far, as far as that is allowed."""

    def size(self) -> int:
        """Return the bytes that the store takes."""
        ...

    def owner(self) -> str:
        """Return the name of its owner."""
        ...

    def close(self) -> None:
        """Release what reading needed; the next reading takes it again."""


class StoreUnreadable(Exception):
    """The store cannot be read; the message names its place and the reason."""
