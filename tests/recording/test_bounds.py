"""Everything is bounded, what is dropped is counted, and the sums stay exact."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import weighbridge
from weighbridge.transactions.model.outlet import outlet

from .conftest import Programs, Stored, lately


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
        lines = {line.series.application: line.figures.calls for line in reader.transactions(lately())}
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
    assert line.tally.errors == 20, "every failure is counted, the distinct messages are bounded"
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
    assert len(outlet.queue) <= 512
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
    grown = programs.run(f"{_GROWTH}run(300_000, 1)\nweighbridge.flush()\nprint(resident() - before)")
    assert float(grown) < 3
    assert stored.total() == 400_000


def test_memory_grows_no_further_than_the_bound_with_names(programs: Programs, stored: Stored) -> None:
    grown = programs.run(f"{_GROWTH}run(50_000, 50_000)\nweighbridge.flush()\nprint(resident() - before)")
    assert float(grown) < 10
    assert stored.total() == 150_000


def test_losses_are_counted_in_a_destructor_that_interrupts_their_counting() -> None:
    """The lock of the losses can be taken again by the thread that has it."""
    with outlet._losing:
        outlet.lose("errors", 3)
    assert outlet.take_losses() == {"errors": 3}
    assert outlet.take_losses() == {}


def test_a_flush_within_a_flush_does_not_wait_for_itself(
    stored: Stored, work: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As from a signal handler, or a destructor, that interrupts the thread which writes."""
    from weighbridge.transactions.recording.aggregate import Aggregate

    answers: list[bool] = []
    harvest = Aggregate.harvest

    def interrupted(self: Aggregate) -> object:
        answers.append(weighbridge.flush())
        return harvest(self)

    monkeypatch.setattr(Aggregate, "harvest", interrupted)
    work()
    assert weighbridge.flush()
    assert answers == [False]
    assert stored.total() == 1
