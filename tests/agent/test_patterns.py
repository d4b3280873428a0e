"""The ways in which public programs call the agent work here, but for those that raise there as well."""

from __future__ import annotations

from typing import Any

import pytest

from weighbridge import agent
from weighbridge.transactions import configuration
from weighbridge.transactions.model.process_state import process_state

from .patterns import PATTERNS, RAISE_THERE


@pytest.fixture(autouse=True)
def own_settings() -> Any:
    yield
    configuration.reset()
    process_state.reset()


def test_how_many_there_are() -> None:
    assert len(PATTERNS) >= 78
    assert set(PATTERNS) >= RAISE_THERE


@pytest.mark.parametrize("name", PATTERNS)
def test_it_does_not_raise(name: str) -> None:
    PATTERNS[name](agent)
