"""A store that this process reports to, and what is in it once all is written."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

import weighbridge
from weighbridge.transactions.store.reader import ErrorGroupStatistics, SampleErrorInfo, StoreReader, Window

from ..own_store import settings, store

__all__ = ["Groups", "SampleErrors", "lately", "settings", "store"]

Groups = Callable[[], list[ErrorGroupStatistics]]
SampleErrors = Callable[[], list[SampleErrorInfo]]


def lately() -> Window:
    return Window(time.time() - 7200, time.time() + 3600)


@pytest.fixture
def read(store: Path) -> Callable[[], StoreReader]:
    """The store, once all is written that has happened so far."""

    def opened() -> StoreReader:
        assert weighbridge.flush()
        return StoreReader.open(store)

    return opened


@pytest.fixture
def groups(read: Callable[[], StoreReader]) -> Groups:
    """The groups of errors that the store has, those with the most errors first."""
    return lambda: read().error_groups(lately())


@pytest.fixture
def sample_errors(read: Callable[[], StoreReader]) -> SampleErrors:
    """What the store has of the errors of all samples, besides class and message."""

    def found() -> list[SampleErrorInfo]:
        reader = read()
        return [error for one in reader.samples(lately()) for error in reader.errors_of_sample(one.id)]

    return found
