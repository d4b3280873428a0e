"""Whatever an administrator has set for a database or a user, figures are the same, and go on being merged."""

from __future__ import annotations

import json
import random
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

import pytest

from weighbridge.reporting.dropped import dropped_details
from weighbridge.transactions.configuration.postgresql_url import parse_server_url
from weighbridge.transactions.custom_values import CustomMetric
from weighbridge.transactions.model.applications import application_named
from weighbridge.transactions.model.naming import LONGEST_NAME
from weighbridge.transactions.schedules import Schedule
from weighbridge.transactions.store.postgresql import merging, sending
from weighbridge.transactions.store.postgresql import writer as writer_module
from weighbridge.transactions.store.postgresql.connection import ServerConnection
from weighbridge.transactions.store.postgresql.drivers import load_driver
from weighbridge.transactions.store.postgresql.merging import Merger
from weighbridge.transactions.store.postgresql.sending import encode_snapshot
from weighbridge.transactions.store.postgresql.writer import ServerWriter
from weighbridge.transactions.store.reader import Selection, StoreReader, Window
from weighbridge.transactions.store.server import Collector, StoreFailure

from ..waiting import eventually
from .conftest import ServerEngine
from .maker import Maker

EVER = Window(0, 1e10)
ODD = (
    "statement_timeout = '5ms'",
    "idle_in_transaction_session_timeout = '1ms'",
    "default_transaction_isolation = serializable",
    "default_transaction_deferrable = on",
    "standard_conforming_strings = off",
    "bytea_output = escape",
    "extra_float_digits = -15",
    "search_path = pg_catalog",
    "DateStyle = 'German, DMY'",
    "IntervalStyle = iso_8601",
    "TimeZone = 'Pacific/Chatham'",
    "client_encoding = LATIN1",
    "enable_indexscan = off",
    "jit_above_cost = 0",
    "quote_all_identifiers = on",
    "transform_null_equals = on",
    "client_min_messages = debug1",
)


@pytest.fixture
def server(cluster) -> Iterator[ServerEngine]:
    """An empty store on a server."""
    engine = ServerEngine(cluster)
    yield engine
    engine.close()


@pytest.fixture
def administer(server) -> Iterator[Callable[[str], None]]:
    """Runs a statement as the owner of the server."""
    with closing(connected(server.path)) as connection:

        def run(statement: str) -> None:
            with connection.session() as session:
                session.execute(statement)

        yield run


def connected(path: str) -> ServerConnection:
    return ServerConnection(parse_server_url(path), load_driver())


def merge_all(path: str) -> int:
    """Merge until nothing waits; the server may take a moment to undo what has failed, and to give the lock back."""
    whole = 0
    with closing(Merger(connected(path))) as merger:
        while (merged := merger.merge()) != 0:
            whole += merged or 0
            time.sleep(0.01)
    return whole


def told(path: str, make: Maker) -> list[Any]:
    """Report as that user, merge, and return what is to be read."""
    odd = make.page._replace(name="GET /é\\n'x\\\\%s🙂")
    sample = make.sample(1.2345678901, make.now + 0.123456, odd, attributes={"a": "\\x é' %"})
    with closing(ServerWriter(path, load_driver())) as writer, closing(Merger(connected(path))) as merger:
        for _ in range(4):
            writer.write(
                make.snapshot(
                    make.row([1.0, 2.0], odd), make.row([3.0], statuses={200: 1}),
                    errors=(make.error("é\\"),), samples=(sample,), running=(make.running(make.now + 0.123457),),
                )
            )  # fmt: skip
            merger.merge(2)
    merge_all(path)
    with StoreReader.open(path) as reader:
        return [
            reader.totals(EVER),
            reader.statuses(EVER),
            [(one.series, one.statistics) for one in reader.transactions(EVER)],
            [(one.transaction.started, one.transaction.attributes) for one in reader.samples(EVER)],
            reader.errors(EVER),
            [one.started for one in reader.running(make.now)],
        ]


