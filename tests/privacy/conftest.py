"""A store in a file whose every byte can be searched, and settings as somebody writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import weighbridge
from weighbridge.testing import CapturedTransactions, capture_transactions

from ..own_store import settings, store

__all__ = ["settings", "store"]


@pytest.fixture
def kept(store: Path) -> Callable[[], bytes]:
    """Everything that is in the store once all is written, as bytes."""

    def read() -> bytes:
        weighbridge.shutdown_agent()
        return b"".join(file.read_bytes() for file in store.parent.glob("shop.db*"))

    return read


@pytest.fixture
def ended() -> Iterator[CapturedTransactions]:
    """The transactions that have ended."""
    with capture_transactions() as transactions:
        yield transactions
