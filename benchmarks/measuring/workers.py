"""Processes in which subjects are measured, as the one that measures them sees them."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from .environments import child_environment, python_of
from .processes import end_with
from .subjects import KEEP_NONE

__all__ = ["Job", "NotRecording", "Worker", "command_of", "require_recorded"]


class NotRecording(Exception):
    """A subject has not recorded what it served: its figures would mean nothing."""


class Job(NamedTuple):
    """What is measured in one process."""

    subject: str
    entry_point: str
    case: str = "plain"
    threads: int = 1


def command_of(job: Job) -> list[str]:
    """The command line of a job's process."""
    return [python_of(job.subject), "-m", "measuring.worker", job.subject, job.entry_point, job.case, str(job.threads)]


def require_recorded(job: Job, served: int, recorded: int | None) -> None:
    """See that a subject did what it is measured for.

    Args:
        job: what is measured.
        served: how many requests there were.
        recorded: how many of them it has; ``None``: it keeps none.

    Raises:
        NotRecording: it is another number.
    """
    if recorded != (None if job.subject in KEEP_NONE else served):
        raise NotRecording(f"{job}: served {served}, recorded {recorded}")


class Worker:
    """A running process that serves requests when it is told to."""

    def __init__(self, job: Job, store: Path | None = None) -> None:
        self.job = job
        self._folder = tempfile.TemporaryDirectory(prefix="bench-")
        self._process = subprocess.Popen(
            command_of(job),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=self._folder.name,
            env=child_environment(WEIGHBRIDGE_STORE=str(store or Path(self._folder.name) / "store.db")),
            preexec_fn=partial(end_with, os.getpid()),
        )
        self.served = 0

    def __enter__(self) -> Worker:  # noqa: PYI034 - Self is in no typing before 3.11
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.communicate()
        self._folder.cleanup()

    def serve(self, count: int) -> dict[str, float]:
        """Serve requests; microseconds a request by the clock (``wall``), its thread and its process."""
        self.start(count)
        return self.answer()  # type: ignore[no-any-return]

    def start(self, count: int) -> None:
        """Let it serve requests; the answer is that of `serve`."""
        self.tell(f"serve {count}")
        self.served += count

    def recorded(self) -> int | None:
        """How many requests it has recorded."""
        self.tell("recorded")
        return self.answer()  # type: ignore[no-any-return]

    def memory(self) -> int:
        """Its resident memory, in bytes."""
        self.tell("memory")
        return self.answer()  # type: ignore[no-any-return]

    def garbage(self, count: int) -> int:
        """How many objects that many requests leave to the cyclic collector."""
        self.tell(f"garbage {count}")
        self.served += count
        return self.answer()  # type: ignore[no-any-return]

    def tell(self, line: str) -> None:
        """Say what is to be done, without waiting for it."""
        assert self._process.stdin is not None
        print(line, file=self._process.stdin, flush=True)

    def answer(self) -> Any:
        """Wait for the answer to what was said first.

        Raises:
            RuntimeError: the process has ended.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self.job} has ended with {self._process.wait()}")
        return json.loads(line)