def test_settings_of_an_administrator_change_no_figure(cluster, server, administer) -> None:
    plain = told(server.path, Maker())
    other = ServerEngine(cluster)
    schema = parse_server_url(other.path).schema
    administer("CREATE ROLE administered LOGIN SUPERUSER PASSWORD 's3cret'")
    for setting in ODD:
        administer(f"ALTER ROLE administered SET {setting}")
    try:
        found = told(f"{cluster.url('postgres', 'administered', 's3cret')}?schema={schema}", Maker())
    finally:
        administer("DROP ROLE administered")
        other.close()
    assert plain[0].calls == 12
    assert found == plain


def test_a_connection_that_was_ended_while_nobody_used_it_is_opened_again(server, administer, make) -> None:
    """As by a restart, a firewall, or an ``idle_session_timeout``: no snapshot has to wait for the next attempt."""
    with closing(ServerWriter(server.path, load_driver())) as writer:
        writer.write(make.snapshot(make.row([1.0])))
        administer(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        writer.write(make.snapshot(make.row([1.0])))
    assert merge_all(server.path) == 2


def test_where_a_transaction_may_not_take_long_fewer_are_merged_at_once(server, administer, make, monkeypatch) -> None:
    schema = parse_server_url(server.path).schema
    administer(f"""
        CREATE FUNCTION {schema}.slow() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(0.1); RETURN NEW; END $$;
        CREATE TRIGGER slow BEFORE INSERT ON {schema}.totals FOR EACH ROW EXECUTE FUNCTION {schema}.slow()
    """)
    with closing(ServerWriter(server.path, load_driver())) as writer:
        for number in range(16):
            writer.write(make.snapshot(make.row([1.0], make.page._replace(name=f"GET /{number}"))))
    monkeypatch.setattr(merging, "_TIMEOUT", 1.0)
    with closing(Collector(server.path)) as collector:

        def is_merged() -> bool:
            with suppress(StoreFailure):
                collector.collect()
            return server.count("inbox") == 0

        eventually(is_merged)
    with StoreReader.open(server.path) as reader:
        assert reader.totals(EVER).calls == 16


def test_a_database_that_cannot_hold_every_name_is_refused(cluster, administer) -> None:
    administer("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    try:
        with closing(Collector(cluster.url("latin"))) as collector, pytest.raises(StoreFailure) as refused:
            collector.upgrade()
    finally:
        administer("DROP DATABASE latin")
    assert "cannot be upgraded: the encoding of the database is LATIN1, and must be UTF8" in str(refused.value)


def damaged(snapshot: Any, place: int, value: object) -> bytes:
    """A snapshot as bytes, with another value in its row."""
    data = zlib.decompress(encode_snapshot(snapshot)[1:])
    end = 4 + int.from_bytes(data[:4], "little")
    said = json.loads(data[4:end])
    said["rows"][0][place] = value
    text = json.dumps(said).encode()
    return b"\x01" + zlib.compress(len(text).to_bytes(4, "little") + text + data[end:])


@pytest.mark.parametrize(("place", "value"), [(1, "a text"), (4, 1 << 70), (2, 5)])
def test_a_snapshot_that_cannot_be_merged_holds_up_no_other(server, make, monkeypatch, place, value) -> None:
    with closing(ServerWriter(server.path, load_driver())) as writer:
        for number in range(7):
            snapshot = make.snapshot(make.row([1.0], queue="mail"))
            body = damaged(snapshot, place, value) if number == 3 else encode_snapshot(snapshot)
            with monkeypatch.context() as changed:
                changed.setattr(writer_module, "encode_snapshot", lambda _, body=body: body)
                writer.write(snapshot)
    merge_all(server.path)
    with StoreReader.open(server.path) as reader:
        assert reader.totals(EVER).calls == 6
        assert reader.dropped(EVER, "shop") == {"snapshots": 1}
        assert dropped_details(reader.health().lost) == [
            "1 snapshot was left out with all that a process had counted in it: the store could not take it"
        ]


def test_a_process_that_reports_many_applications_loses_nothing_with_what_it_dropped(server, make) -> None:
    generator = random.Random(5)
    many = [make.page._replace(application=f"{generator.getrandbits(200):x}") for _ in range(300)]
    with closing(ServerWriter(server.path, load_driver())) as writer:
        writer.write(make.snapshot(*(make.row([1.0], series) for series in many), lost={"samples": 7}))
    merge_all(server.path)
    with StoreReader.open(server.path) as reader:
        assert reader.totals(EVER).calls == 300
        assert reader.dropped(EVER, None) == reader.dropped(EVER, many[0].application) == {"samples": 7}


def test_the_longest_names_are_kept(server, make) -> None:
    generator = random.Random(5)

    def text(length: int) -> str:
        return "".join(chr(generator.randrange(0x20000, 0x2A000)) for _ in range(length))

    application = application_named(text(5000))
    with closing(ServerWriter(server.path, load_driver())) as writer:
        longest = make.page._replace(application=application.name, group=text(LONGEST_NAME), name=text(LONGEST_NAME))
        writer.write(make.snapshot(make.row([1.0], longest)))
    merge_all(server.path)
    with StoreReader.open(server.path) as reader:
        assert reader.totals(EVER).calls == 1
        assert reader.dropped(EVER, None) == {}


def test_one_that_would_fill_the_memory_is_left_out(server, make, monkeypatch) -> None:
    monkeypatch.setattr(sending, "_MAX_BYTES", 100)
    with closing(ServerWriter(server.path, load_driver())) as writer:
        writer.write(make.snapshot(make.row([1.0])))
    merge_all(server.path)
    with StoreReader.open(server.path) as reader:
        assert reader.health().lost == {"snapshots": 1}


def test_a_failure_that_no_snapshot_causes_leaves_none_out(server, make, monkeypatch) -> None:
    def fails(*_: object) -> None:
        raise LookupError("a bug")

    with closing(ServerWriter(server.path, load_driver())) as writer:
        writer.write(make.snapshot(make.row([1.0]), running=(replace(make.running(make.now), key="one"),)))
        merge_all(server.path)
        writer.write(make.snapshot(make.row([1.0])))
    with monkeypatch.context() as broken:
        broken.setattr(merging.KilledTasks, "find", fails)
        with pytest.raises(LookupError):
            merge_all(server.path)
    merge_all(server.path)
    with StoreReader.open(server.path) as reader:
        assert (reader.totals(EVER).calls, reader.health().lost) == (2, {})


def test_names_that_an_older_version_sends_uncut_are_those_that_are_cut(server, make) -> None:
    application, name = "a" * 128, "n" * LONGEST_NAME
    for length in (0, 5000):
        more = "ü" * length
        series = make.page._replace(application=application + more, name=name + more)
        one = make.other(f"{length}")
        one.instance = replace(one.instance, host="h" * 100 + more, version="v" * 100 + more)
        sample = one.sample(1.0, series=series, linked_applications=("l" * 128 + more,))
        metric = CustomMetric(application + more, name + more, int(make.now), 1, 2.0, 2.0, 2.0)
        declared = Schedule(application + more, "code", "Function", name + more, "@daily")
        with closing(ServerWriter(server.path, load_driver())) as writer:
            writer.write(
                one.snapshot(
                    one.row([1.0], series), errors=(one.error("é", series=series),), samples=(sample,),
                    custom_metrics=(metric,), schedules=(declared,), lost={"samples": 1},
                    running=(one.running(make.now, series),),
                )
            )  # fmt: skip
    merge_all(server.path)
    with StoreReader.open(server.path) as reader:
        assert [(one.series, one.statistics.calls) for one in reader.transactions(EVER)] == [
            (make.page._replace(application=application, name=name), 2)
        ]
        of_host = Selection(application, "web", host="h" * 100)
        assert reader.totals(EVER, of_host).calls == 2
        assert len(reader.samples(EVER, of_host)) == 2
        assert {one.host for one in reader.instances()} == {"h" * 100}
        assert reader.dropped(EVER, application) == {"samples": 2}
    assert server.count("link") == server.count("custom_metric") == server.count("schedule") == 1
