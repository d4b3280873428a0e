"""Completeness: every way in which a program ends, and what is in the store then."""

from __future__ import annotations

import sys

import pytest

from weighbridge.transactions.store.reader import StoreUnreadable

from .conftest import Programs, Stored, eventually, lately, line_of


def test_a_script_with_one_decorated_call(programs: Programs, stored: Stored) -> None:
    programs.run("work()")
    assert stored.calls() == {"work": 1}
    assert programs.errors == ""


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("sys.exit()", 0),
        ("sys.exit(3)", 3),
        ("raise ValueError('of the program')", 1),
        ("raise KeyboardInterrupt", None),
        ("os.kill(os.getpid(), signal.SIGINT)", None),
        ("signal.signal(signal.SIGTERM, lambda *_: sys.exit(4)); os.kill(os.getpid(), signal.SIGTERM)", 4),
    ],
)
def test_a_normal_exit_loses_none(end: str, status: int | None, programs: Programs, stored: Stored) -> None:
    programs.run(f"import signal\nwork()\nwork()\n{end}", status=status)
    assert stored.calls() == {"work": 2}


def test_an_exception_that_ends_the_program_is_counted_with_its_transaction(programs: Programs, stored: Stored) -> None:
    programs.run("@background_task(name='main')\ndef main():\n    raise ValueError('of the program')\nmain()", status=1)
    with stored.reader() as reader:
        (error,) = reader.errors(lately())
    assert (error.type, error.message, error.count) == ("builtins:ValueError", "of the program", 1)


@pytest.mark.parametrize("end", ["os._exit(0)", "import signal; os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_sudden_end_loses_no_more_than_the_last_interval(end: str, programs: Programs, stored: Stored) -> None:
    program = programs.start(f"work()\nweighbridge.flush()\nwork()\n{end}")
    program.communicate()
    assert stored.calls() == {"work": 1}


def test_without_a_flush_the_last_interval_is_all_that_is_lost(programs: Programs, stored: Stored) -> None:
    program = programs.start(
        """
        work()
        print("worked", flush=True)
        sys.stdin.readline()
        os._exit(0)
        """,
        WEIGHBRIDGE_FLUSH_INTERVAL="0.2",
    )
    assert line_of(program) == "worked"
    eventually(lambda: stored.path.exists() and _total(stored) == 1)
    program.communicate("\n")
    assert stored.total() == 1


def _total(stored: Stored) -> int:
    try:
        return stored.total()
    except StoreUnreadable:  # it is being made at this moment
        return 0


def test_handlers_of_the_program_run_before_the_last_write(programs: Programs, stored: Stored) -> None:
    """``atexit`` runs the latest handler first, so whatever is registered after the import is counted."""
    programs.run("import atexit\natexit.register(work)\nwork()")
    assert stored.calls() == {"work": 2}


def test_what_ends_after_the_last_write_is_written_at_once(programs: Programs, stored: Stored) -> None:
    """A handler that was registered before the import runs after ours."""
    (programs.folder / "early.py").write_text(
        "import atexit\nlate = []\natexit.register(lambda: [f() for f in late])\n"
    )
    programs.prologue = "import early\n" + programs.prologue
    programs.run("early.late[:] = [work, work]\nwork()")
    assert stored.calls() == {"work": 3}
    assert programs.errors == ""


def test_what_ends_while_the_recorder_is_shut_down_is_written(programs: Programs, stored: Stored) -> None:
    """On a busy machine there is much time between the last write and what is to come after it."""
    programs.run(
        """
        import threading
        from weighbridge.transactions import lifecycle

        held_up, shutdown = threading.Event(), lifecycle.shutdown

        def slow_shutdown(*arguments):
            shutdown(*arguments)
            held_up.set()
            thread.join()

        lifecycle.shutdown = slow_shutdown
        thread = threading.Thread(target=background_task(name="work")(held_up.wait), daemon=True)
        thread.start()
        work()
        """
    )
    assert stored.calls() == {"work": 2}


def test_threads_that_outlive_the_main_thread_are_waited_for(programs: Programs, stored: Stored) -> None:
    programs.run(
        """
        import threading
        for _ in range(3):
            threading.Thread(target=work, args=(0.2,)).start()
        """
    )
    assert stored.calls() == {"work": 3}


def test_a_daemon_thread_at_work_does_not_hold_up_the_exit(programs: Programs, stored: Stored) -> None:
    programs.run(
        """
        import threading
        def on():
            while True:
                work()
        threading.Thread(target=on, daemon=True).start()
        work()
        time.sleep(0.2)
        """
    )
    assert programs.errors == ""
    assert stored.total() >= 1


def test_a_transaction_that_is_open_at_the_end_is_not_counted(programs: Programs, stored: Stored) -> None:
    programs.run("work()\nopen_one = weighbridge.BackgroundTask(name='open')\nopen_one.__enter__()")
    assert stored.calls() == {"work": 1}


def test_nothing_is_said_at_the_end(programs: Programs) -> None:
    """Warnings as errors, development mode: the interpreter finds nothing that was left open."""
    programs.run("work()\nweighbridge.flush()\nwork()", "-X", "dev", "-W", "error")
    assert programs.errors == ""


def test_a_store_that_is_away_is_said_once_and_the_exit_is_not_held_up(programs: Programs, tmp_path_factory) -> None:
    missing = tmp_path_factory.mktemp("missing") / "not" / "there.db"
    programs.run("work()\nweighbridge.flush()\nwork()", WEIGHBRIDGE_STORE=str(missing))
    lines = programs.errors.splitlines()
    assert len(lines) == 2, programs.errors
    assert str(missing) in lines[0]
    assert "could not be written" in lines[1]


RUNNING = """
from weighbridge.transactions.store.reader import StoreReader

def running():
    assert weighbridge.flush()
    with StoreReader.open(os.environ["WEIGHBRIDGE_STORE"]) as reader:
        return len(reader.running(time.time()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is gone when it has been silent for a while")
def test_a_task_that_executes_another_program_runs_no_more(programs: Programs, stored: Stored) -> None:
    """`os.execv` keeps the number and the start of the process; its open task counts as killed."""
    programs.prologue += RUNNING
    output = programs.run(
        """
        work()
        if len(sys.argv) == 1:
            with weighbridge.BackgroundTask(name="replaced"):
                while not running():
                    time.sleep(0.1)
                os.execv(sys.executable, [sys.executable, __file__, "again"])
        print(running())
        """
    )
    assert output == "0\n"
    assert stored.calls() == {"work": 2, "replaced": 1}
