"""A store for workers and their children."""

from __future__ import annotations

from pathlib import Path

from ..recording.conftest import Stored, lately, stored

__all__ = ["Stored", "stored"]

JOBS = Path(__file__).parent / "jobs"


def errors(stored: Stored) -> dict[tuple[str, str], int]:
    """How often each error was counted, by type and message."""
    with stored.reader() as reader:
        return {(error.type, error.message): error.count for error in reader.errors(lately())}


def paths(stored: Stored) -> dict[str, tuple[int, int]]:
    """How many ended and how many of them failed, by the group and name of background transactions."""
    with stored.reader() as reader:
        return {
            f"{row.series.group}/{row.series.name}": (row.statistics.calls, row.statistics.errors)
            for row in reader.transactions(lately())
            if row.series.kind == "background"
        }
