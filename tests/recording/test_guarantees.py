"""The five promises of recording, each by one program; the other files here look closer."""

from __future__ import annotations

import sqlite3

import pytest

from .conftest import Programs, Stored, lately, line_of


def test_promise_the_host_program_gets_its_own_results_and_never_waits(programs: Programs, stored: Stored) -> None:
    """The store is locked all the time: calls return and raise what they would, and do not wait for it."""
    programs.run("work()")
    other = sqlite3.connect(stored.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    program = programs.start(
        """
        from weighbridge.transactions.store.sqlite import connection

        connection.LOCK_TIMEOUT = 3600.0  # who waited for the store would not come back

        error = ValueError("of the program")

        @background_task()
        def returning(value):
            return value

        @background_task()
        def raising():
            raise error

        value = object()
        for _ in range(300):
            assert returning(value) is value
            try:
                raising()
            except ValueError as caught:
                assert caught is error
            time.sleep(0.001)
        print("done", flush=True)
        sys.stdin.readline()
        """,
        WEIGHBRIDGE_FLUSH_INTERVAL="0.05",
    )
    try:
        assert line_of(program) == "done"
    finally:
        other.close()
    _, errors = program.communicate("\n")
    assert (program.returncode, errors) == (0, "")


def test_promise_completeness_every_transaction_is_counted_exactly_once(programs: Programs, stored: Stored) -> None:
    """Over restarts, threads, children, outages and exits of every kind."""
    for end in ("", "sys.exit(1)", "raise ValueError"):
        programs.run(
            f"""
            import multiprocessing, threading

            def several(number):
                for _ in range(number):
                    work()

            if __name__ == "__main__":
                several(7)
                threads = [threading.Thread(target=several, args=(5,)) for _ in range(3)]
                children = [multiprocessing.get_context("fork").Process(target=several, args=(11,)) for _ in range(2)]
                for one in (*children, *threads):
                    one.start()
                for one in (*children, *threads):
                    one.join()
                weighbridge.flush()
                several(2)
                {end}
            """,
            status=None if end else 0,
        )
    assert stored.calls() == {"work": 3 * (7 + 15 + 22 + 2)}
    assert "transactions" not in stored.lost()


def test_promise_bounds_overflow_names_are_counted_under_other(programs: Programs, stored: Stored) -> None:
    programs.run(
        """
        @background_task(name=lambda number: f"job {number}")
        def job(number):
            weighbridge.add_custom_attributes({f"key {n}": n for n in range(200)})

        for number in range(100):
            job(number)
        """,
        WEIGHBRIDGE_MAX_NAMES="10",
        WEIGHBRIDGE_MAX_SAMPLES="5",
    )
    calls = stored.calls()
    assert (len(calls), calls["<other>"], stored.total()) == (11, 90, 100)
    with stored.reader() as reader:
        samples = reader.samples(lately(), limit=100)
    assert len(samples) == 5
    assert {len({*sample.transaction.attributes} - {"host.name"}) for sample in samples} == {128}
    assert stored.lost() == {"names": 90, "samples": 6, "attributes": 100 * 72}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_promise_processes_all_report_and_none_hangs(method: str, programs: Programs, stored: Stored) -> None:
    programs.run(
        f"""
        import multiprocessing

        if __name__ == "__main__":
            work()
            context = multiprocessing.get_context({method!r})
            children = [context.Process(target=work) for _ in range(4)]
            for child in children:
                child.start()
            for child in children:
                child.join()
            assert [child.exitcode for child in children] == [0] * 4
        """
    )
    assert stored.calls() == {"work": 5}
    with stored.reader() as reader:
        assert len(reader.instances()) == 5


def test_promise_time_a_clock_that_jumps_bends_no_duration(programs: Programs, stored: Stored) -> None:
    """The wall clock is set back and forth by a day while transactions run."""
    program = programs.start(
        """
        from weighbridge.transactions.model import clock

        for offset in (86400, -86400, 0):
            with weighbridge.BackgroundTask(name="around"):
                clock.epoch = lambda offset=offset: time.time() + offset
                clock.renew()
                time.sleep(0.02)
        weighbridge.flush()
        with weighbridge.BackgroundTask(name="after"):
            pass
        print("done", flush=True)
        """
    )
    assert line_of(program) == "done", program.communicate()
    program.communicate()
    with stored.reader() as reader:
        statistics = {line.series.name: line.statistics for line in reader.transactions(lately())}
    assert statistics["after"].calls == 1
    assert statistics["around"].calls == 3
    assert 0.02 <= statistics["around"].minimum <= statistics["around"].maximum < 3600
