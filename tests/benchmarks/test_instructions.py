"""What a request and an import pay has not grown: instructions, which are the same again on the same machine.

A request's are multiples of those of the floor, held against the recorded ones
and against what is aimed at.

``python benchmarks/overhead.py --instructions --only weighbridge --record``
records them anew.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from measuring.callgrind import VALGRIND, instructions_of_import
from measuring.costs import counted
from measuring.ratios import recorded
from measuring.workers import Job

_MARGIN = 1.05
"""How often a background thread wakes is the machine's business, which makes a few percent."""

pytestmark = [pytest.mark.bench, pytest.mark.skipif(VALGRIND is None, reason="valgrind is not installed")]


@pytest.mark.skipif(not recorded(), reason="nothing is recorded for this version of Python")
@pytest.mark.parametrize("middleware", ["wsgi", "asgi", "task"])
def test_a_request_costs_no_more_than_recorded(middleware: str) -> None:
    assert _ratio(middleware) <= recorded()[middleware] * _MARGIN


@pytest.mark.parametrize(("middleware", "most"), [("wsgi", 3.3), ("asgi", 3.5), ("task", 6.2)])
@pytest.mark.skipif(sys.version_info < (3, 11), reason="see test_instructions_on_310.py")
def test_a_request_costs_no_more_than_is_aimed_at(middleware: str, most: float) -> None:
    assert _ratio(middleware) <= most * _MARGIN


@cache
def _ratio(middleware: str) -> float:
    job = Job("weighbridge", middleware)
    return counted([job])[job][1]


@pytest.mark.parametrize("module", ["weighbridge", "weighbridge.middleware.wsgi", "weighbridge.middleware.asgi"])
def test_an_import_costs_little_beside_that_of_asyncio(module: str) -> None:
    ours, theirs = (instructions_of_import(sys.executable, name) for name in (module, "asyncio"))
    assert ours <= 0.4 * theirs
