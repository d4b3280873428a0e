"""By what tasks were enqueued, in the store of each engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from weighbridge.transactions.recording.snapshot import EnqueuedCount, Series
from weighbridge.transactions.store import enqueued
from weighbridge.transactions.store.reader import Selection
from weighbridge.transactions.store.statistics import Window

BOTH_ENGINES = True
HOUR = 3600
MAIL = Series("shop", "background", "Celery", "mail")
SWEEP = MAIL._replace(name="sweep")
ORDER = Series("shop", "web", "Route", "GET /order")
CART = Series("cart", "web", "Uri", "/\0\udc80 ü\\")
JOBS = Selection("shop", "background")


@pytest.fixture
def count(make):
    """Makes a count in the minute that a number of seconds away from the first one."""

    def counted(task: Series, by: Series | None, times: int = 1, later: int = 0) -> EnqueuedCount:
        return EnqueuedCount(task, int(make.now // 60) * 60 + later, by, times)

    return counted


def found(reader, window: Window, selection: Selection = JOBS) -> list[tuple[Series, Series | None, int]]:
    return [(one.task, one.by, one.count) for one in reader.enqueued(window, selection)]


def test_counts_of_all_processes_are_added_up(make, writer, read, count) -> None:
    writer.write(make.snapshot(enqueued=(count(MAIL, ORDER, 3), count(SWEEP, ORDER), count(MAIL, None, 7))))
    other = make.snapshot(
        enqueued=(count(MAIL, ORDER, 2), count(MAIL, CART), count(MAIL._replace(application="b"), CART))
    )
    writer.write(replace(other, instance=replace(make.instance, id="other"), sequence=1))
    shown = CART._replace(name="/\\x00\\udc80 ü\\")
    with read() as reader:
        expected = [(MAIL, None, 7), (MAIL, ORDER, 5), (MAIL, shown, 1), (SWEEP, ORDER, 1)]
        assert found(reader, make.always) == expected
        assert found(reader, make.always, Selection(*SWEEP)) == [(SWEEP, ORDER, 1)]
        assert found(reader, make.always, Selection("b", "background")) == [(MAIL._replace(application="b"), shown, 1)]


def test_a_window_shows_its_hours(make, writer, read, count) -> None:
    writer.write(make.snapshot(enqueued=[count(MAIL, ORDER, 2**number, number * HOUR) for number in range(4)]))
    start = make.now // HOUR * HOUR
    with read() as reader:
        assert found(reader, Window(start + HOUR, start + 3 * HOUR)) == [(MAIL, ORDER, 2 + 4)]
        assert found(reader, Window(start + HOUR + 5, start + HOUR + 6)) == [(MAIL, ORDER, 2)]
        assert found(reader, Window(start - HOUR, start)) == []


def test_only_so_many_are_told_apart(make, writer, read, count, monkeypatch) -> None:
    monkeypatch.setattr(enqueued, "_MAX_ENQUEUERS", 3)
    paths = [ORDER._replace(name=f"GET /{number}") for number in range(5)]
    writer.write(make.snapshot(enqueued=[count(MAIL, path) for path in paths]))
    writer.write(make.snapshot(enqueued=[count(MAIL, path) for path in paths]))
    with read() as reader:
        *told, others = sorted(found(reader, make.always), key=lambda one: one[1] is None)
    assert told == [(MAIL, path, 2) for path in paths[:3]]
    assert others == (MAIL, None, 4)


def test_what_is_too_long_for_a_header_is_counted_with_others(make, writer, read, count) -> None:
    writer.write(make.snapshot(enqueued=(count(MAIL, ORDER._replace(name="ü" * 255), 4),)))
    with read() as reader:
        assert found(reader, make.always) == [(MAIL, None, 4)]


def test_the_oldest_hours_go_first(make, writer, read, count, monkeypatch) -> None:
    monkeypatch.setattr(enqueued, "_MAX_ROWS", 3)
    for later in range(5):
        writer.write(make.snapshot(enqueued=(count(MAIL, ORDER, 10**later, later * HOUR),)))
    with read() as reader:
        assert found(reader, make.always) == [(MAIL, ORDER, 11_100)]
