"""What a store on a server costs: ``python benchmarks/server_store.py postgresql://user@host/database``.

CPU of a process that reports, for each snapshot, and snapshots that one collector merges in a second of its CPU: as
they come every two seconds from 64 processes, and as they wait after an outage. The tables go to a schema of their own,
which is deleted afterwards. It checks that every transaction sent is counted.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))  # a safe path does not have it

import big_store
from measuring.on_server import backends, cpu_of, server_version
from measuring.tables import provenance, table

from weighbridge.transactions.configuration.postgresql_url import parse_server_url
from weighbridge.transactions.recording.snapshot import Instance, MinuteRow, Snapshot
from weighbridge.transactions.store.postgresql.connection import ServerConnection
from weighbridge.transactions.store.postgresql.drivers import load_driver
from weighbridge.transactions.store.postgresql.merging import Merger
from weighbridge.transactions.store.postgresql.writer import ServerWriter
from weighbridge.transactions.store.reader import StoreReader, Window
from weighbridge.transactions.store.server import Collector

_SCHEMA: Final = "weighbridge_benchmark"
_PROCESSES: Final = 64
_INTERVAL: Final = 10.0
_CALLS: Final = 3
_MAX_REPORTING: Final = 10.0
"""Milliseconds of CPU for a snapshot."""
_MIN_MERGED: Final = 140.0
"""Snapshots in a second of CPU."""


class Cost(NamedTuple):
    """Milliseconds of CPU for one snapshot."""

    own: float
    server: float


def main() -> None:
    """Report, merge, print; exit with 1 where something takes too long."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", help="the address of a database in which tables may be made")
    parser.add_argument("--names", type=int, default=200, help="in each snapshot")
    parser.add_argument("--snapshots", type=int, default=384, help="altogether, each time")
    options = parser.parse_args()
    with _tables(options.store) as url:
        waiting = _snapshots("wait", options.snapshots, options.names)
        coming = _snapshots("come", options.snapshots, options.names)
        reporting = _reporting(url, waiting)
        after_outage = _merging(url, len(waiting), 200)
        every_two_seconds = _coming(url, coming)
        _check(url, [*waiting, *coming])
        version = server_version(url)
    print(
        table(
            ["", "CPU a snapshot, ms", "of the server", "snapshots a second of CPU"],
            [
                _row("a process reports", reporting),
                _row("a collector merges, as they come", every_two_seconds),
                _row("a collector merges, after an outage", after_outage),
            ],
        )
    )
    slow = reporting.own > _MAX_REPORTING or 1000 / every_two_seconds.own < _MIN_MERGED
    print(f"\n{provenance([version])}\n\n{'too slow' if slow else 'all are fast enough'}")
    sys.exit(slow)


def _row(what: str, cost: Cost) -> list[str]:
    return [what, f"{cost.own:.1f}", f"{cost.server:.1f}", f"{1000 / cost.own:.0f}"]


@contextmanager
def _tables(store: str) -> Iterator[str]:
    """Empty tables, in a schema that is deleted afterwards."""
    url = f"{store}{'&' if '?' in store else '?'}schema={_SCHEMA}"
    _drop(url)
    with closing(Collector(url)) as collector:
        collector.upgrade()
    try:
        yield url
    finally:
        _drop(url)


def _drop(url: str) -> None:
    with closing(_connection(url)) as connection, connection.session() as session:
        session.execute(f"DROP SCHEMA IF EXISTS {_SCHEMA} CASCADE")


def _connection(url: str) -> ServerConnection:
    return ServerConnection(parse_server_url(url), load_driver(best=True))


def _snapshots(prefix: str, count: int, names: int) -> list[Snapshot]:
    """As busy processes take them one after the other, every ten seconds: each name was called a few times."""
    choose, began = random.Random(prefix), time.time() - _INTERVAL * (count // _PROCESSES)
    series = big_store.all_series(names)
    rows = [tuple(big_store.minute_row(one, 0, _CALLS, choose) for one in series) for _ in range(16)]
    found = []
    for number in range(count):
        turn, process = divmod(number, _PROCESSES)
        taken = began + _INTERVAL * turn
        instance = Instance(f"{prefix} {process}", f"host {process % 8}", process, began, "shop")
        minute = big_store.floor_to(taken, 60)
        some = tuple(MinuteRow(row.series, minute, row.totals) for row in rows[number % len(rows)])
        found.append(Snapshot(instance, turn + 1, taken, some))
    return found


def _measured(url: str, work: Callable[[], object], snapshots: int) -> Cost:
    server = backends(url)
    before, own = cpu_of(server), time.process_time()
    work()
    own = time.process_time() - own
    return Cost(own * 1e3 / snapshots, (cpu_of(server) - before) / snapshots)


def _reporting(url: str, snapshots: Sequence[Snapshot]) -> Cost:
    with closing(ServerWriter(url, load_driver(best=True))) as writer:
        writer.write(snapshots[0])  # the connection is made

        def report() -> None:
            for snapshot in snapshots[1:]:
                writer.write(snapshot)

        return _measured(url, report, len(snapshots) - 1)


def _merging(url: str, snapshots: int, at_once: int) -> Cost:
    with closing(Merger(_connection(url))) as merger:
        merger.maintain()

        def merge() -> None:
            while merger.merge(at_once):
                pass

        return _measured(url, merge, snapshots)


def _coming(url: str, snapshots: Sequence[Snapshot]) -> Cost:
    """Merge what comes in two seconds, again and again."""
    at_once = round(_PROCESSES * 2 / _INTERVAL)
    costs = []
    with closing(ServerWriter(url, load_driver(best=True))) as writer:
        for first in range(0, len(snapshots), at_once):
            some = snapshots[first : first + at_once]
            for snapshot in some:
                writer.write(snapshot)
            costs.append(_merging(url, len(some), at_once))
    return Cost(median(cost.own for cost in costs), median(cost.server for cost in costs))


def _check(url: str, snapshots: Sequence[Snapshot]) -> None:
    sent = sum(row.totals.count for one in snapshots for row in one.minutes)
    with StoreReader.open(url) as reader:
        found = reader.totals(Window(0, time.time() + 60)).calls
    if found != sent:
        raise AssertionError(f"{sent} transactions were sent, and {found} are counted")


if __name__ == "__main__":
    main()
