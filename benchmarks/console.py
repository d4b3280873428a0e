"""How fast the page answers on a store of 30 days, 200 names and 8 processes, while 4 processes write to it.

    python benchmarks/console.py
    python benchmarks/console.py --store month.db

Without ``--store`` such a store is made first (see big_store.py); else a copy of the one named is used. Every page,
its JSON and the CSV are asked for in turns, over a socket, of ``weighbridge serve``; then chromium, if it is
there, visits every page. An address is fast enough with a median of at most 100 ms and a 95th percentile of at most
300 ms, a page with a first paint within a second. CPU is what the server used: it tells more on a busy machine.
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
from measuring.console_server import Answer, ConsoleServer, writing
from measuring.first_paint import first_paints
from measuring.tables import provenance, table

from weighbridge.transactions.store.reader import Selection, StoreReader, Window

_MEDIAN, _P95, _PAINT = 100.0, 300.0, 1000.0
"""Milliseconds at most."""
_SIZE = 200_000
"""Bytes at most."""
_NAMES = 200
_RANGES = ("30m", "24h", "7d", "30d")
_ONE = "&app=shop&group=Route&name=GET+/resource/1/%7Bid%7D"
_PAGES = {
    "summary": "&app=shop&compare=week",
    "transactions": "&app=shop",
    "transaction": _ONE,
    "errors": "&app=shop",
    "applications": "",
    "running": "",
}


def main() -> None:
    """Serve a store, write to it, measure, print; exit with 1 where something is too slow."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder, "store.db"))
        if options.store:
            shutil.copyfile(options.store, store)
        else:
            big_store.make(store, time.time(), names=_NAMES)
        with writing(store, options.writers, _NAMES), ConsoleServer(store) as server:
            pages = {**_PAGES, "sample": _kept(store)}
            answers = _answers(server, _addresses(pages), options.rounds)
            paints = first_paints(server.url, _visited(pages), options.visits) if options.visits else None
    print(_answer_table(answers), _paint_table(paints), provenance([f"SQLite {sqlite3.sqlite_version}"]), sep="\n\n")
    slow = [address for address, found in answers.items() if not _is_fast(found)]
    slow += [address for address, times in (paints or {}).items() if median(times) > _PAINT]
    print(f"\ntoo slow: {', '.join(slow)}" if slow else "\nall are fast enough")
    sys.exit(bool(slow))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", help="one that big_store.py has made, of today")
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


def _is_fast(answers: list[Answer]) -> bool:
    walls = [answer.wall for answer in answers]
    return median(walls) <= _MEDIAN and _p95(walls) <= _P95 and answers[0].size <= _SIZE


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


def _answer_table(found: dict[str, list[Answer]]) -> str:
    head = ["address", "first, ms", "median", "95 %", "CPU, first", "CPU, median", "kB", ""]
    return table(head, (_row(address, answers) for address, answers in found.items()))


def _row(address: str, answers: list[Answer]) -> list[str]:
    walls = [answer.wall for answer in answers]
    figures = (walls[0], median(walls), _p95(walls), answers[0].cpu, median(answer.cpu for answer in answers))
    verdict = "fast" if _is_fast(answers) else "too slow"
    return [_short(address), *(f"{figure:.0f}" for figure in figures), f"{answers[0].size / 1000:.1f}", verdict]


def _paint_table(found: dict[str, list[float]] | None) -> str:
    if found is None:
        return "First paint was not measured: that takes chromium, playwright and --visits."
    head = ["page", "first paint, ms", "longest", ""]
    return table(head, (_paint_row(address, times) for address, times in found.items()))


def _paint_row(address: str, times: list[float]) -> list[str]:
    verdict = "fast" if median(times) <= _PAINT else "too slow"
    return [_short(address), f"{median(times):.0f}", f"{max(times):.0f}", verdict]


def _short(address: str) -> str:
    """Page and time range, which is what tells them apart."""
    return address.partition("&")[0]


if __name__ == "__main__":
    main()
