"""Where the store is, and what happens where it cannot be."""

import getpass
import logging
import stat
import threading
from pathlib import Path

import pytest

from weighbridge.transactions.configuration.settings import Settings
from weighbridge.transactions.store.location import MEMORY, Location, locate, owner, prepare
from weighbridge.transactions.store.reader import StoreReader, StoreUnreadable
from weighbridge.transactions.store.sqlite.writer import StoreWriter


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_the_setting_names_the_file(home, monkeypatch) -> None:
    monkeypatch.chdir(home)
    assert locate("here.db") == Location(str(home / "here.db"), "setting")
    assert locate("~/there.db").path == str(home / "there.db")
    assert locate(MEMORY) == Location(MEMORY, "setting")
    assert list(home.iterdir()) == []


def test_without_it_the_users_state_directory_is_used(home, make) -> None:
    assert locate(None).origin == "user"
    path = Path(locate(None).path)
    assert path.is_relative_to(home)
    assert not path.parent.exists()
    writer = StoreWriter.of(Settings())
    assert writer.path == str(path)
    writer.write(make.snapshot(make.row([1.0])))
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with StoreReader.open(path) as reader:
        assert reader.totals(make.always).calls == 1


def test_without_a_state_directory_it_is_in_memory_and_says_so_once(home, caplog) -> None:
    (home / "state").write_text("a file in the way")
    assert prepare(locate(None)).path == MEMORY
    with caplog.at_level(logging.WARNING, "weighbridge"):
        assert {StoreWriter.of(Settings()).path for _ in range(3)} == {MEMORY}
    (line,) = [record.getMessage() for record in caplog.records if "memory" in record.getMessage()]
    assert str(home / "state") in line
    assert "WEIGHBRIDGE_STORE" in line


def test_a_directory_that_the_setting_names_is_not_made(home) -> None:
    location = locate(str(home / "missing" / "store.db"))
    assert prepare(location) is location
    assert not (home / "missing").exists()


def test_the_owner_of_a_file(tmp_path) -> None:
    assert owner(str(tmp_path)) == getpass.getuser()
    assert owner(str(tmp_path / "missing")) == ""


def test_a_store_in_memory_is_read_in_the_same_process(make) -> None:
    with pytest.raises(StoreUnreadable, match=":memory:"):
        StoreReader.open(MEMORY)
    writer = StoreWriter(MEMORY)
    writer.write(make.snapshot(make.row([1.0, 2.0]), make.row([3.0], make.job), samples=(make.sample(2.0),)))
    with StoreReader.open(MEMORY) as reader:
        assert reader.totals(make.always).calls == 3
        writer.write(make.snapshot(make.row([4.0])))
        assert reader.totals(make.always).maximum == 4.0
        assert len(reader.samples(make.always)) == 1
        health = reader.health()
        assert (health.path, health.size, health.owner) == (MEMORY, 0, "")
    writer.close()


def test_a_store_in_memory_is_written_and_read_by_threads_at_once(make) -> None:
    writer = StoreWriter(MEMORY)
    writer.write(make.snapshot(make.row([1.0])))
    done = threading.Event()

    def write_on() -> None:
        for _ in range(200):
            writer.write(make.snapshot(make.row([1.0]), make.row([1.0], make.job)))
        done.set()

    thread = threading.Thread(target=write_on)
    thread.start()
    with StoreReader.open(MEMORY) as reader:
        while not done.is_set():
            assert reader.totals(make.always).calls % 2 == 1, "a snapshot is seen whole or not at all"
        thread.join()
        assert reader.totals(make.always).calls == 401
    writer.close()
