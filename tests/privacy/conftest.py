"""A store in a file whose every byte can be searched, and settings as somebody writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import weighbridge
from weighbridge.testing import CapturedTransactions, capture_transactions


@pytest.fixture(autouse=True)
def store(own_settings: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file that is reported to."""
    monkeypatch.setenv("WEIGHBRIDGE_STORE", str(tmp_path / "shop.db"))
    return tmp_path / "shop.db"


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


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts settings into force, named as their variables without the prefix."""

    def put(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"WEIGHBRIDGE_{name.upper()}", value)
        weighbridge.initialize(ignore_errors=False)

    return put
