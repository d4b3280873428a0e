"""Stores that share a database, each in a schema of its own: none of them is in the way of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from click.testing import CliRunner

from weighbridge.cli.commands import weighbridge
from weighbridge.transactions.configuration.postgresql_url import parse_server_url
from weighbridge.transactions.store.postgresql.connection import ServerConnection
from weighbridge.transactions.store.postgresql.drivers import load_driver
from weighbridge.transactions.store.postgresql.merging import Merger
from weighbridge.transactions.store.postgresql.writer import ServerWriter
from weighbridge.transactions.store.reader import StoreReader, Window
from weighbridge.transactions.store.server import Collector

from ..clusters import Cluster
from .conftest import ServerEngine
from .maker import Maker

EVER = Window(0, 1e10)
EARLIER = "hashtext('weighbridge'), 1"
"""The lock that earlier versions take for themselves alone, whatever the schema."""


@pytest.fixture
def servers(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """Two empty stores in one database."""
    engines = ServerEngine(cluster), ServerEngine(cluster)
    yield engines[0].path, engines[1].path
    for engine in engines:
        engine.close()


def report(path: str, make: Maker) -> None:
    with closing(ServerWriter(path, load_driver())) as writer:
        writer.write(make.snapshot(make.row([1.0])))


def connected(path: str) -> ServerConnection:
    return ServerConnection(parse_server_url(path), load_driver())


def read(path: str) -> int:
    """The number of calls, as a report shows it: what waits is merged first, where that may be."""
    with StoreReader.open(path) as reader:
        reader.collect()
        return reader.totals(EVER).calls


def while_merging(path: str, make: Maker, act: Callable[[], object]) -> list[object]:
    """Merge, and do something in the middle of it; return what that gave."""
    found: list[object] = []

    def now() -> float:
        found.append(act())
        return make.now

    with closing(Merger(connected(path), clock=now)) as merger:
        merger.merge()
    return found


def test_one_is_merged_while_another_one_is(servers, make) -> None:
    one, other = servers
    report(one, make)
    report(other, make.other("two"))
    assert set(while_merging(one, make, lambda: read(other))) == {1}
    assert read(one) == 1


def test_one_that_is_being_merged_is_read_as_it_is(servers, make) -> None:
    one, _ = servers
    report(one, make)
    assert while_merging(one, make, lambda: read(one))[0] == 0
    assert read(one) == 1


@pytest.mark.parametrize("which", [0, 1])
def test_nobody_merges_while_an_earlier_version_does(servers, make, which) -> None:
    report(servers[which], make)
    with closing(connected(servers[0])) as connection, connection.transaction() as session:
        session.execute(f"SELECT pg_advisory_xact_lock({EARLIER})")
        assert read(servers[which]) == 0
    assert read(servers[which]) == 1


def test_an_earlier_version_does_not_merge_while_this_one_does(servers, make) -> None:
    def may_begin() -> object:
        with closing(connected(servers[0])) as connection, connection.transaction() as session:
            return session.execute(f"SELECT pg_try_advisory_xact_lock({EARLIER})").fetchone()

    report(servers[0], make)
    assert set(while_merging(servers[0], make, may_begin)) == {(False,)}
    assert may_begin() == (True,)


@pytest.mark.parametrize("schema", ["order", "current_user"])
def test_a_schema_may_be_called_like_a_word_of_sql(cluster, make, schema) -> None:
    path = f"{cluster.url('postgres')}?schema={schema}"
    with closing(Collector(path)) as collector:
        assert collector.upgrade()[0] == 0
        report(path, make)
        assert collector.collect() == 1
        assert collector.upgrade()[0] > 0
    with StoreReader.open(path) as reader:
        assert reader.totals(EVER).calls == 1
        assert (reader.health().owner, reader.health().size > 0) == ("owner", True)
    with closing(connected(path)) as connection, connection.session() as session:
        session.execute(f'DROP SCHEMA "{schema}" CASCADE')


def test_blanks_around_an_address_mean_nothing(servers, make) -> None:
    report(servers[0], make)
    done = CliRunner().invoke(weighbridge, ["collect", "--once", "--store", f" {servers[0]}\n"])
    assert done.output.endswith(": 1 snapshots merged\n"), done.output


def test_an_address_that_cannot_be_is_bad_usage() -> None:
    done = CliRunner().invoke(weighbridge, ["report", "--store", "postgresql://localhost/shop?connect_timeout=abc"])
    assert done.exit_code == 2
    assert "connect_timeout is 'abc', and must be a whole number of seconds" in done.output


@pytest.mark.parametrize(
    ("parameters", "environment", "kind"),
    [
        ("", {"PGTARGETSESSIONATTRS": "perhaps"}, "a parameter of the connection is not valid"),
        ("", {"PGSSLMODE": "perhaps"}, "a parameter of the connection is not valid"),
        ("&service=nowhere", {}, "a parameter of the connection is not valid"),
        ("&sslmode=require", {}, "the server does not encrypt"),
        ("&host=name.invalid", {}, "the name of the server is not known"),
        ("&port=1", {}, "there is no answer"),
    ],
)
def test_what_libpq_does_not_take_is_told_apart_from_a_server_that_is_away(
    servers, parameters, environment, kind
) -> None:
    done = CliRunner(env=environment).invoke(weighbridge, ["report", "--store", f"{servers[0]}{parameters}"])
    assert done.exit_code == 2
    assert f"cannot be read: {kind} (" in done.output
