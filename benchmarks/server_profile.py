"""Why a request costs a real server more than it costs a loop: what it does there, and what it misses.

    python benchmarks/server_profile.py

Each server runs under valgrind, which counts the instructions of a request and
plays through a processor's first caches and a simple guess at branches. In a
loop all that measuring does stays in the caches and is guessed right. In a
server the rest of the request has been there in between: what runs once per
request misses more, and makes the rest miss more. The kernel's part is not in
these figures.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # a safe path does not have it

from measuring.callgrind import VALGRIND
from measuring.environments import versions_of
from measuring.servers import SERVERS
from measuring.simulation import Served, simulated
from measuring.subjects import HERE
from measuring.tables import kilo, show, table


def main() -> None:
    """Measure and show."""
    options = _options()
    if VALGRIND is None:
        sys.exit("valgrind is not installed: it counts the instructions and plays through the caches")
    rows = [row for name in options.server for row in _rows(name, options)]
    head = ["a request", "instructions", "misses for code", "misses for data", "branches guessed wrong"]
    show(table(head, rows), [versions_of("weighbridge")], options.into, "server-profile")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=HERE, nargs="*", default=["floor", "weighbridge"])
    parser.add_argument("--server", choices=SERVERS, nargs="*", default=list(SERVERS))
    parser.add_argument("--case", choices=["plain", "framework"], default="plain", help="framework: Flask and FastAPI")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--into", type=Path, metavar="FILE", help="put the table between the marks in that file")
    return parser.parse_args()


def _rows(name: str, options: argparse.Namespace) -> list[list[str]]:
    bare = simulated(name, "bare", options.case, options.requests)
    more = {subject: simulated(name, subject, options.case, options.requests) for subject in options.only}
    return [
        [f"{name}, bare", *map(kilo, bare)],
        *([f"{name}, {subject}", *_over(bare, found)] for subject, found in more.items()),
    ]


def _over(bare: Served, found: Served) -> list[str]:
    return [f"+{kilo(more - less)}, {more / less - 1:+.1%}" for less, more in zip(bare, found, strict=True)]


if __name__ == "__main__":
    main()
