"""What is kept beside names: hosts, versions, queues, outcomes, queue times, and all that was ever counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from weighbridge.transactions.recording.histogram import bin_of
from weighbridge.transactions.recording.snapshot import Instance, Snapshot
from weighbridge.transactions.recording.totals import OUTCOMES, Totals
from weighbridge.transactions.store.engines import source_at
from weighbridge.transactions.store.maintenance import Retention
from weighbridge.transactions.store.reader import Selection, Window
from weighbridge.transactions.store.resolutions import SINCE_EVER, RowRange
from weighbridge.transactions.store.rows import Grouping

BOTH_ENGINES = True
DAY = 86400
MINUTES = RowRange(60, 0, 1 << 40)
EVER = RowRange(SINCE_EVER, 0, 1)


def counts(path: str, scope, part: RowRange = MINUTES) -> dict[str, int]:
    """Calls by name, or by host, version or queue."""
    source = source_at(path)
    with source.reading() as rows:
        series = rows.series(Selection(), scope)
        found = {}
        for number, count, *_ in rows.sums("totals", Grouping(by_series=True), [part], series):
            found[series[number].name] = found.get(series[number].name, 0) + count
    source.close()
    return found


def of(snapshot: Snapshot, **instance: str) -> Snapshot:
    return replace(snapshot, instance=replace(snapshot.instance, **instance))


def test_hosts_versions_and_queues_add_up_to_the_whole(make, writer, path, read) -> None:
    two = make.other("two")
    writer.write(of(make.snapshot(make.row([1.0, 2.0]), make.row([1.0], make.job, queue="mail")), version="1.4"))
    writer.write(of(two.snapshot(two.row([1.0] * 3), two.row([1.0], two.job, queue="fast")), host="b", version="1.5"))
    writer.write(of(two.snapshot(two.row([1.0] * 5, two.job)), host="b", version="1.5"))
    assert counts(path, "all") == {"": 12}
    assert counts(path, "host") == {"host": 3, "b": 9}
    assert counts(path, "version") == {"1.4": 3, "1.5": 9}
    assert counts(path, "queue") == {"mail": 1, "fast": 1}
    assert counts(path, "name") == {"GET /page": 5, "shop.jobs:rebuild": 7}
    with read() as reader:
        assert [one.series.name for one in reader.transactions(make.always)] == ["shop.jobs:rebuild", "GET /page"]


def test_hosts_have_figures_and_processes(make, engine, writer, read) -> None:
    two = make.other("two")
    writer.write(of(make.snapshot(make.row([1.0, 2.0]), make.row([1.0], make.job)), host="a"))
    writer.write(of(two.snapshot(two.row([3.0] * 3)), host="b"))
    writer.write(of(make.other("three").snapshot(), host="b"))
    with read() as reader:
        first, second = reader.hosts(make.always, make.now)
        assert (first.host, first.statistics.calls, first.processes) == ("a", 3, 1)
        assert (second.host, second.statistics.maximum, second.processes) == ("b", 3.0, 2)
        assert first.last_seen == make.now
        assert (first.clock_difference is None) == (engine.name == "sqlite")
        (jobs,) = (one for one in reader.hosts(make.always, make.now, JOBS) if one.host == "a")
        assert jobs.statistics.calls == 1
        lines = reader.transactions(make.always, Selection(kind="web"), scope="host")
        assert [(line.series.name, line.statistics.calls) for line in lines] == [("b", 3), ("a", 2)]


JOBS = Selection("shop", "background")


def test_a_program_without_a_version_has_no_rows_of_one(make, writer, path) -> None:
    writer.write(make.snapshot(make.row([1.0])))
    assert counts(path, "version") == {}
    assert counts(path, "queue") == {}


@pytest.mark.parametrize("scope", ["host", "version"])
def test_those_seen_longest_ago_make_room(make, engine, path, limit, scope) -> None:
    limit("parts", {scope: 10})
    writer = engine.writer()
    for number in range(35):
        at = make.now + number * 3600
        writer.write(of(make.snapshot(make.row([1.0], minute=at), taken=at), **{scope: f"part {number}"}))
        writer.write(make.snapshot(taken=at))
    for _ in range(30):
        writer.write(make.snapshot(taken=make.now + 35 * 3600))
    found = counts(path, scope)
    assert sum(found.values()) == 35
    assert len(found) <= 11
    assert found["part 34"] == 1
    assert found["<other>"] == 35 - (len(found) - 1)


def test_the_first_report_of_a_version_is_a_mark(make, writer, read) -> None:
    instances = [("a", "1.4"), ("b", "1.5"), ("a", "1.4")]
    for number, (name, version) in enumerate(instances):
        at, one = make.now + number * 60, make.other(f"{name} {number}")
        rows = (one.row([1.0], minute=at), one.row([1.0], one.job, minute=at))
        writer.write(of(one.snapshot(*rows, taken=at), version=version))
    with read() as reader:
        found = reader.marks(make.always, "shop")
        assert [(one.application, one.moment - make.now, one.kind, one.name) for one in found] == [
            ("shop", 0, "version", "1.4"), ("shop", 60, "version", "1.5")
        ]  # fmt: skip
        assert [one.name for one in reader.marks(Window(make.now + 30, make.now + 90))] == ["1.5"]
        assert reader.marks(make.always, "office") == []


def test_outcomes_and_queue_times_are_kept_at_every_resolution(make, engine, path, read) -> None:
    writer = engine.writer()
    outcomes = {outcome: number for number, outcome in enumerate(OUTCOMES, 1)}
    waits = {"queued": 2, "queue_total": 3.5, "queue_maximum": 3.0, "queue_histogram": {bin_of(0.5): 1, bin_of(3.0): 1}}
    writer.write(make.snapshot(make.row([1.0] * 28, make.job, **outcomes, **waits)))
    for _ in range(20):
        writer.write(make.snapshot(taken=make.now + 2 * DAY))
    writer.write(make.snapshot(make.row([1.0] * 28, make.job, **outcomes, **waits), taken=make.now + 2 * DAY))
    with read() as reader:
        (line,) = reader.transactions(make.always)
    assert {outcome: getattr(line.totals, outcome) for outcome in OUTCOMES} == {
        outcome: 2 * number for outcome, number in outcomes.items()
    }
    assert line.statistics.errors == line.totals.errors == 2 * (2 + 6 + 7)
    assert (line.totals.queued, line.totals.queue_total, line.totals.queue_maximum) == (4, 7 * 10**9, 3 * 10**9)
    assert line.totals.queue_histogram == {bin_of(0.5): 2, bin_of(3.0): 2}
    assert line.statistics.queue_time == 7 / 4


def test_what_expires_is_counted_since_ever(make, engine, path, read) -> None:
    """So that a counter that is made of it and of what is kept only grows, until its application is forgotten."""
    writer = engine.writer(Retention(minutes=1, hours=5, samples=1))
    others = [make.other("two"), make.other("three")]
    written, greatest = 0, 0
    for day in range(30):
        at = make.now + day * DAY
        name = "GET /once" if day == 0 else "GET /page"
        writer.write(make.snapshot(make.row([1.0, 2.0], make.page._replace(name=name), at), taken=at))
        written += 2
        for hour in range(24):
            for other in others:
                writer.write(other.snapshot(taken=at + hour * 3600))
        with read() as reader:
            kept = reader.totals(Window(0, at + DAY)).calls
        ever = sum(counts(path, "name", EVER).values())
        assert ever + kept == written
        assert ever == sum(counts(path, "all", EVER).values())
        greatest = max(greatest, ever)
    assert greatest > 40
    assert counts(path, "name", EVER).keys() == {"<other>", "GET /page"}, "what was called once is forgotten"


def test_the_sum_of_totals_does_not_depend_on_the_order(make, engine, path, read) -> None:
    rows = [make.row([number / 7], minute=make.now + 60 * (number % 5)) for number in range(1, 50)]
    expected = Totals.of(row.totals for row in rows)
    for order in (rows, rows[::-1], sorted(rows, key=lambda row: row.totals.total % 13)):
        assert Totals.of(row.totals for row in order) == expected
    writer = engine.writer()
    for row in rows:
        writer.write(make.snapshot(row))
    with read() as reader:
        (line,) = reader.transactions(make.always)
        assert replace(line.totals, statuses={}) == expected


def test_an_instance_without_a_host_has_no_rows_of_one(make, writer, path) -> None:
    anonymous = replace(make.snapshot(make.row([1.0])), instance=Instance("x", "", 1, make.now, "shop"))
    writer.write(anonymous)
    assert counts(path, "host") == {}
