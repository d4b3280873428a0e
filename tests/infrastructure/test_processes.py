"""What tests and benchmarks start ends with them, also where they are killed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .. import processes

HERE = Path(__file__).parent
BENCHMARKS = HERE.parents[1] / "benchmarks"

pytestmark = pytest.mark.skipif(not processes.children(), reason="nobody tells of the children of a process")
needs_valgrind = pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")


def leaving(*tests: str) -> list[str]:
    """The command that runs tests of those that leave processes, without what other plugins would add."""
    names = [f"{HERE / 'leaving.py'}::{test}" for test in tests]
    return [str(Path(sys.executable).with_name("pytest")), "-p", "no:cacheprovider", "-p", "no:xdist", *names]


def left_of(command: list[str], having: int, **environ: str) -> set[int]:
    """Kill a program once it has started so many processes; gives those of them that go on all the same."""
    program = subprocess.Popen(command, env=os.environ | environ, stdout=subprocess.DEVNULL)
    try:
        while len(started := processes.descendants(program.pid)) < having:
            assert program.poll() is None, "it has ended by itself"
            time.sleep(0.05)
    finally:
        program.kill()
        program.wait()
    return processes.until_gone(lambda: started)


def test_nothing_is_left_of_tests_that_are_killed() -> None:
    """Two programs with a child each, a forked child, and the keeper itself."""
    assert left_of(leaving("test_is_killed"), having=6) == set()


def test_a_test_that_leaves_processes_fails_and_they_are_ended() -> None:
    command = leaving("test_forgets_its_processes", "test_has_none")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    left = {int(process) for process in re.findall(r"(\d+): '\S+ -c import os", done.stdout)}
    assert len(left) == 2, done.stdout
    assert "2 passed, 1 error" in done.stdout
    assert processes.until_gone(lambda: left) == set()


@pytest.mark.parametrize(
    ("script", "having"),
    [
        pytest.param("sockets.py --server gunicorn", 4, id="servers"),
        pytest.param(
            "overhead.py --instructions --entry-point task --only floor", 1, id="valgrind", marks=needs_valgrind
        ),
        pytest.param("store.py --writes 1000", 2, id="writers"),
    ],
)
def test_nothing_is_left_of_a_benchmark_that_is_killed(script: str, having: int) -> None:
    name, *arguments = script.split()
    assert left_of([sys.executable, str(BENCHMARKS / name), *arguments], having) == set()
