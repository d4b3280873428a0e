"""Flush, shutdown and new settings while everything runs; threads, event loops and greenlets; nothing stays behind."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import weighbridge
from weighbridge.transactions.late_imports import late_imports
from weighbridge.transactions.store.reader import StoreUnreadable
from weighbridge.transactions.store.sqlite import connection

from .conftest import Programs, Stored, eventually, line_of

Work = Callable[[], None]


def recorders() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "weighbridge-recorder"]


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def written(stored: Stored) -> int:
    """What is in the store, which may be in the making."""
    try:
        return stored.total()
    except StoreUnreadable:
        return 0


def test_the_thread_writes_by_itself(stored: Stored, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_FLUSH_INTERVAL", "0.05")
    weighbridge.initialize()
    for expected in (1, 2, 3):
        work()
        eventually(lambda expected=expected: written(stored) == expected)
    assert len(recorders()) == 1
    assert recorders()[0].daemon


def test_importing_starts_nothing(programs: Programs) -> None:
    output = programs.run("import threading\nprint(threading.active_count(), 'sqlite3' in sys.modules)")
    assert output == "1 False\n"


def test_the_first_transaction_of_a_process_is_recorded(programs: Programs, stored: Stored) -> None:
    programs.run("work()\nassert weighbridge.flush()")
    assert stored.total() == 1


def test_flush_with_nothing_to_write(stored: Stored) -> None:
    assert weighbridge.flush()
    assert weighbridge.flush(timeout=0)
    assert not stored.path.exists()


def test_work_goes_on_after_a_shutdown(stored: Stored, work: Work) -> None:
    for _ in range(3):
        work()
        weighbridge.shutdown_agent()
        weighbridge.shutdown_agent()
    assert stored.total() == 3


def test_threads_that_end_the_first_transactions_at_once(stored: Stored, work: Work) -> None:
    """However many come first, one recorder counts all of them."""
    for _ in range(20):
        barrier = threading.Barrier(8)

        def first(barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            work()

        threads = [threading.Thread(target=first) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(recorders()) == 1
        weighbridge.shutdown_agent()
        assert not recorders()
    assert stored.total() == 160


def test_new_settings_while_threads_work(stored: Stored, work: Work) -> None:
    stop = threading.Event()
    done = [0, 0, 0, 0]

    def busy(index: int) -> None:
        while not stop.is_set():
            work()
            done[index] += 1
            time.sleep(0.0001)

    threads = [threading.Thread(target=busy, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(15):
        weighbridge.initialize()
        time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    weighbridge.shutdown_agent()
    assert stored.total() == sum(done)


def test_what_was_recorded_under_other_settings_is_where_they_say(
    stored: Stored, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    work()
    second = Stored(stored.path.parent / "second.db")
    monkeypatch.setenv("WEIGHBRIDGE_STORE", str(second.path))
    weighbridge.initialize()
    work()
    work()
    weighbridge.flush()
    assert (stored.total(), second.total()) == (1, 2)


def test_no_thread_and_no_file_stays_behind(stored: Stored, work: Work) -> None:
    def cycle() -> None:
        work()
        weighbridge.flush()
        weighbridge.initialize()

    cycle()
    eventually(lambda: not recorders())
    before = open_files()
    for _ in range(40):
        cycle()
    eventually(lambda: not recorders())
    assert open_files() == before
    assert stored.total() == 41


PATCHED = "from gevent import monkey; monkey.patch_all()"


@pytest.mark.parametrize("first", ["", PATCHED], ids=["threads", "gevent"])
def test_a_signal_that_the_program_blocks_waits_for_the_program(programs: Programs, stored: Stored, first: str) -> None:
    """Our threads block it as well: one that does not would be given it, and it ends the process."""
    text = """
        import signal

        work()
        weighbridge.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGHUP})
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGHUP)
        work()
        weighbridge.flush()
        print(signal.sigwait({signal.SIGTERM}) == signal.SIGTERM, signal.sigwait({signal.SIGHUP}) == signal.SIGHUP)
        """
    programs.prologue = f"{first}\n{programs.prologue}"
    assert programs.run(text) == "True True\n"
    assert stored.calls() == {"work": 2}


def test_a_program_whose_threads_are_green_goes_on_to_hear_of_signals() -> None:
    """As eventlet makes them: what would be our thread is the program's own, which nobody could end any more."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    late_imports.never_in(lambda: None)()
    assert signal.pthread_sigmask(signal.SIG_SETMASK, before) == before


