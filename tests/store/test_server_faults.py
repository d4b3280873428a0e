"""Whatever happens to a server or on the way to it, each snapshot is counted once."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import import_module

import pytest

from weighbridge.reporting.dropped import nobody_collects
from weighbridge.transactions.configuration.postgresql_url import parse_server_url
from weighbridge.transactions.recording.snapshot import StoreUnavailable
from weighbridge.transactions.schedules import Schedule
from weighbridge.transactions.store.postgresql import connection as connection_module
from weighbridge.transactions.store.postgresql import writer as writer_module
from weighbridge.transactions.store.postgresql.connection import ServerConnection, ServerFailure
from weighbridge.transactions.store.postgresql.drivers import _Psycopg, _Psycopg2, load_driver
from weighbridge.transactions.store.postgresql.merging import Merger
from weighbridge.transactions.store.postgresql.schema import VERSION
from weighbridge.transactions.store.postgresql.writer import ServerWriter
from weighbridge.transactions.store.reader import StoreReader, Window
from weighbridge.transactions.store.server import Collector

from ..clusters import Cluster
from ..documentation.pages import blocks
from ..waiting import eventually
from .conftest import ServerEngine
from .outage import PROGRAM, outage
from .proxies import Proxy

EVER = Window(0, 1e10)


@pytest.fixture
def server(cluster: Cluster) -> Iterator[ServerEngine]:
    """An empty store on a server."""
    engine = ServerEngine(cluster)
    yield engine
    engine.close()


def sent(path: str) -> ServerWriter:
    return ServerWriter(path, load_driver())


def merger(path: str) -> Merger:
    return Merger(ServerConnection(parse_server_url(path), load_driver()))


def counted(path: str) -> int:
    with closing(merger(path)) as last:
        last.merge_all()
    with StoreReader.open(path) as reader:
        return reader.totals(EVER).calls


def delivered(writer: ServerWriter, snapshot) -> None:
    """As a recorder does: try again until it is known to be there."""
    while True:
        try:
            return writer.write(snapshot)
        except StoreUnavailable:
            time.sleep(0.05)


def test_duplicates_that_race_with_merging_are_refused(server, make) -> None:
    done = threading.Event()

    def write(number: int) -> None:
        one, writer, twin = make.other(f"writer {number}"), sent(server.path), sent(server.path)
        for _ in range(15):
            snapshot = one.snapshot(one.row([1.0]))
            again = threading.Thread(target=twin.write, args=(snapshot,))
            again.start()
            writer.write(snapshot)
            again.join()
            writer.write(snapshot)
        writer.close()
        twin.close()

    def merge() -> None:
        with closing(merger(server.path)) as merging:
            while not done.is_set():
                merging.merge(3)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    mergers = [threading.Thread(target=merge) for _ in range(2)]
    for thread in (*writers, *mergers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in mergers:
        thread.join()
    assert counted(server.path) == 60


def test_replies_that_are_cut_off_cost_nothing_and_count_nothing_twice(server, cluster, make) -> None:
    proxy = Proxy(cluster.port, 0.3)
    with closing(proxy), closing(sent(server.path.replace(f":{cluster.port}/", f":{proxy.port}/"))) as writer:
        for _ in range(40):
            delivered(writer, make.snapshot(make.row([1.0] * 3)))
    assert proxy.cut > 3
    assert counted(server.path) == 120


@pytest.mark.timeout(600)
def test_a_server_that_crashes_loses_nothing(cluster) -> None:
    """Two processes on each of two hosts, which go on all the while; replies are cut off, and collectors race."""
    found = outage(cluster, "postgres", "outage", seconds=3)
    assert found.counted == found.made
    assert sorted(found.by_host) == ["host 0", "host 1"]
    assert sum(found.by_host.values()) == found.made
    for lines in found.said:
        assert len([line for line in lines.splitlines() if "cannot be written" in line]) <= 4, lines
        assert "s3c" not in lines
    connection = ServerConnection(parse_server_url(cluster.url("postgres")), load_driver())
    with closing(connection), connection.session() as session:
        session.execute("DROP SCHEMA outage CASCADE")


def test_a_collector_that_is_killed_leaves_everything_or_nothing(server, make) -> None:
    writer = sent(server.path)
    for _ in range(300):
        writer.write(make.snapshot(*(make.row([1.0], make.page._replace(name=f"{n}")) for n in range(20))))
    writer.close()
    command = [sys.executable, "-m", "weighbridge", "collect", "--store", server.path]
    for pause in (0.3, 0.6, 0.9):
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as collecting:
            assert collecting.stderr is not None
            collecting.stderr.readline()
            time.sleep(pause)
            collecting.kill()
    assert counted(server.path) == 6000


def test_a_process_that_is_killed_loses_its_last_interval_at_most(server) -> None:
    environment = {**os.environ, "WEIGHBRIDGE_STORE": server.path, "WEIGHBRIDGE_FLUSH_INTERVAL": "0.3"}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.replace("    number += 1", "    number += 1; print(number, flush=True)")],
        stdout=subprocess.PIPE, text=True, env=environment,
    ) as program:  # fmt: skip
        eventually(lambda: server.count("inbox") > 2)
        program.kill()
        out, _ = program.communicate()
    made = int(out.split()[-1])
    assert 0 < counted(server.path) <= made


def test_without_the_tables_of_jobs_all_else_goes_on_and_they_are_counted_as_dropped(server, make) -> None:
    connection = ServerConnection(parse_server_url(server.path), load_driver())
    with connection.session() as session:
        session.execute(
            "DROP TABLE @schedule, @reported, @sample_error, @moved_group, @moved_group_progress, @killed, @enqueued"
        )
        session.execute("ALTER TABLE @running DROP COLUMN key, DROP COLUMN queue")
        session.execute("ALTER TABLE @error_group DROP COLUMN expected")
        session.execute("UPDATE @store SET version = 2")
    try:
        writer = sent(server.path)
        writer.write(
            make.snapshot(make.row([1.0]), schedules=(Schedule("shop", "code", "Function", "job", "* * * * *"),))
        )
        writer.close()
        assert counted(server.path) == 1
        with StoreReader.open(server.path) as reader:
            assert reader.schedules(EVER, make.now) == []
            assert reader.workers("shop", make.now) == []
            assert reader.health().lost == {"schedules": 1}
    finally:
        with closing(Collector(server.path)) as collector:
            assert collector.upgrade() == (2, VERSION)
        connection.close()


def test_while_nobody_has_made_the_tables_the_figures_wait(cluster, make) -> None:
    path = f"{cluster.url('postgres')}?schema=not_yet"
    writer, snapshot = sent(path), make.snapshot(make.row([1.0]))
    with pytest.raises(StoreUnavailable, match="run: weighbridge store upgrade"):
        writer.write(snapshot)
    with closing(Collector(path)) as collector:
        assert collector.upgrade() == (0, VERSION)
        assert collector.upgrade() == (VERSION, VERSION)
    writer.write(snapshot)
    writer.close()
    assert counted(path) == 1
    with ServerConnection(parse_server_url(path), load_driver()).session() as session:
        session.execute("DROP SCHEMA not_yet CASCADE")
        session.close()


def test_a_full_inbox_takes_no_more_until_it_is_emptied(server, make, monkeypatch) -> None:
    monkeypatch.setattr(Merger, "merge", lambda *_: None)
    with closing(ServerWriter(server.path, load_driver(), inbox_rows=3)) as writer:
        for _ in range(3):
            writer.write(make.snapshot(make.row([1.0])))
        fourth = make.snapshot(make.row([1.0]))
        with pytest.raises(StoreUnavailable, match="3 snapshots wait, and nobody collects them"):
            writer.write(fourth)
        monkeypatch.undo()
        assert counted(server.path) == 3
        writer.write(fourth)
    assert counted(server.path) == 4


def test_a_process_that_reports_merges_where_nobody_does(server, make, monkeypatch) -> None:
    monkeypatch.setattr(writer_module, "_MAX_WAIT", -1.0)
    with closing(sent(server.path)) as writer:
        for _ in range(5):
            writer.write(make.snapshot(make.row([1.0])))
    assert server.count("inbox") <= 1
    assert counted(server.path) == 5


@contextmanager
def granted(name: str, server: ServerEngine, cluster: Cluster) -> Iterator[str]:
    """Give the store's address for a user who may do what the documentation grants."""
    address = parse_server_url(server.path)
    connection = ServerConnection(address, load_driver())
    with connection.session() as session:
        session.execute(f"CREATE ROLE {name} LOGIN PASSWORD 's3cret'")
        (grants,) = (one.code for one in blocks("text", "docs/how-to/postgresql.md") if one.title == f"{name}.sql")
        session.execute(grants.replace("weighbridge", address.schema))
    yield f"{cluster.url('postgres', name, 's3cret')}?schema={address.schema}"
    with connection.session() as session:
        session.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
    connection.close()


