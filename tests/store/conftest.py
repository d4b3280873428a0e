"""Snapshots as a recorder would make them, from raw durations that the tests keep for themselves."""

from __future__ import annotations

import getpass
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from weighbridge.transactions.configuration.postgresql_url import parse_server_url
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
from weighbridge.transactions.store.maintenance import DEFAULT_RETENTION, Retention
from weighbridge.transactions.store.postgresql import maintenance as server_maintenance
from weighbridge.transactions.store.postgresql import merging as server_merging
from weighbridge.transactions.store.postgresql import names as server_names
from weighbridge.transactions.store.postgresql import queries as server_queries
from weighbridge.transactions.store.postgresql import samples as server_samples
from weighbridge.transactions.store.postgresql.connection import ServerConnection
from weighbridge.transactions.store.postgresql.drivers import load_driver
from weighbridge.transactions.store.reader import StoreReader, Window
from weighbridge.transactions.store.server import Collector
from weighbridge.transactions.store.sqlite import dropped, ids, maintenance, queries, samples
from weighbridge.transactions.store.sqlite.forks import _forks
from weighbridge.transactions.store.sqlite.writer import StoreWriter

from ..clusters import Cluster
from .servers import MergingWriter

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


class FileEngine:
    """A store in a file."""

    name = "sqlite"
    LIMITS = {
        "applications": (ids.Ids, "MAX_APPLICATIONS"),
        "series": (ids.Ids, "MAX_SERIES"),
        "parts": (ids.Ids, "MAX_OF_SCOPE"),
        "errors": (ids.Ids, "MAX_ERRORS"),
        "instances": (maintenance, "_MAX_INSTANCES"),
        "samples": (samples, "MAX_SAMPLES"),
        "dropped": (dropped, "_MAX_ROWS"),
        "looked up": (queries, "_FEW"),
    }
    owner = getpass.getuser()

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "store.db")

    def writer(self, retention: Retention = DEFAULT_RETENTION) -> Any:
        """A writer, by which what is written is merged at once."""
        return StoreWriter(self.path, retention)

    def count(self, table: str, condition: str = "true") -> int:
        """How many rows a table has."""
        with closing(sqlite3.connect(self.path)) as store:
            return int(store.execute(f"SELECT count(*) FROM {table} WHERE {condition}").fetchone()[0])

    def close(self) -> None:
        """Nothing is left to close."""


class ServerEngine:
    """A store on a server, in a schema of its own."""

    name = "postgresql"
    LIMITS = {
        "applications": (server_names.Names, "MAX_APPLICATIONS"),
        "series": (server_names.Names, "MAX_SERIES"),
        "parts": (server_names.Names, "MAX_OF_SCOPE"),
        "errors": (server_names.Names, "MAX_ERRORS"),
        "instances": (server_maintenance, "_MAX_INSTANCES"),
        "samples": (server_samples, "MAX_SAMPLES"),
        "dropped": (server_merging, "_MAX_DROPPED"),
        "looked up": (server_queries, "_FEW"),
    }
    owner = "owner"
    _schemas = count()

    def __init__(self, cluster: Cluster) -> None:
        self.path = f"{cluster.url('postgres')}?schema=test_{next(self._schemas)}"
        self._connection = ServerConnection(parse_server_url(self.path), load_driver())
        self._writers: list[MergingWriter] = []
        collector = Collector(self.path)
        collector.upgrade()
        collector.close()

    def writer(self, retention: Retention = DEFAULT_RETENTION) -> Any:
        """A writer, by which what is written is merged at once."""
        self._writers.append(MergingWriter(self.path, retention))
        return self._writers[-1]

    def count(self, table: str, condition: str = "true") -> int:
        """How many rows a table has."""
        with self._connection.session() as session:
            row = session.execute(f"SELECT count(*) FROM @{table} WHERE {condition}").fetchone()
            assert row is not None
        self._connection.close()  # the server may be stopped before the next question
        return int(row[0])

    def close(self) -> None:
        """Delete the schema, and close all connections."""
        for writer in self._writers:
            writer.close()
        with self._connection.session() as session:
            session.execute(f"DROP SCHEMA {self._connection.address.schema} CASCADE")
        self._connection.close()


_ONLY_FILES = frozenset({"opened", "aged"})
"""Fixtures that change a file behind its back."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of a module that says ``BOTH_ENGINES`` on files and on a server."""
    if "engine" in metafunc.fixturenames:
        both = getattr(metafunc.module, "BOTH_ENGINES", False) and _ONLY_FILES.isdisjoint(metafunc.fixturenames)
        metafunc.parametrize("engine", ["sqlite", "postgresql"] if both else ["sqlite"], indirect=True)


@pytest.fixture
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FileEngine | ServerEngine]:
    """An empty store of one of the engines."""
    kept = FileEngine(tmp_path) if request.param == "sqlite" else ServerEngine(request.getfixturevalue("cluster"))
    yield kept
    kept.close()


@pytest.fixture
def limit(engine: FileEngine | ServerEngine, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], None]:
    """Sets one of the limits that all engines have."""
    return lambda name, value: monkeypatch.setattr(*engine.LIMITS[name], value)


@pytest.fixture
def path(engine: FileEngine | ServerEngine) -> str:
    return engine.path


@pytest.fixture
def writer(engine: FileEngine | ServerEngine) -> Any:
    return engine.writer()


@pytest.fixture
def read(path: str) -> Iterator[Callable[[], StoreReader]]:
    with ExitStack() as readers:
        yield lambda: readers.enter_context(closing(StoreReader.open(path)))


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
