"""A store that is locked, full or gone loses none; what comes back gets all of it, once."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import weighbridge
from weighbridge.transactions.handoff import BUFFER_CAPACITY, handoff
from weighbridge.transactions.store.sqlite import connection

from ..waiting import TIMEOUT
from .conftest import Programs, Stored, eventually, line_of

Work = Callable[[], None]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LOCK_TIMEOUT", 0.05)


@contextmanager
def locked(stored: Stored) -> Iterator[None]:
    """Another connection holds the store's write lock."""
    other = sqlite3.connect(stored.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_a_locked_store_loses_none(stored: Stored, work: Work) -> None:
    work()
    assert weighbridge.flush()
    with locked(stored):
        for _ in range(3):
            work()
            assert not weighbridge.flush()
        assert stored.calls() == {"work": 1}
    assert weighbridge.flush()
    assert stored.calls() == {"work": 4}
    assert stored.lost() == {}


def test_a_snapshot_that_was_written_though_the_store_said_no_is_counted_once(stored: Stored, work: Work) -> None:
    """The file is replaced by a copy from after the write: the recorder must write again, the store knows it."""
    work()
    weighbridge.flush()
    work()
    from weighbridge.transactions import lifecycle

    recorder = lifecycle._recorder()
    recorder.flush()
    work()
    with recorder._lock:
        recorder._aggregate_queue()
        snapshot = recorder._snapshot()
    assert snapshot is not None
    delivery = recorder.delivery
    delivery.enqueue(snapshot)
    assert delivery._store is not None
    delivery._store.write(delivery._waiting[0].snapshot)  # and the answer is lost
    assert weighbridge.flush()
    assert stored.calls() == {"work": 3}


def test_a_directory_that_is_not_there_yet(stored: Stored, work: Work, caplog: pytest.LogCaptureFixture) -> None:
    stored.path = stored.path.parent / "later" / "store.db"
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("WEIGHBRIDGE_STORE", str(stored.path))
        weighbridge.initialize()
        for _ in range(3):
            work()
            assert not weighbridge.flush()
        assert len(caplog.records) == 1, "it is said once"
        stored.path.parent.mkdir()
        assert weighbridge.flush()
    assert stored.calls() == {"work": 3}


def test_a_store_that_was_deleted_is_made_anew(stored: Stored, work: Work) -> None:
    work()
    weighbridge.flush()
    stored.path.unlink()
    work()
    assert weighbridge.flush()
    assert stored.calls() == {"work": 1}


def test_a_full_store_and_room_again(stored: Stored, work: Work) -> None:
    """``max_page_count`` holds for the recorder's own connection: its disk is full."""
    from weighbridge.transactions import lifecycle

    work()
    weighbridge.flush()
    store = lifecycle._recorder().delivery._store
    raw = store._connection._connection  # type: ignore[union-attr]
    (pages,) = raw.execute("PRAGMA page_count").fetchone()
    raw.execute(f"PRAGMA max_page_count = {pages}")

    @weighbridge.background_task(name=lambda text: text)
    def named(text: str) -> None:
        pass

    for number in range(200):
        named(f"{number} " + "x" * 240)
    assert not weighbridge.flush()
    assert stored.calls() == {"work": 1}
    assert weighbridge.flush(), "the connection is opened again after an error, and knows no bound"
    assert stored.total() == 201
    assert stored.is_intact()


def test_a_shutdown_while_the_store_is_away_goes_on_trying(
    stored: Stored, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_FLUSH_INTERVAL", "0.05")
    weighbridge.initialize()
    work()
    weighbridge.flush()
    with locked(stored):
        work()
        weighbridge.shutdown_agent(0.1)
        work()
    weighbridge.flush()
    eventually(lambda: stored.total() == 3)


def test_other_settings_while_the_store_is_away_lose_none(stored: Stored, work: Work) -> None:
    work()
    weighbridge.flush()
    with locked(stored):
        work()
        weighbridge.initialize()
        work()
    from weighbridge.transactions import lifecycle

    lifecycle._at_exit()
    assert stored.calls() == {"work": 3}


def test_the_host_does_not_wait_for_the_store(stored: Stored, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LOCK_TIMEOUT", 3600.0)  # who waited for the store would not come back
    monkeypatch.setenv("WEIGHBRIDGE_FLUSH_INTERVAL", "0.01")
    weighbridge.initialize()
    work()
    weighbridge.flush()
    with locked(stored):
        until = time.monotonic() + 1.2
        calls = 0
        while time.monotonic() < until:
            work()
            calls += 1
    weighbridge.shutdown_agent(TIMEOUT)
    assert stored.total() + stored.lost().get("transactions", 0) == calls + 1


@contextmanager
def held_up() -> Iterator[None]:
    """One thread is at work on a slow disk, and no other can count or write."""
    from weighbridge.transactions import lifecycle

    at_work, free = threading.Event(), threading.Event()

    def slowly() -> bool:
        at_work.set()
        return free.wait()

    thread = threading.Thread(target=lifecycle._recorder()._work, args=(slowly,))
    thread.start()
    at_work.wait()
    try:
        yield
    finally:
        free.set()
        thread.join()


def test_what_exceeds_the_backlog_is_dropped_and_counted(
    stored: Stored, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one thread is held up by the store, buffers and queue are bounded; the sum is exact all the same."""
    calls = 8 * BUFFER_CAPACITY + 5000
    monkeypatch.setenv("WEIGHBRIDGE_MAX_BACKLOG", "1000")
    weighbridge.initialize()
    work()
    weighbridge.flush()
    with held_up():
        for _ in range(calls):
            work()
        assert len(handoff.queue) <= 1000 + 512
    assert weighbridge.flush()
    assert stored.total() + stored.lost()["transactions"] == calls + 1
    assert stored.lost()["transactions"] >= 5000 - 1512


def test_a_loss_is_written_though_nothing_else_is(stored: Stored) -> None:
    with weighbridge.BackgroundTask(name="first"):
        pass
    weighbridge.flush()
    with weighbridge.BackgroundTask(name="ignored"):
        weighbridge.add_custom_attribute("x" * 300, 1)
        weighbridge.ignore_transaction()
    assert weighbridge.flush()
    assert stored.lost() == {"attributes": 1}
    assert stored.calls() == {"first": 1}


def test_a_transaction_that_cannot_be_counted_costs_only_itself(
    stored: Stored, work: Work, mistakes: list[str]
) -> None:
    from weighbridge.transactions.recording.aggregate import Aggregate

    for _ in range(5):
        work()
    bad = handoff.queue[2]
    bad.__class__ = type("Bad", (type(bad),), {"__slots__": (), "_series_key": lambda _: 1 / 0})
    assert weighbridge.flush()
    assert stored.calls() == {"work": 4}
    assert stored.lost() == {"transactions": 1}
    eventually(lambda: mistakes)  # whoever counted it may still be on the way to the log
    assert "failed inside Aggregate.aggregate" in mistakes.pop()
    assert Aggregate.aggregate is not None


def test_a_store_that_is_gone_when_the_program_ends(programs: Programs, stored: Stored) -> None:
    """It says so, and the exit does not wait for the store to come back."""
    program = programs.start(
        """
        work()
        weighbridge.flush()
        print("written", flush=True)
        sys.stdin.readline()
        work()
        """,
        WEIGHBRIDGE_SHUTDOWN_TIMEOUT="0.5",
    )
    assert line_of(program) == "written"
    with locked(stored):
        _, errors = program.communicate("\n")
    assert program.returncode == 0
    assert "could not be written" in errors
    assert stored.calls() == {"work": 1}


def test_an_unwritable_store_is_said_in_one_line(stored: Stored, work: Work, caplog: pytest.LogCaptureFixture) -> None:
    stored.path.write_text("Dear diary, " * 200)
    for _ in range(3):
        work()
        assert not weighbridge.flush()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert str(stored.path) in record.getMessage()
    assert "not a database" in record.getMessage()
    stored.path.unlink()
    assert weighbridge.flush()
    assert stored.calls() == {"work": 3}
