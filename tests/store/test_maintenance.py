"""Rolling up and expiry: whatever the hour, what is read is what was written."""

import random

import pytest

from weighbridge.transactions.store.maintenance import Retention
from weighbridge.transactions.store.reader import Selection
from weighbridge.transactions.store.statistics import Window

BOTH_ENGINES = True
HOUR, DAY = 3600, 86400


def rows(engine, width: int) -> int:
    return engine.count("totals", f"{engine.width} = {width}")


def rest(make, writer, now: float) -> None:
    """Enough empty snapshots for all upkeep that is due."""
    for _ in range(40):
        writer.write(make.snapshot(taken=now))


def widened(moment: float, minutes_from: float, *, down: bool) -> float:
    """The end of a window, widened to whole minutes where they are kept, else to whole hours."""
    width = 60 if moment >= minutes_from else HOUR
    return moment // width * width if down else -(-moment // width) * width


def test_after_months_every_window_still_adds_up(make, engine, read) -> None:
    """A hundred days at random times, now and then late, against the plain list of what was written."""
    choose = random.Random(7)
    writer = engine.writer(Retention(minutes=3, hours=200, samples=7))
    written: list[tuple[float, float]] = []
    now = make.now
    while now < make.now + 100 * DAY:
        now += choose.choice([20, 400, 4000, 40_000, 200_000])
        minutes = []
        for _ in range(choose.randint(1, 4)):
            minute = (now - choose.choice([0, 0, 60, 700, 5000, 2 * DAY])) // 60 * 60
            durations = [choose.expovariate(2) + 0.001 for _ in range(choose.randint(1, 3))]
            minutes.append(make.row(durations, minute=minute))
            written += [(minute, duration) for duration in durations]
        writer.write(make.snapshot(*minutes, taken=now))
    rest(make, writer, now)
    minutes_from = (now - 3 * DAY) // HOUR * HOUR
    with read() as reader:
        for _ in range(300):
            since = make.now + choose.uniform(-3 * DAY, 100 * DAY)
            until = since + choose.choice([60, HOUR, 7 * HOUR, 3 * DAY, 60 * DAY])
            low = widened(since, minutes_from, down=True)
            high = widened(until, minutes_from, down=False)
            expected = [duration for minute, duration in written if low <= minute < high]
            found = reader.totals(Window(since, until))
            assert found.calls == len(expected)
            assert found.total == pytest.approx(sum(expected))
            assert found.maximum == pytest.approx(max(expected, default=None), abs=1e-9)
        assert reader.totals(Window(0, now + 60)).calls == len(written)
        assert sum(
            one.statistics.calls for one in reader.timeline(Window(make.now - 4 * DAY, now + 60), DAY).buckets
        ) == len(written)
        assert reader.health().lost == {}
    assert rows(engine, 60) < 400


def test_old_minutes_are_read_by_the_hour(make, engine, read) -> None:
    writer = engine.writer()
    writer.write(
        make.snapshot(
            make.row([1.0, 2.0], apdex_t=5.0),
            make.row([3.0], minute=make.now + 1800, apdex_t=0.1),
            errors=(make.error("x", 3),),
        )
    )
    later = make.now + 10 * DAY
    rest(make, writer, later)
    assert rows(engine, 60) == rows(engine, 600) == 0
    assert rows(engine, HOUR) == 3  # the series, the whole of its application, and that of its host
    with read() as reader:
        found = reader.totals(Window(make.now + 600, make.now + 660))
        assert (found.calls, found.minimum, found.maximum, found.apdex_t) == (3, 1.0, 3.0, 0.1)
        assert found.per_minute == pytest.approx(3 / 60)
        assert found.median == pytest.approx(2.0, rel=0.011)
        assert [error.count for error in reader.errors(Window(make.now + 600, make.now + 660))] == [3]
        timeline = reader.timeline(Window(make.now - HOUR, make.now + 2 * HOUR), 60)
        assert timeline.step == HOUR
        assert [bucket.statistics.calls for bucket in timeline.buckets] == [0, 3, 0]
        assert reader.statuses(Window(make.now, make.now + 60)) == {}


