"""Stores on both engines, and what is written to them."""

from __future__ import annotations

import getpass
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from weighbridge.transactions.configuration.postgresql_url import parse_server_url
from weighbridge.transactions.store import groups, resolutions
from weighbridge.transactions.store.maintenance import DEFAULT_RETENTION, Retention
from weighbridge.transactions.store.postgresql import maintenance as server_maintenance
from weighbridge.transactions.store.postgresql import merging as server_merging
from weighbridge.transactions.store.postgresql import names as server_names
from weighbridge.transactions.store.postgresql import samples as server_samples
from weighbridge.transactions.store.postgresql.connection import ServerConnection
from weighbridge.transactions.store.postgresql.drivers import load_driver
from weighbridge.transactions.store.reader import StoreReader
from weighbridge.transactions.store.server import Collector
from weighbridge.transactions.store.sqlite import dropped, ids, maintenance, samples
from weighbridge.transactions.store.sqlite.forks import _forks
from weighbridge.transactions.store.sqlite.writer import StoreWriter

from ..clusters import Cluster
from .maker import JOB, NOW, PAGE, Maker
from .servers import MergingWriter

__all__ = ["JOB", "NOW", "PAGE", "FileEngine", "Maker", "ServerEngine"]


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
    width = "span"
    """The column that says how long a row's time is."""
    LIMITS = {
        "applications": (ids.Ids, "MAX_APPLICATIONS"),
        "series": (ids.Ids, "MAX_SERIES"),
        "parts": (ids.Ids, "MAX_OF_SCOPE"),
        "errors": (ids.Ids, "MAX_ERRORS"),
        "groups": (groups, "MAX_GROUPS"),
        "stacks": (groups, "MAX_STACKS"),
        "instances": (maintenance, "_MAX_INSTANCES"),
        "samples": (samples, "MAX_SAMPLES"),
        "dropped": (dropped, "MAX_DROPPED"),
        "looked up": (resolutions, "_FEW_SERIES"),
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
    width = "width"
    LIMITS = {
        "applications": (server_names.Names, "MAX_APPLICATIONS"),
        "series": (server_names.Names, "MAX_SERIES"),
        "parts": (server_names.Names, "MAX_OF_SCOPE"),
        "errors": (server_names.Names, "MAX_ERRORS"),
        "groups": (groups, "MAX_GROUPS"),
        "stacks": (groups, "MAX_STACKS"),
        "instances": (server_maintenance, "_MAX_INSTANCES"),
        "samples": (server_samples, "MAX_SAMPLES"),
        "dropped": (server_merging, "MAX_DROPPED"),
        "looked up": (resolutions, "_FEW_SERIES"),
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
            store.execute(f"PRAGMA user_version = {min(version, 4)}")

    return age


_ADDED = {
    9: ["DROP TABLE enqueued", "UPDATE store_version SET version = 8"],
    8: [
        "DROP TABLE killed",
        "ALTER TABLE running DROP COLUMN key",
        "ALTER TABLE running DROP COLUMN queue",
        "UPDATE store_version SET version = 7",
    ],
    7: [
        "DROP TRIGGER sample_gone",
        *(f"DROP TABLE {table}" for table in ("sample_error", "moved_group", "moved_group_progress")),
        "ALTER TABLE error_group DROP COLUMN expected",
        "UPDATE store_version SET version = 6",
    ],
    6: ["DROP TABLE schedule", "DROP TABLE reported", "UPDATE store_version SET version = 5"],
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
