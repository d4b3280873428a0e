"""What a request pays has not grown: instructions, as multiples of those of the floor, against the recorded ones.

``python benchmarks/overhead.py --instructions --only weighbridge --record``
records them anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from measuring.callgrind import VALGRIND
from measuring.costs import counted
from measuring.ratios import recorded
from measuring.workers import Job

_MARGIN = 1.05

pytestmark = [
    pytest.mark.skipif(VALGRIND is None, reason="valgrind is not installed"),
    pytest.mark.skipif(not recorded(), reason="nothing is recorded for this version of Python"),
    pytest.mark.timeout(600),
]


@pytest.mark.parametrize("door", ["wsgi", "asgi", "task"])
def test_a_request_costs_no_more_than_recorded(door: str) -> None:
    assert _ratio(door) <= recorded()[door] * _MARGIN


def _ratio(door: str) -> float:
    job = Job("weighbridge", door)
    return counted([job])[job][1]
