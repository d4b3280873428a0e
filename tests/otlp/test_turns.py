"""Of all that could send, one does at a time; who takes over knows what was sent."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from weighbridge.exporting.otlp.turns import Busy, LostTurn, Progress, Turns
from weighbridge.transactions.store.engines import state_at
from weighbridge.transactions.store.state import StateWriter

from .calls import PAGE, row, write

NOW = 1_800_000_000.0


@pytest.fixture
def writer(store: Path) -> Iterator[StateWriter]:
    write(store, row(PAGE, [0.1]))
    with closing(state_at(str(store))) as found:
        yield found


def turns(writer: StateWriter, claimant: str) -> Turns:
    return Turns(writer, "otlp metrics http://receiver", claimant, 10.0)


def test_one_at_a_time(writer: StateWriter) -> None:
    one, other = turns(writer, "one"), turns(writer, "other")
    assert one.take(NOW) == Progress(0, {})
    with pytest.raises(Busy, match="another process is sending") as caught:
        other.take(NOW + 1)
    assert 0 < caught.value.pause <= 1
    one.end(int(NOW), {"sent": "all"})
    assert other.take(NOW + 2) == Progress(int(NOW), {"sent": "all"})


def test_one_that_says_nothing_any_more_is_succeeded(writer: StateWriter) -> None:
    one, other = turns(writer, "one"), turns(writer, "other")
    one.take(NOW)
    one.go_on(NOW + 20, 0, {"sent": "half"})
    with pytest.raises(Busy):
        other.take(NOW + 31)
    assert other.take(NOW + 51) == Progress(0, {"sent": "half"})
    with pytest.raises(LostTurn):
        one.end(int(NOW), {"sent": "all"})
    one.give_back()
    with pytest.raises(Busy):
        turns(writer, "third").take(NOW + 52)


def test_one_that_comes_back_goes_on(writer: StateWriter) -> None:
    one = turns(writer, "one")
    one.take(NOW)
    assert one.take(NOW + 1) == Progress(0, {})


def test_what_failed_is_given_back_at_once(writer: StateWriter) -> None:
    one, other = turns(writer, "one"), turns(writer, "other")
    one.take(NOW)
    one.give_back()
    assert other.take(NOW + 1) == Progress(0, {})


def test_all_wait_where_the_receiver_asked_for_it(writer: StateWriter) -> None:
    one, other = turns(writer, "one"), turns(writer, "other")
    one.take(NOW)
    one.give_back(not_before=NOW + 30)
    with pytest.raises(Busy, match="asked to wait") as caught:
        other.take(NOW + 10)
    assert caught.value.pause == 20.0
    assert other.take(NOW + 31) == Progress(0, {})


def test_it_is_nobodys_turn_before_the_interval_is_over(writer: StateWriter) -> None:
    one, other = turns(writer, "one"), turns(writer, "other")
    one.take(NOW, 60.0)
    one.end(int(NOW), {})
    with pytest.raises(Busy, match="has just sent"):
        other.take(NOW + 20, 60.0)
    assert other.take(NOW + 40, 60.0).moment == int(NOW)


@pytest.mark.parametrize("ahead", [86400.0 * 365, 3e9])
def test_a_clock_that_was_wrong_stops_nobody(writer: StateWriter, ahead: float) -> None:
    one, other = turns(writer, "one"), turns(writer, "other")
    one.take(NOW + ahead)
    one.end(int(NOW + ahead), {"sent": "all"})
    one.take(NOW + ahead)
    assert other.take(NOW, 60.0) == Progress(int(NOW + ahead), {"sent": "all"})


@pytest.mark.parametrize("state", ["", "{nonsense", "[]", '{"until": "x", "not_before": null, "state": 3}'])
def test_a_note_that_cannot_be_read_is_none(writer: StateWriter, store: Path, state: str) -> None:
    turns(writer, "one").take(NOW)
    with closing(sqlite3.connect(store)) as opened, opened:
        opened.execute("UPDATE export_cursor SET state = ?", (state,))
    assert turns(writer, "other").take(NOW) == Progress(0, {})
