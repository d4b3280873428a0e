"""What a reader keeps of the past is what the store holds, and no more than is bounded."""

import random
from dataclasses import asdict, replace

import pytest

from weighbridge.transactions.recording.totals import PLAIN
from weighbridge.transactions.store import cache as past_module
from weighbridge.transactions.store.cache import RowCache
from weighbridge.transactions.store.reader import Selection, StoreReader, Timeline, TimelineBucket
from weighbridge.transactions.store.resolutions import FINEST, FOREVER, Resolution
from weighbridge.transactions.store.sqlite.writer import StoreWriter
from weighbridge.transactions.store.statistics import Statistics, Window, Workload

BOTH_ENGINES = True
HOUR = 3600


@pytest.fixture
def window(make) -> Window:
    return Window(make.now - HOUR, make.now + 2 * HOUR)


def roll_up(make, writer: StoreWriter, calls: int = 1) -> None:
    """Write some transactions, and after some hours enough for all upkeep that is due."""
    writer.write(make.snapshot(make.row([1.0] * calls)))
    for _ in range(10):
        writer.write(make.snapshot(taken=make.now + 9 * HOUR))


def test_what_is_rolled_up_is_read_once(make, writer, read, opened, window) -> None:
    roll_up(make, writer)
    with read() as reader:
        assert reader.totals(window).calls == 1
        with opened() as store:  # as nobody does who keeps to the rules
            store.execute("UPDATE totals SET count = 7 WHERE span > 60")
        assert reader.totals(window).calls == 1
        assert [one.statistics.calls for one in reader.transactions(window)] == [7]
    with read() as reader:
        assert reader.totals(window).calls == 7


def test_steps_of_minutes_that_are_rolled_up_are_read_once(make, writer, read, opened, window) -> None:
    """A day in steps of five minutes is made of minutes alone."""
    roll_up(make, writer)

    def calls(reader: StoreReader) -> int:
        return sum(bucket.statistics.calls for bucket in reader.timeline(window, 300).buckets)

    with read() as reader:
        assert calls(reader) == 1
        with opened() as store:  # as nobody does who keeps to the rules
            store.execute("UPDATE totals SET count = 7 WHERE span = 60")
        assert calls(reader) == 1
    with read() as reader:
        assert calls(reader) == 7


def test_what_comes_late_into_steps_of_minutes_is_seen(make, writer, read, window) -> None:
    roll_up(make, writer)
    with read() as reader:
        assert sum(bucket.statistics.calls for bucket in reader.timeline(window, 300).buckets) == 1
        writer.write(make.snapshot(make.row([2.0, 3.0]), taken=make.now + 9 * HOUR))
        assert sum(bucket.statistics.calls for bucket in reader.timeline(window, 300).buckets) == 3
        soon = make.row([1.0], minute=make.now + 9 * HOUR)
        writer.write(make.snapshot(soon, taken=make.now + 9 * HOUR))
        present = Window(make.now, make.now + 9 * HOUR + 60)
        assert sum(bucket.statistics.calls for bucket in reader.timeline(present, 300).buckets) == 4
        writer.write(make.snapshot(soon, taken=make.now + 9 * HOUR))
        assert sum(bucket.statistics.calls for bucket in reader.timeline(present, 300).buckets) == 5


def test_what_comes_late_is_seen(make, writer, read, window) -> None:
    roll_up(make, writer)
    with read() as reader:
        assert (reader.totals(window).calls, reader.totals(window).maximum) == (1, 1.0)
        assert [one.statistics.calls for one in reader.timeline(window, HOUR).buckets] == [0, 1, 0]
        late = make.row([5.0], make.page._replace(name="GET /late"))
        writer.write(make.snapshot(make.row([2.0, 3.0]), late, taken=make.now + 9 * HOUR))
        assert (reader.totals(window).calls, reader.totals(window).maximum) == (4, 5.0)
        assert [one.statistics.calls for one in reader.timeline(window, HOUR).buckets] == [0, 4, 0]
        assert {one.series.name: one.statistics.calls for one in reader.transactions(window)} == {
            "GET /page": 3, "GET /late": 1
        }  # fmt: skip


def test_another_file_in_its_place_is_seen(make, writer, path, read, opened, window, tmp_path) -> None:
    roll_up(make, writer)
    writer.close()
    two, another = make.other("two"), StoreWriter(str(tmp_path / "other.db"))
    roll_up(two, another, calls=2)
    another.close()
    with read() as reader:
        assert reader.totals(window).calls == 1
        (tmp_path / "other.db").replace(path)
        assert reader.totals(window).calls == 2


def test_the_threshold_of_the_latest_transaction_is_told(make, writer, read) -> None:
    """Of minutes before rolled-up rows, of those, or of minutes after them."""
    minutes = [make.now - 120, make.now + 60, make.now + 900]
    for minute, t in zip(minutes, (0.1, 0.2, 0.3), strict=True):
        writer.write(make.snapshot(make.row([1.0], minute=minute, apdex_t=t), taken=make.now + 910))
    with read() as reader:
        for until, t in zip((0, 700, 960), (0.1, 0.2, 0.3), strict=True):
            assert reader.totals(Window(make.now - 180, make.now + until)).apdex_t == t


