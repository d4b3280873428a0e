"""Runs a row: a real worker is given its tasks, and the store is asked what was counted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from weighbridge.transactions.store.reader import Selection, StoreUnreadable, Window

from ..recording.conftest import Stored, lately
from ..waiting import TIMEOUT, eventually
from .rows import PROGRAMS, Row

__all__ = ["MANY", "Counted", "Runner", "counted", "enqueuers", "missed_in_a_year", "queues", "running"]

MANY = 20
"""Tasks that are sent to see whether a worker that is told to stop loses any."""

_YEAR: Final = 365 * 86400


@dataclass(frozen=True)
class Counted:
    """What the store says of a task."""

    outcomes: Mapping[str, int]
    queued: int
    """How many came with a queue time."""
    longest_wait: float
    """Seconds in the queue."""


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
            **dict(row.environ),
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
    def working(self) -> Iterator[Callable[[], bool]]:
        """The worker, and before it what schedules for it, if that is apart; both end in good order.

        Gives what says whether the worker has ended by itself.
        """
        with ExitStack() as stack:
            if self.row.scheduler:
                stack.enter_context(self._started(self.row.scheduler, "scheduler"))
            if self.row.await_scheduler:
                self.run(self.row.await_scheduler)
            process = stack.enter_context(self._started(self.row.worker, "worker"))
            yield lambda: process.poll() is not None

    @contextmanager
    def _started(self, command: Sequence[str], name: str) -> Iterator[subprocess.Popen[bytes]]:
        """A process that runs until SIGTERM stops it in good order."""
        said = self._folder / f"{name}.log"
        with said.open("wb") as output:
            process = subprocess.Popen(
                command,
                env=self._environ,
                cwd=self._folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process
            if process.poll() is None:
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

    def kill_while_working(self, stored: Stored) -> None:
        """Start what works, have it run a task without end, and kill it once the store knows of that task."""
        command = self.row.worker or self.command(self.row.stuck)
        process = subprocess.Popen(
            command,
            env=self._environ,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            if self.row.worker:
                self.run(self.row.send_stuck)
            eventually(lambda: process.poll() is not None or self.row.stuck in running(stored))
            assert process.poll() is None
        finally:
            _end_group(process)

    def told(self) -> int:
        """How often a task has said that it was called."""
        file = self._folder / "told"
        return file.stat().st_size if file.exists() else 0

    def seconds_in_queue(self, task: str) -> float | None:
        """For how long a task can have waited at most; ``None`` if it does not tell when it began."""
        sent, began = (self._folder / f"time of {name}" for name in ("sending", task))
        return float(began.read_text("utf-8")) - float(sent.read_text("utf-8")) if began.exists() else None

    def work_on(self, send: str, stored: Stored, expected: int) -> None:
        """Send tasks to a worker, and stop that when as many runs as expected are in the store."""
        if not self.row.worker:
            self.run(send)
            return
        with self.working() as has_ended:
            self.run(send)
            eventually(lambda: has_ended() or total(stored, self.row.group) >= expected)

    def work_on_many(self) -> None:
        """Send many tasks to a worker, and stop that when the last one was called."""
        with self.working() as has_ended:
            self.run(self.row.send_many)
            eventually(lambda: has_ended() or self.told() == MANY)
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
                {name: count for name, count in row.statistics.outcomes.items() if count},
                row.statistics.queued,
                row.statistics.queue_maximum or 0.0,
            )
            for row in reader.transactions(lately())
            if row.series.kind == "background"
            and row.series.group == group
            and not row.series.name.startswith("manage.py ")
        }


def enqueuers(stored: Stored) -> dict[str, dict[str, int]]:
    """How many tasks were counted for each transaction that has enqueued them, by the names of both."""
    found: dict[str, dict[str, int]] = {}
    with stored.reader() as reader:
        for one in reader.enqueued(lately(), Selection(kind="background")):
            found.setdefault(one.task.name, {})["" if one.by is None else one.by.name] = one.count
    return found


def running(stored: Stored) -> list[str]:
    """The names of what runs now."""
    with suppress(StoreUnreadable), stored.reader() as reader:
        return [one.series.name for one in reader.running(time.time())]
    return []


def queues(stored: Stored) -> dict[str, int]:
    """How many runs were counted of each queue."""
    with stored.reader() as reader:
        return {row.series.name: row.statistics.calls for row in reader.transactions(lately(), scope="queue")}


def missed_in_a_year(stored: Stored) -> dict[str, int]:
    """How many runs of each schedule will be missed within a year if nothing runs any more, by name."""
    now = time.time()
    with stored.reader() as reader:
        found = reader.schedules(Window(now - 60, now + _YEAR), now + _YEAR)
    return {one.schedule.name: one.missed for one in found}
