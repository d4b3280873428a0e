"""The table of all systems, as a page of the documentation."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from string import ascii_lowercase
from typing import Final

import pytest

from .rows import ROWS, Row

__all__ = ["COLUMNS", "PAGE", "cells_of", "outcomes", "write_page"]

PAGE: Final = Path(__file__).parents[2] / "docs" / "job-systems.md"

COLUMNS: Final = (
    "name",
    "succeeded",
    "failed",
    "retried",
    "rejected",
    "cancelled",
    "timed out",
    "killed",
    "queue",
    "queue time",
    "enqueued by",
    "once if decorated",
    "part of a request",
    "ended children",
    "missed",
)

_HEAD: Final = """# Job systems, as they were tried

Written by the suite in `tests/job_systems`. Every cell is a real worker in processes of its own, with a real broker: it
was given tasks that end in every way, and the store was asked what was counted of them, to the last one.
[Measure a job system](how-to/job-queues.md) says how.

- **name**: each task is counted under the name that the system has for it
- **succeeded** to **killed**: exactly as many runs ended so as must; a worker that is killed is told of by its parent
  process, else by the store, as soon as anybody reports
- **queue**, **queue time**: known of every run, however it ended; of one that only the store tells of, since its parent
  process is gone too, the queue alone
- **enqueued by**: each task is counted once for the request that has enqueued it, however it ended
- **once if decorated**: a task that is decorated with `background_task` besides is one transaction a run
- **part of a request**: what the system runs at once, inside a request, is a part of that
- **ended children**: a worker that is told to stop loses no run, nor do children that are replaced
- **missed**: a run that is due and does not happen is told

The row "Django tasks" needs Django 6, and so Python 3.12; all others were run with what is named here.

✓ as it must be · ✗ not · a letter: why there is no such case, below
"""
_PACKAGES: Final = (
    "apscheduler",
    "arq",
    "celery",
    "django",
    "django-q2",
    "django-tasks",
    "django-tasks-db",
    "dramatiq",
    "huey",
    "procrastinate",
    "redis",
    "rq",
    "taskiq",
    "taskiq-redis",
)

_KEY: Final = "job systems/cells"

outcomes: dict[tuple[Row, str], bool] = {}
"""By row and column, whether it was as it must be."""


def write_page(cache: pytest.Cache) -> None:
    """Write the page, where every row was run in a source checkout, be it in several sessions of pytest."""
    cells = {**cache.get(_KEY, {}), **{f"{row.name}: {column}": right for (row, column), right in outcomes.items()}}
    cache.set(_KEY, cells)
    for row in ROWS:
        for column in COLUMNS:
            if f"{row.name}: {column}" in cells:
                outcomes[row, column] = cells[f"{row.name}: {column}"]
    if PAGE.parent.is_dir() and {row for row, _ in outcomes} == set(ROWS):
        PAGE.write_text(_page(), "utf-8")


def _page() -> str:
    versions = [f"{name} {_version(name)}" for name in _PACKAGES]
    lines = [_HEAD, f"{', '.join(versions)}; Python {platform.python_version()}.", ""]
    lines += [f"| system | {' | '.join(COLUMNS)} |", "|---|" + "---|" * len(COLUMNS)]
    lines += [f"| {row.name} | {' | '.join(_mark(row, column) for column in COLUMNS)} |" for row in ROWS]
    lines += ["", *(f"- **{letter}**: {reason}" for reason, letter in _letters().items())]
    return "\n".join(lines) + "\n"


def cells_of(page: str, name: str) -> dict[str, str]:
    """The cells of a system on the page, by column."""
    (line,) = (line for line in page.splitlines() if line.startswith(f"| {name} |"))
    return dict(zip(COLUMNS, (cell.strip() for cell in line.split("|")[2:-1]), strict=True))


def _letters() -> dict[str, str]:
    """A letter for each reason, in the order in which they are met."""
    reasons = dict.fromkeys(row.reasons[column] for row in ROWS for column in COLUMNS if column in row.reasons)
    return dict(zip(reasons, ascii_lowercase, strict=False))


def _mark(row: Row, column: str) -> str:
    outcome = outcomes.get((row, column))
    if outcome is None:
        return _letters().get(row.reasons.get(column, ""), "")
    return "✓" if outcome else "✗"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"