@pytest.fixture
def reporter(server, cluster) -> Iterator[str]:
    """The store's address for somebody who can report and read nothing."""
    with granted("reporter", server, cluster) as path:
        yield path


def test_a_role_may_read_all_tables_and_those_that_come_later_and_change_nothing(server, cluster, make) -> None:
    with closing(sent(server.path)) as writer:
        writer.write(make.snapshot(make.row([1.0])))
    with granted("viewer", server, cluster) as path:
        with StoreReader.open(path) as reader:
            reader.collect()
            assert reader.totals(EVER).calls == 0
            assert counted(server.path) == 1
            assert reader.totals(EVER).calls == 1
        owner, viewer = (ServerConnection(parse_server_url(one), load_driver()) for one in (server.path, path))
        with closing(owner), owner.session() as session:
            session.execute("CREATE TABLE @later (one integer)")
        with closing(viewer), viewer.session() as session:
            assert session.execute("SELECT count(*) FROM @later").fetchone() == (0,)
        with closing(viewer), pytest.raises(ServerFailure, match="may not do that"), viewer.session() as session:
            session.execute("DELETE FROM @totals")


def test_a_role_may_report_and_read_nothing(server, reporter, make, monkeypatch) -> None:
    monkeypatch.setattr(writer_module, "_MAX_WAIT", -1.0)
    with closing(sent(reporter)) as writer:
        for _ in range(2):
            writer.write(make.snapshot(make.row([1.0])))
    connection = ServerConnection(parse_server_url(reporter), load_driver())
    for secret in ("body FROM @inbox", "host FROM @instance", "* FROM @totals", "* FROM @sample"):
        with pytest.raises(ServerFailure, match="may not do that"), connection.session() as session:
            session.execute(f"SELECT {secret}")
    connection.close()
    assert counted(server.path) == 2


