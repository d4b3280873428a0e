"""In the agent `initialize` is enough: where it is all that a program calls, that is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SAID = (
    "initialize() was called, but nothing opens transactions: wrap your application, or start it with `weighbridge run`"
)


def stderr_of(code: str, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"from weighbridge import agent; {code}"],
        cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stderr.strip()


@pytest.mark.parametrize("code", ["agent.initialize()", "agent.initialize(); agent.initialize(); agent.application()"])
def test_nothing_else_is_called(code: str, tmp_path: Path) -> None:
    assert stderr_of(code, tmp_path) == SAID


@pytest.mark.parametrize(
    "code",
    [
        "agent.initialize(); agent.WSGIApplicationWrapper(print)",
        "agent.initialize(); agent.ASGIApplicationWrapper(print)",
        "agent.initialize(); agent.background_task()(print)",
        "agent.web_transaction()(print); agent.initialize()",
        "agent.initialize(); agent.BackgroundTask(name='job').__enter__().__exit__(None, None, None)",
        "agent.current_transaction()",
        "import weighbridge; weighbridge.initialize()",
    ],
)
def test_it_is_not_said_where_something_is_measured_or_nothing_was_asked_for(code: str, tmp_path: Path) -> None:
    assert stderr_of(code, tmp_path) == ""


def test_it_is_not_said_where_all_is_switched_off(tmp_path: Path) -> None:
    assert stderr_of("agent.initialize()", tmp_path, WEIGHBRIDGE_ENABLED="no") == ""
