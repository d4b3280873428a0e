"""Everything is bounded, what is dropped is counted, and the sums stay exact."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import weighbridge
from weighbridge.transactions.handoff import handoff
from weighbridge.transactions.model import clock
from weighbridge.transactions.recording import aggregate
from weighbridge.transactions.recording.name_limits import KnownNames
from weighbridge.transactions.recording.snapshot import Series

from .conftest import Programs, Stored, lately


class Minutes:
    """The minute that it is for those who count; it does not end by itself."""

    def __init__(self) -> None:
        self.now = clock.monotonic()

    def pass_by(self, number: int = 1) -> None:
        self.now += 60 * number


@pytest.fixture(autouse=True)
def minutes(monkeypatch: pytest.MonkeyPatch) -> Minutes:
    made = Minutes()
    monkeypatch.setattr(aggregate, "monotonic", lambda: made.now)
    return made


@weighbridge.background_task(name=lambda name: name)
def named(name: str) -> None:
    """A task of that name."""


def test_fifty_thousand_names(stored: Stored) -> None:
    for number in range(50_000):
        named(f"task {number}")
    assert weighbridge.flush()
    calls = stored.calls()
    assert len(calls) == 1000 + 1
    assert calls["<other>"] == 49_000
    assert sum(calls.values()) == stored.total() == 50_000
    assert stored.lost()["names"] == 49_000


def test_names_are_bounded_over_snapshots(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_MAX_NAMES", "10")
    weighbridge.initialize()
    for number in range(30):
        named(f"task {number}")
        named("task 0")
        assert weighbridge.flush()
    calls = stored.calls()
    assert (len(calls), calls["task 0"], calls["<other>"]) == (11, 31, 20)


def test_a_flood_of_names_hides_new_ones_until_the_minute_is_over(
    stored: Stored, monkeypatch: pytest.MonkeyPatch, minutes: Minutes
) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_MAX_NAMES", "10")
    weighbridge.initialize()
    for _ in range(3):
        named("page")
    for number in range(30):
        named(f"scan {number}")
    assert weighbridge.flush()
    named("new")
    assert weighbridge.flush()
    assert "new" not in stored.calls()
    minutes.pass_by()
    named("new")
    named("page")
    assert weighbridge.flush()
    calls = stored.calls()
    assert (calls["new"], calls["page"], calls["<other>"]) == (1, 4, 22)
    assert stored.total() == 36


def series(number: int, application: str = "shop") -> Series:
    return Series(application, "web", "Uri", f"/{number}")


def test_those_called_least_in_the_last_hour_make_room_and_of_them_those_seen_longest_ago() -> None:
    names = KnownNames(20)
    names.evict(0.0)
    for number in range(20):
        assert names.bounded(series(number), 100.0 - number) == series(number)
    for number in range(15, 20):
        names.count(series(number), 1)
    assert names.bounded(series(99), 200.0).name == "<other>"
    names.evict(240.0)
    assert all(names.bounded(series(number), 250.0) == series(number) for number in (*range(13), 15, 19, 99, 98))
    assert [names.bounded(series(number), 250.0).name for number in (13, 14)] == ["<other>"] * 2


def test_calls_are_forgotten_after_an_hour() -> None:
    names = KnownNames(10)
    names.evict(0.0)
    for number in range(10):
        names.bounded(series(number), 1.0)
    names.count(series(0), 1000)
    for minute in range(1, 62):
        names.evict(60.0 * minute)
        for number in range(1, 10):
            names.count(series(number), 1)
    names.bounded(series(99), 3700.0)
    names.evict(3720.0)
    assert names.bounded(series(99), 3730.0) == series(99)
    assert names.bounded(series(0), 3730.0).name == "<other>"


def test_names_that_fill_the_bound_and_no_more_stay() -> None:
    names = KnownNames(10)
    for minute in range(100):
        names.evict(60.0 * minute)
        assert all(names.bounded(series(number), 60.0 * minute) == series(number) for number in range(10))


def test_applications_make_room_for_others() -> None:
    names = KnownNames(10)
    for number in range(1500):
        names.bounded(series(number, f"application {number}"), 1.0)
        names.count(series(number, f"application {number}"), 1 + (number == 0))
    assert names.bounded(series(1, "new"), 2.0).application == "<other>"
    names.evict(60.0)
    assert names.bounded(series(1, "new"), 70.0) == series(1, "new")
    assert names.bounded(series(0, "application 0"), 70.0) == series(0, "application 0")


def test_each_application_has_room_of_its_own(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_MAX_NAMES", "1")
    weighbridge.initialize()
    for application in ("shop", "blog"):
        for name in ("first", "second"):
            with weighbridge.BackgroundTask(application, name):
                pass
    assert weighbridge.flush()
    with stored.reader() as reader:
        found = {(line.series.application, line.series.name) for line in reader.transactions(lately())}
    assert found == {(application, name) for application in ("shop", "blog") for name in ("first", "<other>")}


def test_applications_are_bounded(stored: Stored) -> None:
    for number in range(1010):
        with weighbridge.BackgroundTask(f"application {number}", "job"):
            pass
    assert weighbridge.flush()
    with stored.reader() as reader:
        lines = {line.series.application: line.statistics.calls for line in reader.transactions(lately())}
    assert len(lines) == 1001
    assert lines["<other>"] == 10


def test_errors_are_bounded(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_MAX_ERRORS", "5")
    weighbridge.initialize()
    for number in range(20):
        with pytest.raises(ValueError, match=str(number)), weighbridge.BackgroundTask(name="job"):
            raise ValueError(str(number))
    assert weighbridge.flush()
    with stored.reader() as reader:
        errors = reader.errors(lately())
        (line,) = reader.transactions(lately())
    assert [error.message for error in errors] != []
    assert len(errors) == 5
    assert line.totals.errors == 20, "every failure is counted, the distinct messages are bounded"
    assert stored.lost()["errors"] == 15


def test_samples_are_bounded(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_MAX_SAMPLES", "10")
    weighbridge.initialize()
    for number in range(30):
        named(f"task {number}")
    assert weighbridge.flush()
    with stored.reader() as reader:
        assert len(reader.samples(lately(), limit=100)) == 10
    assert stored.lost() == {"samples": 20}


def test_failed_samples_go_first(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_MAX_SAMPLES", "3")
    weighbridge.initialize()
    for number in range(10):
        named(f"task {number}")
    with pytest.raises(ValueError, match="failed"), weighbridge.BackgroundTask(name="failing"):
        raise ValueError("failed")
    assert weighbridge.flush()
    with stored.reader() as reader:
        reasons = [sample.reason for sample in reader.samples(lately(), limit=100)]
    assert sorted(reasons) == ["failed", "slow", "slow"]


def test_without_a_thread_the_queue_is_counted_where_it_fills(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    from weighbridge.transactions.recording import recorder

    monkeypatch.setattr(recorder, "start_thread", lambda *_: None)
    monkeypatch.setenv("WEIGHBRIDGE_MAX_BACKLOG", "2000")
    weighbridge.initialize()
    for _ in range(10_000):
        named("job")
    assert len(handoff.queue) <= 512
    weighbridge.shutdown_agent()
    assert stored.total() == 10_000
    assert stored.lost() == {}


_GROWTH = """
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

