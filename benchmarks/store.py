"""What the store costs: ``python benchmarks/store.py``.

Rows written per second by 1 and by 8 processes that do nothing else, for how long a write keeps the others out, bytes
per day for 200 names, and what rolling up costs. It checks that every transaction written is in the store. How fast it
answers is measured by console.py.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))  # a safe path does not have it

import big_store
from measuring.processes import end_with
from measuring.tables import provenance, table

from weighbridge.transactions.recording.snapshot import Instance, Snapshot
from weighbridge.transactions.store.maintenance import DEFAULT_RETENTION
from weighbridge.transactions.store.reader import StoreReader, Window
from weighbridge.transactions.store.resolutions import COARSE_WIDTHS, FINEST
from weighbridge.transactions.store.sqlite.connection import StoreConnection
from weighbridge.transactions.store.sqlite.ingest import ingest, prepare_snapshot
from weighbridge.transactions.store.sqlite.maintenance import MaintainedTables
from weighbridge.transactions.store.sqlite.schema import upgrade
from weighbridge.transactions.store.sqlite.tables import PRESENT, define_functions

_NAMES = 200
_DAY = 86400
_START = 1_800_000_000
_CALLS = 3
_TIMEOUT = 60.0
"""Seconds for one write: the store is busier here than it ever is."""


class Held(NamedTuple):
    """What one write took, in seconds."""

    waited: float
    """For its turn."""
    locked: float
    """From its turn to the end of the transaction: all others wait."""
    prepared: float
    """Before: nobody waits."""


class Worked(NamedTuple):
    """What one process did."""

    began: float
    ended: float
    calls: int
    writes: list[Held]


def main() -> None:
    """Print it all; it takes a minute or two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", help="one that big_store.py has made; else one is made")
    parser.add_argument("--writes", type=int, default=60, help="of each process")
    parser.add_argument("--names", type=int, default=_NAMES, help="in each write")
    options = parser.parse_args()
    head = ["processes", "rows a second", "a write prepared, ms", "waits", "holds the lock", "95 %", "longest"]
    print(table(head, [_writing(count, options.writes, options.names) for count in (1, 8)]))
    with _month(options.store, options.names) as path:
        head = ["rows of", "a day", "bytes a row", "MB a day", "made from finer ones in, ms", "CPU"]
        print(f"\n{table(head, _levels(path))}\n")
        print(f"The file of the month: {Path(path).stat().st_size / 1e6:.0f} MB.\n")
    print(provenance([f"SQLite {sqlite3.sqlite_version}"]))


