"""Workers in processes of their own, told to stop as their keepers tell them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..waiting import TIMEOUT, eventually

__all__ = ["eventually", "run", "worker"]


@contextmanager
def worker(*command: str, folder: Path, status: int = 0, **environ: str) -> Iterator[Path]:
    """A Python program that works, until SIGTERM stops it in good order; gives the file of what it says."""
    said = folder / "said"
    with said.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder), **environ},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield said
            process.send_signal(signal.SIGTERM)
            ended = process.wait(TIMEOUT)
        except BaseException:
            sys.stderr.write(said.read_text("utf-8"))
            raise
        finally:
            process.kill()
            process.wait()
    text = said.read_text("utf-8")
    assert ended == status, text
    assert "failed inside" not in text, text


def run(*command: str, folder: Path, **environ: str) -> None:
    """Run a Python program, such as one that sends tasks, to its end."""
    program = [sys.executable, *command]
    subprocess.run(program, cwd=folder, env={**os.environ, **environ}, check=True, timeout=TIMEOUT)
