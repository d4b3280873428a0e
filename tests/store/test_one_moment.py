"""Many questions about one moment of a store, on each engine."""

from __future__ import annotations

import threading

import pytest

from tests.waiting import eventually
from weighbridge.transactions.store.reader import Selection, StoreUnreadable
from weighbridge.transactions.store.statistics import Window

BOTH_ENGINES = True


def test_all_answers_are_of_one_moment(make, writer, read) -> None:
    window = Window(make.now - 60, make.now + 60)
    writer.write(make.snapshot(make.row([1.0])))
    with read() as reader:
        with reader.at_one_moment():
            assert reader.totals(window).calls == 1
            writer.write(make.snapshot(make.row([2.0])))
            assert reader.totals(window).calls == 1
            assert sum(one.statistics.calls for one in reader.transactions(window)) == 1
            with reader.at_one_moment():  # as part of another
                assert reader.totals(window).calls == 1
            assert reader.health().size > 0
        assert reader.totals(window).calls == 2


def test_what_goes_wrong_between_the_questions_is_no_fault_of_the_store(make, writer, read) -> None:
    window = Window(make.now - 60, make.now + 60)
    writer.write(make.snapshot(make.row([1.0])))
    with read() as reader:

        def ask_and_fail(error: BaseException) -> None:
            with reader.at_one_moment():
                assert reader.totals(window).calls == 1
                raise error

        for error in (LookupError("no such name"), TypeError("a mistake"), KeyboardInterrupt()):
            with pytest.raises(type(error)) as raised:
                ask_and_fail(error)
            assert raised.value is error
        assert reader.totals(window).calls == 1


def test_a_question_that_fails_ends_the_reading(make, writer, read) -> None:
    window = Window(make.now - 60, make.now + 60)
    writer.write(make.snapshot(make.row([1.0])))
    with read() as reader, reader.at_one_moment():
        with pytest.raises(StoreUnreadable), reader._reading():
            raise LookupError("a value that is none of its column's")
        assert reader.totals(window).calls == 1


def test_another_thread_reads_as_of_its_own_moment(make, writer, read) -> None:
    window = Window(make.now - 60, make.now + 60)
    writer.write(make.snapshot(make.row([1.0])))
    found = []
    with read() as reader:
        other = threading.Thread(target=lambda: found.append(reader.totals(window, Selection("shop")).calls))
        with reader.at_one_moment():
            assert reader.totals(window).calls == 1
            writer.write(make.snapshot(make.row([2.0])))
            other.start()
            assert found == []  # it waits for its turn
        eventually(lambda: found)
        other.join()
    assert found == [2]
