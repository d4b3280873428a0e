"""What a subject costs: instructions and CPU time per request, over those of the bare application."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .callgrind import instructions
from .rounds import Times, timed
from .workers import Job

__all__ = ["Cost", "counted", "measured"]


class Cost(NamedTuple):
    """Per request, over the bare application; ``None``: not measured."""

    instructions: float | None = None
    ratio: float | None = None
    """Instructions over those of the floor."""
    times: Times | None = None

    def __str__(self) -> str:
        said = []
        if self.instructions is not None:
            said.append(f"{self.instructions:9.0f} instructions, {self.ratio:6.2f} x the floor")
        if self.times is not None:
            said.append(f"{self.times.thread:7.2f} us of its thread, {self.times.process:7.2f} us of all threads")
        return ", ".join(said)


def measured(jobs: Sequence[Job], counting: bool, rounds: int) -> dict[Job, Cost]:
    """The cost of jobs of one middleware and case."""
    counts = counted(jobs) if counting else {}
    times = timed(jobs, jobs[0]._replace(subject="bare"), rounds) if rounds else {}
    return {job: _cost(counts.get(job), times.get(job)) for job in jobs}


def _cost(count: tuple[float, float] | None, times: Times | None) -> Cost:
    number, ratio = count or (None, None)
    return Cost(number, ratio, times)


def counted(jobs: Iterable[Job]) -> dict[Job, tuple[float, float]]:
    """Instructions, and how many times those of the floor they are; both over the bare application."""
    bare = floor = 0.0
    found = {}
    for job in jobs:
        if not bare:
            bare = instructions(job._replace(subject="bare"))
            floor = instructions(job._replace(subject="floor")) - bare
        cost = {"bare": 0.0, "floor": floor}.get(job.subject)
        if cost is None:
            cost = instructions(job) - bare
        found[job] = cost, cost / floor
        print(f"{job.entry_point} {job.case} {job.subject}: {cost:.0f} instructions", file=sys.stderr)
    return found
