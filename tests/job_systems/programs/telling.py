"""What the tasks of all programs share."""

from __future__ import annotations

import os
import time
from pathlib import Path

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
    """End this process as the kernel does when memory is short."""
    os.kill(os.getpid(), 9)


def show_request(send: object) -> None:
    """Print what a request is measured as in which a library runs a task at once."""
    with capture_transactions() as captured, weighbridge.WebTransaction(name="request"):
        send()  # type: ignore[operator]
    print([transaction.path for transaction in captured])
