"""The steps of a timeline, the window that is counted, and when an application was seen first."""

import random
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.transactions.store.reader import Selection, Steps
from weighbridge.transactions.store.statistics import Window
from weighbridge.transactions.store.steps import steps_of

HOUR, DAY = 3600, 86400
BERLIN = ZoneInfo("Europe/Berlin")


def days_of(first: str, number: int) -> Steps:
    """Days of Berlin from midnight to midnight; its clocks change at one o'clock UTC."""
    midnights = [
        int((datetime.fromisoformat(first) + timedelta(days=day)).replace(tzinfo=BERLIN).timestamp())
        for day in range(number + 1)
    ]
    ahead = {hour: _ahead(hour) for hour in range(midnights[0], midnights[-1], HOUR)}
    changes = [hour for hour in ahead if hour - HOUR in ahead and ahead[hour] != ahead[hour - HOUR]]
    offsets = [(0, ahead[midnights[0]]), *((hour, ahead[hour]) for hour in changes)]
    return Steps(DAY, tuple(midnights[:-1]), midnights[-1], tuple(offsets))


def _ahead(moment: int) -> int:
    return int(datetime.fromtimestamp(moment, BERLIN).utcoffset().total_seconds())


@given(st.integers(1, 2_000_000_000), st.lists(st.tuples(st.integers(1, 2_000_000), st.integers(-56, 56)), max_size=4))
def test_sql_and_python_number_the_steps_alike(start: int, changes: list[tuple[int, int]]) -> None:
    offsets = [(0, 3600), *((since * 1000, quarters * 900) for since, quarters in sorted(changes))]
    steps = Steps(DAY, (), 0, tuple(offsets))
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE row (start INTEGER)")
        connection.execute("INSERT INTO row VALUES (?)", (start + DAY,))
        assert connection.execute(f"SELECT {steps.number_sql} FROM row").fetchone() == (steps.number(start + DAY),)


def test_borders_and_lengths() -> None:
    steps = days_of("2026-03-27", 5)
    assert [steps.minutes(start, 1e12) for start in steps.starts] == [1440, 1440, 1380, 1440, 1440]
    assert steps.minutes(steps.starts[0], steps.starts[0] + 90) == 1.5
    assert steps.border(steps.starts[2] + 5) == steps.starts[2]
    assert (steps.border(0), steps.border(1e12)) == (steps.starts[0], steps.end)
    assert steps.before(steps.starts[2]) == Steps(DAY, steps.starts[:2], steps.starts[2], steps.offsets)
    assert steps.before(1e12) == steps
    assert (steps.can_be_made_of(HOUR), steps.can_be_made_of(6 * HOUR)) == (True, False)
    assert steps_of(Window(0, 10 * DAY), DAY).can_be_made_of(DAY)


@pytest.mark.parametrize("first", ["2026-03-26", "2026-10-22", "2026-06-01"])
def test_days_of_a_zone_are_added_up_exactly_from_rows_of_all_resolutions(make, writer, read, first) -> None:
    steps, chance = days_of(first, 6), random.Random(2)
    now = steps.end + 20 * HOUR
    minutes = [chance.randrange(steps.starts[0] // 60, steps.end // 60) * 60 for _ in range(300)]
    one = make.page._replace(name="GET /one")
    for part in range(0, 300, 50):
        rows = [make.row([1.0], chance.choice([make.page, one]), minute) for minute in minutes[part : part + 50]]
        errors = (make.error("x", minute=minutes[part]),)
        writer.write(make.snapshot(*rows, errors=errors, taken=max(minutes[part : part + 50])))
    for _ in range(60):
        writer.write(make.snapshot(taken=now))  # rolls up and lets the older minutes go
    window = Window(steps.starts[0], steps.end)
    with read() as reader:
        timeline = reader.timeline(window, steps)
        trends = reader.timelines(window, steps, [make.page, one])
        told = reader.error_timeline(window, steps)
    calls = [bucket.statistics.calls for bucket in timeline.buckets]
    days = [*pairwise((*steps.starts, steps.end))]
    assert calls == [sum(since <= minute < until for minute in minutes) for since, until in days]
    assert [bucket.statistics.per_minute for bucket in timeline.buckets] == [
        count / ((until - since) / 60) for count, (since, until) in zip(calls, days, strict=True)
    ]
    of_each = [[bucket.statistics.calls for bucket in trend.buckets] for trend in trends.values()]
    assert calls == [sum(numbers) for numbers in zip(*of_each, strict=True)]
    (counts,) = told.counts.values()
    assert (list(told.starts), sum(counts)) == (list(steps.starts), 6)


def test_what_is_counted_is_whole_minutes_and_not_more_than_now(make, writer, read) -> None:
    writer.write(make.snapshot(make.row([1.0])))
    with read() as reader:
        window = reader.counted(Window(make.now - 90.5, make.now + 30.5))
        assert window == Window(make.now - 120, make.now + 30.5)
        assert reader.counted(window) == window
        statistics = reader.totals(Window(make.now - 90.5, make.now + 30.5))
        assert statistics.per_minute == pytest.approx(1 / window.minutes)


def test_the_first_minute_of_an_application_is_found_in_all_resolutions(make, writer, read) -> None:
    chance = random.Random(7)
    firsts = {}
    for number in range(12):
        application = make.page._replace(application=f"a{number}")
        firsts[application.application] = first = make.now // 60 * 60 - 60 * chance.randrange(1, 4 * 1440)
        minutes = {first, *(chance.randrange(int(first), int(make.now), 60) for _ in range(5))}
        writer.write(make.snapshot(*(make.row([1.0], application, minute) for minute in minutes), taken=make.now))
    for _ in range(40):
        writer.write(make.snapshot(taken=make.now))
    with read() as reader:
        for application, first in firsts.items():
            kept = first >= make.now - 3 * DAY + HOUR  # the minutes of before have expired
            found = reader.first_counted(application, first - 1)
            assert found == first if kept else first - HOUR < found <= first
            assert reader.first_counted(application, make.now + DAY) <= first
        assert reader.first_counted("nobody", 0.0) is None


def test_names_are_known_as_soon_as_anything_is_counted_or_open(make, writer, read) -> None:
    loop = make.job._replace(application="loop")
    writer.write(make.snapshot(make.row([1.0]), running=(make.running(make.now, loop),)))
    with read() as reader:
        assert reader.known_applications() == ["loop", "shop"]
        for known in (Selection("shop"), Selection("shop", "web"), Selection(*make.page), Selection(*loop)):
            assert reader.knows(known)
        for unknown in (Selection("sho"), Selection("shop", "background"), Selection(*make.page._replace(name="x"))):
            assert not reader.knows(unknown)