@background_task(name=lambda name: name)
def named(name):
    pass

def run(number, distinct):
    for n in range(number):
        named(str(n % distinct))

run(100_000, 1)  # how many wait for the thread depends on what else the machine does
weighbridge.flush()
before = resident()
"""


def test_memory_does_not_grow_with_the_number_of_transactions(programs: Programs, stored: Stored) -> None:
    """In one round of four at least: on a busy machine more may wait for the thread in one than in another."""
    grown = programs.run(
        f"""{_GROWTH}
rounds = []
for _ in range(4):
    before = resident()
    run(75_000, 1)
    weighbridge.flush()
    rounds.append(resident() - before)
print(min(rounds))"""
    )
    assert float(grown) < 1
    assert stored.total() == 400_000


def test_memory_grows_no_further_than_the_bound_with_names(programs: Programs, stored: Stored) -> None:
    """What waits for the thread has another bound: here no more than a thousand ever do, however busy the machine is.

    Without the bound on names it would be 100 MB.
    """
    grown = programs.run(
        f"""{_GROWTH}
for thousand in range(50):
    for n in range(1000):
        named(f"{{thousand}} {{n}}")
    weighbridge.flush()
print(resident() - before)"""
    )
    assert float(grown) < 10
    assert stored.total() == 150_000


def test_drops_are_counted_in_a_destructor_that_interrupts_their_counting() -> None:
    """The lock of the losses can be taken again by the thread that has it."""
    with handoff._drop_lock:
        handoff.record_dropped("errors", 3)
    assert handoff.take_dropped() == {"errors": 3}
    assert handoff.take_dropped() == {}


def test_a_flush_within_a_flush_does_not_wait_for_itself(
    stored: Stored, work: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As from a signal handler, or a destructor, that interrupts the thread which writes."""
    from weighbridge.transactions.recording.aggregate import Aggregate

    answers: list[bool] = []
    collect = Aggregate.collect

    def interrupted(self: Aggregate) -> object:
        answers.append(weighbridge.flush())
        return collect(self)

    monkeypatch.setattr(Aggregate, "collect", interrupted)
    work()
    assert weighbridge.flush()
    assert answers == [False]
    assert stored.total() == 1
