"""What the store costs: ``python benchmarks/store.py``.

Rows written per second by 1 and 8 processes, for how long a write holds the
lock, bytes per day for 200 names, what rolling up costs, and how long questions
take on a store of 30 days, 200 names and 8 processes.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import big_store

from weighbridge.transactions.recording.snapshot import Instance, Snapshot, StoreUnavailable
from weighbridge.transactions.store.connection import StoreConnection
from weighbridge.transactions.store.intake import pack, take_in
from weighbridge.transactions.store.reader import Selection, StoreReader, Window, step_for
from weighbridge.transactions.store.schema import upgrade
from weighbridge.transactions.store.tallies import define_functions, roll_up
from weighbridge.transactions.store.writer import StoreWriter

NAMES = 200
DAY = 86400


def snapshots(instance: str, count: int) -> list[Snapshot]:
    """As a busy process takes them every five seconds: each name was called a few times."""
    choose = random.Random(instance)
    series, start = big_store.all_series(NAMES), 1_800_000_000
    about = Instance(instance, "host", 1, start, "shop")
    return [
        Snapshot(about, number + 1, start + 5.0 * number, tuple(
            big_store.minute_row(one, (start + 5 * number) // 60 * 60, 3, choose) for one in series
        ))
        for number in range(count)
    ]  # fmt: skip


def write_all(path: str, instance: str, count: int, times: multiprocessing.Queue[list[float]]) -> None:
    """Write without pause; hand over how long each write took, waiting for the others included."""
    writer, taken = StoreWriter(path), []
    for snapshot in snapshots(instance, count):
        began = time.perf_counter()
        while not written(writer, snapshot):
            pass
        taken.append(time.perf_counter() - began)
    times.put(taken)


def written(writer: StoreWriter, snapshot: Snapshot) -> bool:
    """Whether the store took it; busy as it is here, it may not."""
    try:
        writer.write(snapshot)
    except StoreUnavailable:
        return False
    return True


def lock_time(count: int) -> str:
    """For how long a write keeps the others out: what is prepared before is not in it."""
    with tempfile.TemporaryDirectory() as directory:
        connection, held = StoreConnection(f"{directory}/store.db", "rw"), []
        for snapshot in snapshots("one", count):
            parcel = pack(snapshot)
            with connection.transaction() as store:
                began = time.perf_counter()
                upgrade(store, snapshot.taken)
                take_in(store, parcel)
            held.append(time.perf_counter() - began)
        connection.close()
        return f"median {statistics.median(held) * 1e3:.1f} ms, longest {max(held) * 1e3:.1f} ms"


def writing(processes: int, count: int) -> str:
    """Rows per second, and the median time of a write."""
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/store.db"
        spawn = multiprocessing.get_context("spawn")
        times: multiprocessing.Queue[list[float]] = spawn.Queue()
        workers = [spawn.Process(target=write_all, args=(path, f"{n}", count, times)) for n in range(processes)]
        for worker in workers:
            worker.start()
        taken = [times.get() for _ in workers]
        for worker in workers:
            worker.join()
        rate = sum(NAMES * len(some) / sum(some) for some in taken)
        middle = statistics.median(itertools.chain.from_iterable(taken))
        return f"{rate:8.0f} rows/s, a write of {NAMES} rows {middle * 1e3:.1f} ms, {size(path) / 1e6:.1f} MB"


def size(path: str) -> int:
    """Bytes, write-ahead log included."""
    return sum(part.stat().st_size for part in (Path(path), Path(f"{path}-wal")) if part.exists())


def rolling_up(path: str) -> None:
    """How long each level's unit takes; undone afterwards."""
    store = sqlite3.connect(path, isolation_level=None)
    define_functions(store)
    for span, finer in ((600, 60), (3600, 600), (21600, 3600), (DAY, 21600)):
        (last,) = store.execute("SELECT max(start) FROM tally WHERE span = ?", (span,)).fetchone()
        store.execute("BEGIN")
        store.execute("DELETE FROM tally WHERE span = ? AND start = ?", (span, last))
        report(f"roll up {span} s", lambda unit=(span, last), finer=finer: roll_up(store, unit, finer), times=1)
        store.execute("ROLLBACK")
    store.close()


SPANS = (("30 minutes", 1800), ("3 hours", 10_800), ("1 day", DAY), ("7 days", 7 * DAY), ("30 days", 30 * DAY))


def asking(path: str) -> None:
    """Questions that pages and reports are made of."""
    with StoreReader.open(path) as reader:
        now = reader.health().last_write or 0.0
        for label, length in SPANS:
            questions(reader, label, Window(now - length, now))


def questions(reader: StoreReader, label: str, window: Window) -> None:
    """All questions about one window."""
    step, shop = step_for(window, 120), Selection("shop", "web")
    one = Selection("shop", "web", "Route", "GET /resource/1/{id}")
    report(f"{label}: transactions", lambda: reader.transactions(window))
    report(f"{label}: applications", lambda: reader.applications(window))
    report(f"{label}: chart", lambda: reader.timeline(window, step, shop))
    report(f"{label}: one chart", lambda: reader.timeline(window, step, one))
    report(f"{label}: errors", lambda: reader.errors(window))
    report(f"{label}: samples", lambda: reader.samples(window))


def report(label: str, work: Callable[[], object], times: int = 7) -> None:
    """Print the median time, and the median processor time, of some work."""
    taken = []
    for _ in range(times):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        taken.append((time.perf_counter() - wall, time.process_time() - processor))
    wall, processor = (statistics.median(column) * 1e3 for column in zip(*taken, strict=True))
    print(f"{label:28} {wall:7.1f} ms ({processor:.1f} ms of processor time)")


def sizes(path: str) -> None:
    """Bytes per day, by span."""
    with sqlite3.connect(path) as store:
        length = "sum(length(histogram) + length(statuses) + 90)"
        statement = f"SELECT span, count(*), {length}, count(DISTINCT start) FROM tally GROUP BY span"
        for span, rows, length, starts in store.execute(statement):
            print(f"rows of {span} s: {rows}, about {length / (starts * span) * DAY / 1e6:.1f} MB a day")
    store.close()
    print(f"the file: {size(path) / 1e6:.0f} MB")


def main() -> None:
    """Print it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", help="a store that big_store.py has made; else one is made")
    parser.add_argument("--writes", type=int, default=60)
    options = parser.parse_args()
    for processes in (1, 8):
        print(f"{processes} writing: {writing(processes, options.writes)}")
    print(f"lock held by a write of {NAMES} rows: {lock_time(options.writes)}")
    with tempfile.TemporaryDirectory() as directory:
        path = options.store or f"{directory}/big.db"
        if not options.store:
            big_store.make(path, time.time())
        sizes(path)
        rolling_up(path)
        asking(path)


if __name__ == "__main__":
    main()
