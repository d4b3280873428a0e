"""The bookshop's background jobs, one for each way of declaring a background task."""

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
    """Run as a plain decorated function."""
    time.sleep(0.005)


@background_task(name="import catalogue", group="Python/Nightly")
def import_catalogue() -> None:
    """Run for long, under an explicit name and group."""
    time.sleep(0.12)


@background_task
def charge_cards() -> None:
    """Fail."""
    raise ConnectionError("the bank does not answer")


@background_task
async def fetch_exchange_rates() -> None:
    """Run as a coroutine."""
    await asyncio.sleep(0.01)


@background_task
def print_labels() -> Iterator[int]:
    """Run as a generator: one transaction from its first step to its last."""
    for number in range(5):
        time.sleep(0.001)
        yield number


def take_inventory() -> None:
    """Run a measured block; the decorated function that it calls opens no second transaction."""
    with BackgroundTask(name="inventory", group="Python/Nightly"):
        send_newsletter()


@background_task
def watch_stock() -> None:
    """Run forever, like a loop that waits for something."""
    while True:
        time.sleep(1)


def start_watching() -> None:
    """Start `watch_stock` in the background, next to the other jobs."""
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
"""The worker's jobs by name."""
