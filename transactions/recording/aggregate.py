"""Finished transactions added up: per minute, application, kind, group and name."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import repeat
from typing import Final, NamedTuple

from ..configuration.settings import Settings
from ..model.applications import Application
from ..model.clock import epoch_at, monotonic
from ..model.naming import path_of
from ..model.outlet import Lane as OpenLane
from ..model.outlet import outlet
from ..model.process import here
from ..model.transaction import Transaction
from .cells import Cell, Lane
from .known_names import KnownNames
from .overflow import OTHER
from .snapshot import ErrorCount, MinuteRow, Sample, Series

__all__ = ["Aggregate", "Harvest"]

_DURATIONS_AT_MOST: Final = 4096
"""Durations that wait to be counted, over all cells."""
_CELLS_AT_MOST: Final = 20_000
"""Cells that can wait for a store that is away; then the oldest minute is dropped, and counted."""
_LATE: Final = 60.0
"""Seconds for which a minute that is over still takes what was under way to its lanes."""

_Key = object


class Harvest(NamedTuple):
    """What was added up, as it goes to the store."""

    minutes: tuple[MinuteRow, ...]
    errors: tuple[ErrorCount, ...]
    samples: tuple[Sample, ...]


class _Minute:
    """The cells of one minute."""

    __slots__ = ("_cells", "end", "lanes", "number", "start")

    def __init__(self, moment: float) -> None:
        epoch = epoch_at(moment)
        self.number = int(epoch // 60) * 60
        """Epoch seconds of its start."""
        self.start = moment - (epoch - self.number)
        """On the monotonic clock, as is ``end``."""
        self.end = self.start + 60
        self.lanes: dict[_Key, Lane] = {}
        """By what is cheap to tell of a transaction; several keys may lead to one lane."""
        self._cells: dict[tuple[str, Series], Cell] = {}

    def cells(self) -> list[Cell]:
        """Its cells."""
        return list(self._cells.values())

    def cell_of(self, application: Application, series: Series) -> Cell:
        """The cell of a series. Links count: what goes to ``a;b`` is kept apart from what goes to ``a``."""
        key = (application.spelled, series)
        cell = self._cells.get(key)
        if cell is None:
            threshold = here.apdex_t(application, path_of(series.kind, series.group, series.name))
            cell = self._cells[key] = Cell(application, series, self.number, self.end, threshold)
        return cell


class Aggregate:
    """Everything counted since the last harvest. Used by one thread at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._minute = _Minute(monotonic())
        self._minutes: dict[int, _Minute] = {self._minute.number: self._minute}
        self._open: list[Lane] = []
        """The lanes of this minute that threads may note durations in."""
        self._uncounted = 0
        self._distinct_errors = 0
        self._names = KnownNames(settings.max_names)

    # Folding

    def fold(self, queue: deque[Transaction]) -> None:
        """Take what waits in a queue, and count it."""
        take, minute, waiting = queue.popleft, self._present(), len(queue)
        for _ in repeat(None, waiting):
            try:
                transaction = take()
            except IndexError:  # somebody else bounds the queue at this moment
                break
            ended = transaction._ended
            if not minute.start <= ended < minute.end:
                minute = self._minute_of(ended)
            key = transaction._lane_key()
            lane = minute.lanes.get(key) or self._lane_of(minute, transaction, key)
            lane.take(transaction)
        self._uncounted += waiting
        if self._uncounted >= _DURATIONS_AT_MOST:
            self._uncounted = 0
            self._compact(self._cells())

    def _present(self) -> _Minute:
        """The minute that it is now; where a new one has begun, what waits is held within its bounds."""
        minute = self._minute_of(monotonic())
        if minute is not self._minute:
            self._minute = minute
            outlet.lanes.clear()
            self._open = []
            self._bound()
            self._names.evict(minute.start)
        return minute

    def _minute_of(self, moment: float) -> _Minute:
        fresh = _Minute(moment)
        minute = self._minutes.setdefault(fresh.number, fresh)
        minute.start, minute.end = fresh.start, fresh.end  # the wall clock may have been set
        return minute

    def _lane_of(self, minute: _Minute, transaction: Transaction, key: _Key) -> Lane:
        group, name = transaction._naming()
        wanted = Series(transaction.application.name, transaction.kind, group, name)
        series = self.bounded(wanted, transaction._ended)
        if series is wanted:
            lane = minute.cell_of(transaction.application, series).lane_of(transaction)
            if len(minute.lanes) < _CELLS_AT_MOST:
                minute.lanes[key] = lane
                if minute is self._minute:
                    outlet.open_lane(key, lane)
                    self._open.append(lane)
            return lane
        outlet.lose("names")
        application = Application(OTHER) if series.application is OTHER else transaction.application
        return minute.cell_of(application, series).lane_of(transaction)

    def bounded(self, series: Series, moment: float) -> Series:
        """The series itself, or the one under which the surplus of names is counted."""
        return self._names.bounded(series, moment)

    def _count_errors(self, cell: Cell) -> None:
        for error, count in cell.noted_errors().items():
            if error not in cell.errors:
                if self._distinct_errors >= self._settings.max_errors:
                    outlet.lose("errors", count)
                    continue
                self._distinct_errors += 1
                cell.errors[error] = 0
            cell.errors[error] += count

    # Bounds

    def _cells(self) -> list[Cell]:
        return [cell for minute in self._minutes.values() for cell in minute.cells()]

    def empty(self, full: list[OpenLane]) -> None:
        """Count what was noted in lanes that are full, and take them from the list."""
        while full:
            lane = full.pop()
            if isinstance(lane, Lane):
                self._compact([lane.cell])

    def empty_all(self) -> bool:
        """Count what was noted in the open lanes; whether anything was."""
        cells = {lane.cell for lane in self._open if lane.durations}
        self._compact(cells)
        return bool(cells)

    def _compact(self, cells: Iterable[Cell]) -> None:
        for cell in cells:
            cell.compact()
            self._count_errors(cell)

    def _bound(self) -> None:
        """At the start of a minute: hold what waits for the store within its bounds, and count what is dropped."""
        waiting = self._cells()
        outlet.lose("samples", _thin(waiting, self._settings.max_samples))
        for number in sorted(self._minutes):
            if len(waiting) <= _CELLS_AT_MOST:
                return
            if self._minutes[number] is not self._minute:
                dropped = self._minutes.pop(number).cells()
                outlet.lose("transactions", sum(cell.compact() for cell in dropped))
                waiting = self._cells()

    # Harvest

    def _let_go_of_minutes(self) -> None:
        """Those that are past, each a minute late: a thread may still have one of their lanes in its hand."""
        self._minutes = {
            number: minute for number, minute in self._minutes.items() if minute.end > self._minute.start - _LATE
        }

    def harvest(self) -> Harvest:
        """Everything counted since the last harvest; the counting starts anew."""
        cells = self._cells()
        outlet.lose("samples", _thin(cells, self._settings.max_samples))
        self._compact(cells)
        self._let_go_of_minutes()
        self._uncounted = self._distinct_errors = 0
        rows = [row for cell in cells for row in cell.rows()]
        for row in rows:
            self._names.count(row.series, row.count)
        return Harvest(
            tuple(rows),
            tuple(error for cell in cells for error in cell.error_counts()),
            tuple(sample for cell in cells for sample in cell.samples()),
        )


def _thin(cells: Iterable[Cell], most: int) -> int:
    """Let go of the least telling samples, those of series without failures and of the fastest; how many went."""
    held = dropped = 0
    for cell in sorted(cells, key=lambda cell: (cell.has_failed(), cell.bar), reverse=True):
        number = len(cell.kept())
        if held + number > most:
            cell.let_go()
            dropped += number
        else:
            held += number
    return dropped