def _snapshots(instance: str, count: int, names: int) -> list[Snapshot]:
    """As a busy process takes them every five seconds: each name was called a few times."""
    choose = random.Random(instance)
    about = Instance(instance, "host", 1, _START, "shop")
    return [
        Snapshot(about, number + 1, _START + 5.0 * number, tuple(
            big_store.minute_row(one, (_START + 5 * number) // 60 * 60, _CALLS, choose)
            for one in big_store.all_series(names)
        ))
        for number in range(count)
    ]  # fmt: skip


def _writing(processes: int, count: int, names: int) -> list[str]:
    """A line of the table: so many processes write as fast as they can."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "store.db"))
        done: multiprocessing.Queue[Worked] = spawn.Queue()
        ready = spawn.Barrier(processes)
        workers = [
            spawn.Process(target=_write, args=(os.getpid(), path, f"{number}", count, names, ready, done), daemon=True)
            for number in range(processes)
        ]
        for worker in workers:
            worker.start()
        found = [done.get(timeout=_TIMEOUT * count) for _ in workers]
        for worker in workers:
            worker.join()
        _check(path, sum(worked.calls for worked in found))
    seconds = max(worked.ended for worked in found) - min(worked.began for worked in found)
    return [f"{processes}", f"{processes * count * names / seconds:,.0f}", *_times(found)]


def _times(found: list[Worked]) -> Iterator[str]:
    writes = [held for worked in found for held in worked.writes]
    locked = [held.locked for held in writes]
    yield f"{median(held.prepared for held in writes) * 1e3:.1f}"
    for seconds in (median(held.waited for held in writes), median(locked), quantiles(locked, n=20)[-1], max(locked)):
        yield f"{seconds * 1e3:.1f}"


def _write(
    parent: int, path: str, instance: str, count: int, names: int, ready: Barrier, done: multiprocessing.Queue[Worked]
) -> None:
    end_with(parent)
    snapshots, connection = _snapshots(instance, count, names), StoreConnection(path, "rw")
    ready.wait()
    began = time.perf_counter()
    writes = [_write_one(connection, snapshot) for snapshot in snapshots]
    ended = time.perf_counter()
    connection.close()
    done.put(Worked(began, ended, sum(row.totals.count for one in snapshots for row in one.minutes), writes))


def _write_one(connection: StoreConnection, snapshot: Snapshot) -> Held:
    """What a `StoreWriter` does, with a look at the clock in between."""
    began = time.perf_counter()
    ready = prepare_snapshot(snapshot)
    prepared = time.perf_counter()
    while True:
        try:
            with connection.transaction() as store:
                locked = time.perf_counter()
                upgrade(store, snapshot.taken)
                ingest(store, ready, DEFAULT_RETENTION)
            return Held(locked - prepared, time.perf_counter() - locked, prepared - began)
        except sqlite3.OperationalError:  # it was not its turn for two seconds
            if time.perf_counter() - prepared > _TIMEOUT:
                raise


def _check(path: str, calls: int) -> None:
    with StoreReader.open(path) as reader:
        found = reader.totals(Window(_START, _START + _DAY)).calls
    if found != calls:
        raise AssertionError(f"{calls} transactions were written, and {found} are in the store")


@contextmanager
def _month(given: str | None, names: int) -> Iterator[str]:
    """The store of a month that was given, or a new one."""
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "month.db"))
        big_store.make(path, time.time(), names=names)
        yield path


def _levels(path: str) -> Iterator[list[str]]:
    """Size and cost of each resolution; what is rolled up is undone."""
    with closing(sqlite3.connect(path, isolation_level=None)) as store:
        define_functions(store)
        finer = dict(zip(COARSE_WIDTHS, (FINEST, *COARSE_WIDTHS), strict=False))
        length = "sum(length(histogram) + length(statuses) + 110)"  # 110: the other columns and what SQLite adds
        statement = f"SELECT span, count(*), {length}, count(DISTINCT start) FROM totals GROUP BY span"
        for width, rows, size, starts in store.execute(statement).fetchall():
            days = starts * width / _DAY
            cost = _rolling_up(store, width, finer[width]) if width in finer else ["", ""]
            yield [_described(width), f"{rows / days:,.0f}", f"{size / rows:.0f}", f"{size / days / 1e6:.1f}", *cost]


def _rolling_up(store: sqlite3.Connection, width: int, finer: int) -> list[str]:
    """Milliseconds, and of CPU, for the last unit: the median of some."""
    (last,) = store.execute("SELECT max(start) FROM totals WHERE span = ?", (width,)).fetchone()
    taken = []
    for _ in range(7):
        store.execute("BEGIN")
        for table_ in ("totals", "error_count"):
            store.execute(f"DELETE FROM {table_} WHERE span = ? AND start = ?", (width, last))
        wall, processor = time.perf_counter(), time.process_time()
        MaintainedTables(store, PRESENT).roll_up((width, last), finer)
        taken.append((time.perf_counter() - wall, time.process_time() - processor))
        store.execute("ROLLBACK")
    return [f"{median(column) * 1e3:.1f}" for column in zip(*taken, strict=True)]


def _described(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds < 3600 else f"{seconds // 3600} h"


if __name__ == "__main__":
    main()
