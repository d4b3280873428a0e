"""The tables on a server are brought up to date with all that is in them; programs of the version before go on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from weighbridge.transactions.configuration.postgresql_url import parse_server_url
from weighbridge.transactions.recording.snapshot import EnqueuedCount, Series
from weighbridge.transactions.store.postgresql import schema
from weighbridge.transactions.store.postgresql.connection import ServerConnection, ServerFailure
from weighbridge.transactions.store.postgresql.drivers import load_driver
from weighbridge.transactions.store.reader import Selection, StoreReader
from weighbridge.transactions.store.server import Collector, StoreFailure
from weighbridge.transactions.store.sqlite.writer import StoreWriter

from .conftest import ServerEngine
from .servers import MergingWriter

_ONLY_ON_SERVERS = {"inbox", "store"}
_ONLY_IN_FILES = {
    "level", "tally",  # those of versions before, beside the current ones
    "clock_evidence", "instance_clock", "store_clock",  # a server has a clock of its own
    "moved_progress", "moved_series", "sqlite_sequence", "store_version",
}  # fmt: skip
_DIFFERENT_COLUMNS = {"digest", "process", "received", "errors"}
_COLUMNS = """
SELECT relname, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relkind = 'r' AND attnum > 0 AND NOT attisdropped AND relnamespace = %s::regnamespace
"""


@pytest.fixture
def released(cluster, monkeypatch) -> Iterator[str]:
    """A store of the first version."""
    with monkeypatch.context() as before:
        _be_of_version(1, before)
        engine = ServerEngine(cluster)
    yield engine.path
    engine.close()


def _be_of_version(version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_MIGRATIONS", schema._MIGRATIONS[:version])
    monkeypatch.setattr(schema, "VERSION", version)


def _write(path: str, snapshot: object) -> None:
    with closing(MergingWriter(path)) as writer:
        writer.write(snapshot)


def _calls(path: str, make) -> tuple[int, int]:
    with StoreReader.open(path) as reader:
        return reader.health().version, reader.totals(make.always).calls


def test_an_upgrade_keeps_what_is_there_and_the_version_before_goes_on(released, make, monkeypatch) -> None:
    _write(released, make.snapshot(make.row([1.0])))
    assert _calls(released, make) == (1, 1)  # before the upgrade, by the new program
    with closing(Collector(released)) as collector:
        assert collector.upgrade() == (1, schema.VERSION)
        assert collector.upgrade() == (schema.VERSION, schema.VERSION)
    current = schema.VERSION
    assert _calls(released, make) == (current, 1)
    with monkeypatch.context() as before:
        _be_of_version(1, before)
        _write(released, make.snapshot(make.row([1.0])))
        assert _calls(released, make) == (current, 2)
    _write(released, make.snapshot(make.row([1.0])))
    assert _calls(released, make) == (current, 3)


def test_who_enqueued_tasks_is_counted_from_an_upgrade_on(cluster, make, monkeypatch) -> None:
    task, minute = Series("shop", "background", "Celery", "mail"), int(make.now)
    count = EnqueuedCount(task, minute, task._replace(kind="web"), 3)
    with monkeypatch.context() as before:
        _be_of_version(6, before)
        engine = ServerEngine(cluster)
    _write(engine.path, make.snapshot(enqueued=(count,)))
    with closing(Collector(engine.path)) as collector:
        assert collector.upgrade() == (6, schema.VERSION)
    _write(engine.path, make.snapshot(enqueued=(count, count)))
    with StoreReader.open(engine.path) as reader:
        assert reader.health().lost == {"enqueuers of tasks": 3}
        assert [one.count for one in reader.enqueued(make.always, Selection())] == [6]
    engine.close()


def test_an_upgrade_that_fails_changes_nothing(released, make, monkeypatch) -> None:
    _write(released, make.snapshot(make.row([1.0])))
    monkeypatch.setattr(
        schema, "_MIGRATIONS", (*schema._MIGRATIONS, "CREATE TABLE new (x int); CREATE TABLE series ()")
    )
    with closing(Collector(released)) as collector, pytest.raises(StoreFailure, match=r"cannot be upgraded.*series"):
        collector.upgrade()
    assert _calls(released, make) == (1, 1)
    with pytest.raises(ServerFailure), _connection(released).session() as session:
        session.execute("SELECT * FROM @new")


def test_both_engines_have_the_same_tables(cluster, path, make) -> None:
    engine = ServerEngine(cluster)
    on_server: dict[str, set[str]] = {}
    with closing(_connection(engine.path)) as connection, connection.session() as session:
        for table, column in session.execute(_COLUMNS, (connection.address.schema,)).fetchall():
            on_server.setdefault(table, set()).add(column)
    engine.close()
    with closing(StoreWriter(path)) as writer:
        writer.write(make.snapshot(make.row([1.0]), lost={"names": 1}))
    with closing(sqlite3.connect(path)) as store:
        names = [row[0] for row in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        in_file = {name: {row[1] for row in store.execute(f"PRAGMA table_info({name})")} for name in names}
    assert set(in_file) - set(on_server) == _ONLY_IN_FILES
    assert set(on_server) - set(in_file) == _ONLY_ON_SERVERS
    for table in set(on_server) & set(in_file):
        called = {{"span": "width"}.get(column, column) for column in in_file[table]}
        assert called ^ on_server[table] <= _DIFFERENT_COLUMNS, table


def _connection(url: str) -> ServerConnection:
    return ServerConnection(parse_server_url(url), load_driver())
