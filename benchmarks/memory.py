"""What measuring leaves behind: memory, garbage, system calls.

    python benchmarks/memory.py

Resident memory after many requests and after many names, with the counts in
the store; objects that only the cyclic collector frees; system calls a request.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import which

sys.path.insert(0, str(Path(__file__).resolve().parent))  # a safe path does not have it

from measuring.doors import DOORS
from measuring.environments import child_environment, versions_of
from measuring.subjects import REQUIREMENTS
from measuring.tables import provenance, put_into, table
from measuring.workers import Job, Worker, command_of

_STEP = 50_000
_NAMES = 50_000


def main() -> None:
    """Measure and show."""
    options = _options()
    columns = [_cells(Job(options.only, door), options.requests) for door in options.door]
    rows = ([title, *(column[title] for column in columns)] for title in columns[0])
    text = table(["", *options.door], rows) + "\n\n" + provenance([versions_of(options.only)])
    print(text)
    if options.into:
        put_into(options.into, "memory", text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=REQUIREMENTS, default="weighbridge", metavar="SUBJECT")
    parser.add_argument("--door", choices=DOORS, nargs="*", default=list(DOORS))
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--into", type=Path, metavar="FILE", help="put the table between the marks in that file")
    return parser.parse_args()


def _cells(job: Job, requests: int) -> dict[str, str]:
    """All figures of a subject at a door, by what they are."""
    cells = {f"growth over {requests:,} requests": _growth(job, requests)}
    cells[f"growth over {_NAMES:,} names"] = "" if job.door == "task" else _growth(job._replace(case="names-50000"), 0)
    with Worker(job) as worker:
        worker.serve(2000)
        cells["objects left to the cyclic collector by 10,000 requests"] = str(worker.garbage(10_000))
    cells["system calls a request, all threads"] = _system_calls(job)
    return cells


def _growth(job: Job, requests: int) -> str:
    """Resident growth after a warm-up, and whether the store has every request.

    The warm-up is long: the queue to the background is longest where nothing ever waits for a client, as here.
    """
    with Worker(job) as worker:
        for _ in range(4 if requests else 1):
            worker.serve(_STEP if requests else 10)
        steps = [worker.memory()]
        for _ in range(max(1, requests // _STEP)):
            worker.serve(min(requests, _STEP) or _NAMES)
            steps.append(worker.memory())
        recorded = worker.recorded()
        exact = "exact" if recorded == worker.served else f"{worker.served} served, {recorded} counted"
    middle = steps[len(steps) // 2]
    return f"{_megabytes(steps[-1] - steps[0])}, second half {_megabytes(steps[-1] - middle)}; {exact}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:+.1f} MB"


def _system_calls(job: Job) -> str:
    if which("strace") is None:
        return "strace is not installed"
    few, many = (_traced(job, count) for count in (5000, 10_000))
    return f"{(many - few) / 5000:.4f}"


def _traced(job: Job, requests: int) -> int:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        settings = {"WEIGHBRIDGE_STORE": f"{folder}/store.db", "WEIGHBRIDGE_FLUSH_INTERVAL": "36000"}
        subprocess.run(
            ["strace", "-f", "-qq", "-o", f"{folder}/calls", *command_of(job)],
            input=f"serve 1000\nserve {requests}\n",
            stdout=subprocess.DEVNULL,
            check=True,
            text=True,
            cwd=folder,
            env=child_environment(**settings),
        )
        return len(Path(folder, "calls").read_text(errors="replace").splitlines())


if __name__ == "__main__":
    main()
