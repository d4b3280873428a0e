"""What measuring costs a real server: CPU of the serving process per request, with and without, over loopback sockets.

    python benchmarks/sockets.py
    python benchmarks/sockets.py --case framework

One server without and one with the middleware run side by side and are loaded
in turns, each first in every second round; after five rounds new ones take
their place, as two processes of the same program differ by a percent or two.
What is judged is the median of the rounds' ratios, by its 95 % interval: it has
to exclude a loss above what is allowed. A round's CPU is all that a server used in it, also while the other one
was loaded: the background's writes are in it. The median leaves out those of
the few rounds that have one; the ratio of the sums, "in all", does not.
Throughput and waiting times are shown, not judged: they are too noisy. The
floor, which reads the clock twice and appends once, is there to compare with:
no middleware that measures a response can do less.
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
from measuring.servers import SERVERS, Server, leave_a_cpu
from measuring.subjects import HERE
from measuring.tables import show, table

_AT_ONCE = 8
_ROUNDS_OF_A_PAIR = 5
_LOSS_AT_MOST = {"gunicorn": 0.02, "uvicorn": 0.05}


class Turn(NamedTuple):
    """What a server did in one round."""

    cpu: float
    """Microseconds per request, of the whole round."""
    throughput: float
    """Requests per second."""
    p99: float
    """Microseconds."""


def main() -> None:
    """Measure, show, and exit with 1 where the loss may be above what is allowed."""
    options = _options()
    leave_a_cpu()
    found = {(name, subject): _compare(name, subject, options) for name in options.server for subject in options.only}
    show(_table(found), [versions_of("weighbridge")], options.into, f"sockets-{options.case}")
    if options.check and not all(_verdict(*job, turns) in {"yes", ""} for job, turns in found.items()):
        sys.exit(1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=HERE, nargs="*", default=["floor", "weighbridge"])
    parser.add_argument("--server", choices=SERVERS, nargs="*", default=list(SERVERS))
    parser.add_argument("--case", choices=["plain", "framework"], default="plain", help="framework: Flask and FastAPI")
    parser.add_argument("--rounds", type=int, default=30, help="at least 20, to be judged")
    parser.add_argument("--requests", type=int, default=2000, help="a turn")
    parser.add_argument("--check", action="store_true", help="fail where the loss may be too great")
    parser.add_argument("--into", type=Path, metavar="FILE", help="put the table between the marks in that file")
    return parser.parse_args()


def _compare(name: str, subject: str, options: argparse.Namespace) -> list[tuple[Turn, Turn]]:
    found: list[tuple[Turn, Turn]] = []
    while len(found) < options.rounds:
        found += _compare_a_pair(name, subject, options, min(_ROUNDS_OF_A_PAIR, options.rounds - len(found)))
    return found


def _compare_a_pair(name: str, subject: str, options: argparse.Namespace, rounds: int) -> list[tuple[Turn, Turn]]:
    with Server(name, "bare", options.case) as bare, Server(name, subject, options.case) as measured:
        servers = [bare, measured]
        _round(servers, options.requests)  # warms both up
        found = []
        for _ in range(rounds):
            servers.reverse()
            turns = _round(servers, options.requests)
            found.append((turns[bare], turns[measured]))
        measured.stop()
    return found


def _round(servers: list[Server], requests: int) -> dict[Server, Turn]:
    before = {server: server.cpu() for server in servers}
    waits = {server: server.load(requests, _AT_ONCE) for server in servers}
    return {server: _turn(server.cpu() - before[server], waits[server]) for server in servers}


def _turn(cpu: float, waits: list[float]) -> Turn:
    seconds = sum(waits[_AT_ONCE - 1 :: _AT_ONCE])  # the last answer of each batch
    return Turn(cpu / len(waits), len(waits) / seconds, quantiles(waits, n=100)[-1] * 1e6)


def _loss(turns: list[tuple[Turn, Turn]]) -> Interval:
    return interval([measured.cpu / bare.cpu - 1 for bare, measured in turns])


def _in_all(turns: list[tuple[Turn, Turn]]) -> float:
    return sum(measured.cpu for _, measured in turns) / sum(bare.cpu for bare, _ in turns) - 1


def _verdict(name: str, subject: str, turns: list[tuple[Turn, Turn]]) -> str:
    """Whether what is allowed is kept; only weighbridge has to."""
    loss, allowed = _loss(turns), _LOSS_AT_MOST[name]
    if subject != "weighbridge":
        return ""
    if len(turns) < 20:
        return "too few rounds"
    return "yes" if loss.high <= allowed else "no" if loss.low > allowed else "not sure"


def _table(found: dict[tuple[str, str], list[tuple[Turn, Turn]]]) -> str:
    head = ["", "CPU a request", "more", "95 % interval", "in all", "allowed", "kept", "requests a second", "p99"]
    return table(head, (_row(*job, turns) for job, turns in found.items()))


def _row(name: str, subject: str, turns: list[tuple[Turn, Turn]]) -> list[str]:
    bare, measured = (Turn(*map(median, zip(*side, strict=True))) for side in zip(*turns, strict=True))
    loss = _loss(turns)
    return [
        f"{name}, {subject}",
        f"{bare.cpu:.1f} → {measured.cpu:.1f} µs",
        f"{loss.median:+.1%}",
        f"{loss.low:+.1%} to {loss.high:+.1%}",
        f"{_in_all(turns):+.1%}",
        f"{_LOSS_AT_MOST[name]:.0%}",
        _verdict(name, subject, turns),
        f"{bare.throughput:.0f} → {measured.throughput:.0f}",
        f"{bare.p99:.0f} → {measured.p99:.0f} µs",
    ]


if __name__ == "__main__":
    main()
