"""What ``weighbridge run`` hands on to the processes that it starts: environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

import weighbridge

__all__ = ["AS_NEWRELIC", "COMMAND", "RUN", "STARTUP", "environment_for", "is_command"]

RUN: Final = "WEIGHBRIDGE_RUN"
"""The version of weighbridge that was started; only an interpreter with the same one takes part."""
COMMAND: Final = "WEIGHBRIDGE_RUN_PID"
"""The process that is the command itself, and stays so when it executes another program."""
AS_NEWRELIC: Final = "WEIGHBRIDGE_AS_NEWRELIC"
"""Set where `newrelic` is to be weighbridge."""
STARTUP: Final = os.path.join(os.path.split(os.path.abspath(__file__))[0], "startup")
"""The folder of the start-up file."""


def environment_for(
    environ: Mapping[str, str], pid: int, settings: Mapping[str, str | None] | None = None
) -> dict[str, str]:
    """Return the environment of a command.

    Args:
        environ: that of ``weighbridge run``.
        pid: the process that becomes the command.
        settings: further variables; those without a value stay as they are.
    """
    given = {name: value for name, value in (settings or {}).items() if value is not None}
    before = environ.get("PYTHONPATH")  # an empty folder of it is the current one, but an empty path is none
    folders = [folder for folder in before.split(os.pathsep) if folder != STARTUP] if before else []
    path = os.pathsep.join([STARTUP, *folders])
    return {**environ, **given, RUN: weighbridge.__version__, COMMAND: str(pid), "PYTHONPATH": path}


def is_command() -> bool:
    """Whether this process is the command itself, or was executed by it, rather than started as a child."""
    return os.environ.get(COMMAND) == str(os.getpid())
