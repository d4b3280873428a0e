"""Exceptions of the host's that strike in code of ours: each reaches the host, and nothing is left open or current."""

from __future__ import annotations

import sys

import pytest

from .conftest import Run

FORMS = (
    "function coroutine generator closed_generator async_generator block async_block web_function web_block calls "
    "failing flushed decorated reclassified named partial instance method made wsgi wsgi_stream wsgi_closed asgi"
).split()

STRIKERS = ["signal:SoftTimeLimit", "signal:Abort", "signal:Timeout", "signal:TimeoutError", "thread:SoftTimeLimit"]
"""A class of the host's own, one that is no ``Exception``, one that is also a ``RuntimeError``, a built-in one."""


CASES = [
    (form, striker)
    for form in FORMS
    for striker in STRIKERS
    # what strikes while a ``name=`` of the host's runs, and by no signal, is taken for what that makes of the call
    if not (form == "named" and striker.startswith("thread"))
    # Python 3.10 runs a generator once more when it is dropped, and swallows what strikes there
    and not (form == "wsgi_closed" and sys.version_info < (3, 11))
]


@pytest.mark.parametrize(("form", "striker"), CASES)
def test_whatever_strikes_reaches_the_host(form: str, striker: str, run_program: Run, seconds: float) -> None:
    told = run_program("strikes.py", form, striker, seconds)
    assert told["raised"] > 0
    # Struck at the very call of `close`, the body's generator is dropped: Python swallows what strikes next.
    assert told["swallowed"] <= (told["raised"] // 100 if form == "wsgi_closed" else 0)
    assert told["arrived"] == told["raised"] - told["swallowed"]
    assert (told["blinded"], told["open"], told["current"]) == (0, 0, False)
    # One that was struck before the first line of the program's own work may be counted, too.
    counted = told["counted"] + told["lost"].get("interrupted", 0)
    assert told["ran"] <= counted <= told["ran"] + told["raised"]
    assert told["lost"].get("interrupted", 0) <= told["raised"]
    assert "transactions" not in told["lost"]


@pytest.mark.parametrize("kind", ["SoftTimeLimit", "AttributeError", "StopIteration", "StopAsyncIteration"])
def test_at_no_point_is_what_strikes_kept_from_the_host(kind: str, run_program: Run, seconds: float) -> None:
    """At each one of a thousand points, one after the other; briefly, at every third."""
    told = run_program("points.py", kind, 3 if seconds <= 1 else 1)
    assert told["tried"] > 500
    assert told["faults"] == []
