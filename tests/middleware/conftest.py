"""What the tests of the middleware share: the transactions that end while a test runs, and event loops."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest

from weighbridge.testing import CapturedTransactions, capture_transactions


@pytest.fixture(autouse=True)
def quick_store(own_settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Event loops write what is left when they end: into memory, there are a thousand of them."""
    monkeypatch.setenv("WEIGHBRIDGE_STORE", ":memory:")


@pytest.fixture(params=["asyncio", "trio"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Runs an asynchronous function with its arguments, on each event loop."""
    return functools.partial(anyio.run, backend=request.param)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One for all examples of a property: to begin and to end one takes longer than a request."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@pytest.fixture
def ended() -> Iterator[CapturedTransactions]:
    """The transactions that have ended, in the order in which they did."""
    with capture_transactions() as transactions:
        yield transactions
