"""Waiting for what is to happen, and not for some time to pass: a busy machine is no fault of ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

__all__ = ["TIMEOUT", "eventually"]

TIMEOUT = 300.0
"""Seconds after which nobody expects it any more."""


def eventually(condition: Callable[[], Any]) -> Any:
    """The first true value of a condition."""
    deadline = time.monotonic() + TIMEOUT
    while not (value := condition()):
        assert time.monotonic() < deadline, "it has not happened"
        time.sleep(0.01)
    return value
