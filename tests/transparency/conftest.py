"""What is compared: what the server sees, what the application notes, and what is logged."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from weighbridge.testing import CapturedTransactions, capture_transactions

from .noted import contexts, notes


@pytest.fixture(autouse=True)
def quick_store(own_settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is recorded is none of the question."""
    monkeypatch.setenv("WEIGHBRIDGE_STORE", ":memory:")


@pytest.fixture
def ended() -> Iterator[CapturedTransactions]:
    """The transactions that have ended."""
    with capture_transactions() as transactions:
        yield transactions


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(("weighbridge", "asyncio")):  # asyncio complains when garbage is collected
            self.lines.append(f"log {record.name} {record.levelname} {record.getMessage()}")


def observed(act: Callable[[], list[str]]) -> list[str]:
    """All that can be seen of something that is done, without what differs from time to time."""
    notes.clear()
    contexts.clear()
    log = _Lines()
    logging.getLogger().addHandler(log)
    try:
        seen = act()
    finally:
        logging.getLogger().removeHandler(log)
    return [masked(line) for line in (*seen, "--- application", *notes, "--- log", *log.lines)]


def without_streams(lines: list[str]) -> tuple[list[str], list[str]]:
    """What an abandoned stream notes, apart from all else: it is up to the collector when it is cleaned up."""
    return [line for line in lines if "stream" not in line], [line for line in lines if "stream" in line]


def masked(text: Any) -> str:
    """Without addresses in memory, what the time is, and the boundary that is drawn anew for each answer."""
    text = re.sub(r"0x[0-9a-f]{6,}", "0x...", str(text))
    text = re.sub(r"(?i)(\b(?:date|expires)\b\W+)\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", r"\1...", text)
    return re.sub(r"(?<=boundary=)[0-9a-f]+|(?<=--)[0-9a-f]{16,}", "...", text)
