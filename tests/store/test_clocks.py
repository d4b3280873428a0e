"""One process with a wrong clock takes nothing from the others, and right clocks still let old rows go."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.transactions.store.maintenance import Retention, TrustedTime
from weighbridge.transactions.store.reader import Selection, StoreReader, Window
from weighbridge.transactions.store.sqlite.clocks import trusted_time
from weighbridge.transactions.store.sqlite.writer import StoreWriter

from .conftest import JOB, NOW, PAGE, Maker

MINUTE, HOUR, DAY = 60, 3600, 86400
YEAR = 365 * DAY
KEPT = Retention(minutes=3, hours=90, samples=7)
RIGHT = Selection(kind="web")
"""What those with right clocks have written."""


class Machine:
    """What time it really is, a store, and what those with right clocks have written to it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.now = NOW
        self.written: list[float] = []
        self.processes = 0

    def process(self, ahead: float = 0.0) -> Process:
        return Process(self, ahead)

    def script(self, ahead: float = 0.0) -> None:
        """One that is over at once."""
        self.process(ahead).report()

    def pass_by(self, seconds: float, *processes: Process, every: float = 50 * MINUTE) -> None:
        """Time in which some processes report again and again."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + every)
            for process in processes:
                process.report()

    def require_all(self, back: float = 2 * HOUR) -> None:
        """What the others wrote is there, by the minute for a while, and by the hour."""
        with StoreReader.open(self.path) as reader:
            for start in ((self.now - back) // HOUR * HOUR, (self.now - 80 * DAY) // DAY * DAY):
                window = Window(start, self.now + 1)
                expected = sum(start <= moment for moment in self.written)
                assert reader.totals(window, RIGHT).calls == expected
                days = reader.timeline(window, DAY, RIGHT).buckets
                assert sum(bucket.statistics.calls for bucket in days) >= expected

    def time(self) -> TrustedTime:
        with closing(sqlite3.connect(self.path)) as store:
            return trusted_time(store, KEPT.longest)

    def rows(self, width: int) -> int:
        with closing(sqlite3.connect(self.path)) as store:
            return store.execute("SELECT count(*) FROM totals WHERE span = ?", (width,)).fetchone()[0]

    def lost(self) -> dict[str, int]:
        with StoreReader.open(self.path) as reader:
            return dict(reader.health().lost)


class Process:
    """Its wall clock may be ahead of the true time, or behind it; its monotonic clock is right."""

    def __init__(self, machine: Machine, ahead: float) -> None:
        machine.processes += 1
        self.machine, self.ahead, self.born = machine, ahead, machine.now
        self.maker = Maker(f"process {machine.processes}")
        self.maker.instance = replace(self.maker.instance, started=machine.now + ahead)
        self.writer = StoreWriter(machine.path, KEPT)

    def report(self, calls: int = 1) -> None:
        """Calls that have just ended: of a page if the clock is right, of a job if it is wrong."""
        now = self.machine.now + self.ahead
        row = self.maker.row([0.1] * calls, JOB if self.ahead else PAGE, now)
        one = self.maker.snapshot(row, taken=now, ran=self.machine.now - self.born)
        self.writer.write(one)
        if not self.ahead:
            self.machine.written += [now] * calls


@pytest.fixture
def machine(path: str) -> Machine:
    return Machine(path)


def with_history(machine: Machine, days: int = 20) -> Machine:
    """A server that was restarted now and then."""
    for _ in range(days // 5):
        machine.pass_by(5 * DAY, machine.process(), every=HOUR)
    return machine


WRONG = [10 * MINUTE, 5 * DAY, 100 * DAY, 30 * YEAR]


@pytest.mark.parametrize("ahead", [*WRONG, *(-wrong for wrong in WRONG)])
def test_short_scripts_with_a_wrong_clock(machine, ahead) -> None:
    """In a store that knows little of what time it is: there was never an hour of life."""
    for _ in range(3):
        machine.script()
        machine.now += 5
    for _ in range(3):
        machine.script(ahead)
        machine.now += 5
    machine.script()
    machine.require_all()
    machine.pass_by(3 * HOUR, server := machine.process())
    machine.require_all()
    machine.pass_by(2 * DAY, server, machine.process())
    machine.require_all()


@pytest.mark.parametrize("ahead", [*WRONG, *(-wrong for wrong in WRONG)])
def test_a_server_with_a_wrong_clock_beside_right_ones(machine, ahead) -> None:
    with_history(machine)
    right, wrong = machine.process(), machine.process(ahead)
    machine.pass_by(4 * DAY, right, wrong, every=HOUR)
    machine.require_all()
    machine.pass_by(DAY, right, every=HOUR)
    machine.require_all()
    assert machine.time().latest == pytest.approx(machine.now, abs=1)
    assert machine.time().trusted == pytest.approx(machine.now, abs=DAY)


@pytest.mark.parametrize("ahead", [100 * DAY, 30 * YEAR])
def test_a_server_with_a_wrong_clock_while_nobody_else_reports(machine, ahead) -> None:
    with_history(machine)
    machine.pass_by(5 * DAY, machine.process(ahead), every=HOUR)
    machine.require_all()
    machine.pass_by(5 * DAY, machine.process(), every=HOUR)
    machine.require_all()
    assert "expired" not in machine.lost()


@pytest.mark.parametrize("ahead", [100 * DAY, -100 * DAY, 30 * YEAR, -30 * YEAR])
def test_the_one_who_makes_the_store_has_a_wrong_clock(machine, ahead) -> None:
    machine.script(ahead)
    machine.pass_by(2 * HOUR, machine.process(ahead))
    for _ in range(3):
        machine.pass_by(DAY, machine.process(), every=HOUR)
        machine.require_all()
    assert machine.time().trusted == pytest.approx(machine.now, abs=DAY)
    assert machine.rows(HOUR) > 40, "it is rolled up as ever"


def test_two_wrong_clocks_of_three(machine) -> None:
    """Enough testifies to their time. As long as one with another clock reports, nothing of its own goes."""
    with_history(machine)
    right = machine.process()
    machine.pass_by(DAY, right, machine.process(100 * DAY), every=HOUR)
    machine.pass_by(3 * DAY, right, machine.process(100 * DAY), machine.process(100 * DAY), every=HOUR)
    machine.require_all()


def test_what_is_dropped_by_a_clock_far_behind_is_shown_at_present(machine) -> None:
    with_history(machine)
    machine.pass_by(2 * HOUR, machine.process(), machine.process(-30 * YEAR), every=HOUR)
    with StoreReader.open(machine.path) as reader:
        lost = reader.dropped(Window(machine.now - 3 * HOUR, machine.now + 1), JOB.application)
    assert lost == machine.lost() == {"expired": 2}


def test_a_store_whose_rows_expired_by_wrong_clocks_takes_new_ones(machine) -> None:
    """More wrong clocks than are allowed for, and nobody there who knows better. What is lost then is the past."""
    with_history(machine)
    for _ in range(3):
        machine.pass_by(DAY, machine.process(100 * DAY), machine.process(100 * DAY), every=HOUR)
    right = machine.process()
    machine.pass_by(HOUR, right, every=HOUR)  # until the others are known to be gone
    machine.written.clear()
    lost = machine.lost()
    machine.now = machine.now // HOUR * HOUR + HOUR
    machine.pass_by(DAY, right, machine.process(), every=HOUR)
    machine.require_all(DAY)
    assert machine.lost() == lost


def test_a_clock_that_is_set_within_a_life(machine) -> None:
    with_history(machine)
    other, server = machine.process(), machine.process()
    machine.pass_by(HOUR, other, server, every=MINUTE)
    server.ahead = 100 * DAY
    machine.pass_by(DAY, other, server, every=HOUR)
    machine.require_all()
    server.ahead = 0.0
    machine.pass_by(3 * HOUR, other, server, every=MINUTE)
    machine.require_all()


def test_a_clock_that_is_put_right_within_a_life(machine) -> None:
    """As on a computer without a clock of its own, which asks others for the time soon after it has begun."""
    server = machine.process(-30 * YEAR)
    server.report()
    machine.now += 20
    server.ahead = 0.0
    machine.pass_by(2 * DAY, server)
    machine.require_all()
    machine.pass_by(2 * DAY, server, machine.process())
    machine.require_all()
    assert machine.time().trusted == pytest.approx(machine.now, abs=DAY)


def test_right_clocks_let_old_rows_go(machine) -> None:
    with_history(machine, days=20)
    assert machine.time().trusted == pytest.approx(machine.now, abs=5 * HOUR)
    assert machine.rows(60) <= 3 * (3 * 24 + 2)
    assert machine.rows(600) <= 3 * (3 * 24 + 2)


def test_one_process_alone_lets_its_own_rows_go(machine) -> None:
    machine.pass_by(10 * DAY, machine.process(), every=HOUR)
    assert machine.rows(60) <= 3 * (3 * 24 + 2)
    machine.require_all()


def test_after_a_long_pause(machine) -> None:
    """What time it is shows as soon as two have said so on different days; until then, only less is let go of."""
    with_history(machine)
    machine.now += 60 * DAY
    server = machine.process()
    machine.pass_by(DAY, server, every=HOUR)
    machine.require_all()
    assert machine.time().earliest == pytest.approx(machine.now, abs=1)
    assert machine.time().trusted < machine.now - 59 * DAY
    machine.pass_by(2 * DAY, server, machine.process(), every=HOUR)
    assert machine.time().trusted == pytest.approx(machine.now, abs=DAY)
    machine.require_all()


def test_what_a_process_with_a_clock_ahead_counted_is_kept_under_its_time(machine) -> None:
    with_history(machine)
    wrong = machine.process(100 * DAY)
    machine.pass_by(10 * DAY, machine.process(), wrong, every=HOUR)
    with StoreReader.open(machine.path) as reader:
        ahead = Window(machine.now + 50 * DAY, machine.now + 150 * DAY)
        assert reader.totals(ahead).calls == wrong.maker.sequence
        health = reader.health()
        assert health.latest == pytest.approx(machine.now + 100 * DAY)
        assert health.last_write == health.latest, "it was the last to write"
    assert machine.lost() == {}


SCRIPT = """
import weighbridge

