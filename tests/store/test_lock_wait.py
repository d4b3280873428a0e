"""Many that want to write at once: each has its turn."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from weighbridge.transactions.recording.snapshot import StoreUnavailable
from weighbridge.transactions.store.reader import StoreReader, Window
from weighbridge.transactions.store.sqlite import connection
from weighbridge.transactions.store.sqlite.writer import StoreWriter

CROWD = str(Path(__file__).parent / "crowd.py")


def test_forty_processes_that_end_at_once_lose_nothing(path) -> None:
    """With so short an interval that their threads are writing as well."""
    processes, calls = 40, 200
    environ = {**os.environ, "WEIGHBRIDGE_STORE": path, "WEIGHBRIDGE_FLUSH_INTERVAL": "0.05"}
    command = [sys.executable, CROWD, str(processes), str(calls)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ
    ) as crowd:
        try:
            assert crowd.stdin is not None
            assert crowd.stdout is not None
            assert crowd.stderr is not None
            for _ in range(processes):
                assert crowd.stdout.readline() == "ready\n"
            crowd.stdin.close()
            errors = crowd.stderr.read()
            assert crowd.wait(100) == 0, errors
        finally:
            crowd.kill()
    with StoreReader.open(path) as reader:
        assert reader.totals(Window(0, time.time() + 60)).calls == processes * calls, errors


@contextmanager
def busy(path: str, turns: int) -> Iterator[None]:
    """Others write one after the other, with no gap between them."""
    begun = threading.Event()

    def write_on() -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as other:
            for _ in range(turns):
                other.execute("BEGIN IMMEDIATE")
                other.execute("UPDATE instance SET program = program || 'x'")
                begun.set()
                time.sleep(0.15)
                other.execute("COMMIT")

    thread = threading.Thread(target=write_on)
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        thread.join()


def in_a_thread(work) -> BaseException | None:
    """What it raised."""
    raised: list[BaseException | None] = []

    def run() -> None:
        try:
            work()
            raised.append(None)
        except StoreUnavailable as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return raised[0]


def test_while_others_have_their_turns_the_main_thread_waits(path, make, writer, read, monkeypatch) -> None:
    """It writes at the end of the program. Another thread gives up: it will come by again, and may be waited for."""
    writer.write(make.snapshot(make.row([1.0])))
    monkeypatch.setattr(connection, "LOCK_TIMEOUT", 0.5)
    with busy(path, turns=12):
        started = time.monotonic()
        assert "locked" in str(in_a_thread(lambda: StoreWriter(path).write(make.other("two").snapshot())))
        assert time.monotonic() < started + 1.5
        writer.write(make.snapshot(make.row([2.0])))
    assert read().totals(make.always).calls == 2


def test_one_that_has_the_lock_and_writes_nothing_is_not_waited_for(path, make, writer, monkeypatch) -> None:
    writer.write(make.snapshot(make.row([1.0])))
    monkeypatch.setattr(connection, "LOCK_TIMEOUT", 0.2)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        with pytest.raises(StoreUnavailable, match="locked"):
            writer.write(make.snapshot(make.row([2.0])))
        assert time.monotonic() < started + 10
        other.execute("ROLLBACK")


def test_maintenance_waits_for_nobody(path, make, writer, monkeypatch) -> None:
    """Others, who have the lock, do it as well."""
    writer.write(make.snapshot(make.row([1.0])))
    monkeypatch.setattr(connection, "LOCK_TIMEOUT", 1000.0)
    begun = writer._connection._begun

    def begun_or_too_late(seconds: float) -> sqlite3.Connection:
        if seconds == 0:
            other.execute("BEGIN IMMEDIATE")
        return begun(seconds)

    monkeypatch.setattr(writer._connection, "_begun", begun_or_too_late)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        writer.write(make.snapshot(make.row([2.0]), taken=make.now + 4000))
        assert other.in_transaction, "there was something to do"
        other.execute("ROLLBACK")
