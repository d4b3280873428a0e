"""Makes a store as it looks after a month: ``python benchmarks/big_store.py PATH``.

30 days, 200 transaction names, 8 processes: minutes for the last 3 days, hours
and more for the rest, rolled up by the store's own statements. The figures are
drawn from a few hundred prepared rows, which is what makes it quick. Where the
path is the address of a server, a file is made first and copied there.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # a safe path does not have it

from measuring.on_server import copy_to_server

from weighbridge.transactions.configuration.postgresql_url import is_server_url, masked_place
from weighbridge.transactions.model.finished import FinishedTransaction, NoticedError
from weighbridge.transactions.recording.histogram import add_durations
from weighbridge.transactions.recording.snapshot import ErrorCount, Instance, MinuteRow, Sample, Series, Snapshot
from weighbridge.transactions.recording.totals import COLUMNS, Totals, columns_of, nanoseconds, seconds
from weighbridge.transactions.store.resolutions import COARSE_WIDTHS, FINEST, floor_to
from weighbridge.transactions.store.sqlite.maintenance import MaintainedTables
from weighbridge.transactions.store.sqlite.tables import FORMER, PRESENT, TOTALS, define_functions, merged_columns
from weighbridge.transactions.store.sqlite.writer import StoreWriter

DAY, HOUR = 86400, 3600
MINUTE_ROWS = 3 * DAY // FINEST * 200
"""Minutes are kept for three days of 200 names; of more names for fewer, as such a store would take long to make."""
TEMPLATES = 12
HOSTS = 8
"""Among which the processes are divided."""
WHOLE = f"""
SELECT span, start, ?, {merged_columns(PRESENT, COLUMNS)} FROM totals
WHERE series IN (SELECT id FROM series WHERE application = ? AND kind = ? AND NOT whole) GROUP BY span, start
"""


def all_series(names: int) -> list[Series]:
    """Two applications; every fifth name is a background job."""
    return [
        Series("shop", "background", "Function", f"shop.jobs:job_{number}")
        if number % 5 == 0
        else Series("shop" if number % 2 else "office", "web", "Route", f"GET /resource/{number}/{{id}}")
        for number in range(names)
    ]


def minute_row(series: Series, minute: int, calls: float, choose: random.Random) -> MinuteRow:
    """What one series may see in a minute; each has a speed of its own."""
    speed = random.Random(series.name).uniform(-6.5, -1.0)
    durations = [choose.lognormvariate(speed, 0.6) for _ in range(max(1, round(choose.gauss(calls, calls**0.5))))]
    web = series.kind == "web"
    failed = sum(choose.random() < 0.01 for _ in durations)
    zones = [0, 0, 0]
    for duration in durations if web else ():
        zones[(duration > 0.5) + (duration > 2.0)] += 1
    histogram: dict[int, int] = {}
    add_durations(durations, histogram)
    calls, total = len(durations), nanoseconds(sum(durations))
    totals = Totals(
        calls, total, nanoseconds(min(durations)), nanoseconds(max(durations)), calls - failed, failed,
        satisfied=zones[0], tolerating=zones[1], frustrated=zones[2], apdex_t=0.5 if web else None,
        response_starts=calls if web else 0, response_start_total=total // 2 if web else 0, histogram=histogram,
        statuses={200: calls - failed, 500: failed} if web else {},
    )  # fmt: skip
    return MinuteRow(series, minute, totals)


def snapshot(instance: Instance, begin: float, now: float, rows: tuple[MinuteRow, ...]) -> Snapshot:
    """Some rows, with an error for every tenth of them, and a sample of now: those of the past expire."""
    some = rows[1 :: max(1, len(rows) // 10)]
    errors = tuple(ErrorCount(row.series, row.minute, "shop:OutOfStock", "no apples", False, 1) for row in some)
    samples = tuple(Sample(row.series, "slow", transaction(row, now)) for row in some)
    return Snapshot(instance, 1, begin, rows, errors, samples)


def transaction(row: MinuteRow, now: float) -> FinishedTransaction:
    """The slowest transaction of a row, as if it had ended a minute ago."""
    series, web, slowest = row.series, row.series.kind == "web", seconds(row.totals.maximum)
    return FinishedTransaction(
        series.application, (), series.kind, "WebTransaction" if web else "OtherTransaction", series.group, series.name,
        now - 60 - slowest, slowest, (NoticedError("shop:OutOfStock", "no apples"),), True,
        "frustrated" if web else None, 500 if web else None, False, {"customer": 17, "request.path": "/resource"},
    )  # fmt: skip


def make(path: str, now: float, days: int = 30, names: int = 200, calls: float = 8.0, processes: int = 8) -> None:
    """Fill a new store up to ``now`` (epoch seconds) with so many calls a minute of each name."""
    if is_server_url(path):
        with tempfile.TemporaryDirectory() as folder:
            file = str(Path(folder, "store.db"))
            make(file, now, days, names, calls, processes)
            copy_to_server(file, path)
        return
    choose = random.Random(1)
    series = all_series(names)
    begin = floor_to(now, DAY) - days * DAY
    writer = StoreWriter(path)
    for number in range(processes):
        instance = Instance(f"process-{number}", f"host-{number % HOSTS}", 1000 + number, begin, "shop")
        rows = tuple(minute_row(one, begin, calls, choose) for one in series)
        writer.write(snapshot(instance, begin, now, rows))
    writer.close()
    with sqlite3.connect(path, isolation_level=None) as store:
        define_functions(store)
        store.execute("BEGIN IMMEDIATE")
        store.execute("DELETE FROM totals")
        fill(store, begin, now, calls)
        store.execute("UPDATE instance SET seen = ?", (now,))
        store.execute("UPDATE series SET seen = ?", (int(now),))
        store.execute("COMMIT")
    store.close()


def fill(store: sqlite3.Connection, begin: int, now: float, calls: float) -> None:
    """Hours for the old days, minutes for the last ones, and what is rolled up from both."""
    choose = random.Random(2)
    numbered = store.execute('SELECT id, application, kind, "group", name FROM series WHERE NOT whole').fetchall()
    minutes_from = max(begin, floor_to(now - MINUTE_ROWS / len(numbered) * FINEST, HOUR))
    for width, start, end in ((HOUR, begin, minutes_from), (FINEST, minutes_from, floor_to(now, FINEST) + FINEST)):
        prepared = {
            number: [
                columns_of(minute_row(Series(*one), 0, calls * width / FINEST, choose).totals) for _ in range(TEMPLATES)
            ]
            for number, *one in numbered
        }
        TOTALS.add(store, rows(width, range(start, end, width), prepared, choose))
    totals_rows = store.execute("SELECT id, application, kind FROM series WHERE whole").fetchall()
    for whole in totals_rows:
        TOTALS.take_over(store, WHOLE, whole)
    for finer, width in zip((FINEST, *COARSE_WIDTHS), COARSE_WIDTHS, strict=False):
        rolled_up_from = minutes_from if width <= HOUR else begin
        for start in range(floor_to(rolled_up_from, width), floor_to(now - 60, width), width):
            for tables in (PRESENT, FORMER):
                MaintainedTables(store, tables).roll_up((width, start), finer)
        kept_from = minutes_from if width < HOUR else begin
        for tables in (PRESENT, FORMER):
            MaintainedTables(store, tables).set_complete(width, kept_from, floor_to(now - 60, width))
    for tables in (PRESENT, FORMER):
        MaintainedTables(store, tables).set_complete(FINEST, minutes_from)


def rows(
    width: int, starts: range, prepared: dict[int, list[Sequence[object]]], choose: random.Random
) -> Iterator[tuple[object, ...]]:
    """A prepared row of each series for each unit of time."""
    for start in starts:
        for number, templates in prepared.items():
            yield (width, start, number, *templates[int(choose.random() * TEMPLATES)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--names", type=int, default=200)
    parser.add_argument("--processes", type=int, default=8)
    options = parser.parse_args()
    began = time.perf_counter()
    make(options.path, time.time(), options.days, options.names, processes=options.processes)
    print(f"{masked_place(options.path)} is made in {time.perf_counter() - began:.0f} s")