def test_nothing_is_kept_of_a_store_that_does_not_count_what_comes_late(make, path, read, aged, opened, window) -> None:
    roll_up(make, StoreWriter(path))
    aged(2)
    with read() as reader:
        assert reader.totals(window).calls == 1
        with opened() as store:
            store.execute("UPDATE tally SET count = 7 WHERE span > 60")
        assert reader.totals(window).calls == 7


def test_it_is_bounded_and_those_asked_for_last_stay(monkeypatch, opened) -> None:
    monkeypatch.setattr(past_module, "_MAX_ROWS", 10)
    asked: list[int] = []

    def rows(kept: RowCache, question: int, length: int = 3) -> None:
        def read() -> list[tuple[int, bytes]]:
            asked.append(question)
            return [(question, b"a histogram")] * length

        assert kept.rows(question, read) == [(question, b"a histogram")] * length

    with opened() as store:
        kept = RowCache()
        kept.validate(store, [Resolution(FINEST, 0, FOREVER, 0), Resolution(600, 0, 600, 0)])
        for question in (1, 2, 1, 3, 1, 2):
            rows(kept, question)
        assert asked == [1, 2, 3, 2]
        rows(kept, 4, length=100)
        rows(kept, 4, length=100)
        assert asked == [1, 2, 3, 2, 4, 4]
        assert kept._results == {}
        assert kept._rows == 0
        for _ in range(2):
            kept.rows(5, lambda: asked.append(5) or [(5,)] * 40)  # without a histogram, a row takes a fifth of the room
        assert asked[-2:] == [4, 5]


def agree_on_all_names(used: StoreReader, fresh: StoreReader, window: Window) -> None:
    """What puts names in order is the same as what is read with histograms."""
    whole = {one.series: one for one in fresh.transactions(window)}
    plain = used.plain_totals(window, "shop", "web")
    assert {series: asdict(one) for series, one in plain.items()} == {
        series: {name: getattr(one.totals, name) for name in PLAIN} for series, one in whole.items()
    }
    assert used.averages(window, "shop", "web") == {series: one.statistics.average for series, one in whole.items()}
    some = set(list(whole)[:2])
    assert used.statistics_by_series(window, some) == {series: whole[series].statistics for series in some}


def test_a_reader_that_is_used_for_long_answers_as_a_new_one(make, writer, read) -> None:
    """While time goes on, minutes are rolled up, and some come late."""
    choose = random.Random(3)
    with read_after(make, writer, read) as used:
        for number in range(60):
            now = make.now + 400.0 * number + 30
            minute = now - choose.choice([0, 0, 60, 900, 5000])
            names = [make.page._replace(name=f"GET /{choose.randrange(3)}") for _ in range(2)]
            rows = [make.row([choose.expovariate(2) + 0.001], name, minute, apdex_t=0.1 * number) for name in names]
            writer.write(make.snapshot(*rows, taken=now))
            window = Window(now - choose.choice([1800, 4 * HOUR, 30 * HOUR]), now)
            with read() as fresh:
                for step in (60, 600, HOUR, 3 * HOUR):
                    assert used.timeline(window, step) == fresh.timeline(window, step)
                    assert used.timelines(window, step, names) == fresh.timelines(window, step, names)
                    assert used.timeline(window, step, quantiles=False) == without_quantiles(
                        fresh.timeline(window, step)
                    )
                    assert used.workloads(window, step, names) == {
                        name: few_figures(one) for name, one in fresh.timelines(window, step, names).items()
                    }
                agree_on_all_names(used, fresh, window)
                assert used.transactions(window) == fresh.transactions(window)
                assert used.transactions(window, limit=1) == fresh.transactions(window)[:1]
                assert used.applications(window) == fresh.applications(window)
                assert used.timelines(window, 600, names)[names[0]] == used.timeline(window, 600, Selection(*names[0]))


def without_quantiles(timeline: Timeline[Statistics]) -> Timeline[Statistics]:
    """The same timeline as it is when it is asked for without quantiles."""
    none = dict.fromkeys(("median", "p95", "p99", "queue_median", "queue_p95", "queue_p99"))
    return replace(
        timeline,
        buckets=tuple(replace(one, statistics=replace(one.statistics, **none)) for one in timeline.buckets),
    )


def few_figures(timeline: Timeline[Statistics]) -> Timeline[Workload]:
    """The same timeline with what tells the work alone."""
    told = ((one.start, one.statistics) for one in timeline.buckets)
    return replace(
        timeline,
        buckets=tuple(TimelineBucket(start, Workload(of.calls, of.per_minute, of.average)) for start, of in told),
    )


def read_after(make, writer: StoreWriter, read) -> StoreReader:
    """A reader of a store that has been written to."""
    writer.write(make.snapshot(make.row([1.0])))
    return read()
