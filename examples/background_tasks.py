"""The four ways to say that a piece of work is a background task.

Run ``python examples/background_tasks.py``, then ``weighbridge report --type background``.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from weighbridge import BackgroundTask, BackgroundTaskWrapper, background_task, wrap_background_task


@background_task
def rebuild_index() -> None:
    """A decorator, where the function is written."""
    time.sleep(0.01)


def clean_up(folders: list[str]) -> None:
    """A context manager, where what is measured is known only as it runs."""
    for folder in folders:
        with BackgroundTask(name=f"clean up {folder}", group="Python/Cron"):
            time.sleep(0.01)


JOBS: dict[str, Callable[[str], None]] = {}


def register(name: str, job: Callable[[str], None]) -> None:
    """A wrapper, where functions of others are registered; the name is made of each call's arguments."""
    JOBS[name] = BackgroundTaskWrapper(job, name=lambda address: f"{name} to {address.partition('@')[2]}")


def send_letter(address: str) -> None:
    """Work that knows nothing of being measured."""
    time.sleep(0.01)


# By module and path, where the code belongs to somebody else.
wrap_background_task("shutil", "make_archive", group="Python/Backup")


def main() -> None:
    """Do some work in each of the four ways."""
    rebuild_index()
    clean_up(["cache", "sessions"])
    register("letter", send_letter)
    JOBS["letter"]("ann@example.com")
    with tempfile.TemporaryDirectory() as folder:
        shutil.make_archive(str(Path(folder, "backup")), "zip", Path(__file__).parent)


if __name__ == "__main__":
    main()
    print("Done. Now run: weighbridge report --type background")
