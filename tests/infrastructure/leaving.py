"""Tests that leave processes running. pytest does not take them up by itself: `test_processes` runs them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .. import processes

processes.TIMEOUT = 1.0

_PARENT = "import os, time; os.fork(); time.sleep(600)"
"""A program that has a child."""


def _start(**options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _PARENT], **options)


def test_is_killed() -> None:
    """While a program runs, another one in a session of its own, and a child without a program."""
    _start()
    _start(start_new_session=True)
    os.fork()
    time.sleep(600)


def test_forgets_its_processes() -> None:
    """And ends one of them in such a way that its child stays."""
    kept, ended = _start(), _start()
    while not Path(f"/proc/{ended.pid}/task/{ended.pid}/children").read_text():
        time.sleep(0.01)
    ended.kill()
    ended.wait()
    kept.returncode = 0  # so that nobody else warns of it


def test_has_none() -> None:
    """It is not blamed for those of the other test."""