def test_several_event_loops(stored: Stored) -> None:
    @weighbridge.background_task(name="work")
    async def work() -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(work() for _ in range(10)))

    threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(main())
    weighbridge.flush()
    assert stored.total() == 50


def test_the_event_loop_does_not_wait_for_a_locked_store(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_FLUSH_INTERVAL", "0.05")
    weighbridge.initialize()

    @weighbridge.background_task(name="work")
    async def work() -> None:
        await asyncio.sleep(0.002)

    async def many() -> None:
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            await work()

    asyncio.run(work())
    weighbridge.flush()
    monkeypatch.setattr(connection, "LOCK_TIMEOUT", 3600.0)  # who waited for the store would not come back
    other = sqlite3.connect(stored.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        asyncio.run(many())
    finally:
        other.close()


_GREENLETS = """
from gevent import monkey
monkey.patch_all()
import gevent
"""


def test_greenlets_report_and_never_wait_for_the_store(programs: Programs, stored: Stored) -> None:
    pytest.importorskip("gevent")
    programs.prologue = _GREENLETS + programs.prologue
    program = programs.start(
        """
        gevent.joinall([gevent.spawn(work, 0.01) for _ in range(20)])
        weighbridge.flush()
        from weighbridge.transactions.store.sqlite import connection
        connection.LOCK_TIMEOUT = 3600.0  # who waited for the store would not come back
        print("ready", flush=True)
        sys.stdin.readline()
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            work(0.001)
        print("done", flush=True)
        sys.stdin.readline()
        """,
        WEIGHBRIDGE_FLUSH_INTERVAL="0.05",
    )
    assert line_of(program) == "ready", program.communicate()
    other = sqlite3.connect(stored.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert program.stdin is not None
    program.stdin.write("\n")
    program.stdin.flush()
    assert line_of(program) == "done"
    other.close()
    _, errors = program.communicate("\n")
    assert program.returncode == 0, errors
    assert stored.total() > 20


def test_greenlets_that_flush_at_once(programs: Programs, stored: Stored) -> None:
    pytest.importorskip("gevent")
    programs.prologue = _GREENLETS + programs.prologue
    programs.run(
        """
        def both():
            work(0.001)
            weighbridge.flush(1)
        gevent.joinall([gevent.spawn(both) for _ in range(30)])
        """
    )
    assert stored.total() == 30


def test_gevent_forks(programs: Programs, stored: Stored) -> None:
    pytest.importorskip("gevent")
    programs.prologue = _GREENLETS + programs.prologue
    programs.run("work()\nweighbridge.flush()\nchild = os.fork()\nwork()\nif child:\n    os.waitpid(child, 0)")
    assert stored.total() == 3


def test_one_thread_is_enough_however_often_it_is_woken(stored: Stored, work: Work) -> None:
    for _ in range(5000):
        work()
    assert len(recorders()) == 1
    weighbridge.flush()
    assert stored.total() == 5000


ENDLESS = """
import multiprocessing

def forever():
    with weighbridge.BackgroundTask(name="forever"):
        time.sleep(3600)

"""
IN_A_CHILD = """
work()
multiprocessing.get_context("fork").Process(target=forever, daemon=True).start()
sys.stdin.read()
"""


@pytest.mark.parametrize("start", ["forever()", IN_A_CHILD], ids=["alone", "in a child"])
def test_a_process_whose_only_work_never_ends_is_seen(programs: Programs, stored: Stored, start: str) -> None:
    program = programs.start(ENDLESS + start, WEIGHBRIDGE_FLUSH_INTERVAL="0.2")
    assert eventually(lambda: running(stored)) == ["forever"]
    if start is IN_A_CHILD:  # it ends with its parent
        assert program.communicate() == ("", "")


def running(stored: Stored) -> list[str]:
    """What is open, in a store that may be in the making."""
    try:
        with stored.reader() as reader:
            return [one.series.name for one in reader.running(0)]
    except StoreUnreadable:
        return []


def test_asking_for_the_settings_starts_nothing(programs: Programs) -> None:
    output = programs.run("weighbridge.global_settings()\nimport threading\nprint(threading.active_count())")
    assert output == "1\n"


def test_a_program_run_as_a_package_is_called_by_its_name(programs: Programs, stored: Stored) -> None:
    (programs.folder / "shop").mkdir()
    (programs.folder / "shop" / "__main__.py").write_text(programs.prologue + "work()\n")
    programs.run("import runpy\nsys.argv = ['x']\nrunpy.run_module('shop', run_name='__main__', alter_sys=True)")
    with stored.reader() as reader:
        assert [one.program for one in reader.instances()] == ["shop"]
