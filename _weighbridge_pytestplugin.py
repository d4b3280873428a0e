"""The pytest fixture ``captured_transactions``, there wherever weighbridge is installed.

It stands outside of the package, so that pytest does not import that for every
program's tests, but only where one of them asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from weighbridge.testing import CapturedTransactions

__all__ = ["captured_transactions", "pytest_load_initial_conftests"]


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Have pytest import our modules as they are: there are no assertions of tests in them.

    It marks every module of a distribution that has a plugin: to be parsed,
    rewritten and compiled in whatever thread is the first to import it, though
    that be an event loop's.
    """
    hook: Any = early_config.pluginmanager.rewrite_hook
    marked = getattr(hook, "_must_rewrite", None)
    if isinstance(marked, set):
        marked.discard("weighbridge")
        hook.mark_rewrite()  # no other, but what it remembers of those marked is no longer true


@pytest.fixture
def captured_transactions() -> Iterator[CapturedTransactions]:
    """The transactions that end during the test, in that order (see ``weighbridge.testing``)."""
    from weighbridge.testing import capture_transactions  # noqa: PLC0415  see above

    with capture_transactions() as captured:
        yield captured
