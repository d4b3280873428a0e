"""The bookshop's worker: does one job per line of its standard input, and ends when that ends."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TextIO

from weighbridge.demo.jobs import JOBS
from weighbridge.demo.post import POST

__all__ = ["work"]


def work(requests: TextIO, answers: TextIO) -> None:
    """Do the job named by each line, and answer each with ``done`` and its name."""
    print("ready", file=answers, flush=True)
    for line in requests:
        job = line.strip()
        with suppress(ConnectionError):
            (JOBS.get(job) or POST[job])()
        print("done", job, file=answers, flush=True)


if __name__ == "__main__":
    work(sys.stdin, sys.stdout)
