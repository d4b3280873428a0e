"""A store on a server: one stream of all machines, whoever sends it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from weighbridge.cli.commands import weighbridge
from weighbridge.transactions.configuration.postgresql_url import parse_server_url
from weighbridge.transactions.recording.snapshot import Instance, MinuteRow, Snapshot
from weighbridge.transactions.store.postgresql.connection import ServerConnection
from weighbridge.transactions.store.postgresql.drivers import load_driver
from weighbridge.transactions.store.postgresql.writer import ServerWriter
from weighbridge.transactions.store.server import Collector

from ..clusters import Cluster
from ..waiting import eventually
from .calls import JOB, PAGE, row, told
from .receiver import Receiver
from .test_loop import Command, agree, counts

DURATION = "weighbridge.transaction.duration"


@pytest.fixture
def url(cluster: Cluster) -> Iterator[str]:
    """An empty store on a server, in a schema of its own."""
    found = f"{cluster.url('postgres')}?schema=otlp_{uuid4().hex}"
    with closing(Collector(found)) as collector:
        collector.upgrade()
    yield found
    execute(found, f"DROP SCHEMA {parse_server_url(found).schema} CASCADE")


def execute(url: str, statement: str) -> None:
    connection = ServerConnection(parse_server_url(url), load_driver())
    with closing(connection), connection.session() as session:
        session.execute(statement)


def send(url: str, *rows: MinuteRow, host: str = "one") -> None:
    """Send what a process of some machine has counted; it is not merged yet."""
    instance = Instance(uuid4().hex, host, 1, time.time() - 60, "test")
    with closing(ServerWriter(url, load_driver())) as writer:
        writer.write(Snapshot(instance, 1, time.time(), rows))


def export(url: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    return CliRunner().invoke(weighbridge, ["export", "otlp", "--once", "--store", url])


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_all_machines_are_one_stream(
    url: str, receiver: Receiver, temporality: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", temporality)
    for number in (3, 4):
        send(url, row(PAGE, [0.1] * number), host="one")
        send(url, row(PAGE, [0.1] * number), row(JOB, [1.0]), host="other")
        done = export(url, receiver, monkeypatch)
        assert done.exit_code == 0, done.output
        assert "s3c" not in done.output
        assert counts(receiver) == told(url)
    assert counts(receiver)["shop", PAGE.name] == 14
    assert len({one["service.instance.id"] for one, _, _ in receiver.points(DURATION)}) == 1
    assert "host.name" not in receiver.points(DURATION)[0][0]


def test_a_store_without_the_table_is_told_what_to_run(
    url: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(url, row(PAGE, [0.1]))
    execute(url, f"DROP TABLE {parse_server_url(url).schema}.export_cursor")
    done = export(url, receiver, monkeypatch)
    assert done.exit_code == 2
    assert "there are no tables for it; run: weighbridge store upgrade" in done.stderr
    assert receiver.sent() == []


def test_the_collector_sends_where_the_settings_say_so(
    url: str, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> None:
    send(url, row(PAGE, [0.1] * 4))
    command = Command(
        tmp_path_factory.mktemp("collect") / "log", "collect", "--every", "0.2", "--store", url,
        WEIGHBRIDGE_OTLP_METRICS="on", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_METRIC_EXPORT_INTERVAL="200",
    )  # fmt: skip
    try:
        eventually(lambda: counts(receiver) == {("shop", PAGE.name): 4})
        send(url, row(PAGE, [0.1] * 5))
        eventually(lambda: counts(receiver) == {("shop", PAGE.name): 9})
        agree(receiver, url)
    finally:
        status = command.stop()
    assert status == 0, command.said
    assert "s3c" not in command.said
