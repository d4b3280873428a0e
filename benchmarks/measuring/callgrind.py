"""Instructions, as valgrind's callgrind counts them: the same figure again on the same machine.

A job is run with N requests and with 2 N; the difference is what N requests
cost, without the start. All threads count, and what is written at the end is
in both.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .environments import child_environment
from .subjects import REQUIREMENTS
from .workers import Job, Worker, command_of

__all__ = ["VALGRIND", "instructions"]

VALGRIND = shutil.which("valgrind")
"""``None`` where it is not installed."""


_SLOW = set(REQUIREMENTS) - {"bare", "passthrough", "floor", "prometheus", "weighbridge"}


def instructions(job: Job, requests: int | None = None) -> float:
    """Instructions per request.

    Args:
        job: what is measured.
        requests: N; by default as many as a steady figure needs.

    Raises:
        RuntimeError: the process failed.
    """
    requests = requests or (300 if job.subject in _SLOW else 2000)
    with Worker(job) as worker:  # so that both find all bytecode compiled, of what is loaded late too
        worker.serve(10)
    with ThreadPoolExecutor(2) as pool:
        few, many = pool.map(lambda count: _total(job, count), (requests, 2 * requests))
    return (many - few) / requests


def _warm_up(job: Job) -> int:
    return 50_000 if job.case == "names-50000" else 300 if job.subject in _SLOW else 1000


def _total(job: Job, requests: int) -> int:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        # The write every few seconds is a cost of the time, not of the request.
        settings = {"WEIGHBRIDGE_STORE": str(Path(folder) / "store.db"), "WEIGHBRIDGE_FLUSH_INTERVAL": "36000"}
        valgrind = [str(VALGRIND), "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        done = subprocess.run(
            [*valgrind, *command_of(job)],
            input=f"breathe {_warm_up(job)}\nbreathe {requests}\n",
            capture_output=True,
            check=False,
            text=True,
            cwd=folder,
            env=child_environment(**settings),
        )
    counted = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or counted is None:
        raise RuntimeError(f"{job} failed under valgrind:\n{done.stderr}")
    return int(counted[1])
