"""Many processes, killed processes, forked processes."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import pytest

from weighbridge.transactions.recording.snapshot import StoreUnavailable
from weighbridge.transactions.store.reader import StoreReader
from weighbridge.transactions.store.sqlite import forks
from weighbridge.transactions.store.sqlite.writer import StoreWriter

from ..waiting import TIMEOUT

HAMMER = str(Path(__file__).parent / "hammer.py")
SERIES = 40


def hammer(path: str, instance: str, snapshots: int) -> subprocess.Popen[str]:
    command = [sys.executable, HAMMER, path, instance, str(snapshots)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_eight_processes_at_once_lose_nothing(path, make) -> None:
    processes = [hammer(path, f"process {number}", 25) for number in range(8)]
    for process in processes:
        _, errors = process.communicate()
        assert (process.returncode, errors) == (0, "")
    with StoreReader.open(path) as reader:
        lines = reader.transactions(make.always)
        assert {line.statistics.calls for line in lines} == {8 * 25}
        assert len(lines) == SERIES
        assert {sum(line.totals.histogram.values()) for line in lines} == {8 * 25}
        assert reader.totals(make.always).calls == 8 * 25 * SERIES
        assert sum(error.count for error in reader.errors(make.always)) == 8 * 25 * SERIES
        assert len(reader.instances()) == 8


def test_sigkill_leaves_whole_snapshots_and_an_intact_file(path, make, opened) -> None:
    """Killed again and again at random moments; after each, the file holds what was acknowledged, or one more."""
    choose = random.Random(11)
    acknowledged = 0
    for attempt in range(8):
        with hammer(path, f"process {attempt}", 10_000) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(choose.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
            written = 1 + len(process.stdout.read().splitlines())
        with opened() as store:
            assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        with StoreReader.open(path) as reader:
            calls = {line.statistics.calls for line in reader.transactions(make.always)}
            assert len(calls) == 1, "each snapshot is there as a whole"
            (found,) = calls
        assert acknowledged + written <= found <= acknowledged + written + 1
        acknowledged = found
    assert acknowledged > 8


def open_files(path: str) -> list[str]:
    links = (str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink())
    return [link for link in links if link.startswith(path)]


def in_child(work) -> int:
    """Run work in a forked child; 0 if it returned true."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(int(TIMEOUT))
        try:
            os._exit(0 if work() else 3)
        except BaseException:
            os.write(2, traceback.format_exc().encode())
            os._exit(4)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are listed in /proc")
def test_a_fork_inherits_no_open_store(path, make, writer, read) -> None:
    writer.write(make.snapshot(make.row([1.0])))
    reader = read()
    assert open_files(path)
    assert in_child(lambda: not open_files(path)) == 0
    reader.totals(make.always)


def test_parent_and_child_go_on_writing_and_reading(path, make, writer, read) -> None:
    writer.write(make.snapshot(make.row([1.0])))
    reader = read()

    def child() -> bool:
        writer.write(make.other("child").snapshot(make.row([2.0])))
        return reader.totals(make.always).calls == 2

    for expected in (2, 2, 2):
        assert in_child(child) == 0
        assert reader.totals(make.always).calls == expected
    writer.write(make.snapshot(make.row([1.0])))
    assert reader.totals(make.always).calls == 3


def test_a_fork_that_nobody_told_of_leaves_the_connection_alone(path, make, writer) -> None:
    """As under a server written in C, which forks without Python's hooks: only the number of the process shows it."""
    writer.write(make.snapshot(make.row([1.0])))
    connection = writer._connection
    before = connection._connection
    connection._pid = -1
    writer.write(make.other("two").snapshot(make.row([1.0])))
    assert connection._connection is not before
    assert before.execute("SELECT count(*) FROM instance").fetchone() == (2,), "it is neither closed nor used"
    before.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_does_not_wait_for_ever(path, make, writer, monkeypatch) -> None:
    """The child of a process whose disk hangs cannot write, says why, and hangs neither."""
    monkeypatch.setattr("weighbridge.transactions.store.sqlite.forks._LOCK_TIMEOUT", 0.1)
    monkeypatch.setattr("weighbridge.transactions.store.sqlite.connection.LOCK_TIMEOUT", 0.1)
    writer.write(make.snapshot(make.row([1.0])))
    begun, done = threading.Event(), threading.Event()

    def hang() -> None:
        with writer._connection.transaction() as connection:
            connection.execute("UPDATE instance SET host = host")
            begun.set()
            done.wait()

    def child() -> bool:
        with pytest.raises(StoreUnavailable, match="locked; this process was forked in the middle of a write"):
            writer.write(make.other("child").snapshot(make.row([2.0])))
        return True

    thread = threading.Thread(target=hang)
    thread.start()
    begun.wait()
    try:
        assert in_child(child) == 0
    finally:
        done.set()
        thread.join()
    writer.write(make.snapshot(make.row([1.0])))
    assert in_child(lambda: writer.write(make.other("child").snapshot(make.row([2.0]))) is None) == 0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_in_the_middle_of_writing_waits_for_it(path, make, opened) -> None:
    """Children are forked while a thread writes with hardly a pause: each of them can write at once."""
    done = threading.Event()
    writer = StoreWriter(path)

    def write_on() -> None:
        while not done.is_set():
            writer.write(make.snapshot(*(make.row([1.0], make.page._replace(name=str(n))) for n in range(20))))
            time.sleep(0.002)

    thread = threading.Thread(target=write_on)
    thread.start()

    def child(number: int) -> bool:
        one = make.other(f"child {number}").snapshot(make.row([2.0], make.job))
        while True:
            try:
                StoreWriter(path).write(one)
                return True
            except StoreUnavailable:
                continue

    try:
        assert [in_child(lambda number=number: child(number)) for number in range(20)] == [0] * 20
    finally:
        done.set()
        thread.join()
    with StoreReader.open(path) as reader:
        lines = {line.series: line.statistics.calls for line in reader.transactions(make.always)}
        assert lines[make.job] == 20
        assert lines[make.page._replace(name="0")] == make.sequence
    with opened() as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


class Slow:
    """A user of SQLite whose transaction ends when it is told to, and who is waited for until then."""

    def __init__(self) -> None:
        self.awaited, self.done = threading.Event(), threading.Event()

    def stand_still(self, timeout: float) -> bool:
        self.awaited.set()
        return self.done.wait(TIMEOUT)

    def go_on(self) -> None:
        """It may write again."""


def test_a_fork_that_waits_too_long_for_another_leaves_that_its_locks(monkeypatch) -> None:
    """What one thread has closed for its fork is opened by that thread, whichever is the first to be done."""
    monkeypatch.setattr(forks, "_LOCK_TIMEOUT", 0.05)
    both, slow = forks._Forks(), Slow()
    both.users.add(slow)

    def fork() -> None:
        both.before()
        both.after_in_parent()

    first = threading.Thread(target=fork)
    first.start()
    slow.awaited.wait()
    assert not both.turnstile.acquire(False)
    both.users.clear()
    fork()  # it goes ahead, and is done before the first
    assert not both.turnstile.acquire(False), "the first one is still about to fork"
    slow.done.set()
    first.join()
    assert both.turnstile.acquire(False)
