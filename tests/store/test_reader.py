"""What else a store is asked: timelines, samples, errors, instances, open transactions, its own health."""

from dataclasses import replace

import pytest

from weighbridge.transactions.model.finished import NoticedError
from weighbridge.transactions.store.reader import ErrorKey, Selection
from weighbridge.transactions.store.statistics import Window, Workload

BOTH_ENGINES = True


def test_a_timeline_has_a_bucket_for_every_step(make, writer, read) -> None:
    writer.write(make.snapshot(make.row([1.0] * 3), make.row([2.0], minute=make.now + 130)))
    timeline = read().timeline(Window(make.now - 60, make.now + 200), 60)
    assert timeline.step == 60
    assert [(bucket.start - make.now, bucket.statistics.calls) for bucket in timeline.buckets] == [
        (-60, 0), (0, 3), (60, 0), (120, 1), (180, 0)
    ]  # fmt: skip
    assert timeline.buckets[1].statistics.per_minute == 3.0
    assert timeline.buckets[0].statistics.median is None


def test_a_timeline_of_longer_steps_and_of_one_series(make, writer, read) -> None:
    api = make.page._replace(name="GET /api")
    writer.write(make.snapshot(make.row([1.0] * 2), make.row([3.0], api, minute=make.now + 300)))
    window = Window(make.now, make.now + 600)
    with read() as reader:
        assert [bucket.statistics.calls for bucket in reader.timeline(window, 300).buckets] == [2, 1]
        (bucket,) = reader.timeline(window, 600, Selection(name="GET /api")).buckets
        assert (bucket.statistics.calls, bucket.statistics.maximum) == (1, 3.0)


def test_a_timeline_without_quantiles_has_all_else(make, writer, read) -> None:
    writer.write(make.snapshot(make.row([1.0, 2.0, 6.0], errors=1)))
    window = Window(make.now, make.now + 60)
    with read() as reader:
        (full,) = reader.timeline(window, 60).buckets
        (fewer,) = reader.timeline(window, 60, quantiles=False).buckets
    assert (fewer.statistics.average, fewer.statistics.maximum, fewer.statistics.errors) == (3.0, 6.0, 1)
    assert full.statistics.median is not None
    assert fewer.statistics == replace(full.statistics, median=None, p95=None, p99=None)


def test_workloads_are_timelines_with_few_figures(make, writer, read) -> None:
    writer.write(make.snapshot(make.row([1.0, 2.0, 6.0]), make.row([4.0], minute=make.now + 120)))
    window = Window(make.now, make.now + 180)
    with read() as reader:
        found = reader.workloads(window, 60, [make.page])[make.page]
    assert [(bucket.start - make.now, bucket.statistics) for bucket in found.buckets] == [
        (0, Workload(3, 3.0, 3.0)), (60, Workload(0, 0.0, None)), (120, Workload(1, 1.0, 4.0))
    ]  # fmt: skip


def test_the_last_bucket_is_averaged_over_its_part_of_the_window(make, writer, read) -> None:
    writer.write(make.snapshot(make.row([1.0] * 3)))
    (bucket,) = read().timeline(Window(make.now, make.now + 30), 600).buckets
    assert bucket.statistics.per_minute == 6.0


def test_the_last_bucket_counts_no_more_than_its_part_of_the_window(make, writer, read) -> None:
    writer.write(make.snapshot(*(make.row([1.0] * 3, minute=make.now + 60 * number) for number in range(20))))
    window = Window(make.now, make.now + 780)
    with read() as reader:
        rates = [bucket.statistics.per_minute for bucket in reader.timeline(window, 600).buckets]
        (trend,) = reader.timelines(window, 600, [make.page]).values()
    assert rates == [bucket.statistics.per_minute for bucket in trend.buckets] == [3.0, 3.0]


def test_a_window_includes_the_minutes_that_it_overlaps(make, writer, read) -> None:
    writer.write(make.snapshot(*(make.row([1.0], minute=make.now + 60 * number) for number in range(3))))
    with read() as reader:
        assert reader.totals(Window(make.now + 59, make.now + 61)).calls == 2
        assert reader.totals(Window(make.now + 60, make.now + 120)).calls == 1
        assert reader.totals(Window(make.now, make.now)).calls == 0


def test_samples_come_back_exactly(make, writer, read) -> None:
    odd = make.transaction(
        0.1, attributes={"text": "ü\ud800\0'\"", "whole": 2**70, "real": 1e-17, "flag": True}, disconnected=True,
        linked_applications=("b", "c"), errors=(NoticedError("m:E", "bad \udcff", expected=True),), apdex="frustrated",
        status=None, failed=True,
    )  # fmt: skip
    sample = replace(make.sample(0.1, reason="failed"), transaction=odd)
    writer.write(make.snapshot(samples=(sample,)))
    with read() as reader:
        (stored,) = reader.samples(make.always)
        told = odd._replace(attributes={"host.name": "host", **odd.attributes})
        assert (stored.transaction, stored.series, stored.reason) == (told, make.page, "failed")
        assert reader.sample(stored.id) == stored
        assert reader.sample(stored.id + 1) is None
        assert reader.links() == {"shop": ("b", "c")}


