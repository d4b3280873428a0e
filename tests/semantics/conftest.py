"""What every test here has: a store in memory, the finished transactions, and our own log lines."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import weighbridge
from weighbridge.testing import capture_transactions


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def log_lines(mistakes: list[str]) -> Iterator[list[str]]:
    """The log lines of ours, each matter as if it came up for the first time."""
    handler = _Lines()
    logging.getLogger("weighbridge").addHandler(handler)
    yield handler.lines
    logging.getLogger("weighbridge").removeHandler(handler)


@pytest.fixture(autouse=True)
def reports_to_the_shop(monkeypatch: pytest.MonkeyPatch, own_settings: None) -> None:
    """The application of the tests here."""
    monkeypatch.setenv("WEIGHBRIDGE_APP_NAME", "shop")


@pytest.fixture
def finished() -> Iterator[list[weighbridge.FinishedTransaction]]:
    """What has ended, in the order in which it did."""
    with capture_transactions() as captured:
        yield captured


Paths = Callable[[], list[str]]


@pytest.fixture
def paths(finished: list[weighbridge.FinishedTransaction]) -> Paths:
    """The paths of what has ended."""
    return lambda: [transaction.path for transaction in finished]


_PROLOGUE = """
import json, os, sys
import weighbridge
from weighbridge import *
from weighbridge.transactions.handoff import handoff
got = []
handoff.add_listener(lambda transaction: got.append(transaction.path))
"""


@pytest.fixture
def run_script(tmp_path: Path) -> Callable[[str], Any]:
    """Run a program in a process of its own; gives what it prints as JSON."""

    def run(text: str) -> Any:
        script = tmp_path / "script.py"
        script.write_text(_PROLOGUE + text, encoding="utf-8")
        environ = {**os.environ, "WEIGHBRIDGE_STORE": str(tmp_path / "store.db"), "PYTHONSAFEPATH": "1"}
        done = subprocess.run([sys.executable, str(script)], env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
