"""Measured work that the collector finds: the process survives, every transaction is counted, none is left."""

from __future__ import annotations

import pytest

from .conftest import Run

DROPPED = ("response_body generator async_generator block coroutine coroutine_here coroutine_of_a_function").split()
DESTRUCTORS = ["call_in_a_destructor", "block_in_a_destructor", "generator_in_a_destructor", "look_in_a_destructor"]


@pytest.mark.parametrize("threshold", [1, 7, 50, 700])
@pytest.mark.parametrize("what", DROPPED)
def test_what_is_dropped_in_a_cycle_is_counted(what: str, threshold: int, run_program: Run, seconds: float) -> None:
    told = run_program("collector.py", what, int(2000 * seconds), threshold)
    assert told["counted"] == told["ran"]
    assert (told["lost"], told["open"], told["current"]) == ({}, 0, False)


@pytest.mark.parametrize("threshold", [7, 700])
@pytest.mark.parametrize("what", DESTRUCTORS)
def test_what_a_destructor_does_harms_nothing(what: str, threshold: int, run_program: Run, seconds: float) -> None:
    """It may run within a request, which it then belongs to as any call does: so only the process is looked at.

    Where it runs in the middle of the first reading of the settings it cannot be measured, and is told as lost.
    """
    told = run_program("collector.py", what, int(2000 * seconds), threshold)
    assert (told["open"], told["current"]) == (0, False)
    assert told["lost"] in ({}, {"transactions": 1})