def test_the_slowest_and_the_latest_failed_samples_of_an_hour_are_kept(make, writer, read) -> None:
    slow = [make.sample(float(number), make.now + number) for number in range(20)]
    failed = [make.sample(1.0, make.now + number, reason="failed") for number in range(20)]
    later = make.sample(0.5, make.now + 3600)
    writer.write(make.snapshot(samples=(*slow[:10], *failed[10:])))
    writer.write(make.snapshot(samples=(*slow[10:], *failed[:10], later)))
    with read() as reader:
        kept = [sample.transaction.duration for sample in reader.samples(make.always, reason="slow")]
        assert kept == [19.0, 18.0, 17.0, 16.0, 15.0, 0.5]
        ends = [one.transaction.started + 1.0 for one in reader.samples(make.always, reason="failed")]
        assert sorted(ends) == [make.now + number for number in range(15, 20)]
        assert reader.health().lost == {"samples_thinned": 30}
        assert len(reader.samples(make.always, limit=3)) == 3
        assert reader.samples(make.always, Selection(kind="background")) == []


def test_errors_are_told_apart_by_type_message_and_expectation(make, writer, read) -> None:
    api = make.page._replace(name="GET /api")
    writer.write(
        make.snapshot(
            errors=(
                make.error("x", 2),
                make.error("x", 3, api, make.now + 60),
                make.error("x", 1, expected=True),
                make.error("y \udcff", 4),
            )
        )
    )
    with read() as reader:
        first, second, third = reader.errors(make.always)
        assert (first.type, first.message, first.expected, first.count) == ("shop:Broken", "x", False, 5)
        assert first.by_series == {make.page: 2, api: 3}
        assert first.last == make.now + 60
        assert (second.message, second.count) == ("y \\udcff", 4)
        assert (third.expected, third.count) == (True, 1)
        assert sum(error.count for error in reader.errors(make.always, Selection(name="GET /api"))) == 3
        assert reader.errors(Window(make.now + 120, make.now + 180)) == []


