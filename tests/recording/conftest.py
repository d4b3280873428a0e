"""Programs in processes of their own, and what they left in the store."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import weighbridge
from weighbridge.transactions.store.reader import StoreReader, Window

from ..waiting import eventually

__all__ = ["Programs", "Stored", "eventually", "lately", "line_of", "programs", "stored", "work"]


def lately() -> Window:
    """The last hours, and a little of what is to come."""
    return Window(time.time() - 4 * 3600, time.time() + 2 * 3600)


class Stored:
    """The store of a test, read anew at each question."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def reader(self) -> StoreReader:
        return StoreReader.open(self.path)

    def calls(self) -> dict[str, int]:
        """How often each name was counted, in all applications."""
        counted: dict[str, int] = {}
        with self.reader() as reader:
            for line in reader.transactions(lately()):
                counted[line.series.name] = counted.get(line.series.name, 0) + line.statistics.calls
        return counted

    def total(self) -> int:
        """How many transactions were counted, by the rows of all together."""
        with self.reader() as reader:
            return reader.totals(lately()).calls

    def lost(self) -> dict[str, int]:
        with self.reader() as reader:
            return dict(reader.health().lost)

    def is_intact(self) -> bool:
        with sqlite3.connect(self.path) as store:
            answer = store.execute("PRAGMA integrity_check").fetchall()
        store.close()
        return answer == [("ok",)]


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_settings: None) -> Stored:
    """The store that this process and the programs it starts write to."""
    path = tmp_path / "weighbridge.db"
    monkeypatch.setenv("WEIGHBRIDGE_STORE", str(path))
    monkeypatch.setenv("WEIGHBRIDGE_FLUSH_INTERVAL", "60")
    return Stored(path)


_PROLOGUE = """
import os, sys, time
import weighbridge
from weighbridge import background_task

@background_task(name="work")
def work(seconds=0.0):
    time.sleep(seconds)

"""


class Programs:
    """Starts programs in which ``work`` is a decorated function."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prologue = _PROLOGUE
        self.errors = ""
        """What the last program that was run wrote to standard error."""
        self.started: list[subprocess.Popen[str]] = []

    def start(self, text: str, *options: str, **environ: str) -> subprocess.Popen[str]:
        """Start it; its standard input and output are pipes."""
        script = self.folder / f"program{len(self.started)}.py"
        script.write_text(self.prologue + textwrap.dedent(text), encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, *options, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(self.folder), **environ},
            cwd=self.folder,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def run(self, text: str, *options: str, status: int | None = 0, **environ: str) -> str:
        """Run it to its end; gives what it wrote to standard output. With status ``None`` it fails, somehow."""
        process = self.start(text, *options, **environ)
        output, errors = process.communicate()
        assert process.returncode == status or (status is None and process.returncode), errors
        self.errors = errors
        return output

    def stop(self) -> None:
        """End them with all that they have started."""
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.fixture
def programs(tmp_path: Path, stored: Stored) -> Iterator[Programs]:
    """Programs that write to the test's store."""
    made = Programs(tmp_path)
    yield made
    made.stop()


def line_of(process: subprocess.Popen[str]) -> str:
    """The next line of a program's output."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def work() -> Callable[[], None]:
    """A decorated function."""

    @weighbridge.background_task(name="work")
    def measured() -> None:
        pass

    return measured
