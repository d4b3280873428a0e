"""How fast the page answers on a store of 30 days, 200 names and 8 processes, while 4 processes write to it.

    python benchmarks/console.py
    python benchmarks/console.py --names 200 1000 2000 --days 3
    python benchmarks/console.py --store month.db
    python benchmarks/console.py --store postgresql://user@host/database

Without ``--store`` such a store is made first (see big_store.py); else a copy of the one named is used, but one on a
server is written to. Every page,
its JSON and the CSV are asked for in turns, over a socket, of ``weighbridge serve``; then chromium, if it is
there, visits every page, and lets it refresh itself. An address is fast enough with a median of at most 100 ms and a
95th percentile of at most 300 ms, a page with a first paint within a second and no task of more than 50 ms of CPU in a
refresh. CPU is what the server used: it tells more on a busy machine. The CSV of all transactions may take 0.1 ms more
for each, as the percentiles of all are in it; the page has a hundred at a time.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import quote_plus

sys.path.insert(0, str(Path(__file__).resolve().parent))  # a safe path does not have it

import big_store
from measuring.blocked import longest_tasks
from measuring.console_server import Answer, ConsoleServer, writing
from measuring.first_paint import first_paints
from measuring.on_server import server_version
from measuring.tables import provenance, table

from weighbridge.transactions.configuration.postgresql_url import is_server_url
from weighbridge.transactions.store.reader import Selection, StoreReader, Window

_MEDIAN, _P95, _PAINT, _TASK = 100.0, 300.0, 1000.0, 50.0
"""Milliseconds at most."""
_SIZE = 200_000
"""Bytes at most."""
_OF_EACH = 0.1
"""Milliseconds more for each transaction of an export, whose histogram is read and added up."""
_RANGES = ("30m", "24h", "7d", "30d")
_ONE = "&app=shop&group=Route&name=GET+/resource/1/%7Bid%7D"
_PAGES = {
    "summary": "&app=shop&compare=week",
    "transactions": "&app=shop",
    "transaction": _ONE,
    "samples": "&app=shop&status=500",
    "errors": "&app=shop",
    "applications": "",
    "running": "",
}


def main() -> None:
    """Serve a store, write to it, measure, print; exit with 1 where something is too slow."""
    options = _options()
    slow = [address for names in options.names for address in _measured(options, names)]
    server = options.store and is_server_url(options.store)
    print(provenance([server_version(options.store) if server else f"SQLite {sqlite3.sqlite_version}"]))
    print(f"\ntoo slow: {', '.join(slow)}" if slow else "\nall are fast enough")
    sys.exit(bool(slow))


def _measured(options: argparse.Namespace, names: int) -> list[str]:
    """Measure with so many names, print, and return what is too slow."""
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder, "store.db"))
        if options.store and is_server_url(options.store):
            store = options.store
        elif options.store:
            shutil.copyfile(options.store, store)
        else:
            big_store.make(store, time.time(), options.days, names, 8.0 * 200 / names, options.processes)
        with ConsoleServer(store) as server, writing(store, options.writers, names):
            pages = {**_PAGES, "sample": _kept(store)}
            answers = _answers(server, _addresses(pages), options.rounds)
            visited = _visited(pages) if options.visits else []
            paints = first_paints(server.url, visited, options.visits) if visited else None
            tasks = longest_tasks(server.url, visited, options.visits) if visited else None
    print(f"{names} names", _answer_table(answers, names), _browser_table(paints, tasks), "", sep="\n\n")
    slow = [address for address, found in answers.items() if not _is_fast(found, _more(address, names))]
    slow += [address for address in paints or {} if not _is_smooth(paints, tasks, address)]
    return [f"{_short(address)} with {names} names" for address in slow]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", help="one that big_store.py has made, of today")
    parser.add_argument("--names", type=int, nargs="+", default=[200], help="names in a store that is made")
    parser.add_argument("--processes", type=int, default=8, help="in a store that is made")
    parser.add_argument("--days", type=int, default=30, help="days in a store that is made")
    parser.add_argument("--rounds", type=int, default=20, help="requests for each address")
    parser.add_argument("--visits", type=int, default=3, help="of the browser to each page")
    parser.add_argument("--writers", type=int, default=4, help="processes")
    return parser.parse_args()


def _kept(store: str) -> str:
    """What an address says of the slowest transaction that was kept."""
    now = time.time()
    with StoreReader.open(store) as reader:
        kept = reader.samples(Window(now - 30 * 86400, now), Selection(application="shop", kind="web"), "slow", 1)[0]
    return f"&app=shop&group={kept.series.group}&name={quote_plus(kept.series.name)}&sample={kept.id}"


def _addresses(pages: dict[str, str]) -> list[str]:
    return [
        f"/{path}?range={time_range}{query}"
        for time_range in _RANGES
        for page, query in pages.items()
        for path in (page, f"api/{page}", *(["transactions.csv"] if page == "transactions" else []))
    ]


def _visited(pages: dict[str, str]) -> list[str]:
    return [
        f"/{page}?range={time_range}{query}"
        for time_range in (_RANGES[0], _RANGES[-1])
        for page, query in pages.items()
    ]


def _answers(server: ConsoleServer, addresses: Iterable[str], rounds: int) -> dict[str, list[Answer]]:
    """In each round every address once: nobody asks for one and the same page only."""
    found: dict[str, list[Answer]] = {address: [] for address in addresses}
    for _ in range(rounds):
        for address, answers in found.items():
            answers.append(server.ask(address))
    return found


def _more(address: str, names: int) -> float:
    """Milliseconds that an answer may take longer than a page."""
    return names * _OF_EACH if ".csv" in address else 0.0


def _is_fast(answers: list[Answer], more: float) -> bool:
    walls = [answer.wall for answer in answers]
    return median(walls) <= _MEDIAN + more and _p95(walls) <= _P95 + more and answers[0].size <= _SIZE


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


def _answer_table(found: dict[str, list[Answer]], names: int) -> str:
    head = ["address", "first, ms", "median", "95 %", "CPU, first", "CPU, median", "of the database", "kB", ""]
    return table(head, (_row(address, answers, _more(address, names)) for address, answers in found.items()))


def _row(address: str, answers: list[Answer], more: float) -> list[str]:
    walls = [answer.wall for answer in answers]
    cpu = (answers[0].cpu, median(answer.cpu for answer in answers), median(answer.backend for answer in answers))
    figures = (walls[0], median(walls), _p95(walls), *cpu)
    verdict = "fast" if _is_fast(answers, more) else "too slow"
    return [_short(address), *(f"{figure:.0f}" for figure in figures), f"{answers[0].size / 1000:.1f}", verdict]


_Times = dict[str, list[float]] | None


def _is_smooth(paints: _Times, tasks: _Times, address: str) -> bool:
    return median((paints or {})[address]) <= _PAINT and median((tasks or {})[address]) <= _TASK


def _browser_table(paints: _Times, tasks: _Times) -> str:
    if paints is None or tasks is None:
        return "Nothing was measured in a browser: that takes chromium, playwright and --visits."
    head = ["page", "first paint, ms", "longest", "CPU of the longest task of a refresh, ms", ""]
    return table(head, (_browser_row(paints, tasks, address) for address in paints))


def _browser_row(paints: dict[str, list[float]], tasks: dict[str, list[float]], address: str) -> list[str]:
    figures = (median(paints[address]), max(paints[address]), median(tasks[address]))
    verdict = "fast" if _is_smooth(paints, tasks, address) else "too slow"
    return [_short(address), *(f"{figure:.0f}" for figure in figures), verdict]


def _short(address: str) -> str:
    """Page and time range, which is what tells them apart."""
    return address.partition("&")[0]


if __name__ == "__main__":
    main()
