"""What became of each test of a suite, and of its requests: a plugin for pytest, and a runner for Django's own suite.

Each line is written as soon as it is known, so that it is seen which test a
process died of.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import sys
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import wrapping

__all__ = ["FILE", "STORE"]

FILE: Final = "OUTCOMES_OF_SUITE"
"""The environment variable that says where they are written."""
STORE: Final = "STORE_OF_SUITE"
"""The environment variable that says where this process records; those that it starts record elsewhere."""


_lines: Final = Path(os.environ[FILE]).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115 - until the process ends
_store: Final = os.environ.get(STORE)


def _write(**line: object) -> None:
    print(json.dumps(line), file=_lines)


def _begin() -> None:
    """Be measured, where that is wanted."""
    if _store:
        import weighbridge

        elsewhere = os.environ["WEIGHBRIDGE_STORE"]
        os.environ["WEIGHBRIDGE_STORE"] = _store
        weighbridge.initialize()
        os.environ["WEIGHBRIDGE_STORE"] = elsewhere


def _finish() -> None:
    """Tell how many requests there were, how many of them are in the store, and how many are not over."""
    if _store:
        import weighbridge
        from weighbridge.transactions.handoff import handoff

        gc.collect()  # responses that were dropped
        weighbridge.flush()
        _write(asked=len(wrapping.asked), recorded=_recorded(), unfinished=len(handoff.open_transactions))


def _recorded() -> int:
    from weighbridge.transactions.store.reader import StoreReader, Window

    assert _store
    with StoreReader.open(_store) as reader:
        return reader.totals(Window(time.time() - 86400, time.time() + 86400)).calls


# pytest


def pytest_configure() -> None:
    """Applies to the suites that pytest runs."""
    wrapping.wrap()
    _begin()


def pytest_runtest_logstart(nodeid: str) -> None:
    """It may be the last one."""
    _write(test=nodeid, outcome="begun")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Each of its three phases."""
    outcome = "xfailed" if hasattr(report, "wasxfail") and report.skipped else report.outcome
    if report.when == "call" or outcome != "passed":
        _write(test=report.nodeid, outcome=outcome)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A file that cannot be imported has no tests."""
    if report.failed:
        _write(test=f"import of {report.nodeid}", outcome="failed")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """All of them are through."""
    _finish()


# unittest


def _note(method: str, outcome: str) -> None:
    """Write down what a result is told by a method."""
    original: Callable[..., None] = getattr(unittest.TextTestResult, method)

    def noting(self: unittest.TextTestResult, test: Any, *more: Any) -> None:
        original(self, test, *more)
        _write(test=test.id(), outcome=outcome)

    setattr(unittest.TextTestResult, method, noting)


_METHODS: Final = {
    "startTest": "begun",
    "addSuccess": "passed",
    "addError": "failed",
    "addFailure": "failed",
    "addSkip": "skipped",
    "addExpectedFailure": "xfailed",
    "addUnexpectedSuccess": "failed",
}


def main(script: str) -> None:
    """Run a script that runs tests of unittest; its arguments are those of this process."""
    for method, outcome in _METHODS.items():
        _note(method, outcome)
    wrapping.wrap()
    _begin()
    sys.path.insert(0, str(Path(script).parent))
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        _finish()


if __name__ == "__main__":
    del sys.argv[0]
    main(sys.argv[0])
