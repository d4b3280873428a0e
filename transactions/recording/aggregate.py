"""Finished transactions added up: per minute, application, kind, group and name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeVar

from ..configuration.settings import Settings
from ..model.applications import Application
from ..model.clock import epoch_at
from ..model.naming import path_of
from ..model.outlet import outlet
from ..model.process import here
from ..model.request import RequestTransaction
from ..model.transaction import Transaction
from .cells import Cell, Strand
from .snapshot import ErrorCount, MinuteRow, Sample, Series

__all__ = ["OTHER", "Aggregate", "Harvest"]

OTHER: Final = "<other>"
"""The name under which surplus names are counted."""

_GROUPS_KEPT: Final = frozenset({"Function", "Uri", "Route", "StatusCode"})
_DURATIONS_AT_MOST: Final = 4096
"""Durations that wait to be counted, over all cells."""
_CELLS_AT_MOST: Final = 20_000
"""Cells that can wait for a store that is away; then the oldest minute is dropped, and counted."""

_T = TypeVar("_T")
_Key = tuple[object, ...]


class Harvest(NamedTuple):
    """What was added up, as it goes to the store."""

    minutes: tuple[MinuteRow, ...]
    errors: tuple[ErrorCount, ...]
    samples: tuple[Sample, ...]


class _Minute:
    """The cells of one minute."""

    __slots__ = ("cells", "end", "number", "start", "strands")

    def __init__(self, moment: float) -> None:
        epoch = epoch_at(moment)
        self.number = int(epoch // 60) * 60
        self.start = moment - (epoch - self.number)
        """On the monotonic clock, as is ``end``."""
        self.end = self.start + 60
        self.strands: dict[_Key, Strand] = {}
        """By what is cheap to tell of a transaction; several may belong to one cell."""
        self.cells: dict[tuple[Application, Series], Cell] = {}

    def compact(self) -> None:
        """Count what the strands have noted."""
        for strand in self.strands.values():
            strand.cell.take(strand)


class Aggregate:
    """Everything counted since the last harvest. Used by one thread at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._minutes: dict[int, _Minute] = {}
        self._latest: _Minute | None = None
        self._uncounted = 0
        self._names: dict[str, set[Series]] = {}
        self._hour = 0

    def fold(self, transactions: Iterable[Transaction]) -> None:  # noqa: C901  every transaction pays for each call
        """Count finished transactions. The common case comes first, and costs little."""
        for transaction in transactions:
            ended = transaction.ended
            minute = self._latest
            if minute is None or not minute.start <= ended < minute.end:
                minute = self._minute_of(transaction)
            strand = minute.strands.get(transaction.counted_as())
            if strand is None:
                strand = self._strand_of(transaction, minute)
            duration = ended - transaction.entered
            if transaction.extras is None:
                strand.durations.append(duration)
                if isinstance(transaction, RequestTransaction):
                    if transaction.response_started:
                        strand.starts += 1
                        strand.start_total += transaction.response_started - transaction.entered
                    if transaction.queue_time is not None or transaction.disconnected:
                        strand.cell.add_rarities(transaction)
                if strand.failed:
                    strand.cell.keep_failed(transaction)
            else:
                self._add_special(strand.cell, transaction)
            if duration > strand.slowest:
                strand.slowest = duration
                self._keep_slowest(strand.cell, transaction, duration)
            self._uncounted += 1
        if self._uncounted >= _DURATIONS_AT_MOST:
            self._compact()

    def _add_special(self, cell: Cell, transaction: Transaction) -> None:
        cell.add(transaction)
        if isinstance(transaction, RequestTransaction):
            cell.add_rarities(transaction)
        if transaction.failed() or (transaction.extras is not None and transaction.extras.errors):
            cell.keep_failed(transaction)

    def _minute_of(self, transaction: Transaction) -> _Minute:
        minute = _Minute(transaction.ended)
        known = self._minutes.setdefault(minute.number, minute)
        if self._latest is None or known.number > self._latest.number:
            outlet.curious_from.clear()
            self._latest = known
            self._bound_minutes()
        return known

    def _bound_minutes(self) -> None:
        while len(self._minutes) > 1 and sum(len(minute.cells) for minute in self._minutes.values()) > _CELLS_AT_MOST:
            dropped = self._minutes.pop(min(self._minutes))
            dropped.compact()
            for cell in dropped.cells.values():
                outlet.lose("transactions", cell.count)

    def _strand_of(self, transaction: Transaction, minute: _Minute) -> Strand:
        group, name = transaction.naming()
        wanted = Series(transaction.application.name, transaction.kind, group, name)
        series = self._bounded(wanted, minute)
        cell = minute.cells.get((transaction.application, series))
        if cell is None:
            path = path_of(series.kind, series.group, series.name)
            cell = minute.cells[transaction.application, series] = Cell(here.apdex_t(transaction.application, path))
        key = transaction.counted_as() if series is wanted else (series, transaction.http_status)
        strand = minute.strands.get(key)
        if strand is None:
            strand = minute.strands[key] = Strand(cell, transaction)
        return strand

    def _bounded(self, series: Series, minute: _Minute) -> Series:
        """The series itself, or the one for surplus names; which names there are is forgotten every hour."""
        if minute.number // 3600 != self._hour:
            self._hour = minute.number // 3600
            self._names.clear()
        names = self._names.setdefault(series.application, set())
        if series in names:
            return series
        if len(names) < self._settings.max_names:
            names.add(series)
            return series
        outlet.lose("names")
        group = series.group if series.group in _GROUPS_KEPT else "Function"
        return series._replace(group=group, name=OTHER)

    def _keep_slowest(self, cell: Cell, transaction: Transaction, duration: float) -> None:
        slowest = cell.slowest
        if slowest is not None and duration <= slowest.ended - slowest.entered:
            return
        if transaction.extras is None or not transaction.extras.trace_suppressed:
            cell.slowest = transaction
            if isinstance(transaction, RequestTransaction):
                outlet.curious_from[transaction.place] = duration

    def _compact(self) -> None:
        self._uncounted = 0
        for minute in self._minutes.values():
            minute.compact()

    def harvest(self) -> Harvest:
        """Everything counted since the last harvest; the counting starts anew."""
        minutes, self._minutes, self._latest, self._uncounted = self._minutes, {}, None, 0
        rows: list[MinuteRow] = []
        errors: list[ErrorCount] = []
        samples: list[Sample] = []
        for series, number, cell in _linked(minutes.values()):
            rows.append(cell.row(series, number))
            errors.extend(cell.error_counts(series, number))
            samples.extend(_samples(series, cell))
        return Harvest(
            tuple(rows),
            tuple(_at_most(errors, self._settings.max_errors, "errors")),
            tuple(_at_most(samples, self._settings.max_samples, "samples")),
        )


def _linked(minutes: Iterable[_Minute]) -> Iterator[tuple[Series, int, Cell]]:
    """Every cell under its application and under each one that is linked to that."""
    for minute in minutes:
        minute.compact()
        for (application, series), cell in minute.cells.items():
            for name in (application.name, *application.linked):
                yield series._replace(application=name), minute.number, cell


def _samples(series: Series, cell: Cell) -> Iterator[Sample]:
    for transaction in cell.samples:
        yield Sample(series, "failed", transaction.finished())
    if cell.slowest is not None and cell.slowest not in cell.samples:
        yield Sample(series, "slow", cell.slowest.finished())


def _at_most(found: list[_T], most: int, cause: str) -> list[_T]:
    if len(found) > most:
        outlet.lose(cause, len(found) - most)
    return found[:most]
