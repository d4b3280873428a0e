"""Schedulers and pools, each in a program that ends in the normal way."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from .conftest import JOBS, Stored, errors, paths


def run(*arguments: str) -> None:
    """A program of the folder, to its end."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=JOBS,
        env={**os.environ, "PYTHONPATH": str(JOBS)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "failed inside" not in done.stderr


@pytest.mark.parametrize("scheduler", ["background", "processes", "asyncio"])
def test_what_is_scheduled_is_counted(scheduler: str, stored: Stored) -> None:
    """A job that a request has scheduled is none of its work, whatever context the scheduler carries."""
    run("scheduled", scheduler)
    of_event_loop = {"Function/scheduled:fetch": (5, 0), "Function/letter": (1, 0)}
    assert paths(stored) == {
        "Function/scheduled:tidy": (5, 0),
        "Python/Cron/stock": (5, 5),
        **(of_event_loop if scheduler == "asyncio" else {}),
    }
    assert errors(stored) == {("builtins:LookupError", "no such book"): 5}


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("pool", ["futures", "multiprocessing"])
def test_what_fails_in_a_pool_is_counted_there(pool: str, method: str, stored: Stored) -> None:
    """The exception reaches the parent, which records nothing."""
    run("pooled", pool, method)
    assert paths(stored) == {"Python/Pool/by 0": (2, 2), "Python/Pool/by 1": (1, 0), "Python/Pool/by 2": (1, 0)}
    assert errors(stored) == {("builtins:ZeroDivisionError", "division by zero"): 2}
