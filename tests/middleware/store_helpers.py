"""What is in the store, for tests that ask it rather than the transactions."""

from __future__ import annotations

import time

from weighbridge import flush
from weighbridge.transactions.store.reader import StoreReader
from weighbridge.transactions.store.results import SeriesStatistics, StoredSample
from weighbridge.transactions.store.statistics import Window


def _now() -> Window:
    now = time.time()
    return Window(now - 300, now + 60)


def rows(store: str = ":memory:") -> list[SeriesStatistics]:
    """The figures of what has ended until now."""
    assert flush()
    with StoreReader.open(store) as reader:
        return reader.transactions(_now())


def samples(store: str = ":memory:") -> list[StoredSample]:
    """The samples of what has ended until now."""
    assert flush()
    with StoreReader.open(store) as reader:
        return reader.samples(_now())


def lost(store: str = ":memory:") -> dict[str, int]:
    """What was dropped until now, by cause."""
    assert flush()
    with StoreReader.open(store) as reader:
        return dict(reader.health().lost)
