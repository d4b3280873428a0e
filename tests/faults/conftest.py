"""What looks for faults: programs in processes of their own, which may hang or die, and then say what they counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).parent / "programs"

SECONDS = float(os.environ.get("FAULTS_SECONDS", "1"))
"""How long each program looks; the longer, the rarer the faults that it finds."""

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run_program(tmp_path: Path) -> Run:
    """Run a program with a store of its own; gives what it reckons."""

    def run(name: str, *arguments: object) -> dict[str, Any]:
        environ = {**os.environ, "WEIGHBRIDGE_STORE": str(tmp_path / "store.db"), "PYTHONSAFEPATH": ""}
        command = [sys.executable, str(PROGRAMS / name), *map(str, arguments)]
        done = subprocess.run(
            command, env=environ, capture_output=True, text=True, timeout=120 + 20 * SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]
        reckoned: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return reckoned

    return run
