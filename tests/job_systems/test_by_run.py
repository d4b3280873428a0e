"""Workers under ``weighbridge run``, without a line of ours."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from ..recording.conftest import Stored
from ..waiting import TIMEOUT, eventually
from .conftest import Brokers
from .driver import counted, total
from .rows import PROGRAMS

_WORKERS: Final = {
    "celery": ("celery", "-A", "unmeasured", "worker", "--concurrency", "2", "--without-gossip", "--without-mingle"),
    "rq": ("rq.cli", "worker"),
    "dramatiq": ("dramatiq", "unmeasured", "--processes", "1", "--threads", "2"),
    "huey": ("huey.bin.huey_consumer", "unmeasured.huey"),
    "taskiq": ("taskiq", "worker", "unmeasured:broker", "--workers", "1"),
    "arq": ("arq", "unmeasured.WorkerSettings"),
    "apscheduler": ("unmeasured",),
}
_COUNTED: Final = {
    "celery": ("Celery", "{name}"),
    "rq": ("RQ", "unmeasured.{name}"),
    "dramatiq": ("Dramatiq", "{name}"),
    "huey": ("Huey", "unmeasured.{name}"),
    "taskiq": ("Taskiq", "{name}"),
    "arq": ("arq", "{name}"),
    "apscheduler": ("APScheduler", "{name}"),
}


@pytest.mark.parametrize("system", _WORKERS)
def test_every_task_is_measured(
    system: str, brokers: Brokers, stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec(system) is None:
        pytest.skip(f"needs {system}")
    monkeypatch.setenv("WEIGHBRIDGE_FLUSH_INTERVAL", "0.5")
    url = brokers.redis()
    environ = {**os.environ, "SYSTEM": system, "BROKER": url, "RQ_REDIS_URL": url, "PYTHONPATH": str(PROGRAMS)}
    environ.pop("PYTHONSAFEPATH", None)
    if system != "apscheduler":  # that program is its own worker
        subprocess.run([sys.executable, PROGRAMS / "unmeasured.py"], env=environ, check=True, timeout=TIMEOUT)
    command = [sys.executable, "-m", "weighbridge", "run", "--", sys.executable, "-m", *_WORKERS[system]]
    with (tmp_path / "said").open("wb") as said:
        worker = subprocess.Popen(
            command, env=environ, cwd=tmp_path, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        eventually(lambda: total(stored) >= 2)
        if system != "apscheduler":
            worker.send_signal(signal.SIGTERM)
        assert worker.wait(TIMEOUT) == 0
    finally:
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
    text = (tmp_path / "said").read_text("utf-8", "replace")
    assert "failed inside" not in text, text
    group, pattern = _COUNTED[system]
    assert {name: dict(one.outcomes) for name, one in counted(stored, group).items()} == {
        pattern.format(name="good"): {"succeeded": 1},
        pattern.format(name="bad"): {"failed": 1},
    }
