"""The pytest fixture ``captured_transactions``, there wherever weighbridge is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from weighbridge.testing import CapturedTransactions, capture_transactions

__all__ = ["captured_transactions"]


@pytest.fixture
def captured_transactions() -> Iterator[CapturedTransactions]:
    """The transactions that end during the test, in that order (see ``weighbridge.testing``)."""
    with capture_transactions() as captured:
        yield captured
