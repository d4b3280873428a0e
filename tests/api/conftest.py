"""What has ended, and what was dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from weighbridge.testing import CapturedTransactions, capture_transactions
from weighbridge.transactions.handoff import handoff


@pytest.fixture
def finished() -> Iterator[CapturedTransactions]:
    """The transactions that have ended."""
    with capture_transactions() as transactions:
        yield transactions


@pytest.fixture
def lost(own_settings: None) -> Callable[[str], int]:
    """How many were dropped for a cause since this was asked last."""
    handoff.take_dropped()
    return lambda cause: handoff.take_dropped().get(cause, 0)
