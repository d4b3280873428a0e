"""Runs a row: a real worker is given its tasks, and the store is asked what was counted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from weighbridge.transactions.store.reader import StoreUnreadable

from ..recording.conftest import Stored, lately
from ..waiting import TIMEOUT, eventually
from .rows import PROGRAMS, Row

__all__ = ["MANY", "Counted", "Runner", "counted", "queues"]

MANY = 20
"""Tasks that are sent to see whether a worker that is told to stop loses any."""


@dataclass(frozen=True)
class Counted:
    """What the store says of a task."""

    outcomes: Mapping[str, int]
    queued: int
    """How many came with a queue time."""


class Runner:
    """Runs the programs of a row in a folder of their own."""

    def __init__(self, row: Row, folder: Path, broker: str) -> None:
        self.row = row
        self._program = str(PROGRAMS / f"{row.program}.py")
        self._folder = folder
        self._environ = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"},
            "BROKER": broker,
            "POSTGRESQL": broker,
            "RQ_REDIS_URL": broker,
            "FOLDER": str(folder),
            "PYTHONPATH": str(PROGRAMS),
        }

    def command(self, function: str) -> list[str]:
        """What runs a function of the program."""
        return [sys.executable, self._program, function]

    def run(self, function: str) -> str:
        """Run a function of the program to its end; gives what it prints."""
        done = subprocess.run(
            self.command(function),
            env=self._environ,
            cwd=self._folder,
            check=False,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        assert done.returncode == 0, done.stderr
        assert "failed inside" not in done.stderr, done.stderr
        return done.stdout.strip()

    @contextmanager
    def worker(self) -> Iterator[None]:
        """The worker, until SIGTERM stops it in good order."""
        said = self._folder / "said"
        with said.open("wb") as output:
            process = subprocess.Popen(
                self.row.worker,
                env=self._environ,
                cwd=self._folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield
            eventually(lambda: self.row.is_settled(self._environ["BROKER"]))
            process.send_signal(signal.SIGTERM)
            status = process.wait(TIMEOUT)
        except BaseException:
            sys.stderr.write(said.read_text("utf-8", "replace"))
            raise
        finally:
            _end_group(process)
        text = said.read_text("utf-8", "replace")
        assert status == 0, text
        assert "failed inside" not in text, text

    def told(self) -> int:
        """How often a task has said that it was called."""
        file = self._folder / "told"
        return file.stat().st_size if file.exists() else 0

    def work_on(self, send: str, stored: Stored, expected: int) -> None:
        """Send tasks to a worker, and stop that when as many runs as expected are in the store."""
        if not self.row.worker:
            self.run(send)
            return
        with self.worker():
            self.run(send)
            eventually(lambda: total(stored, self.row.group) >= expected)

    def work_on_many(self) -> None:
        """Send many tasks to a worker, and stop that when the last one was called."""
        with self.worker():
            self.run(self.row.send_many)
            eventually(lambda: self.told() == MANY)
            time.sleep(self.row.seconds_to_settle)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a worker with all its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def total(stored: Stored, group: str) -> int:
    """How many runs of a group are in the store by now."""
    with suppress(StoreUnreadable):  # nothing has been written to it yet
        return sum(sum(one.outcomes.values()) for one in counted(stored, group).values())
    return 0


def counted(stored: Stored, group: str) -> dict[str, Counted]:
    """What was counted of a group's tasks, by name; the commands that prepare and work are measured as well."""
    with stored.reader() as reader:
        return {
            row.series.name: Counted(
                {name: count for name, count in row.statistics.outcomes.items() if count}, row.statistics.queued
            )
            for row in reader.transactions(lately())
            if row.series.kind == "background"
            and row.series.group == group
            and not row.series.name.startswith("manage.py ")
        }


def queues(stored: Stored) -> dict[str, int]:
    """How many runs were counted of each queue."""
    with stored.reader() as reader:
        return {row.series.name: row.statistics.calls for row in reader.transactions(lately(), scope="queue")}