def test_a_server_that_only_reads_or_takes_no_more_connections_is_told_as_such(server, reporter, make) -> None:
    """A replica is read as any other server; what would change something is told what is the matter."""
    with closing(sent(server.path)) as writer:
        writer.write(make.snapshot(make.row([1.0])))
    assert counted(server.path) == 1
    connection = ServerConnection(parse_server_url(server.path), load_driver())
    with closing(connection), connection.session() as session:
        for setting in ("SET default_transaction_read_only = on", "CONNECTION LIMIT 0"):
            session.execute(f"ALTER ROLE reporter {setting}")
            why = (
                "may only be read, as that of a rep" if "only" in setting else "refuses the connection .*too many conn"
            )
            with closing(sent(reporter)) as writer, pytest.raises(StoreUnavailable, match=why):
                writer.write(make.snapshot(make.row([1.0])))
        session.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {connection.address.schema} TO reporter")
        session.execute("ALTER ROLE reporter CONNECTION LIMIT -1")
    with StoreReader.open(reporter) as reader:
        reader.collect()
        assert reader.totals(EVER).calls == 1


@pytest.mark.parametrize("driver", [_Psycopg, _Psycopg2])
def test_a_server_that_hangs_holds_nobody(server, make, driver, monkeypatch) -> None:
    """Its process is there, and the connection with it; but it does nothing, and nothing can end what it does."""
    monkeypatch.setattr(connection_module, "_GRACE", 1 - connection_module.STATEMENT_TIMEOUT)
    module = import_module(driver.__name__.strip("_").lower())
    with closing(ServerWriter(server.path, driver(module))) as writer:
        writer.write(make.snapshot(make.row([1.0])))
        with writer._connection.session() as session:
            ((hanging,),) = session.execute("SELECT pg_backend_pid()").fetchall()
        os.kill(hanging, signal.SIGSTOP)
        try:
            second = make.snapshot(make.row([1.0]))
            with pytest.raises(StoreUnavailable, match=r"there is no answer \(for 1 seconds\)"):
                writer.write(second)
            delivered(writer, second)  # by another connection
        finally:
            os.kill(hanging, signal.SIGCONT)
        writer.write(make.snapshot(make.row([1.0])))
    assert counted(server.path) == 3


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_no_message_has_the_password(cluster, driver) -> None:
    """Whatever is wrong, and whatever shows it."""
    urls = (
        f"postgresql://owner:s3cret%25x@127.0.0.1:{cluster.port}/postgres",
        f"postgresql://owner:s3cret%25x@127.0.0.1:{cluster.port}/nowhere",
        "postgresql://owner:s3cret%25x@127.0.0.1:1/postgres",
        "postgresql://owner:s3cret%x@127.0.0.1:1/postgres",
        "postgresql://owner:s3cret/x@127.0.0.1:1/postgres",
        "postgresql://owner:s3cret@127.0.0.1:1/postgres?sslmode=s3cret",
        "postgresql://owner@127.0.0.1:1/postgres?password=s3cret",
    )
    program = f"""
import {driver}, weighbridge
from weighbridge.cli import main
with weighbridge.BackgroundTask(name="x"):
    pass
weighbridge.flush()
"""
    for url in urls:
        environment = {**os.environ, "WEIGHBRIDGE_STORE": url, "WEIGHBRIDGE_SHUTDOWN_TIMEOUT": "1"}
        for command in (["-c", program], *(["-m", "weighbridge", *name.split()] for name in COMMANDS)):
            done = subprocess.run(
                [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=300, check=False
            )
            assert done.stdout + done.stderr, command
            assert "s3cret" not in done.stdout + done.stderr, (url, command)


COMMANDS = ("config", "report", "collect --once", "store upgrade")


GREEN = """
from gevent import monkey
monkey.patch_all()
import sys
if sys.argv[1]:
    __import__(sys.argv[1])
import gevent
import weighbridge

@weighbridge.background_task(name="green")
def job():
    gevent.sleep(0.01)

for _ in range(5):
    gevent.joinall([gevent.spawn(job) for _ in range(20)])
    gevent.sleep(0.4)
assert weighbridge.flush(timeout=200)
"""


@pytest.mark.parametrize("driver", ["", "psycopg", "psycopg2"])
def test_greenlets_report_by_each_driver(server, driver) -> None:
    environment = {**os.environ, "WEIGHBRIDGE_STORE": server.path, "WEIGHBRIDGE_FLUSH_INTERVAL": "0.3"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", GREEN, driver], env=environment, check=True, timeout=300)
    assert counted(server.path) == 100


POOLER = """
[databases]
postgres = host=127.0.0.1 port={port} user=owner password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
auth_type = any
pool_mode = transaction
default_pool_size = 2
"""


@pytest.fixture
def pooled(cluster, server, tmp_path) -> Iterator[str]:
    """The store's address by way of pgbouncer, which gives a connection to somebody else after each transaction."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    keywords = parse_server_url(server.path).keywords
    (cluster.folder / "pooler.ini").write_text(
        POOLER.format(port=cluster.port, password=keywords["password"], own=port), "utf-8"
    )
    command = [program, str(cluster.folder / "pooler.ini")]
    with subprocess.Popen(command, user=cluster.user, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as pooler:
        eventually(lambda: answers(port))
        yield server.path.replace(f":{cluster.port}/", f":{port}/")
        pooler.terminate()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_behind_a_pooler_of_connections(server, pooled, make) -> None:
    drivers = [_Psycopg(import_module("psycopg")), _Psycopg2(import_module("psycopg2"))]

    def write(number: int) -> None:
        one = make.other(f"writer {number}")
        with closing(ServerWriter(pooled, drivers[number % 2])) as writer:
            for _ in range(15):
                snapshot = one.snapshot(one.row([1.0]))
                writer.write(snapshot)
                writer.write(snapshot)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in writers:
        thread.start()
    with closing(merger(pooled)) as merging:
        while any(thread.is_alive() for thread in writers):
            merging.merge()
    for thread in writers:
        thread.join()
    assert counted(pooled) == 60


@pytest.mark.parametrize("command", ["collect --once", "store upgrade"])
def test_a_file_has_nothing_to_be_collected_or_upgraded(tmp_path, command) -> None:
    arguments = [*command.split(), "--store", str(tmp_path / "store.db")]
    done = subprocess.run(
        [sys.executable, "-m", "weighbridge", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "is a file: whoever writes to it merges at once" in done.stderr


def test_what_is_collected_once_is_said(server, make) -> None:
    with closing(sent(server.path)) as writer:
        for _ in range(3):
            writer.write(make.snapshot(make.row([1.0])))
    command = [sys.executable, "-m", "weighbridge", "collect", "--once", "--store", server.path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.endswith(": 3 snapshots merged\n")
    assert "s3c" not in done.stdout


def test_it_is_said_where_nobody_collects(server, make) -> None:
    with closing(sent(server.path)) as writer:
        writer.write(make.snapshot(make.row([1.0])))
    connection = ServerConnection(parse_server_url(server.path), load_driver())
    with connection.session() as session:
        session.execute("UPDATE @inbox SET received = received - 1000")
    connection.close()
    with StoreReader.open(server.path) as reader:
        waiting = reader.health().waiting
    assert nobody_collects(waiting) == "Nobody collects what processes report; the oldest has waited for 17 minutes"


@contextmanager
def table_locked(path: str, table: str) -> Iterator[None]:
    """Locks a table, as ``VACUUM FULL`` does, or a change of its columns."""
    connection = ServerConnection(parse_server_url(path), load_driver())
    with closing(connection), connection.transaction(timeout=300) as session:
        session.execute(f"LOCK TABLE @{table} IN ACCESS EXCLUSIVE MODE")
        yield


ENDING = """
import atexit, os, time

@atexit.register  # as the first, so it is called after weighbridge's
def say():
    print("ended", time.monotonic() - began)

import weighbridge

with weighbridge.BackgroundTask(name="job"):
    pass
began = time.monotonic()
"""


def test_a_program_that_ends_while_a_table_is_locked(server) -> None:
    """It waits no longer than it is told to, and what it sent is written once the lock is gone."""
    environment = {**os.environ, "WEIGHBRIDGE_STORE": server.path, "WEIGHBRIDGE_SHUTDOWN_TIMEOUT": "4"}
    with table_locked(server.path, "instance"):
        done = subprocess.run(
            [sys.executable, "-c", ENDING], env=environment, capture_output=True, text=True, timeout=60, check=True
        )
    word, seconds = done.stdout.split()
    assert word == "ended"
    assert 4 <= float(seconds) < 8
    assert "the last figures of this process could not be written so far" in done.stderr
    eventually(lambda: server.count("inbox") == 1)
    assert counted(server.path) == 1


def test_a_process_that_reports_is_not_held_up_by_a_locked_table(server, make, monkeypatch) -> None:
    """Where nobody collects it would merge; but what it has to send waits in the inbox just as well."""
    monkeypatch.setattr(writer_module, "_MAX_WAIT", -1.0)
    with closing(sent(server.path)) as writer, table_locked(server.path, "totals"):
        for _ in range(3):
            writer.write(make.snapshot(make.row([1.0])))
        assert server.count("inbox") == 3
    assert counted(server.path) == 3
