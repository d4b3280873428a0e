"""Many that want to write at once: each has its turn."""

from __future__ import annotations

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

import weighbridge
from weighbridge.transactions.recording.snapshot import StoreUnavailable
from weighbridge.transactions.store.reader import StoreReader, Window
from weighbridge.transactions.store.sqlite import connection, lock_wait
from weighbridge.transactions.store.sqlite.writer import StoreWriter

from ..waiting import TIMEOUT, eventually

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
            assert crowd.wait(TIMEOUT) == 0, errors
        finally:
            crowd.kill()
    with StoreReader.open(path) as reader:
        assert reader.totals(Window(0, time.time() + 60)).calls == processes * calls, errors


class Others:
    """Another program that writes in turns, with hardly a gap between them."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._turns_left: int | None = None
        self.begun = threading.Event()

    def stop_after(self, turns: int) -> None:
        """Write so often and no more."""
        self._turns_left = turns

    def write_on(self) -> None:
        with closing(sqlite3.connect(self._path, isolation_level=None, timeout=TIMEOUT)) as other:
            while self._turns_left != 0:
                self._turns_left = self._turns_left and self._turns_left - 1
                other.execute("BEGIN IMMEDIATE")
                other.execute("UPDATE instance SET program = program || 'x'")
                self.begun.set()
                time.sleep(0.05)
                other.execute("COMMIT")


@contextmanager
def busy(path: str) -> Iterator[Others]:
    """Others write, until they are told to stop."""
    others = Others(path)
    thread = threading.Thread(target=others.write_on)
    thread.start()
    others.begun.wait()
    try:
        yield others
    finally:
        others.stop_after(0)
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


@pytest.fixture
def short_timeout(monkeypatch) -> float:
    """Seconds of a store that is not written to, on which nobody waits longer; others write more often than that."""
    monkeypatch.setattr(connection, "LOCK_TIMEOUT", 1.0)
    return connection.LOCK_TIMEOUT


def test_while_others_have_their_turns_the_main_thread_waits(path, make, writer, read, short_timeout) -> None:
    """It writes at the end of the program. Another thread gives up: it will come by again, and may be waited for."""
    writer.write(make.snapshot(make.row([1.0])))
    with busy(path) as others:
        one = make.other("two").snapshot()
        # one that comes in between two turns of the others is lucky
        eventually(lambda: "locked" in str(in_a_thread(lambda: StoreWriter(path).write(one))))
        others.stop_after(int(2 * short_timeout / 0.05))
        writer.write(make.snapshot(make.row([2.0])))
    assert read().totals(make.always).calls == 2


def test_a_thread_that_writes_for_one_who_waits_waits_as_well(path, monkeypatch, short_timeout) -> None:
    """As at the exit of a program: the recorder's thread writes, for as long as the exit waits for it."""
    monkeypatch.setenv("WEIGHBRIDGE_STORE", path)
    with weighbridge.BackgroundTask(name="one"):
        pass
    assert weighbridge.flush()
    with weighbridge.BackgroundTask(name="two"):
        pass
    with busy(path) as others:
        others.stop_after(int(3 * short_timeout / 0.05))
        assert weighbridge.flush(TIMEOUT)
    with StoreReader.open(path) as reader:
        assert reader.totals(Window(0, time.time() + 60)).calls == 2


def test_one_that_has_the_lock_and_writes_nothing_is_not_waited_for(path, make, writer, monkeypatch) -> None:
    """Who waited for it nevertheless would not come back."""
    writer.write(make.snapshot(make.row([1.0])))
    monkeypatch.setattr(connection, "LOCK_TIMEOUT", 0.2)
    monkeypatch.setattr(lock_wait, "_QUEUE", float("inf"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            writer.write(make.snapshot(make.row([2.0])))
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
