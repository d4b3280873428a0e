"""Where a limit on names is reached on a server, new names are hidden for no longer than the flood lasts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from weighbridge.transactions.store import eviction
from weighbridge.transactions.store.postgresql.names import Names
from weighbridge.transactions.store.reader import Selection, StoreReader, Window

from .conftest import NOW, PAGE, ServerEngine

EVER = Window(0, NOW * 2)
HOUR = 3600


@pytest.fixture
def server(cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerEngine]:
    """A store with small limits, whose rows are moved few at a time."""
    for limit in ("MAX_SERIES", "MAX_ERRORS", "MAX_APPLICATIONS"):
        monkeypatch.setattr(Names, limit, 20)
    monkeypatch.setattr(eviction, "_ROWS_AT_ONCE", 30)
    engine = ServerEngine(cluster)
    yield engine
    engine.close()


def names(server: ServerEngine) -> dict[str, int]:
    with StoreReader.open(server.path) as reader:
        return {one.series.name: one.statistics.calls for one in reader.transactions(EVER)}


def test_names_make_room_and_no_sum_changes(server, make) -> None:
    writer = server.writer()
    for number in range(20):
        rows = [make.row([0.1], PAGE._replace(name=f"scan {number}.{n}"), NOW + number) for n in range(4)]
        rows.append(make.row([0.1], PAGE._replace(name="real"), NOW + number))
        errors = tuple(make.error(f"{number}.{n}", series=PAGE._replace(name="real"), minute=NOW) for n in range(3))
        writer.write(make.snapshot(*rows, taken=NOW + number, errors=errors))
    for later in range(8):
        writer.write(make.snapshot(taken=NOW + 60 + later))
    writer.write(make.snapshot(make.row([0.1], PAGE._replace(name="new"), NOW + 120), taken=NOW + 120))
    found = names(server)
    assert (found["new"], found["real"]) == (1, 20)
    assert sum(found.values()) == 101
    assert len(found) <= 21
    with StoreReader.open(server.path) as reader:
        assert reader.totals(EVER).calls == 101
        assert sum(error.count for error in reader.errors(EVER)) == 60
        assert reader.health().lost["names"] == reader.dropped(EVER)["names"] > 50


def test_applications_make_room_with_all_that_is_theirs(server, make) -> None:
    writer = server.writer()
    for number in range(12):
        series = [PAGE._replace(application=f"host {number}.{n}") for n in range(3)] + [PAGE]
        rows = [make.row([0.1], one, NOW + number) for one in series]
        errors = tuple(make.error("x", series=one, minute=NOW) for one in series)
        writer.write(
            make.snapshot(*rows, taken=NOW + number, errors=errors, samples=(make.sample(0.1, NOW, series[0]),))
        )
    for later in range(8):
        writer.write(make.snapshot(taken=NOW + 2 * HOUR + later))
    late = PAGE._replace(application="late")
    writer.write(make.snapshot(make.row([0.1], late, NOW + 2 * HOUR), taken=NOW + 2 * HOUR + 60))
    with StoreReader.open(server.path) as reader:
        found = {one.application: one.statistics.calls for one in reader.applications(EVER)}
        assert (found["shop"], found["late"]) == (12, 1)
        assert sum(found.values()) == 49
        assert len(found) <= 21
        (other,) = reader.transactions(EVER, Selection("<other>"))
        assert other.statistics.calls == found["<other>"]
        assert sum(error.count for error in reader.errors(EVER)) == 48
        assert len(reader.samples(EVER)) == 12


def test_a_name_that_comes_back_while_it_leaves_is_counted_once(server, make) -> None:
    writer = server.writer()
    writer.write(make.snapshot(*(make.row([0.1], PAGE._replace(name=f"name {n}"), NOW) for n in range(20)), taken=NOW))
    for later in range(12):
        rows = [make.row([0.1], PAGE._replace(name=f"name {n}"), NOW + later) for n in (0, 19)]
        writer.write(make.snapshot(*rows, taken=NOW + 2 * HOUR + later))
        assert sum(names(server).values()) == 20 + 2 * (later + 1)
