"""The bookshop's background jobs, one for each way of saying that something is a background task."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from weighbridge import BackgroundTask, background_task

__all__ = ["JOBS"]


@background_task
def send_newsletter() -> None:
    """Be a plain decorated function."""
    time.sleep(0.005)


@background_task(name="import catalogue", group="Python/Nightly")
def import_catalogue() -> None:
    """Take long, under a name and a group of its own."""
    time.sleep(0.12)


@background_task
def charge_cards() -> None:
    """Fail."""
    raise ConnectionError("the bank does not answer")


@background_task
async def fetch_exchange_rates() -> None:
    """Be a coroutine."""
    await asyncio.sleep(0.01)


@background_task
def print_labels() -> Iterator[int]:
    """Be a generator: one transaction from its first step to its last."""
    for number in range(5):
        time.sleep(0.001)
        yield number


def take_inventory() -> None:
    """Measure a block, in whose inside a decorated function changes nothing."""
    with BackgroundTask(name="inventory", group="Python/Nightly"):
        send_newsletter()


@background_task
def watch_stock() -> None:
    """Never end, as the loops that wait for something do."""
    while True:
        time.sleep(1)


def start_watching() -> None:
    """Let that go on beside the other jobs."""
    threading.Thread(target=watch_stock, name="watch", daemon=True).start()


JOBS: Final[Mapping[str, Callable[[], object]]] = MappingProxyType(
    {
        "newsletter": send_newsletter,
        "catalogue": import_catalogue,
        "cards": charge_cards,
        "rates": lambda: asyncio.run(fetch_exchange_rates()),
        "labels": lambda: list(print_labels()),
        "inventory": take_inventory,
        "watch": start_watching,
    }
)
"""What the worker can do, by the name it is asked for."""
