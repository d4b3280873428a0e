"""What to do where nothing has been recorded yet."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["FIRST_STEPS", "NOTHING_YET", "ONLY_INITIALIZED", "FirstStep", "first_steps_lines", "is_missing"]

NOTHING_YET: Final = "Nothing has been recorded yet"
ONLY_INITIALIZED: Final = (
    "Calling initialize() alone measures nothing: wrap the application, or start it with `weighbridge run`."
)
"""For who comes from New Relic's agent, where that call is enough."""


class FirstStep(NamedTuple):
    """The lines that measure programs of one kind."""

    program: str
    lines: tuple[str, ...]


FIRST_STEPS: Final = (
    FirstStep(
        "Flask, WSGI",
        (
            "from weighbridge.middleware import WSGITransactionMiddleware",
            "app.wsgi_app = WSGITransactionMiddleware(app.wsgi_app)",
        ),
    ),
    FirstStep(
        "FastAPI, ASGI",
        (
            "from weighbridge.middleware import ASGITransactionMiddleware",
            "app.add_middleware(ASGITransactionMiddleware)",
        ),
    ),
    FirstStep("Django", ('MIDDLEWARE = ["weighbridge.middleware.DjangoTransactionMiddleware", *MIDDLEWARE]',)),
    FirstStep("a job", ("from weighbridge import background_task", "@background_task  # in the line above its def")),
)
"""Lines to add to a program; its first request or job is then recorded."""


def first_steps_lines() -> list[str]:
    """Return the first steps as indented lines of text."""
    width = max(len(step.program) for step in FIRST_STEPS) + 2
    return [
        f"  {(step.program if number == 0 else '').ljust(width)}{line}"
        for step in FIRST_STEPS
        for number, line in enumerate(step.lines)
    ]


def is_missing(store: str | os.PathLike[str]) -> bool:
    """Whether a store's file does not exist or is empty; other problems are not reported here."""
    try:
        return Path(store).stat().st_size == 0
    except FileNotFoundError:
        return True
    except OSError:
        return False
