"""A limit on names does not outlive what reached it; what is evicted is counted under another name, whole."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.transactions.recording.counts import decode_counts
from weighbridge.transactions.recording.histogram import decode
from weighbridge.transactions.recording.totals import COLUMNS, HISTOGRAMS, Totals
from weighbridge.transactions.store import eviction
from weighbridge.transactions.store.reader import Selection, StoreReader, Window
from weighbridge.transactions.store.sqlite.eviction import EvictableIds
from weighbridge.transactions.store.sqlite.ids import Ids
from weighbridge.transactions.store.sqlite.writer import StoreWriter

from .conftest import NOW, PAGE, Maker

HOUR, DAY = 3600, 86400


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ids, "MAX_SERIES", 20)
    monkeypatch.setattr(Ids, "MAX_ERRORS", 20)
    monkeypatch.setattr(eviction, "_ROWS_AT_ONCE", 30)


def figures(path: str) -> dict[object, object]:
    """What the store has counted, by resolution and time, of all series of an application and kind together."""
    found: dict[object, object] = {}
    with closing(sqlite3.connect(path)) as store:
        cursor = store.cursor()
        cursor.row_factory = sqlite3.Row
        rows = cursor.execute("SELECT * FROM totals JOIN series ON series.id = totals.series WHERE whole = 0")
        for row in rows:
            unit = (row["span"], row["start"], row["application"], row["kind"])
            read = {column: decode(row[column]) for column in HISTOGRAMS}
            others = {column: row[column] for column in COLUMNS if column not in {*HISTOGRAMS, "statuses"}}
            totals = found.setdefault(unit, Totals())
            assert isinstance(totals, Totals)
            totals.add(Totals(**others, **read, statuses=decode_counts(row["statuses"])))
        for width, start, count in store.execute("SELECT span, start, sum(count) FROM error_count GROUP BY 1, 2"):
            found["errors", width, start] = count
        assert store.execute(
            "SELECT count(*) FROM error_count WHERE error NOT IN"
            " (SELECT error.id FROM error JOIN series ON series.id = error.series)"
        ).fetchone() == (0,)
        assert store.execute("SELECT count(*) FROM totals WHERE series NOT IN (SELECT id FROM series)").fetchone() == (
            0,
        )
    return found


def names(path: str) -> dict[str, int]:
    with StoreReader.open(path) as reader:
        return {one.series.name: one.statistics.calls for one in reader.transactions(Window(0, NOW * 2))}


def write(writer: StoreWriter, make: Maker, at: float, *called: str, **more: object) -> None:
    rows = [make.row([0.1], PAGE._replace(name=name), at) for name in called]
    writer.write(make.snapshot(*rows, taken=at, **more))


def test_a_flood_hides_new_names_for_no_longer_than_it_lasts(make, writer, path) -> None:
    for number in range(30):
        write(writer, make, make.now + number, *(f"scan {number}.{n}" for n in range(5)))
    write(writer, make, make.now + 60, "new route")
    found = names(path)
    assert found["new route"] == 1
    assert sum(found.values()) == 151
    assert len(found) <= 21
    with StoreReader.open(path) as reader:
        assert reader.health().lost["names"] >= 131, "those that were not taken in, and those that left"
        assert reader.dropped(Window(0, NOW * 2), PAGE.application) == reader.health().lost


def test_those_called_least_in_the_last_hour_make_room_and_of_them_those_seen_longest_ago(make, writer, path) -> None:
    for number in range(15):
        write(writer, make, make.now + number * 4 * HOUR, f"idle {number}", f"idle {number}")
    now = make.now + 60 * HOUR
    write(writer, make, now, *["busy"] * 9, *["middling"] * 5, "once", "twice", "twice", "last")
    assert set(names(path)) >= {f"idle {number}" for number in range(15)}
    write(writer, make, now + 60, "one too many")
    for later in range(3):
        write(writer, make, now + 100 + later, "busy")
    found = names(path)
    assert {"busy", "middling", "once", "twice", "last", "one too many"} <= set(found)
    assert {name for name in found if name.startswith("idle")} == {f"idle {number}" for number in range(2, 15)}
    assert found["<other>"] == 4


def test_one_that_comes_back_is_new(make, writer, path) -> None:
    write(writer, make, make.now, *(f"name {number}" for number in range(20)))
    for later in range(8):
        write(writer, make, make.now + 2 * HOUR + later)
    before = names(path)
    assert "name 0" not in before
    write(writer, make, make.now + 3 * HOUR, "name 0")
    after = names(path)
    assert after["name 0"] == 1
    assert after["<other>"] == before["<other>"] == 2


def test_a_name_that_is_called_while_it_leaves_is_counted_once(make, path, monkeypatch) -> None:
    """Its rows are moved in several steps, and each process takes few of them."""
    monkeypatch.setattr("weighbridge.transactions.store.sqlite.writer._MAX_STEPS", 1)
    writer = StoreWriter(path)
    write(writer, make, make.now, *(f"name {number}" for number in range(20)))
    for later in range(30):
        write(writer, make, make.now + 2 * HOUR + later, "name 0", "name 19")
        assert sum(names(path).values()) == 20 + 2 * (later + 1)
    with StoreReader.open(path) as reader:
        assert reader.totals(Window(0, NOW * 2)).calls == 80


def test_samples_and_what_runs_are_found_under_the_other_name(make, writer, path) -> None:
    series = PAGE._replace(name="name 0")
    sample = make.sample(1.0, series=series)
    writer.write(make.other("two").snapshot(running=(make.running(make.now, series),)))
    write(writer, make, make.now, *(f"name {n}" for n in range(20)), samples=(sample,))
    write(writer, make, make.now + 1)
    other = Selection("shop", "web", "Route", "<other>")
    with StoreReader.open(path) as reader:
        (found,) = reader.samples(Window(0, NOW * 2), other)
        assert found.transaction.name == "name 0", "it says itself what it is"
        assert [one.series.name for one in reader.running(0)] == ["<other>"]


def test_a_flood_of_errors_hides_new_ones_for_no_longer_than_it_lasts(make, writer, path) -> None:
    """Messages with a number in each, as of missing keys."""
    for number in range(50):
        errors = tuple(make.error(f"{number}.{n}", minute=make.now + number) for n in range(3))
        write(writer, make, make.now + number, "page", errors=errors)
    write(writer, make, make.now + 70, "page", errors=(make.error("new", minute=make.now + 70),))
    with StoreReader.open(path) as reader:
        found = {error.message: error.count for error in reader.errors(Window(0, NOW * 2))}
    assert found["new"] == 1
    assert sum(found.values()) == 151
    assert len(found) <= 22


def test_a_flood_of_applications_hides_new_ones_for_no_longer_than_it_lasts(make, writer, path, monkeypatch) -> None:
    """Where their names come from strangers: of the host that they ask for, say."""
    monkeypatch.setattr(Ids, "MAX_APPLICATIONS", 20)

    def ask(at: float, *applications: str) -> None:
        rows = [make.row([0.1], PAGE._replace(application=one), at) for one in applications]
        writer.write(make.snapshot(*rows, taken=at, errors=tuple(make.error("x", series=row.series) for row in rows)))

    ask(make.now, "real", "real", "real")
    for number in range(30):
        ask(make.now + number, *(f"host {number}.{n}" for n in range(3)), "real")
    before = figures(path)
    for later in range(5):
        ask(make.now + 40 + later, "real")  # what was reached last is seen to a few writes later
    ask(make.now + 70, "new")
    with StoreReader.open(path) as reader:
        found = {one.application: one.statistics.calls for one in reader.applications(Window(0, NOW * 2))}
        assert (found["real"], found["new"]) == (38, 1)
        assert sum(found.values()) == 38 + 1 + 90
        assert len(found) <= 21
        lines = reader.transactions(Window(0, NOW * 2), Selection("<other>"))
        assert [line.series.name for line in lines] == ["<other>"]
        assert lines[0].statistics.calls == found["<other>"]
        assert sum(error.count for error in reader.errors(Window(0, NOW * 2))) == sum(found.values())
        assert reader.health().lost["names"] == reader.dropped(Window(0, NOW * 2))["names"] >= 90 - 20
    assert sum(unit.count for unit in before.values() if isinstance(unit, Totals)) == 123


def test_errors_of_a_name_that_makes_room_are_those_of_the_other_name(make, writer, path) -> None:
    """Those that it has itself are added up."""
    called = [f"name {number}" for number in range(20)]
    errors = [make.error("same", 2, PAGE._replace(name=name)) for name in called]
    errors += [make.error(f"of {name}", 1, PAGE._replace(name=name)) for name in called]
    write(writer, make, make.now, *called, errors=tuple(errors))
    for later in range(16):
        write(writer, make, make.now + 2 * HOUR + later)
        with StoreReader.open(path) as reader:
            assert sum(error.count for error in reader.errors(Window(0, NOW * 2))) == 60
    with StoreReader.open(path) as reader:
        (found,) = (error for error in reader.errors(Window(0, NOW * 2)) if error.message == "same")
    counts = {series.name: count for series, count in found.by_series.items()}
    assert counts["<other>"] == 4
    assert len(counts) == 19


@given(st.integers(0, 1 << 30))
@settings(max_examples=5)
def test_no_sum_changes_at_any_resolution(tmp_path_factory, seed: int) -> None:
    """However long rows have been kept, and however many of them belong to one name."""
    choose = random.Random(seed)
    path, make = str(tmp_path_factory.mktemp("room") / "store.db"), Maker()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ids, "MAX_SERIES", 1000)
        patch.setattr(Ids, "MAX_ERRORS", 1000)
        writer, now = StoreWriter(path), NOW
        for _ in range(20):
            now += choose.choice([20, 700, 5000, 40_000])
            rows, errors = [], []
            for _ in range(choose.randint(1, 6)):
                kind = choose.choice(["web", "background"])
                group = choose.choice(["Uri", "Route", "Python/Cron"])
                series = PAGE._replace(kind=kind, group=group, name=f"{choose.randrange(20)}")
                durations = [choose.expovariate(2) + 1e-7 for _ in range(choose.choice([1, 2, 200]))]
                rows.append(
                    make.row(
                        durations, series, now - choose.choice([0, 0, 600, 3 * HOUR]),
                        statuses={choose.choice([200, 404, 500]): len(durations)}, queued=2, queue_total=0.3,
                    )
                )  # fmt: skip
                errors.append(make.error(f"{choose.randrange(20)}", choose.randint(1, 9), series, now))
            writer.write(make.snapshot(*rows, taken=now, errors=tuple(errors)))
        patch.undo()
        patch.setattr(Ids, "MAX_SERIES", 10)
        patch.setattr(Ids, "MAX_ERRORS", 4)
        patch.setattr(eviction, "_ROWS_AT_ONCE", choose.choice([20, 1000]))
        before, moved = figures(path), 0
        with writer._connection.transaction() as connection:
            connection.execute("INSERT INTO over_limit VALUES ('series', 'shop')")
            connection.execute("INSERT INTO over_limit SELECT DISTINCT 'error', series FROM error LIMIT 3")
        while True:
            with writer._connection.transaction() as connection:
                step = eviction.next_eviction_step(EvictableIds(connection), now)
                if step is None:
                    break
                step()
            moved += 1
            if moved % 20 == 0:
                assert figures(path) == before
        assert moved > 5
        assert figures(path) == before
        writer.close()