def test_errors_over_time_are_counted_in_the_steps_in_which_they_occurred(make, writer, read) -> None:
    api = make.page._replace(name="GET /api")
    later, much_later = make.now + 60, make.now + 600
    writer.write(
        make.snapshot(
            errors=(
                make.error("x", 2),
                make.error("x", 3, api, later),
                make.error("x", 5, minute=much_later),
                make.error("x", 1, minute=later, expected=True),
            )
        )
    )
    window = Window(make.now // 60 * 60, make.now // 60 * 60 + 660)
    with read() as reader:
        told = reader.error_timeline(window, 60)
        assert (told.step, tuple(told.starts)) == (60, tuple(range(int(window.since), int(window.until), 60)))
        assert told.counts[ErrorKey("shop:Broken", "x", False)] == [2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 5]
        assert told.counts[ErrorKey("shop:Broken", "x", True)] == [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        coarse = reader.error_timeline(window, 600, Selection(name=make.page.name))
        assert sum(coarse.counts[ErrorKey("shop:Broken", "x", False)]) == 7
        assert reader.error_timeline(Window(window.since - 600, window.since), 60).counts == {}


def test_overflow_errors_are_counted_by_type_and_noted(make, writer, read) -> None:
    writer.write(make.snapshot(errors=tuple(make.error(f"order {number}") for number in range(250))))
    with read() as reader:
        errors = reader.errors(make.always)
        assert sum(error.count for error in errors) == 250
        assert (errors[0].type, errors[0].message) == ("shop:Broken", "<other>")
        assert errors[0].count == 50 + 20, "what was too much, and the tenth that has made room since"
        assert reader.health().lost == {"errors": 50}


def test_overflow_series_are_counted_under_other(make, writer, read, limit) -> None:
    limit("series", 10)
    rows = [make.row([1.0], make.page._replace(name=f"GET /{number}")) for number in range(30)]
    writer.write(make.snapshot(*rows))
    with read() as reader:
        lines = {line.series.name: line.statistics.calls for line in reader.transactions(make.always)}
        assert sum(lines.values()) == reader.totals(make.always).calls == 30
        assert len(lines) <= 11
        assert lines["<other>"] == reader.health().lost["names"] == 31 - len(lines)


def test_open_transactions_are_those_of_the_last_snapshot(make, writer, read) -> None:
    writer.write(make.snapshot(running=(make.running(make.now - 50), make.running(make.now - 90, make.page))))
    writer.write(make.other("two").snapshot(running=(make.running(make.now - 999),)))
    with read() as reader:
        assert [(one.series, make.now - one.started, one.instance.id) for one in reader.running(make.now)] == [
            (make.job, 999, "two"), (make.page, 90, "one"), (make.job, 50, "one")
        ]  # fmt: skip
        writer.write(make.snapshot(running=(make.running(make.now),)))
        assert [(one.started, one.instance.id) for one in reader.running(make.now)] == [
            (make.now - 999, "two"), (make.now, "one")
        ]  # fmt: skip


def test_instances_and_what_they_lost(make, engine, writer, read) -> None:
    writer.write(make.snapshot(lost={"transactions": 5, "names": 1}))
    writer.write(make.snapshot(lost={"transactions": 2}, taken=make.now + 5))
    writer.write(make.other("two").snapshot(lost={"names": 1}))
    with read() as reader:
        first, second = reader.instances()
        assert (first.id, first.host, first.pid, first.program, first.seen) == ("one", "host", 17, "shop", make.now + 5)
        assert (first.lost, second.lost) == ({"names": 1, "transactions": 7}, {"names": 1})
        health = reader.health()
    assert health.lost == {"names": 2, "transactions": 7}
    assert health.last_write == make.now + 5
    assert health.owner == engine.owner
    assert health.size > 4096


def test_names_that_are_no_valid_text_are_stored_visibly(make, writer, read) -> None:
    bad = make.page._replace(name="GET /\udcff\ud800", application="shop\0")
    writer.write(make.snapshot(make.row([1.0], bad)))
    (line,) = read().transactions(make.always)
    assert line.series == bad._replace(name="GET /\\udcff\\ud800", application="shop\\x00")


@pytest.mark.parametrize("status", [-1, 1000, 10**9])
def test_a_status_that_is_none_is_counted_as_zero(make, writer, read, status) -> None:
    writer.write(make.snapshot(make.row([1.0], statuses={status: 1, 200: 1})))
    assert read().statuses(make.always) == {0: 1, 200: 1}


def test_a_damaged_histogram_spoils_nothing_else(make, path, writer, read, opened) -> None:
    writer.write(make.snapshot(make.row([1.0])))
    with opened() as other:
        other.execute("UPDATE totals SET histogram = x'7801'")
    writer.write(make.snapshot(make.row([2.0])))
    with read() as reader:
        found = reader.totals(make.always)
        assert found.calls == 2
        assert found.median == pytest.approx(2.0, rel=0.011)


def test_a_row_per_unit_and_a_scan_give_the_same(make, writer, read, limit) -> None:
    rows = [
        make.row([0.1 * number], make.page._replace(name=str(number)), make.now + 60 * number)
        for number in range(1, 15)
    ]
    writer.write(make.snapshot(*rows))
    looked_up = read().transactions(make.always)
    limit("looked up", 0)
    assert read().transactions(make.always) == looked_up
    assert len(looked_up) == 14


@pytest.mark.timeout(300)
def test_a_window_of_centuries_is_read_at_once(make, writer, read) -> None:
    """Also where a clock was far ahead: no minute is looked at that nothing was counted in."""
    ahead = make.now + 300 * 365 * 86400.0
    writer.write(make.snapshot(make.row([1.0]), make.row([2.0], minute=ahead), errors=(make.error("x", minute=ahead),)))
    centuries = Window(0, 253402300799.0)
    with read() as reader:
        assert reader.totals(centuries).calls == 2
        assert [one.statistics.calls for one in reader.transactions(centuries)] == [2]
        assert reader.errors(centuries)[0].count == 1
        for selection in (Selection(), Selection(name=make.page.name)):
            timeline = reader.timeline(centuries, 60, selection)
            assert len(timeline.buckets) <= 10_001
            assert sum(bucket.statistics.calls for bucket in timeline.buckets) == 2


def test_drops_are_those_of_a_window_and_of_the_processes_that_report_an_application(make, writer, read) -> None:
    api = make.page._replace(application="api")
    with read_before_any_loss(make, writer, read) as reader:
        assert reader.dropped(make.always) == {}
        writer.write(make.snapshot(make.row([1.0]), make.row([1.0], api), lost={"names": 2, "samples": 0}))
        two = make.other("two")
        writer.write(two.snapshot(make.row([1.0], api), lost={"names": 5}, taken=make.now + 70))
        writer.write(two.snapshot(lost={"names": 1}, taken=make.now + 70))  # whose, it does not say
        assert reader.dropped(make.always) == {"names": 8}
        assert reader.dropped(make.always, "shop") == {"names": 3}
        assert reader.dropped(make.always, "api") == {"names": 8}
        assert reader.dropped(make.always, "third") == {"names": 1}
        assert reader.dropped(Window(make.now, make.now + 60)) == {"names": 2}
        assert reader.dropped(Window(make.now + 119, make.now + 180)) == {"names": 6}
        assert reader.dropped(Window(make.now - 60, make.now)) == {}


def read_before_any_loss(make, writer, read):
    writer.write(make.snapshot())
    return read()


def test_what_is_kept_of_drops_is_bounded_and_the_latest_stay(make, writer, read, limit) -> None:
    limit("dropped", 3)
    for minute in range(6):
        writer.write(make.snapshot(taken=make.now + 60 * minute, lost={"names": 10**minute}))
    with read() as reader:
        assert reader.dropped(make.always) == {"names": 111000}
        assert reader.health().lost == {"names": 111111}
