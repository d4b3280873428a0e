"""CPU time, in rounds: every subject has its turn in each, so that the machine's moods meet all alike."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple

from .workers import Job, Worker, require_recorded

__all__ = ["Times", "timed", "timed_together"]

_TURN = 0.2
"""Seconds that a turn takes, about: what is written at the end of each is spread over it."""
_WARM_UP = {"names-50000": 50_000}


class Times(NamedTuple):
    """Medians over the rounds, in microseconds per request."""

    wall: float
    thread: float
    """CPU of the thread that served the requests."""
    process: float
    """CPU of all threads of the process, the background's work done to the end."""


def timed(jobs: Sequence[Job], bare: Job, rounds: int) -> dict[Job, Times]:
    """Serve in turns; what each took more than the bare application in the same round.

    Raises:
        NotRecording: a subject that can tell what it recorded has not recorded everything.
    """
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(job)) for job in dict.fromkeys([bare, *jobs])]
        turns = {worker: _length_of_turn(worker) for worker in workers}
        found: dict[Job, list[dict[str, float]]] = {worker.job: [] for worker in workers}
        for _ in range(rounds):
            for worker in workers:
                found[worker.job].append(worker.serve(turns[worker]))
            workers.append(workers.pop(0))
        for worker in workers:
            _require_recorded(worker)
    return {job: _medians([_more(*pair) for pair in zip(found[job], found[bare], strict=True)]) for job in jobs}


def _more(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {name: one[name] - other[name] for name in one}


def timed_together(job: Job, processes: int, rounds: int) -> Times:
    """Several processes that write to one store, all at the same time.

    Raises:
        NotRecording: the store has another number than was served.
    """
    found: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        store = Path(folder) / "store.db"
        workers = [stack.enter_context(Worker(job, store)) for _ in range(processes)]
        turn = _length_of_turn(workers[0])
        for _ in range(rounds):
            for worker in workers:
                worker.start(turn)
            found.extend(worker.answer() for worker in workers)
        _require_recorded(*workers)
    return _medians(found)


def _length_of_turn(worker: Worker) -> int:
    threads = worker.job.threads
    warm = worker.serve(_WARM_UP.get(worker.job.case, 2000) // threads * threads)
    return max(100, round(_TURN * 1e6 / warm["wall"]) // threads) * threads


def _require_recorded(*workers: Worker) -> None:
    """All of those that share a store have written what they served before it is asked."""
    recorded = [worker.recorded() for worker in workers][-1]
    require_recorded(workers[0].job, sum(worker.served for worker in workers), recorded)


def _medians(found: list[dict[str, float]]) -> Times:
    return Times(*(median(one[name] for one in found) for name in Times._fields))
