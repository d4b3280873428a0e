"""A store that fails in a way that nobody thought of: nothing is lost, and no snapshot holds up the others for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import weighbridge
from weighbridge.transactions import lifecycle
from weighbridge.transactions.recording import delivery, recorder
from weighbridge.transactions.store.sqlite.writer import StoreWriter

from .conftest import Programs, Stored

Work = Callable[[], None]


@weighbridge.background_task(name=lambda name: name)
def named(name: str) -> None:
    """A task of that name."""


@pytest.fixture
def known(mistakes: list[str]) -> Iterator[list[str]]:
    """The mistakes that the test makes the store make."""
    yield mistakes
    assert all("failed inside Store.write" in mistake for mistake in mistakes)
    mistakes.clear()


def failing(error: BaseException, when: Callable[[Any], bool] = bool) -> Any:
    """In the place of `StoreWriter.write`: fails for the snapshots of a kind, and writes the others."""
    write = StoreWriter.write

    def write_or_fail(self: StoreWriter, snapshot: Any) -> None:
        if when(snapshot):
            raise error
        write(self, snapshot)

    return write_or_fail


ERRORS = [ZeroDivisionError("a mistake"), RuntimeError("no loop"), MemoryError(), AttributeError("x"), RecursionError()]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_failure_that_passes_loses_nothing(error: Exception, stored: Stored, known: list[str]) -> None:
    """However long it lasts: what is counted meanwhile waits behind the two snapshots that were tried."""
    named("before")
    assert weighbridge.flush()
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(StoreWriter, "write", failing(error))
        for number in range(30):
            named(f"job {number % 3}")
            assert not weighbridge.flush()
        if not isinstance(error, (MemoryError, RecursionError)):  # about the whole process, and not the snapshot
            assert len(lifecycle._recorder().delivery._waiting) == 2
    assert len(known) == (0 if isinstance(error, (MemoryError, RecursionError)) else 1)
    assert weighbridge.flush()
    assert stored.calls() == {"before": 1, "job 0": 10, "job 1": 10, "job 2": 10}
    assert stored.lost() == {}


def test_whoever_flushes_is_answered_at_once_after_a_failure(stored: Stored) -> None:
    """A failure of the background thread left it asleep: whoever came next waited for a second, or until it was due."""
    named("before")
    weighbridge.flush()
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(StoreWriter, "write", failing(MemoryError()))
        broken.setattr(recorder, "_FLUSH_INTERVAL", 3600.0)  # who waited for that would not come back
        for _ in range(20):
            named("job")
            assert not weighbridge.flush()
    assert weighbridge.flush()
    assert stored.calls() == {"before": 1, "job": 20}


def test_what_was_lost_before_survives_a_failure(stored: Stored, known: list[str]) -> None:
    """The count of what was dropped is no less worth than what was not."""
    with weighbridge.BackgroundTask(name="block"):
        weighbridge.add_custom_attribute("x" * 300, 1)
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(StoreWriter, "write", failing(ZeroDivisionError()))
        for _ in range(10):
            assert not weighbridge.flush()
    assert weighbridge.flush()
    assert stored.lost() == {"attributes": 1}


def test_a_store_that_cannot_be_opened_loses_nothing(stored: Stored, known: list[str]) -> None:
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(StoreWriter, "of", classmethod(lambda *_: 1 / 0))
        named("job")
        assert not weighbridge.flush()
        lifecycle._recorder().delivery.open_store = None  # it is asked for again
    assert weighbridge.flush()
    assert stored.calls() == {"job": 1}


def of_poison(snapshot: Any) -> bool:
    return any(row.series.name == "poison" for row in snapshot.minutes)


def test_a_snapshot_that_can_never_be_stored_does_not_hold_up_the_rest(stored: Stored, known: list[str]) -> None:
    """Others are stored while it fails: it is tried often enough, then given up; what it held is counted as lost."""
    with weighbridge.BackgroundTask(name="poison"):
        weighbridge.add_custom_attribute("x" * 300, 1)
    named("with it")
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(StoreWriter, "write", failing(ZeroDivisionError(), of_poison))
        assert not weighbridge.flush()
        rounds = 0
        while lifecycle._recorder().delivery._waiting:
            named("after it")
            weighbridge.flush()
            rounds += 1
            assert rounds < 20
        assert rounds > 2 * delivery._STRIKES
    named("later")
    assert weighbridge.flush()
    assert stored.calls() == {"after it": rounds, "later": 1}
    assert stored.lost() == {"transactions": 2, "samples": 2, "attributes": 1}


def test_figures_are_kept_where_only_samples_cannot_be_stored(stored: Stored, known: list[str]) -> None:
    def has_bad_sample(snapshot: Any) -> bool:
        return any("bad" in sample.transaction.attributes for sample in snapshot.samples)

    with weighbridge.BackgroundTask(name="job"):
        weighbridge.add_custom_attribute("bad", 1)
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(StoreWriter, "write", failing(ZeroDivisionError(), has_bad_sample))
        for _ in range(delivery._TRIES + 2 * delivery._STRIKES + 2):
            weighbridge.flush()
            named("other")
    assert weighbridge.flush()
    assert stored.calls()["job"] == 1
    assert stored.lost() == {"samples": 1}


def test_a_failure_now_and_then_loses_nothing(stored: Stored, known: list[str]) -> None:
    tries = 0

    def every_second(snapshot: Any) -> bool:
        nonlocal tries
        tries += 1
        return tries % 2 == 0

    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(StoreWriter, "write", failing(ZeroDivisionError(), every_second))
        for number in range(40):
            named(f"job {number % 2}")
            weighbridge.flush()
    assert weighbridge.flush()
    assert stored.calls() == {"job 0": 20, "job 1": 20}
    assert stored.lost() == {}


def test_the_bound_holds_while_the_store_fails(stored: Stored, known: list[str]) -> None:
    """What goes beyond it is counted, and told when the store is back."""
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(StoreWriter, "write", failing(ZeroDivisionError()))
        for number in range(3000):
            named(f"job {number}")
            if number % 300 == 0:
                assert not weighbridge.flush()
    assert weighbridge.flush()
    assert stored.total() == 3000
    assert stored.lost()["names"] == 2000


def test_an_exit_while_the_store_fails_says_so_and_ends(programs: Programs, stored: Stored) -> None:
    programs.run(
        """
        work()
        weighbridge.flush()
        from weighbridge.transactions.store.sqlite.writer import StoreWriter
        StoreWriter.write = lambda *_: 1 / 0
        work()
        """
    )
    assert "ZeroDivisionError" in programs.errors
    assert "could not be written" in programs.errors
    assert stored.calls() == {"work": 1}