with weighbridge.BackgroundTask(name="work"):
    pass
"""


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
@pytest.mark.parametrize("wrong", ["+100d", "-100d", "+30y", "-30y", "+600"])
def test_programs_with_wrong_clocks(path, wrong) -> None:
    def run(*command: str) -> None:
        environ = {**os.environ, "WEIGHBRIDGE_STORE": path}
        subprocess.run([*command, sys.executable, "-c", SCRIPT], env=environ, check=True, timeout=300)

    start = time.time()
    run()
    for _ in range(3):
        run("faketime", "-f", wrong)
    run()
    with StoreReader.open(path) as reader:
        assert reader.totals(Window(start - 60, time.time() + 1)).calls == 2
        assert reader.totals(Window(0, time.time() + 40 * YEAR)).calls == 5
        assert reader.health().lost == {}


@given(st.integers(0, 1 << 30), st.sampled_from([*WRONG, *(-wrong for wrong in WRONG)]))
@settings(max_examples=8)
def test_whoever_comes_and_goes(tmp_path_factory, seed: int, ahead: float) -> None:
    """Servers and scripts with right clocks, restarts, pauses; and one process at a time whose clock is wrong."""
    choose = random.Random(seed)
    machine = Machine(str(tmp_path_factory.mktemp("clocks") / "store.db"))
    wrong = machine.process(ahead)
    for _ in range(12):
        servers = [machine.process() for _ in range(choose.randint(0, 3))]
        if choose.random() < 0.5:
            servers.append(wrong)
        machine.pass_by(choose.choice([HOUR, 8 * HOUR, 2 * DAY]), *servers, every=choose.choice([HOUR, 3 * HOUR]))
        machine.script()
        machine.now += choose.choice([0, 0, HOUR, 3 * DAY])
        machine.script()
        machine.require_all()
    assert set(machine.lost()) <= ({"expired"} if ahead < 0 else set())
