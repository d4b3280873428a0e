"""A store in a file of its own that this process reports to, and settings as somebody writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import weighbridge

__all__ = ["settings", "store"]


@pytest.fixture(autouse=True)
def store(own_settings: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file that is reported to."""
    monkeypatch.setenv("WEIGHBRIDGE_STORE", str(tmp_path / "shop.db"))
    return tmp_path / "shop.db"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts settings into force, named as their variables without the prefix."""

    def put(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"WEIGHBRIDGE_{name.upper()}", value)
        weighbridge.initialize(ignore_errors=False)

    return put
