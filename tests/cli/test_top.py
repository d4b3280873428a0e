"""``weighbridge top``: the same figures again and again."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from weighbridge.transactions.recording.snapshot import Series

from .conftest import Call, WriteStore

Run = Callable[..., Result]

HOME = Series("Shop", "web", "Route", "GET /")


def test_it_ends_after_the_rounds_asked_for(run: Run, write_store: WriteStore) -> None:
    result = run("top", "--count", 3, "--interval", 0.1, "--store", write_store([Call(HOME, 0.1)]))
    assert result.exit_code == 0
    assert result.stdout.count("Route/GET /") == 3


def start_on_a_terminal(store: Path, *arguments: str) -> tuple[subprocess.Popen[bytes], int]:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "weighbridge.cli", "top", "--store", str(store), "--interval", "60", *arguments]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "30"}
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    return process, ours


def read_until(terminal: int, words: bytes) -> bytes:
    seen = b""
    while words not in seen:
        seen += os.read(terminal, 65536)
    return seen


@pytest.mark.parametrize("key", [b"q", b"Q"])
def test_q_ends_it_on_a_terminal_which_is_left_as_it_was(write_store: WriteStore, key: bytes) -> None:
    process, terminal = start_on_a_terminal(write_store([Call(HOME, 0.1)]))
    try:
        assert b"GET /" in read_until(terminal, b"GET /")
        os.write(terminal, key)
        assert b"\x1b[?1049l" in read_until(terminal, b"\x1b[?1049l")
        assert process.wait() == 0
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
