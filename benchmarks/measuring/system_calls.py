"""System calls, as strace sees them: those of all threads of a process."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path

from .environments import child_environment
from .processes import end_with
from .workers import Job, command_of

__all__ = ["STRACE", "system_calls"]

STRACE = shutil.which("strace")
"""``None`` where it is not installed."""


def system_calls(job: Job, requests: int = 5000) -> float:
    """System calls per request: what N requests make fewer than 2 N. The write at the end is in both.

    Raises:
        CalledProcessError: the process failed.
    """
    few, many = (_traced(job, count) for count in (requests, 2 * requests))
    return (many - few) / requests


def _traced(job: Job, requests: int) -> int:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        settings = {"WEIGHBRIDGE_STORE": f"{folder}/store.db", "WEIGHBRIDGE_FLUSH_INTERVAL": "36000"}
        subprocess.run(
            [str(STRACE), "-f", "-qq", "-o", f"{folder}/calls", *command_of(job)],
            input=f"serve 1000\nserve {requests}\n",
            stdout=subprocess.DEVNULL,
            check=True,
            text=True,
            cwd=folder,
            env=child_environment(**settings),
            preexec_fn=partial(end_with, os.getpid()),
        )
        return len(Path(folder, "calls").read_text(errors="replace").splitlines())
