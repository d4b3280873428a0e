"""A task that is open in a process that is gone counts as killed, exactly once, on both engines."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from weighbridge.transactions.recording.snapshot import RunningTransaction, Series, Settled
from weighbridge.transactions.store.reader import Selection, Window

BOTH_ENGINES = True

PROGRAM = """
import sys, time
import weighbridge

task = weighbridge.begin_background_task("send", "Queue", queue="high", attributes={"task.id": "17"})
time.sleep(1.1)  # what has just begun is not listed
weighbridge.flush()
print(flush=True)
sys.stdin.readline()
"""
TASK = Series("shop", "background", "Queue", "send")
KEY = "shop/Queue/17"

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are listed in /proc")


@contextmanager
def working(path: str) -> Iterator[subprocess.Popen[str]]:
    """A process with an open task, which the store is told of."""
    environ = {**os.environ, "WEIGHBRIDGE_STORE": path, "WEIGHBRIDGE_APP_NAME": "shop"}
    command = [sys.executable, "-c", PROGRAM]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "\n"
            yield process
        finally:
            process.kill()


class Store:
    """What is told, and asked, of a store by another process that is there."""

    def __init__(self, make, writer, read) -> None:
        self._make, self._writer, self._read = make, writer, read

    def report(self, later: float = 0.0, **more: object) -> None:
        self._writer.write(self._make.snapshot(taken=time.time() + later, **more))

    def counted(self) -> dict[str, tuple[int, int]]:
        """Calls and killed ones of the task, of all, of the queue and of the host: each the same."""
        now = time.time()
        window, task = Window(now - 7200, now + 7200), Selection(*TASK)
        with self._read() as reader:
            parts = {"all": reader.totals(window, Selection("shop", "background")), "task": reader.totals(window, task)}
            for scope in ("host", "queue"):
                for row in reader.transactions(window, Selection("shop", "background"), scope=scope):
                    parts[f"{scope} {row.series.name}" if scope == "queue" else scope] = row.statistics
            groups = reader.error_groups(window, Selection("shop"))
            assert sum(one.count for one in groups) == parts["all"].outcomes["killed"]
        return {name: (one.calls, one.outcomes["killed"]) for name, one in parts.items() if one.calls}

    def running(self) -> int:
        with self._read() as reader:
            return len(reader.running(time.time()))


@pytest.fixture
def store(make, writer, read) -> Store:
    make.instance = replace(make.instance, started=time.time() - 5)
    return Store(make, writer, read)


ONCE = dict.fromkeys(("all", "task", "host", "queue high"), (1, 1))


def test_a_task_whose_process_was_killed_is_counted_once(path, store) -> None:
    with working(path) as process:
        store.report()
        assert (store.counted(), store.running()) == ({}, 1)
        process.kill()
        process.wait()
        for _ in range(3):
            store.report()
            assert (store.counted(), store.running()) == (ONCE, 0)


def test_a_process_that_ends_in_good_order_has_no_killed_task(path, store) -> None:
    with working(path) as process:
        store.report()
        process.communicate("\n")
        store.report()
        assert store.counted().get("task", (1, 0))[1] == 0


def test_what_another_process_has_recorded_is_not_counted(path, store) -> None:
    with working(path) as process:
        store.report()
        process.kill()
        process.wait()
        store.report(settled=(Settled(KEY, time.time()),))
        store.report()
        assert store.counted() == {}


def test_what_another_process_records_later_is_taken_back(path, store) -> None:
    with working(path) as process:
        store.report()
        process.kill()
        process.wait()
        store.report()
        store.report(settled=(Settled(KEY, time.time() - 3600),))  # an earlier run of the same task
        assert store.counted() == ONCE
        store.report(settled=(Settled(KEY, time.time()),))
        assert store.counted() == {}


def test_a_process_that_was_only_silent_takes_its_task_back(engine, make, store) -> None:
    """Of one on another machine only its silence is known, while others report."""
    other = make.other("two")
    other.instance = replace(other.instance, started=time.time() - 300, pid=1)
    running = (RunningTransaction(TASK, time.time() - 250, KEY, "high"),)
    store._writer.write(other.snapshot(taken=time.time() - 200, running=running, ran=100.0))
    store.report(-200, ran=1.0)
    assert store.counted() == {}
    if engine.name == "postgresql":
        with engine._connection.session() as session:
            session.execute("UPDATE @instance SET received = received - 200 WHERE key = 'two'")
        engine._connection.close()
    store.report(ran=201.0)
    assert store.counted() == ONCE
    store._writer.write(other.snapshot(taken=time.time(), running=running, ran=300.0))
    assert (store.counted(), store.running()) == ({}, 1)


def test_a_frame_around_the_work_of_others_is_not_counted(make, store) -> None:
    frame = RunningTransaction(TASK._replace(name="manage.py qcluster"), time.time() - 250)
    other = make.other("two")
    store._writer.write(other.snapshot(taken=time.time() - 200, running=(frame,), ran=100.0))
    for ran in (1.0, 201.0, 401.0):
        store.report(ran=ran)
    assert store.counted() == {}
