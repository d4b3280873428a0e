"""One run of a suite, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from suite import Suite

__all__ = ["Run", "children_wrapped", "run"]

_HERE: Final = Path(__file__).resolve().parent
_WRAPPING: Final = f"(sys.path.append({str(_HERE)!r}), __import__('wrapping').wrap())"
_OURS: Final = ("WEIGHBRIDGE_", "NEW_RELIC_", "PYTHONSAFEPATH")
"""What the suites know nothing of: they import from the folder of a script."""
_AT_MOST: Final = 1800.0
"""Seconds that a run may take."""
_TEST_AT_MOST: Final = 300
"""Seconds that a test may take."""


@dataclass
class Run:
    """What became of it."""

    mode: str
    """Without or with weighbridge."""
    outcomes: dict[str, str] = field(default_factory=dict)
    """By test: passed, failed, skipped, xfailed; begun, where the process died of it."""
    asked: int = 0
    """Requests that came by weighbridge."""
    recorded: int = 0
    """How many of them are in the store."""
    unfinished: int = 0
    """How many have a response that was neither read to its end nor closed nor dropped."""
    seconds: float = 0.0
    ended: int | str = 0
    """The exit status; below 0 the signal."""
    last_words: str = ""

    @property
    def passed(self) -> int:
        """How many tests did."""
        return sum(outcome == "passed" for outcome in self.outcomes.values())


def run(suite: Suite, root: Path, *, measured: bool, only: tuple[str, ...] = ()) -> Run:
    """Run a suite, or some of its tests.

    Args:
        suite: which.
        root: where its sdist is.
        measured: with weighbridge in front of every application.
        only: the tests; by default all.
    """
    with tempfile.TemporaryDirectory(prefix="suite-") as folder:
        result, began = Run("with weighbridge" if measured else "without weighbridge"), time.monotonic()
        result.ended, result.last_words = _ended(_command(suite, only), root, _environment(suite, folder, measured))
        result.seconds = time.monotonic() - began
        _read(Path(folder, "outcomes"), result)
    return result


def _command(suite: Suite, only: tuple[str, ...]) -> list[str]:
    if suite.by_pytest:
        # A plugin for repeating what fails keeps what a failed test has used, and so a response that nobody closes.
        without = [word for name in ("cacheprovider", "rerunfailures") for word in ("-p", f"no:{name}")]
        options = ["-q", "-p", "outcomes", *without, "-o", "addopts=", f"--timeout={_TEST_AT_MOST}"]
        left_out = [f"--ignore={name}" for name in suite.without]
        return [str(Path(sys.executable).with_name("pytest")), *options, *left_out, *(only or suite.tests)]
    return [sys.executable, str(_HERE / "outcomes.py"), "tests/runtests.py", "--parallel=1", *(only or suite.tests)]


def _environment(suite: Suite, folder: str, measured: bool) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    ours = {"PYTHONPATH": str(_HERE), "OUTCOMES_OF_SUITE": f"{folder}/outcomes"}
    stores = {"STORE_OF_SUITE": f"{folder}/suite.db", "WEIGHBRIDGE_STORE": f"{folder}/children.db"}
    return kept | ours | ({"WRAPPED_BY_SUITES": suite.name, **stores} if measured else {})


def _ended(command: list[str], root: Path, environment: dict[str, str]) -> tuple[int | str, str]:
    """How it ended, and what it said last; nothing that it has started stays."""
    process = subprocess.Popen(
        command, cwd=root, env=environment, start_new_session=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    try:
        said, _ = process.communicate(timeout=_AT_MOST)
        return process.returncode, said[-1500:]
    except subprocess.TimeoutExpired:
        return f"nothing within {_AT_MOST:.0f} seconds", ""
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _read(outcomes: Path, result: Run) -> None:
    for line in outcomes.read_text("utf-8").splitlines() if outcomes.exists() else ():
        said = json.loads(line)
        if "test" in said:
            if result.outcomes.get(said["test"]) != "failed":
                result.outcomes[said["test"]] = said["outcome"]
        else:
            result.asked, result.recorded, result.unfinished = said["asked"], said["recorded"], said["unfinished"]


@contextmanager
def children_wrapped() -> Iterator[None]:
    """Have the applications wrapped in processes that the tests start, too, whatever environment they give them."""
    start = Path(sysconfig.get_path("purelib"), "weighbridge-suites.pth")
    start.write_text(f"import os, sys; 'WRAPPED_BY_SUITES' in os.environ and {_WRAPPING}\n")
    try:
        yield
    finally:
        start.unlink()
