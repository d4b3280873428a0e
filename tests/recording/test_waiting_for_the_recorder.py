"""Whoever waits for the recorder may hold what the recorder needs: nobody waits for ever."""

from __future__ import annotations

import pytest

from .conftest import Programs, Stored


def test_a_log_handler_that_flushes(programs: Programs) -> None:
    """The recorder has something to say, and the handler's lock is held by whoever waits for it."""
    programs.run(
        """
        import logging
        class Flushing(logging.StreamHandler):
            def emit(self, record):
                super().emit(record)
                if record.levelno >= logging.ERROR:
                    print(weighbridge.flush())
        logging.getLogger().addHandler(Flushing())
        work()
        logging.error("boom")
        """,
        WEIGHBRIDGE_STORE="/proc/nobody/weighbridge.db",
    )
    assert "boom" in programs.errors
    assert "cannot be written" in programs.errors


def test_a_signal_handler_that_flushes_while_a_fork_is_prepared(programs: Programs, stored: Stored) -> None:
    """The fork holds up the store until it is over, and it is interrupted by who waits for the store."""
    flushed = programs.run(
        """
        import signal
        flushed = []
        def handler(*_):
            work()
            flushed.append(weighbridge.flush(5))
        signal.signal(signal.SIGALRM, handler)
        os.register_at_fork(before=lambda: signal.raise_signal(signal.SIGALRM))  # hooks run in reverse order
        work()
        weighbridge.flush()
        for _ in range(2):
            child = os.fork()
            if not child:
                os._exit(0)
            os.waitpid(child, 0)
        assert weighbridge.flush()
        print(len(flushed))
        """,
        "-W",
        "ignore",
    )
    assert stored.calls() == {"work": 1 + int(flushed)}


@pytest.mark.parametrize("threads", ["can be started", "cannot be started"])
def test_an_exception_that_strikes_a_write_without_the_recorders_thread(programs: Programs, threads: str) -> None:
    """A built-in exception of the host's, as a store might raise it, reaches who waits for the store."""
    said = programs.run(
        f"""
        import signal, sqlite3, threading
        from weighbridge.transactions.configuration.in_force import in_force
        from weighbridge.transactions.handoff import handoff
        from weighbridge.transactions.recording.recorder import Recorder
        from weighbridge.transactions.store.sqlite.writer import StoreWriter

        def refuse(*_):
            raise RuntimeError("can't start new thread")
        def strike(*_):
            raise TimeoutError("from outside")

        work()
        weighbridge.flush()
        path = os.environ["WEIGHBRIDGE_STORE"]
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        handoff.record_dropped("transactions")
        recorder = Recorder(in_force.settings, lambda: StoreWriter(path))
        if {threads == "cannot be started"}:
            threading.Thread.start = refuse
        signal.signal(signal.SIGALRM, strike)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try:
            recorder.flush()
        except TimeoutError as error:
            print(error)
        other.execute("ROLLBACK")
        assert recorder.flush()
        """
    )
    assert said.strip() == "from outside"


def test_greenlets_that_flush_and_fork(programs: Programs, stored: Stored) -> None:
    """In a child other greenlets may go on as well, until it ends, unwritten: each call says that it was made."""
    programs.prologue = "from gevent import monkey\nmonkey.patch_all()\nimport gevent, logging\n" + programs.prologue
    said = programs.run(
        """
        work = background_task(name="work")(lambda: os.write(1, b"."))
        def busy():
            work()
            weighbridge.flush()
            logging.error("line")
            gevent.sleep(0.01)
        def forking():
            for _ in range(3):
                child = os.fork()
                if not child:
                    work()
                    os._exit(0 if weighbridge.flush() else 3)
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
                gevent.sleep(0.01)
        gevent.joinall([*(gevent.spawn(busy) for _ in range(30)), *(gevent.spawn(forking) for _ in range(3))])
        """,
        "-W",
        "ignore",
    )
    assert 39 <= stored.calls()["work"] <= len(said)


STRIKING = """
        import inspect, signal, sys, time
        from weighbridge.transactions import lifecycle
        from weighbridge.transactions.recording.recorder import Recorder

        def strike(*_):
            raise TimeoutError("from outside")

        def strike_at(function, text, call):
            lines, first = inspect.getsourcelines(function)
            at = first + next(number for number, line in enumerate(lines) if line.strip().startswith(text))
            def trace(frame, event, _):
                if frame.f_code is function.__code__ and event == "line" and frame.f_lineno == at:
                    sys.settrace(None)
                    signal.raise_signal(signal.SIGALRM)
                return trace
            sys.settrace(trace)
            try:
                call()
            except TimeoutError as error:
                print(error)
            sys.settrace(None)

        signal.signal(signal.SIGALRM, strike)
"""


def test_an_exception_that_strikes_the_start_of_the_thread(programs: Programs, stored: Stored) -> None:
    """The lock that keeps two from starting it is left behind; what is killed later has written all the same."""
    said = programs.run(
        STRIKING
        + """
        weighbridge.preload()
        weighbridge.initialize()
        strike_at(Recorder._start, "try:", work)
        for _ in range(600):
            work()
            if lifecycle._recorder()._is_alive():
                break
            time.sleep(0.05)
        print(lifecycle._recorder()._is_alive())
        """
    )
    assert said.split("\n")[:2] == ["from outside", "True"]
    assert stored.calls()["work"] > 0


def test_an_exception_that_strikes_while_the_thread_is_woken(programs: Programs) -> None:
    """It is woken by the next one who waits for it, rather than when a write is due."""
    said = programs.run(
        STRIKING
        + """
        work()
        weighbridge.flush()
        recorder = lifecycle._recorder()
        recorder._busy_until = 0.0
        recorder._wake()
        time.sleep(0.5)
        strike_at(Recorder._wake, "refuses(", weighbridge.flush)
        began = time.monotonic()
        weighbridge.flush()
        print(time.monotonic() - began < 20)
        """,
        WEIGHBRIDGE_FLUSH_INTERVAL="60",
    )
    assert said.split("\n")[:2] == ["from outside", "True"]
