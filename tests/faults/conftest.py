"""What the search for faults has: programs in processes of their own, their store, and how long it is to go on.

A test that searches goes on for `seconds`: one by default, so that all of
them end in minutes, and as many as ``FAULTS_SECONDS`` says.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..recording.conftest import Programs, Stored, programs, stored

__all__ = ["Programs", "Run", "Stored", "programs", "seconds_given", "stored"]

Run = Callable[..., dict[str, Any]]

_BRIEFLY = "1"


def seconds_given() -> float:
    """What ``FAULTS_SECONDS`` says.

    Raises:
        UsageError: it is no number of seconds.
    """
    text = os.environ.get("FAULTS_SECONDS") or _BRIEFLY
    try:
        return float(text)
    except ValueError:
        raise pytest.UsageError(f"FAULTS_SECONDS is {text!r} and has to be a number of seconds, as 600") from None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A search that goes on for longer than a test may take is no test that hangs."""
    at_most = pytest.mark.timeout(float(config.getini("timeout")) + seconds_given())
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(at_most)


@pytest.fixture
def seconds() -> float:
    """How long one search goes on: what it counts has to be exact, however long that is."""
    return seconds_given()


@pytest.fixture
def run_program(tmp_path: Path, seconds: float) -> Run:
    """Run one of the programs here with a store of its own, which may hang or die; gives what it reckons."""

    def run(name: str, *arguments: object) -> dict[str, Any]:
        environ = {**os.environ, "WEIGHBRIDGE_STORE": str(tmp_path / "store.db"), "PYTHONSAFEPATH": ""}
        command = [sys.executable, str(Path(__file__).parent / "programs" / name), *map(str, arguments)]
        done = subprocess.run(
            command, env=environ, capture_output=True, text=True, timeout=300 + 20 * seconds, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]
        reckoned: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return reckoned

    return run
