"""What measuring leaves behind: memory, garbage, system calls.

    python benchmarks/memory.py

Resident memory after many requests and after many names, with the counts in
the store; objects that only the cyclic collector frees; system calls a request.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # a safe path does not have it

from measuring.entry_points import ENTRY_POINTS
from measuring.environments import versions_of
from measuring.subjects import REQUIREMENTS
from measuring.system_calls import STRACE, system_calls
from measuring.tables import show, table
from measuring.workers import Job, Worker

_STEP = 50_000
_NAMES = 50_000


def main() -> None:
    """Measure and show."""
    options = _options()
    columns = [_cells(Job(options.only, entry_point), options.requests) for entry_point in options.entry_point]
    rows = ([title, *(column[title] for column in columns)] for title in columns[0])
    show(table(["", *options.entry_point], rows), [versions_of(options.only)], options.into, "memory")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=REQUIREMENTS, default="weighbridge", metavar="SUBJECT")
    parser.add_argument("--entry-point", choices=ENTRY_POINTS, nargs="*", default=list(ENTRY_POINTS))
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--into", type=Path, metavar="FILE", help="put the table between the marks in that file")
    return parser.parse_args()


def _cells(job: Job, requests: int) -> dict[str, str]:
    """All figures of a subject at a middleware, by what they are."""
    cells = {f"growth over {requests:,} requests": _growth(job, requests)}
    names = "" if job.entry_point == "task" else _growth(job._replace(case="names-50000"), 4 * _NAMES, warm_up=10)
    cells[f"growth over {_NAMES:,} names, each of them four times"] = names
    with Worker(job) as worker:
        worker.serve(2000)
        cells["objects left to the cyclic collector by 10,000 requests"] = str(worker.garbage(10_000))
    cells["system calls a request, all threads"] = f"{system_calls(job):.4f}" if STRACE else "strace is not installed"
    return cells


def _growth(job: Job, requests: int, warm_up: int = 4 * _STEP) -> str:
    """Resident growth after a warm-up, and whether the store has every request.

    The warm-up is long: the queue to the background is longest where nothing ever waits for a client, as here.
    """
    with Worker(job) as worker:
        for _ in range(0, warm_up, _STEP):
            worker.serve(min(warm_up, _STEP))
        steps = [worker.memory()]
        for _ in range(0, requests, _STEP):
            worker.serve(_STEP)
            steps.append(worker.memory())
        recorded = worker.recorded()
        exact = "exact" if recorded == worker.served else f"{worker.served} served, {recorded} counted"
    middle = steps[len(steps) // 2]
    return f"{_megabytes(steps[-1] - steps[0])}, second half {_megabytes(steps[-1] - middle)}; {exact}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:+.1f} MB"


if __name__ == "__main__":
    main()
