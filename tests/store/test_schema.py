"""Older stores become current ones with all that is in them, whoever comes first."""

import sqlite3
import threading
from contextlib import closing

import pytest

from weighbridge.transactions.recording.snapshot import StoreUnavailable
from weighbridge.transactions.store import schema
from weighbridge.transactions.store.reader import StoreReader
from weighbridge.transactions.store.writer import StoreWriter


def tables(path: str) -> list[str]:
    with closing(sqlite3.connect(path)) as store:
        return [row[0] for row in store.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name")]


def test_a_store_of_version_1_is_brought_up_to_date(path, make, monkeypatch, tmp_path, opened) -> None:
    with monkeypatch.context() as older:
        older.setattr(schema, "VERSION", 1)
        StoreWriter(path).write(make.snapshot(make.row([1.0]), samples=(make.sample(1.0),)))
    with opened() as store:
        assert store.execute("PRAGMA user_version").fetchone() == (1,)
        assert not store.execute("SELECT 1 FROM sqlite_master WHERE name = 'link'").fetchone()

    StoreWriter(path).write(make.snapshot(make.row([2.0]), samples=(make.sample(2.0, linked_applications=("b",)),)))
    with StoreReader.open(path) as reader:
        assert reader.health().version == schema.VERSION == 3
        assert reader.totals(make.always).calls == 2
        assert reader.links() == {"shop": ("b",)}
        assert len(reader.samples(make.always)) == 2
    fresh = str(tmp_path / "fresh.db")
    StoreWriter(fresh).write(make.snapshot())
    assert tables(path) == tables(fresh)


def test_a_failed_migration_changes_nothing(path, make, monkeypatch) -> None:
    StoreWriter(path).write(make.snapshot(make.row([1.0])))
    before = tables(path)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE new (x);\nCREATE TABLE series (x);\n"))
    monkeypatch.setattr(schema, "VERSION", 4)
    with pytest.raises(StoreUnavailable, match="series already exists"):
        StoreWriter(path).write(make.snapshot())
    assert tables(path) == before
    monkeypatch.undo()
    with StoreReader.open(path) as reader:
        assert reader.totals(make.always).calls == 1


def test_many_first_writers_make_one_store(path, make) -> None:
    failures: list[BaseException] = []
    start = threading.Barrier(8)

    def first(number: int) -> None:
        one = make.other(f"{number}")
        try:
            start.wait()
            StoreWriter(path).write(one.snapshot(one.row([1.0])))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=first, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with StoreReader.open(path) as reader:
        assert reader.totals(make.always).calls == 8
