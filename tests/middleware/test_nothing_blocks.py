"""Nothing of ours blocks an event loop; what would is caught by every test, as is shown here."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from blockbuster import BlockingError

from weighbridge import background_task, flush, initialize
from weighbridge.middleware import ASGITransactionMiddleware
from weighbridge.transactions.handoff import handoff

from .asgi_helpers import get, hello
from .store_helpers import rows


def sleep() -> None:
    time.sleep(0.001)


def look_at_a_file() -> None:
    os.stat(__file__)  # noqa: PTH116  before Python 3.11 a path has a stat of its own


def read_a_file() -> None:
    with Path(__file__).open("rb") as file:
        file.read()


def wait_for_a_lock() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire(timeout=0.001)


def write_to_a_database() -> None:
    database = sqlite3.connect(":memory:")
    try:
        database.execute("CREATE TABLE t (x)")
    finally:
        database.close()


def talk_to_somebody() -> None:
    with socket.socket() as nobody:
        nobody.connect(("127.0.0.1", 1))


BLOCKING = [sleep, look_at_a_file, read_a_file, wait_for_a_lock, write_to_a_database, talk_to_somebody]


@pytest.mark.parametrize("block", BLOCKING)
def test_a_blocking_call_of_ours_would_be_caught(block: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorder's place is taken by something that blocks; the guard lets it through: it is no mistake of ours."""

    def on_pending() -> int:
        block()
        return 0

    monkeypatch.setattr(handoff, "on_pending", on_pending)
    with pytest.raises(BlockingError):
        asyncio.run(get(ASGITransactionMiddleware(hello)))


def test_outside_of_an_event_loop_it_may_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handoff, "on_pending", lambda: sleep() or 0)
    background_task(len)("")


def test_an_event_loop_is_not_blocked_while_the_store_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorder's thread waits for the store with its lock held; requests go on, and all of them are counted."""
    store = str(tmp_path / "weighbridge.db")
    monkeypatch.setenv("WEIGHBRIDGE_STORE", store)
    monkeypatch.setenv("WEIGHBRIDGE_FLUSH_INTERVAL", "0.01")
    initialize()
    background_task(len)("")
    assert flush()

    async def main() -> None:
        middleware = ASGITransactionMiddleware(hello, name="page")
        for number in range(2000):
            await get(middleware, **{"newrelic.suppress_apdex_metric": True} if number % 2 else {})

    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        asyncio.run(main())
    assert [row.statistics.calls for row in rows(store) if row.series.name == "page"] == [2000]
