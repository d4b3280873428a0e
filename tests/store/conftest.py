"""Snapshots as a recorder would make them, from raw durations that the tests keep for themselves."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from weighbridge.transactions.model.finished import FinishedTransaction, NoticedError
from weighbridge.transactions.recording.histogram import add_durations
from weighbridge.transactions.recording.snapshot import (
    ErrorCount,
    Instance,
    MinuteRow,
    RunningTransaction,
    Sample,
    Series,
    Snapshot,
)
from weighbridge.transactions.recording.totals import Totals, nanoseconds
from weighbridge.transactions.store.reader import StoreReader, Window
from weighbridge.transactions.store.sqlite.forks import _forks
from weighbridge.transactions.store.sqlite.writer import StoreWriter

NOW = 1_800_000_000.0  # the start of a minute, and of an hour
PAGE = Series("shop", "web", "Route", "GET /page")
JOB = Series("shop", "background", "Function", "shop.jobs:rebuild")
T = 0.5


class Maker:
    """Makes one instance's snapshots, numbered from 1."""

    now, page, job = NOW, PAGE, JOB
    always = Window(0, NOW + 1e6)

    def __init__(self, instance: str = "one", later: float = 0.0) -> None:
        self.instance = Instance(instance, "host", 17, NOW + later - 5, "shop")
        self.sequence = 0

    def other(self, instance: str, later: float = 0.0) -> Maker:
        return Maker(instance, later)

    def row(self, durations: list[float], series: Series = PAGE, minute: float = NOW, **more: Any) -> MinuteRow:
        histogram: dict[int, int] = {}
        add_durations(durations, histogram)
        zones = [0, 0, 0]
        if series.kind == "web":
            for duration in durations:
                zones[(duration > T) + (duration > 4 * T)] += 1
        failed = more.pop("errors", 0)
        for name in more.keys() & {"total", "response_start_total", "queue_total", "queue_maximum"}:
            more[name] = nanoseconds(more[name])
        queue = more.pop("queue", "")
        totals = Totals(
            len(durations), sum(map(nanoseconds, durations)), nanoseconds(min(durations)), nanoseconds(max(durations)),
            len(durations) - failed, failed, satisfied=zones[0], tolerating=zones[1], frustrated=zones[2],
            apdex_t=T if series.kind == "web" else None, histogram=histogram,
        )  # fmt: skip
        return MinuteRow(series, int(minute // 60 * 60), replace(totals, **more), queue)

    def error(
        self, message: str, count: int = 1, series: Series = PAGE, minute: float = NOW, **more: Any
    ) -> ErrorCount:
        error = ErrorCount(series, int(minute // 60 * 60), "shop:Broken", message, False, count)
        return replace(error, **more)

    def transaction(
        self, duration: float, ended: float = NOW, series: Series = PAGE, **more: Any
    ) -> FinishedTransaction:
        type_ = "WebTransaction" if series.kind == "web" else "OtherTransaction"
        finished = FinishedTransaction(
            series.application, (), series.kind, type_, series.group, series.name, ended - duration, duration,
            (), False, None, 200, False, {},
        )  # fmt: skip
        return finished._replace(**more)

    def sample(
        self, duration: float, ended: float = NOW, series: Series = PAGE, reason: Any = "slow", **more: Any
    ) -> Sample:
        return Sample(series, reason, self.transaction(duration, ended, series, **more))

    def running(self, started: float, series: Series = JOB) -> RunningTransaction:
        return RunningTransaction(series, started)

    def noticed(self, message: str) -> NoticedError:
        return NoticedError("shop:Broken", message)

    def snapshot(self, *minutes: MinuteRow, taken: float = NOW, **more: Any) -> Snapshot:
        self.sequence += 1
        return Snapshot(self.instance, self.sequence, taken, minutes, **more)


@pytest.fixture(autouse=True)
def closed_afterwards() -> Iterator[None]:
    """No connection is left to the garbage collector, which would complain."""
    yield
    for user in list(_forks.users):
        user.stand_still(0)
        user.go_on()


@pytest.fixture
def opened(path: str) -> Callable[[], AbstractContextManager[sqlite3.Connection]]:
    """The file, opened as any other program would; changes are committed."""

    @contextmanager
    def open_it() -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(path)) as connection, connection:
            yield connection

    return open_it


@pytest.fixture
def make() -> Maker:
    return Maker()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "store.db")


@pytest.fixture
def writer(path: str) -> StoreWriter:
    return StoreWriter(path)


@pytest.fixture
def read(path: str) -> Callable[[], StoreReader]:
    return lambda: StoreReader.open(path)


@pytest.fixture
def aged(path: str, opened: Callable[[], AbstractContextManager[sqlite3.Connection]]) -> Callable[[int], None]:
    """Makes the store one of an older version: without what has been added since."""

    def age(version: int) -> None:
        with opened() as store:
            for since, statements in _ADDED.items():
                for statement in statements if since > version else ():
                    store.execute(statement)
            store.execute(f"PRAGMA user_version = {version}")

    return age


_ADDED = {
    5: [
        """
        INSERT INTO tally SELECT span, start, series, count, total / 1e9, minimum / 1e9, maximum / 1e9, failed,
            satisfied, tolerating, frustrated, apdex_t, response_starts, response_start_total / 1e9,
            queued, queue_total / 1e9, disconnected, statuses, histogram FROM totals
        WHERE series IN (SELECT id FROM series WHERE whole < 2)
        """,
        "DELETE FROM series WHERE whole > 1",
        """
        UPDATE level SET (complete_from, complete_until, late) =
            (SELECT complete_from, complete_until, late FROM resolution WHERE resolution.span = level.span)
        """,
        "DROP TRIGGER series_evicted",
        *(
            f"DROP TABLE {table}"
            for table in (
                "store_version", "resolution", "totals", "moved_series", "moved_progress", "mark", "stack",
                "error_group", "error_group_count", "custom_metric", "custom_metric_totals", "custom_event_type",
                "custom_event", "alert_state", "export_cursor",
            )
        ),
        "ALTER TABLE instance DROP COLUMN version",
    ],
    4: [
        f"DROP TABLE {table}"
        for table in (
            "store_clock", "instance_clock", "clock_evidence", "over_limit", "evicted", "eviction_progress",
        )
    ],
    3: ["ALTER TABLE level DROP COLUMN late"],
    2: ["DROP TABLE link"],
}  # fmt: skip
