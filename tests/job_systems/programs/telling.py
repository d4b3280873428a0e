"""What the tasks of all programs share."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import weighbridge
from weighbridge.testing import capture_transactions

FOLDER = Path(os.environ["FOLDER"])


def tell() -> None:
    """Say that a task was called."""
    with (FOLDER / "told").open("a", encoding="utf-8") as told:
        told.write("x")


def told() -> int:
    """How often that was said."""
    file = FOLDER / "told"
    return file.stat().st_size if file.exists() else 0


def note_time(name: str) -> None:
    """Leave behind what the time is, in epoch seconds."""
    (FOLDER / f"time of {name}").write_text(str(time.time()), "utf-8")


def is_first(name: str) -> bool:
    """Whether this is the first attempt."""
    try:
        (FOLDER / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def hang() -> None:
    """Run until this process is killed."""
    time.sleep(600)


def die() -> None:
    """End this process as the kernel does when memory is short, after it has run for a while."""
    note_time("dies")
    time.sleep(2)
    os.kill(os.getpid(), 9)


def run(function: Callable[[], Any]) -> None:
    """Run a function of a program, be it ``async``; what sends tasks is a request."""
    sends = function.__name__.startswith("send")
    note_time("sending")
    request: Any = weighbridge.WebTransaction(name="order") if sends else nullcontext()
    if iscoroutinefunction(function):
        asyncio.run(_run(function, request))
    else:
        with request:
            function()


async def _run(function: Callable[[], Awaitable[object]], request: Any) -> None:
    async with request:
        await function()


def show_request(send: object) -> None:
    """Print what a request is measured as in which a library runs a task at once."""
    with capture_transactions() as captured, weighbridge.WebTransaction(name="request"):
        send()  # type: ignore[operator]
    print([transaction.path for transaction in captured])
