"""Stores with known contents, written by the real writer, and the command line run in this process."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from weighbridge.cli.commands import weighbridge
from weighbridge.transactions.recording.histogram import add_durations
from weighbridge.transactions.recording.snapshot import Instance, MinuteRow, Series, Snapshot
from weighbridge.transactions.recording.totals import Totals, nanoseconds
from weighbridge.transactions.store.sqlite.writer import StoreWriter

T = 0.5


class Call(NamedTuple):
    """One finished transaction, as far as a report shows it."""

    series: Series
    duration: float
    failed: bool = False
    age: float = 60.0
    """Seconds since it ended."""


def _minute_row(series: Series, minute: int, calls: list[Call]) -> MinuteRow:
    histogram: dict[int, int] = {}
    durations = [call.duration for call in calls]
    add_durations(durations, histogram)
    judged = calls if series.kind == "web" else []
    satisfied = sum(not call.failed and call.duration <= T for call in judged)
    tolerating = sum(not call.failed and T < call.duration <= 4 * T for call in judged)
    return MinuteRow(
        series=series,
        minute=minute,
        totals=Totals(
            count=len(calls),
            total=sum(map(nanoseconds, durations)),
            minimum=nanoseconds(min(durations)),
            maximum=nanoseconds(max(durations)),
            succeeded=sum(not call.failed for call in calls),
            failed=sum(call.failed for call in calls),
            satisfied=satisfied,
            tolerating=tolerating,
            frustrated=len(judged) - satisfied - tolerating,
            apdex_t=T if judged else None,
            histogram=histogram,
        ),
    )


def _snapshot(calls: Iterable[Call], lost: Mapping[str, int], taken: float, instance: str = "one") -> Snapshot:
    grouped: dict[tuple[Series, int], list[Call]] = {}
    for call in calls:
        minute = int((taken - call.age) // 60) * 60
        grouped.setdefault((call.series, minute), []).append(call)
    rows = tuple(_minute_row(series, minute, group) for (series, minute), group in grouped.items())
    return Snapshot(Instance(instance, "host", 1, taken - 60, "test"), 1, taken, rows, lost=lost)


def write_more(path: Path, calls: Iterable[Call], lost: Mapping[str, int] | None = None, ago: float = 0.0) -> None:
    """Write what another process has recorded, so many seconds ago."""
    store = StoreWriter(str(path))
    store.write(_snapshot(calls, lost or {}, time.time() - ago, uuid4().hex))
    store.close()


def on_a_terminal(*arguments: object, **environ: str) -> str:
    """What a command writes to a wide terminal, standard error included."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "weighbridge.cli", *map(str, arguments)]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "900", **environ},
    ) as process:
        os.close(theirs)
        written = b"".join(iter(lambda: _read(ours), b""))
        process.wait(30)
    os.close(ours)
    return written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # on Linux, the end of a terminal
        return b""


WriteStore = Callable[..., Path]


@pytest.fixture
def write_store(tmp_path: Path) -> WriteStore:
    """Write calls into a store of their own and give its file."""

    def write(calls: Iterable[Call], lost: Mapping[str, int] | None = None) -> Path:
        path = tmp_path / "weighbridge.db"
        store = StoreWriter(str(path))
        store.write(_snapshot(calls, lost or {}, time.time()))
        store.close()
        return path

    return write


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command line in this process, with no settings but those given as ``environ``."""

    def command(*arguments: object, **environ: str) -> Result:
        return CliRunner(env={"WEIGHBRIDGE_CONFIG_FILE": None, **environ}).invoke(weighbridge, [*map(str, arguments)])

    return command
