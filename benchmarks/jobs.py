"""What measuring costs a Celery worker: CPU of its processes per task that does nothing, with Redis as the broker.

    python benchmarks/jobs.py

A worker of one child without anything, one with weighbridge, and one each with the Celery parts of OpenTelemetry
and Sentry, which trace every task and throw the result away. All run side by side and are given the same number of
tasks in turns, each first in its turn. What is judged is the median of the rounds' ratios to the worker without,
by its 95 % interval. A round's CPU is all that a worker's processes used in it, also while the others had their turn.
Needs redis-server.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent))  # a safe path does not have it

from measuring.celery_tasks import SUBJECTS
from measuring.environments import child_environment, python_with, versions_of
from measuring.intervals import interval
from measuring.tables import show, table
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

_TICK: Final = 1e6 / os.sysconf("SC_CLK_TCK")
"""Microseconds."""
_AT_MOST: Final = 0.02
_CELERY: Final = (*(f"{name}=={version(name)}" for name in ("celery", "redis")), "packaging")


class Worker:
    """A worker of one subject, with one child."""

    def __init__(self, subject: str, broker: Redis, url: str, tasks: int, store: Path) -> None:
        wanted = SUBJECTS[subject]
        python = python_with(f"celery-{subject}", (*wanted, *_CELERY) if wanted else ())
        environment = child_environment(SUBJECT=subject, BROKER=url, WEIGHBRIDGE_STORE=str(store))
        self.subject = subject
        self._broker = broker
        printed = subprocess.check_output(
            [python, "-m", "measuring.celery_tasks", str(tasks)], env=environment, text=True
        )
        self._messages: list[str] = json.loads(printed)
        command = [
            python,
            "-W",
            "ignore",
            "-m",
            "celery",
            "--quiet",
            "-A",
            "measuring.celery_tasks",
            "worker",
            "--concurrency=1",
        ]
        quiet = ["--loglevel=CRITICAL", "--without-gossip", "--without-mingle", "--without-heartbeat"]
        self._popen = subprocess.Popen(
            [*command, *quiet, "--concurrency=1", f"--hostname={subject}@here"], env=environment
        )

    def serve(self) -> None:
        """Have all tasks done once.

        Raises:
            RuntimeError: the worker has ended.
        """
        self._broker.rpush(self.subject, *self._messages)
        while self._broker.llen(self.subject) or self._broker.hlen("unacked"):
            if self._popen.poll() is not None:
                raise RuntimeError(f"the worker with {self.subject} has ended")
            time.sleep(0.02)

    def cpu(self) -> float:
        """Return the CPU time, in microseconds, that its processes have used."""
        children = Path(f"/proc/{self._popen.pid}/task/{self._popen.pid}/children").read_text().split()
        return sum(_cpu_of(int(pid)) for pid in (self._popen.pid, *children))

    def stop(self) -> None:
        """Let it end."""
        self._popen.send_signal(signal.SIGTERM)
        self._popen.wait(30)


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK


def main() -> None:
    """Measure, show, and exit with 1 where weighbridge costs more than is allowed."""
    options = _options()
    if shutil.which("redis-server") is None:
        sys.exit("redis-server is not installed: it is the broker")
    found = _measured(options.only, options.rounds, options.tasks)
    show(_table(found), [f"celery {version('celery')}", versions_of("weighbridge")], options.into, "jobs")
    if options.check and interval(_ratios(found, "weighbridge")).low > _AT_MOST:
        sys.exit(1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    others = [subject for subject in SUBJECTS if subject != "none"]
    parser.add_argument("--only", choices=others, nargs="*", default=others)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--tasks", type=int, default=1000, help="a turn")
    parser.add_argument("--check", action="store_true", help="fail where the cost is above what is allowed")
    parser.add_argument("--into", type=Path, metavar="FILE", help="put the table between the marks in that file")
    return parser.parse_args()


def _measured(subjects: Sequence[str], rounds: int, tasks: int) -> dict[str, list[float]]:
    """Return the CPU time of a task, in microseconds, by subject and round; the first round warms up."""
    found: dict[str, list[float]] = {subject: [] for subject in ("none", *subjects)}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        broker, url = stack.enter_context(_redis())
        workers = []
        for subject in found:
            workers.append(Worker(subject, broker, url, tasks, folder / "store.db"))
            stack.callback(workers[-1].stop)
        before: dict[str, float] = {}
        for _ in range(rounds + 1):
            for worker in workers:
                worker.serve()
            after = {worker.subject: worker.cpu() for worker in workers}
            for subject, used in before.items():
                found[subject].append((after[subject] - used) / tasks)
            before = after
            workers.append(workers.pop(0))
    return found


def _ratios(found: dict[str, list[float]], subject: str) -> list[float]:
    return [more / less - 1 for less, more in zip(found["none"], found[subject], strict=True)]


def _table(found: dict[str, list[float]]) -> str:
    rows = []
    for subject, figures in found.items():
        row = [subject, f"{median(figures):.0f} µs"]
        if subject != "none":
            low, middle, high = interval(_ratios(found, subject))
            row += [f"{middle:+.1%}", f"{low:+.1%} to {high:+.1%}"]
        rows.append([*row, "", ""][:4])
    return table(["a task that does nothing", "CPU", "more", "95 % interval"], rows)


@contextmanager
def _redis() -> Iterator[tuple[Redis, str]]:
    """A Redis on a free port of this machine, which keeps nothing."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        broker = Redis(port=port)
        while not _answers(broker):
            time.sleep(0.05)
        yield broker, f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


def _answers(broker: Redis) -> bool:
    try:
        return bool(broker.ping())
    except RedisConnectionError:
        return False


if __name__ == "__main__":
    main()
