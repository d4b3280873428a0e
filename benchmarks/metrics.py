"""How much CPU a scrape of ``/metrics`` takes on a store of 30 days and 200 names.

    python benchmarks/metrics.py
    python benchmarks/metrics.py --names 200 1000 2000 --days 3
    python benchmarks/metrics.py --store month.db

Without ``--store`` such a store is made first (see big_store.py). The first scrape reads the past; those after it
read what is not rolled up yet, as of Prometheus' second scrape. With 200 names each of these may take 60 ms.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent))  # a safe path does not have it

import big_store
from measuring.tables import provenance, table

from weighbridge.console import Request
from weighbridge.exporting.prometheus import MetricsEndpoint
from weighbridge.exporting.prometheus_names import CONTENT_TYPES

_AT_MOST = 60.0
"""Milliseconds of CPU for a scrape of `_NAMES`."""
_NAMES = 200


def main() -> None:
    """Scrape, measure, print; exit with 1 where something is too slow."""
    options = _options()
    slow: list[str] = []
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder:
        for names in options.names:
            store = options.store or str(Path(folder, f"{names}.db"))
            if not options.store:
                big_store.make(store, time.time(), options.days, names, calls=8.0 * 200 / names)
            for format_, content_type in CONTENT_TYPES.items():
                first, others, size = _scraped(store, content_type, options.rounds)
                rows.append([str(names), format_, f"{first:.0f} ms", f"{others:.0f} ms", f"{size / 1000:.0f} kB"])
                slow += [f"{format_} with {names} names"] * (names <= _NAMES and others > _AT_MOST)
    print(table(["names", "format", "first scrape", "those after it", "size"], rows))
    print(provenance([f"SQLite {sqlite3.sqlite_version}"]))
    print(f"\ntoo slow: {', '.join(slow)}" if slow else "\nall are fast enough")
    sys.exit(bool(slow))


def _scraped(store: str, accept: str, rounds: int) -> tuple[float, float, int]:
    """The CPU time (milliseconds) of the first scrape, and the median of those after it; the bytes of the last."""
    endpoint = MetricsEndpoint(store, max_names=1_000_000)
    took: list[float] = []
    for _ in range(rounds + 1):
        before = time.process_time()
        answer = endpoint.respond(Request("GET", "/", host="localhost", accept=accept))
        took.append(1000 * (time.process_time() - before))
    endpoint.close()
    return took[0], median(took[1:]), len(answer.body)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", help="one that big_store.py has made, of today")
    parser.add_argument("--names", type=int, nargs="+", default=[_NAMES], help="names in a store that is made")
    parser.add_argument("--days", type=int, default=30, help="days in a store that is made")
    parser.add_argument("--rounds", type=int, default=20, help="scrapes in each format")
    return parser.parse_args()


if __name__ == "__main__":
    main()
