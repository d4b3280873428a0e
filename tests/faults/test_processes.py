"""Processes that fork in several threads, are killed at any moment, or run out of what the system gives them."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

from ..waiting import eventually
from .conftest import Programs, Stored

FORKING = """
import random, signal, threading
choose = random.Random(int(os.environ["SEED"]))
ends = ["os._exit(0 if weighbridge.flush() else 3)", "sys.exit()", "return"]

def import_something():
    import importlib
    importlib.import_module(choose.choice([
        "weighbridge.agent", "weighbridge.testing", "weighbridge.middleware.wrappers", "sqlite3", "json", "asyncio",
    ]))

def child(end):
    signal.alarm(200)  # one that hangs ends by that signal
    work()
    if end == "flush":
        os._exit(0 if weighbridge.flush() else 3)
    sys.exit()

def fork_often():
    while time.monotonic() < until:
        if choose.random() < 0.3:
            import_something()
        work()
        forked = os.fork()
        if not forked:
            child(choose.choice(["flush", "exit"]))
        codes.append(os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]))
        ran.append(2)

codes, ran = [], []
until = time.monotonic() + float(os.environ["SECONDS"])
threads = [threading.Thread(target=fork_often) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert {*codes} == {0}, codes
print(sum(ran))
"""


@pytest.mark.parametrize("seed", range(4))
def test_forks_of_several_threads_that_import(seed: int, seconds: float, programs: Programs, stored: Stored) -> None:
    """No child hangs, whatever its parent's threads held when it was forked; each call is counted once."""
    ran = programs.run(FORKING, "-W", "ignore", SEED=str(seed), SECONDS=str(seconds), WEIGHBRIDGE_FLUSH_INTERVAL="0.05")
    assert programs.errors == ""
    assert stored.calls() == {"work": int(ran)}
    assert "transactions" not in stored.lost()


KILLED = """
calls = 0
while True:
    for _ in range(7):
        work()
        calls += 1
    if weighbridge.flush():
        os.write(1, b"%d\\n" % calls)
"""


@pytest.mark.parametrize("seed", range(3))
def test_processes_killed_at_any_moment(seed: int, seconds: float, programs: Programs, stored: Stored) -> None:
    """What `flush` has said to be written is there, what was not yet written is lost, and nobody else is held up."""
    choose, written, possible = random.Random(seed), 0, 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        beside = [programs.start(KILLED, "-W", "ignore", WEIGHBRIDGE_FLUSH_INTERVAL="0.01") for _ in range(2)]
        for process in beside:
            assert process.stdout
            process.stdout.readline()  # it has begun
        time.sleep(choose.random() * 0.2)
        for process in beside:
            process.kill()
            lines = process.communicate()[0].split()
            written += int(lines[-1]) if lines else 7
            possible += 7  # of the round that was under way, which may have been written as well
    assert stored.is_intact()
    assert written <= stored.total() <= written + possible
    assert programs.run("work()") == ""
    assert stored.total() <= written + possible + 1


EXHAUSTED = """
import resource, threading
scarce = os.environ["SCARCE"]
calls = 0

def use(take):
    global calls
    held = []
    try:
        while len(held) < 5000:
            held.append(take())
    except (OSError, RuntimeError):
        pass
    work()
    calls += 1
    weighbridge.flush(0.1)
    return held

def of_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 4096))
    for descriptor in use(lambda: os.open(os.devnull, os.O_RDONLY)):
        os.close(descriptor)

def of_threads():
    done = threading.Event()
    def started():
        thread = threading.Thread(target=done.wait)
        thread.start()
        return thread
    held = use(started)
    done.set()
    for thread in held:
        thread.join()

if scarce == "threads":
    resource.setrlimit(resource.RLIMIT_NPROC, (8, 8))
    weighbridge.preload()  # whoever it is from now on may not be allowed to read Python's modules
    if not os.getuid():
        os.setgid(65534)
        os.setuid(65534)  # the limit does not hold for root
if os.environ["BEFORE"]:
    work()
    calls += 1
until = time.monotonic() + float(os.environ["SECONDS"])
while time.monotonic() < until:
    of_threads() if scarce == "threads" else of_descriptors()
    weighbridge.shutdown_agent()  # the next round begins without a thread and without a connection
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
print(calls)
"""


@pytest.mark.parametrize("scarce", ["descriptors", "threads"])
@pytest.mark.parametrize("before", ["a call", ""], ids=["after a call", "from the first call on"])
def test_what_the_system_gives_is_used_up(
    before: str, scarce: str, seconds: float, programs: Programs, stored: Stored, tmp_path: Path
) -> None:
    """The program is told nothing of it. What ended meanwhile is written once there is enough again, and a call for
    which not even the settings could be read is counted as lost."""
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.is_relative_to(tempfile.gettempdir()) and folder != Path(tempfile.gettempdir()):
            folder.chmod(0o755)
    tmp_path.chmod(0o777)  # limits of threads do not hold for root: the program goes on as somebody else
    calls = programs.run(EXHAUSTED, "-W", "ignore", BEFORE=before, SCARCE=scarce, SECONDS=str(seconds))
    assert "Traceback" not in programs.errors, programs.errors
    lost = stored.lost().get("transactions", 0)
    assert stored.total() + lost == int(calls)
    assert not (before and lost)


FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
JUMPING = """
work = background_task(name="work")(int)  # faketime has a sleep of its own, which fails
while sys.stdin.read(1):
    work()
    weighbridge.flush()
    os.write(1, b".")
"""


@pytest.mark.skipif(FAKETIME is None or shutil.which("faketime") is None, reason="faketime is not installed")
@pytest.mark.parametrize("seed", range(3))
def test_a_clock_that_jumps_while_others_are_right(
    seed: int, seconds: float, programs: Programs, stored: Stored, tmp_path: Path
) -> None:
    """What those with right clocks have written stays, and each call of the wrong one is counted, or told as lost."""
    choose, clock, jumps = random.Random(seed), tmp_path / "clock", 0
    set_clock(clock, "+0")
    programs.run("work(); work()")
    jumping = programs.start(
        JUMPING,
        "-W",
        "ignore",
        LD_PRELOAD=str(FAKETIME),
        FAKETIME_TIMESTAMP_FILE=str(clock),
        FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    )
    assert jumping.stdin
    assert jumping.stdout
    until = time.monotonic() + seconds
    while jumps < 3 or time.monotonic() < until:
        set_clock(clock, choose.choice(["+0", "+400", "-400", "+3d", "-3d", "+100d", "-100d", "+30y", "-20y"]))
        jumping.stdin.write(".")
        jumping.stdin.flush()
        assert jumping.stdout.read(1) == ".", jumping.communicate()
        jumps += 1
    set_clock(clock, "+0")
    assert jumping.communicate()[1] == ""
    programs.run("work()")
    ours = eventually(lambda: _minutes(stored))
    assert sum(ours) == jumps + 3 - stored.lost().get("expired", 0)
    assert stored.calls()["work"] >= 3
    assert set(stored.lost()) <= {"expired"}


def set_clock(file: Path, offset: str) -> None:
    """At once: who reads a file that is only half written ends the program."""
    (file.parent / "next").write_text(offset + "\n")
    (file.parent / "next").rename(file)


def _minutes(stored: Stored) -> list[int]:
    """Every count of the store, whatever time it is kept under."""
    with closing(sqlite3.connect(stored.path)) as store:
        return [
            count
            for (count,) in store.execute(
                "SELECT sum(t.count) FROM totals t JOIN series s ON s.id = t.series"
                " WHERE s.whole = 1 AND t.span = 60 GROUP BY t.start"
            )
        ]
