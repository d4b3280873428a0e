"""What runs now is what processes say that are still there."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from weighbridge.transactions.store.liveness import has_ended, process_identity
from weighbridge.transactions.store.reader import StoreReader

only_with_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are listed in /proc")

PROGRAM = """
import sys, time
import weighbridge

with weighbridge.BackgroundTask(name="rebuild"):
    time.sleep(1.1)  # what has just begun is not listed
    weighbridge.flush()
    print(flush=True)
    sys.stdin.readline()
"""


@contextmanager
def running(path: str) -> Iterator[subprocess.Popen[str]]:
    """A program with an open transaction, which the store knows of."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "WEIGHBRIDGE_STORE": path},
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "\n"
            yield process
        finally:
            process.kill()


def listed(path: str) -> list[int]:
    with StoreReader.open(path) as reader:
        now = time.time()
        there = [instance.pid for instance in reader.reporting(now)]
        assert {one.instance.pid for one in reader.running(now)} <= set(there)
        return [one.instance.pid for one in reader.running(now)]


@only_with_proc
def test_a_process_that_was_killed_leaves_at_once(path) -> None:
    with running(path) as killed, running(path) as other:
        assert sorted(listed(path)) == sorted([killed.pid, other.pid])
        killed.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
        assert listed(path) == [other.pid], "nobody has waited for it yet"
        killed.wait()
        assert listed(path) == [other.pid]


@only_with_proc
def test_a_process_that_stands_still_stays(path) -> None:
    with running(path) as process:
        process.send_signal(signal.SIGSTOP)
        assert listed(path) == [process.pid]
        with StoreReader.open(path) as reader:
            assert len(reader.running(time.time() + 3600)) == 1, "it has reported nothing for an hour, and is there"


@only_with_proc
def test_another_process_of_the_same_number_is_another() -> None:
    identity = process_identity(os.getpid())
    assert has_ended(os.getpid(), identity) is False
    here, _, start = identity.rpartition(" ")
    assert has_ended(os.getpid(), f"{here} {int(start) - 1}") is True


@only_with_proc
def test_another_program_in_the_same_process_is_another() -> None:
    identity = process_identity(os.getpid())
    where, _, start = identity.rpartition(" ")
    here, _, program = where.rpartition(" ")
    assert has_ended(os.getpid(), f"{here} {int(program) + 4096} {start}") is True
    assert has_ended(os.getpid(), f"{here} 0 {start}") is False, "who may not look sees none"


@only_with_proc
def test_of_other_machines_and_former_boots_nothing_is_known() -> None:
    boot, rest = process_identity(os.getpid()).split(" ", 1)
    assert has_ended(os.getpid(), f"{boot[::-1]} {rest}") is None
    assert has_ended(os.getpid(), "") is None


@only_with_proc
def test_a_process_that_is_not_shown_may_be_there(monkeypatch) -> None:
    """As where ``/proc`` shows everybody only processes of their own."""
    identity, shown = process_identity(os.getpid()), Path.read_bytes

    def hidden(path: Path) -> bytes:
        if path.name == "stat":
            raise FileNotFoundError(path)
        return shown(path)

    monkeypatch.setattr(Path, "read_bytes", hidden)
    assert has_ended(os.getpid(), identity) is None


def test_elsewhere_those_are_gone_that_are_silent_while_others_report(make, writer, path) -> None:
    """Whatever their clocks say."""
    silent, other = make, make.other("two", 1e7)
    writer.write(silent.snapshot(running=(silent.running(make.now),), taken=make.now + 100))
    writer.write(other.snapshot(running=(other.running(make.now),), taken=make.now + 1e7, ran=5.0))
    with StoreReader.open(path) as reader:
        assert len(reader.running(make.now)) == 2
        writer.write(other.snapshot(running=(other.running(make.now),), taken=make.now + 1e7, ran=120.0))
        assert len(reader.running(make.now)) == 2
        writer.write(other.snapshot(running=(other.running(make.now),), taken=make.now + 1e7, ran=130.0))
        assert [one.instance.id for one in reader.running(make.now)] == ["two"]
        writer.write(silent.snapshot(running=(silent.running(make.now),), taken=make.now + 200))
        assert len(reader.running(make.now)) == 2, "it was not gone after all"


def test_elsewhere_all_are_gone_once_nobody_reports(make, writer, path) -> None:
    writer.write(make.snapshot(running=(make.running(make.now),)))
    with StoreReader.open(path) as reader:
        assert len(reader.running(make.now + 100)) == 1
        assert reader.running(make.now + 130) == []
