"""What measuring costs a real server: CPU of the serving process per request, with and without, over loopback sockets.

    python benchmarks/sockets.py
    python benchmarks/sockets.py --case framework

One server without and one with the middleware run side by side and are loaded
in turns. Throughput and waiting times are shown, not judged: they are too noisy.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))  # a safe path does not have it

from measuring.environments import versions_of
from measuring.intervals import Interval, interval
from measuring.servers import SERVERS, Server
from measuring.subjects import REQUIREMENTS
from measuring.tables import provenance, put_into, table

_AT_ONCE = 8
_HERE = [subject for subject, wanted in REQUIREMENTS.items() if not wanted]
_LOSS_AT_MOST = {"gunicorn": 0.02, "uvicorn": 0.05}


class Turn(NamedTuple):
    """What a server did in one turn."""

    cpu: float
    """Microseconds per request."""
    throughput: float
    """Requests per second."""
    p99: float
    """Microseconds."""


def main() -> None:
    """Measure, show, and exit with 1 where the loss may be above what is allowed."""
    options = _options()
    found = {name: _compare(name, options) for name in options.server}
    text = _table(found) + "\n\n" + provenance([versions_of(options.only)])
    print(text)
    if options.into:
        put_into(options.into, "sockets", text)
    if options.check and not all(_loss(turns).high <= _LOSS_AT_MOST[name] for name, turns in found.items()):
        sys.exit(1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=_HERE, default="weighbridge", metavar="SUBJECT", help=", ".join(_HERE))
    parser.add_argument("--server", choices=SERVERS, nargs="*", default=list(SERVERS))
    parser.add_argument("--case", choices=["plain", "framework"], default="plain", help="framework: Flask and FastAPI")
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--requests", type=int, default=2000, help="a turn")
    parser.add_argument("--check", action="store_true", help="fail where the loss may be too great")
    parser.add_argument("--into", type=Path, metavar="FILE", help="put the table between the marks in that file")
    return parser.parse_args()


def _compare(name: str, options: argparse.Namespace) -> list[tuple[Turn, Turn]]:
    with Server(name, "bare", options.case) as bare, Server(name, options.only, options.case) as measured:
        servers = [bare, measured]
        for server in servers:
            _turn(server, options.requests)
        found = []
        for number in range(options.rounds):
            order = servers if number % 2 else servers[::-1]
            turns = {server: _turn(server, options.requests) for server in order}
            found.append((turns[bare], turns[measured]))
    return found


def _turn(server: Server, requests: int) -> Turn:
    before = server.cpu()
    waits = server.load(requests, _AT_ONCE)
    used = server.cpu() - before
    seconds = sum(waits[_AT_ONCE - 1 :: _AT_ONCE])  # the last answer of each batch
    return Turn(used / len(waits), len(waits) / seconds, quantiles(waits, n=100)[-1] * 1e6)


def _loss(turns: list[tuple[Turn, Turn]]) -> Interval:
    return interval([measured.cpu / bare.cpu - 1 for bare, measured in turns])


def _table(found: dict[str, list[tuple[Turn, Turn]]]) -> str:
    head = ["", "CPU a request, bare", "with", "more", "95 % interval", "requests a second", "p99"]
    return table(head, (_row(name, turns) for name, turns in found.items()))


def _row(name: str, turns: list[tuple[Turn, Turn]]) -> list[str]:
    bare, measured = (Turn(*map(median, zip(*side, strict=True))) for side in zip(*turns, strict=True))
    loss = _loss(turns)
    return [
        name,
        f"{bare.cpu:.1f} µs",
        f"{measured.cpu:.1f} µs",
        f"{loss.median:+.1%}",
        f"{loss.low:+.1%} to {loss.high:+.1%}",
        f"{bare.throughput:.0f} → {measured.throughput:.0f}",
        f"{bare.p99:.0f} → {measured.p99:.0f} µs",
    ]


if __name__ == "__main__":
    main()
