"""Counters only grow: across retention and eviction, and with a limit on names."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from weighbridge.exporting.measurements import families_of
from weighbridge.transactions.custom_values import CustomEvent, CustomEvents, CustomMetric
from weighbridge.transactions.recording.histogram import bin_of
from weighbridge.transactions.recording.name_limits import OTHER
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.store import eviction
from weighbridge.transactions.store.engines import source_at
from weighbridge.transactions.store.maintenance import Retention
from weighbridge.transactions.store.reader import CountedEver, ErrorType, StoreReader, Window

BOTH_ENGINES = True
DAY = 86400


class Counters:
    """What was read so far of each counter; those of `OTHER` are told by the composition, too."""

    def __init__(self, path: str, max_names: int | None = None) -> None:
        self._path = path
        self._reader = StoreReader.open(path)
        self._max_names = max_names
        self._read: dict[tuple[Series, str], int] = {}

    def grow(self) -> CountedEver:
        """Read; no counter has fallen, and one that has read nothing before reads the same."""
        ever = self._reader.ever(self._max_names)
        for scope in (ever.applications, ever.names, ever.hosts):
            for series, totals in scope.items():
                key = (series, ever.composition if series.name == OTHER else "")
                assert totals.count >= self._read.get(key, 0), f"{key} has fallen"
                assert sum(totals.histogram.values()) == totals.count
                self._read[key] = totals.count
        with closing(StoreReader.open(self._path)) as another:
            assert another.ever(self._max_names) == ever
        return ever

    def close(self) -> None:
        self._reader.close()


def calls(totals) -> int:
    return sum(one.count for one in totals.values())


def test_nothing_is_missing_and_nothing_falls_when_rows_expire(make, engine, path) -> None:
    writer = engine.writer(Retention(minutes=1, hours=5, samples=1))
    others = [make.other("two"), make.other("three")]
    writer.write(make.snapshot())
    with closing(Counters(path)) as counters:
        for day in range(14):
            at = make.now + day * DAY
            metric = CustomMetric("shop", "cart", int(at), 1, 2.0, 2.0, 2.0)
            event = CustomEvents("shop", "sale", 1, (CustomEvent("shop", "sale", at, {}),))
            row = make.row([1.0, 2.0], minute=at)
            row = replace(row, totals=replace(row.totals, statuses={200: 2}))
            writer.write(
                make.snapshot(
                    row, make.row([1.0], make.job, at), taken=at, errors=(make.error("x", minute=at),),
                    custom_metrics=(metric,), custom_events=(event,),
                )
            )  # fmt: skip
            for hour in range(0, 24, 3):
                for other in others:
                    writer.write(other.snapshot(taken=at + hour * 3600))
            ever = counters.grow()
            assert calls(ever.names) == calls(ever.applications) == calls(ever.hosts) == 3 * (day + 1)
            assert ever.errors == {ErrorType("shop", "web", "shop:Broken", False): day + 1}
            assert ever.custom_metrics == {("shop", "cart"): (day + 1, 2.0 * (day + 1))}
            assert ever.statuses == {"shop": {200: 2 * (day + 1)}}
        with closing(StoreReader.open(path)) as reader:
            kept = reader.totals(Window(0, at + DAY)).calls
        assert 0 < kept < calls(ever.names), "nothing has expired"


def test_a_type_of_errors_outlives_those_that_are_forgotten(make, engine, path) -> None:
    """Each message is an error of its own, and so is each transaction that it comes from."""
    writer = engine.writer(Retention(minutes=1, hours=5, samples=1))
    writer.write(make.snapshot(errors=(make.error("x", type="shop:Gone"),)))
    expected = {ErrorType("shop", "web", "shop:Broken", False): 0, ErrorType("shop", "web", "shop:Broken", True): 0}
    with closing(StoreReader.open(path)) as reader:
        for day in range(14):
            at = make.now + day * DAY
            series = make.page._replace(name=f"GET /{day}")
            errors = (
                make.error(f"first {day}", minute=at), make.error(f"other {day}", 2, series, at),
                make.error(f"third {day}", 3, minute=at, expected=True),
            )  # fmt: skip
            writer.write(
                make.snapshot(make.row([1.0], minute=at), make.row([1.0], series, at), taken=at, errors=errors)
            )
            for hour in range(0, 24, 6):
                writer.write(make.other(f"{day}").snapshot(taken=at + hour * 3600))
            for error in expected:
                expected[error] += 3
            ever = reader.ever()
            assert {error: ever.errors.get(error) for error in expected} == expected
    assert engine.count("error") < 40, "nothing was forgotten"
    assert ErrorType("shop", "web", "shop:Gone", False) not in ever.errors


def test_what_has_not_expired_keeps_its_name_after_a_long_pause(make, engine, path) -> None:
    writer = engine.writer(Retention(minutes=1, hours=5, samples=1))
    rows = [make.row([1.0] * 3, make.page._replace(name=f"GET /{n}")) for n in range(3)]
    writer.write(make.snapshot(*rows, errors=(make.error("x", 5, make.page._replace(name="GET /2")),)))
    with closing(StoreReader.open(path)) as reader:
        for number in range(60):
            at = make.now + 30 * DAY + number * 3600
            errors = (make.error("y", minute=at),)
            others = [make.other(one).snapshot(taken=at) for one in (f"two {number // 20}", f"three {number // 20}")]
            for snapshot in (make.snapshot(make.row([1.0], minute=at), taken=at, errors=errors), *others):
                writer.write(snapshot)
            ever = reader.ever()
            assert calls(ever.names) == calls(ever.applications) == 9 + number + 1
            assert sum(ever.errors.values()) == 5 + number + 1
        kept = reader.totals(Window(0, at + 60)).calls
    assert kept == 60, "nothing has expired"


def test_no_counter_falls_while_names_make_room(make, engine, path, limit, monkeypatch) -> None:
    monkeypatch.setattr(eviction, "_ROWS_AT_ONCE", 5)
    limit("series", 20)
    writer = engine.writer()
    writer.write(make.snapshot())
    written, compositions, halfway = 0, set(), 0
    with closing(Counters(path)) as counters:
        for number in range(40):
            at = make.now + number * 60
            names = ["GET /page", *(f"scan {number}.{n}" for n in range(2))]
            rows = [make.row([0.1] * (n + 1), make.page._replace(name=name), at) for n, name in enumerate(names)]
            writer.write(make.snapshot(*rows, taken=at))
            written += sum(row.totals.count for row in rows)
            ever = counters.grow()
            compositions.add(ever.composition)
            halfway += is_under_way(path)
            assert calls(ever.names) == calls(ever.applications) == written
            assert len(ever.names) <= 21
    assert len(compositions) > 2, "nothing was evicted"
    assert halfway > 2, "rows were moved, but never seen in the middle of it"


def is_under_way(path: str) -> bool:
    """Whether rows of evicted names are being moved."""
    source = source_at(path)
    with source.reading() as rows:
        found = bool(rows.evicted())
    source.close()
    return found


def test_hosts_that_make_room_count_under_other(make, engine, path, limit) -> None:
    limit("parts", {"host": 10})
    writer = engine.writer()
    writer.write(make.snapshot())
    with closing(Counters(path)) as counters:
        for number in range(30):
            at = make.now + number * 60
            snapshot = make.snapshot(make.row([1.0], minute=at), taken=at)
            writer.write(replace(snapshot, instance=replace(snapshot.instance, host=f"pod {number}")))
            assert calls(counters.grow().hosts) == number + 1


def test_names_beyond_the_limit_are_together(make, engine, path) -> None:
    writer = engine.writer()
    written = 0
    writer.write(make.snapshot())
    with closing(Counters(path, max_names=3)) as counters:
        for hour in range(30):
            at = make.now + hour * 3600
            names = [make.page._replace(name=f"GET /{n}") for n in range(5)] + [make.job]
            rows = [make.row([1.0] * ((hour * 7 + n * 3) % 5 + 1), name, at) for n, name in enumerate(names)]
            writer.write(make.snapshot(*rows, taken=at))
            written += sum(row.totals.count for row in rows)
            ever = counters.grow()
            assert calls(ever.names) == written
            told_apart = [series for series in ever.names if series.name != OTHER]
            assert len(told_apart) == 3
            assert {series.kind for series in ever.names} == {"web", "background"}


def test_a_limit_that_is_not_reached_changes_nothing(make, writer, path) -> None:
    writer.write(make.snapshot(make.row([1.0]), make.row([1.0], make.job)))
    with closing(StoreReader.open(path)) as reader:
        assert reader.ever(2) == reader.ever()
        assert OTHER in {series.name for series in reader.ever(1).names}


@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_store_that_nobody_has_upgraded_is_read(make, writer, path, aged, version) -> None:
    writer.write(make.snapshot(make.row([1.0, 2.0]), make.row([3.0], make.job), errors=(make.error("x"),)))
    writer.close()
    aged(version)
    with closing(StoreReader.open(path)) as reader:
        ever = reader.ever()
        assert reader.ever() == ever
    assert calls(ever.names) == calls(ever.applications) == 3
    assert sum(ever.errors.values()) == 1


def test_families_are_made_of_every_engine(make, writer, path) -> None:
    waits = {"queued": 1, "queue_total": 0.5, "queue_histogram": {bin_of(0.5): 1}}
    writer.write(make.snapshot(make.row([1.0, 2.0]), make.row([3.0], make.job, queue="mail", **waits)))
    with closing(StoreReader.open(path)) as reader:
        families = {family.name: family for family in families_of(reader, make.now)}
    durations = families["weighbridge.transaction.duration"].samples
    assert {dict(one.labels)["name"]: one.value.count for one in durations} == {"GET /page": 2, "shop.jobs:rebuild": 1}
    assert [one.value.sum for one in families["weighbridge.queue.transaction.queue.time"].samples] == [0.5]
    assert families["weighbridge.processes"].samples[0].value == 1
