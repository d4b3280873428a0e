"""Which runs of a schedule were due, and which are missed: cron expressions in a time zone, and periods."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from weighbridge.transactions.schedules import Schedule
from weighbridge.transactions.store.statistics import Window
from weighbridge.transactions.store.timetable import Run, dues, missed, next_due

HOUR, DAY = 3600, 86400
BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = datetime(2026, 3, 2, 3, tzinfo=BERLIN).timestamp()  # a Monday
NIGHTLY = Schedule("shop", "code", "Function", "job", "0 3 * * *", "Europe/Berlin")
EVERY_5 = Schedule("shop", "Celery", "Celery", "job", "every 300")


def local(*moment: int) -> float:
    return datetime(*moment, tzinfo=BERLIN).timestamp()  # type: ignore[arg-type]


def runs(*moments: float) -> list[Run]:
    """Runs that took a second, each known by the minute in which it ended."""
    return [Run(moment // 60 * 60 - 1, moment // 60 * 60 + 60) for moment in moments]


def test_runs_in_time_are_not_missed() -> None:
    window = Window(NIGHT - HOUR, NIGHT + 2 * DAY)
    done = runs(NIGHT + 5, NIGHT + DAY + 590)
    assert missed(NIGHTLY, done, window, NIGHT + 2 * DAY - 1) == (0, None)
    assert next_due(NIGHTLY, done, NIGHT + 2 * DAY - 1) == NIGHT + 2 * DAY


def test_a_run_that_is_too_late_or_never_is_missed() -> None:
    window = Window(NIGHT - HOUR, NIGHT + 3 * DAY)
    assert missed(NIGHTLY, runs(NIGHT + 800), window, NIGHT + HOUR) == (1, NIGHT)
    assert missed(NIGHTLY, [], window, NIGHT + 2 * DAY + HOUR) == (3, NIGHT + 2 * DAY)
    assert missed(NIGHTLY._replace(within=900), runs(NIGHT + 800), window, NIGHT + HOUR) == (0, None)


def test_what_may_still_begin_is_not_missed_yet() -> None:
    window = Window(NIGHT - HOUR, NIGHT + DAY)
    assert missed(NIGHTLY, [], window, NIGHT + 599) == (0, None)
    assert missed(NIGHTLY, [], window, NIGHT + 600) == (1, NIGHT)


def test_a_long_run_has_begun_in_time_though_it_ended_late() -> None:
    took_two_hours = [Run(NIGHT + 2 * HOUR - 7190, NIGHT + 2 * HOUR + 60)]
    assert missed(NIGHTLY, took_two_hours, Window(NIGHT - HOUR, NIGHT + DAY), NIGHT + 3 * HOUR) == (0, None)


def test_a_task_of_every_minute_has_a_minute() -> None:
    each = NIGHTLY._replace(rule="* * * * *")
    window = Window(NIGHT, NIGHT + 300)
    assert missed(each, runs(NIGHT + 1, NIGHT + 61, NIGHT + 241), window, NIGHT + 300).number == 1


def test_a_local_time_that_is_skipped_is_not_due_and_one_that_comes_twice_is_due_once() -> None:
    half_past_two = NIGHTLY._replace(rule="30 2 * * *")
    spring = [*dues(half_past_two, local(2026, 3, 28), local(2026, 3, 31))]  # on the 29th 2:30 does not exist
    assert spring == [local(2026, 3, 28, 2, 30), local(2026, 3, 30, 2, 30)]
    autumn = [*dues(half_past_two, local(2026, 10, 24), local(2026, 10, 27))]  # on the 25th it is twice
    assert autumn == [local(2026, 10, day, 2, 30) for day in (24, 25, 26)]


def test_a_period_is_counted_from_one_run_to_the_next() -> None:
    window = Window(NIGHT, NIGHT + HOUR)
    regular = runs(*(NIGHT + 300 * number for number in range(12)))
    assert missed(EVERY_5, regular, window, NIGHT + HOUR) == (0, None)
    assert missed(EVERY_5, [*regular[:3], *regular[6:]], window, NIGHT + HOUR).number in (2, 3)
    assert missed(EVERY_5, regular[:3], window, NIGHT + HOUR).number in (8, 9)
    assert missed(EVERY_5, regular[:3], window, NIGHT + 700).number == 0
    assert next_due(EVERY_5, regular, NIGHT + HOUR) == regular[-1].latest + 300


def test_a_rule_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="columns"):
        missed(NIGHTLY._replace(rule="often"), [], Window(NIGHT, NIGHT + DAY), NIGHT + DAY)
