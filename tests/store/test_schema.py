"""Older stores become current ones with all that is in them, whoever comes first."""

import sqlite3
import threading
from contextlib import closing

import pytest

from weighbridge.transactions.recording.snapshot import StoreUnavailable
from weighbridge.transactions.store.reader import StoreReader
from weighbridge.transactions.store.sqlite import schema
from weighbridge.transactions.store.sqlite.writer import StoreWriter


def tables(path: str) -> list[str]:
    with closing(sqlite3.connect(path)) as store:
        return [row[0] for row in store.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name")]


@pytest.mark.parametrize("version", range(1, schema.VERSION))
def test_an_older_store_is_read_and_brought_up_to_date(path, make, aged, tmp_path, version) -> None:
    StoreWriter(path).write(make.snapshot(make.row([1.0]), samples=(make.sample(1.0),), running=(make.running(0),)))
    aged(version)
    with StoreReader.open(path) as reader:
        assert reader.health().version == version
        assert reader.totals(make.always).calls == 1
        assert len(reader.running(make.now + 5)) == len(reader.reporting(make.now + 5)) == 1
        assert reader.running(make.now + 500) == []

    linked = make.sample(2.0, linked_applications=("b",))
    StoreWriter(path).write(make.snapshot(make.row([2.0]), samples=(linked,), running=(make.running(0),)))
    with StoreReader.open(path) as reader:
        assert reader.health().version == schema.VERSION == 9
        assert reader.totals(make.always).calls == 2
        assert reader.links() == {"shop": ("b",)}
        assert len(reader.samples(make.always)) == 2
        assert len(reader.running(make.now + 5)) == 1
    fresh = str(tmp_path / "fresh.db")
    StoreWriter(fresh).write(make.snapshot())
    assert tables(path) == tables(fresh)


def test_a_failed_migration_changes_nothing(path, make, monkeypatch) -> None:
    StoreWriter(path).write(make.snapshot(make.row([1.0])))
    before = tables(path)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE new (x);\nCREATE TABLE series (x);\n"))
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
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
