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