def test_everything_expires_in_the_end(make, engine, read) -> None:
    writer = engine.writer(Retention(minutes=1, hours=10, samples=2))
    writer.write(make.snapshot(make.row([1.0]), errors=(make.error("x"),), samples=(make.sample(1.0),)))
    others = [make.other("two"), make.other("three")]
    for hour in range(20 * 24):
        for other in others:
            writer.write(other.snapshot(taken=make.now + hour * HOUR))
    for table in ("totals", "error_count", "sample", "error", "series"):
        assert engine.count(table) == 0, table
    with read() as reader:
        assert {instance.id for instance in reader.instances()} == {"one", "two", "three"}
        assert reader.totals(make.always).calls == 0


def test_what_comes_too_late_for_everything_is_counted_as_lost(make, engine, read) -> None:
    writer = engine.writer(Retention(minutes=1, hours=10, samples=2))
    rest(make, writer, make.now + DAY)
    writer.write(make.snapshot(make.row([1.0, 2.0], minute=make.now - 50 * DAY), taken=make.now + DAY))
    with read() as reader:
        assert reader.totals(make.always).calls == 0
        assert reader.health().lost == {"expired": 2}


def test_instances_are_bounded_and_those_that_reported_last_are_remembered(make, engine, read, limit) -> None:
    """Scripts, each of which reports once: so short that nobody can tell what time it is."""
    limit("instances", 20)
    writer = engine.writer()
    for number in range(120):
        script = make.other(f"script {number}", number * 60)
        one = script.row([1.0], minute=make.now + number * 60)
        writer.write(script.snapshot(one, taken=make.now + number * 60, lost={"names": 1}))
    with read() as reader:
        known = {instance.id for instance in reader.instances()}
        assert {f"script {number}" for number in range(100, 120)} <= known
        assert len(known) < 80
        assert reader.health().lost["names"] == len(known)
        assert reader.totals(make.always).calls == 120


def test_a_series_that_is_used_again_after_long_is_not_forgotten(make, engine, read) -> None:
    writer = engine.writer(Retention(minutes=1, hours=10, samples=2))
    writer.write(make.snapshot(make.row([1.0])))
    later = make.now + 300 * DAY
    writer.write(make.snapshot(make.row([2.0], minute=later), errors=(make.error("x", minute=later),), taken=later))
    rest(make, writer, later + 30)
    with read() as reader:
        (line,) = reader.transactions(Window(later - DAY, later + 60))
        assert (line.series, line.statistics.maximum) == (make.page, 2.0)
        assert len(reader.errors(Window(later, later + 60))) == 1


def test_a_clock_that_jumps_ahead_and_back_loses_no_new_rows(make, engine, read) -> None:
    writer = engine.writer()
    rest(make, writer, make.now + 2 * DAY)
    writer.write(make.snapshot(make.row([1.0]), make.row([2.0], make.job)))
    with read() as reader:
        assert reader.totals(Window(make.now, make.now + 60)).calls == 2
        assert reader.totals(Window(make.now - 5 * DAY, make.now + 5 * DAY)).calls == 2
        assert reader.totals(make.always, Selection(kind="background")).maximum == 2.0


def test_samples_are_bounded_in_all_and_the_oldest_go_first(make, engine, read, limit) -> None:
    limit("samples", 7)
    writer = engine.writer()
    for hour in range(6):
        ended = make.now + hour * HOUR
        samples = [make.sample(1.0, ended + number) for number in range(4)]
        writer.write(make.snapshot(make.row([1.0], minute=ended), samples=tuple(samples), taken=ended + 10))
    rest(make, writer, make.now + 7 * HOUR)
    with read() as reader:
        ends = sorted(one.transaction.started + 1.0 - make.now for one in reader.samples(make.always))
    assert ends == [4 * HOUR + 1, 4 * HOUR + 2, 4 * HOUR + 3, *(5 * HOUR + number for number in range(4))]
