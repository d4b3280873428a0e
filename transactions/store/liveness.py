"""Whether a process that reported is still there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from .results import StoredInstance

__all__ = ["SILENT", "has_ended", "is_gone", "process_identity", "reporting"]

SILENT: Final = 120.0
"""Seconds without a report, while others reported, after which an instance is considered gone."""

_ENDED = frozenset({"Z", "X", "x"})
"""States of a process that nobody has waited for yet."""
_UNTOLD: Final = "0"
"""What stands for the program of another user's process."""


def process_identity(pid: int) -> str:
    """What tells a process from all others that ever had its number; ``""`` where the system does not say.

    Its parts are where it runs (this boot of this machine, and the namespace that its number is of), the program that
    it executes, and when it began.
    """
    try:
        _, started, program = _status(pid)
        return f"{_this_host(os.getpid())} {program} {started}"
    except (OSError, LookupError):
        return ""


def has_ended(pid: int, identity: str) -> bool | None:
    """Whether a process is over, or executes another program; ``None`` if that cannot be told from here."""
    here, _, start = identity.rpartition(" ")
    here, _, program = here.rpartition(" ")
    try:
        if not here or here != _this_host(os.getpid()):
            return None
        state, started, executes = _status(pid)
    except FileNotFoundError:
        return _is_missing(pid)
    except (OSError, LookupError):
        return None
    is_another = executes != program and _UNTOLD not in (executes, program)
    return started != start or is_another or state in _ENDED


@cache
def _this_host(_: int) -> str:
    """Boot and namespace of this process, which is the one of that number: after a fork it is asked again."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


def _status(pid: int) -> tuple[str, str, str]:
    """State of a process; when it started: clock ticks since the boot; and what tells its program from a former one.

    That is where the program's stack begins, which the system draws anew for each that a process executes.
    """
    status = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].decode().split()
    return status[0], status[19], status[25]


def _is_missing(pid: int) -> bool | None:
    """Where processes of others are not listed (``hidepid``), only the number can be asked for, and not the start."""
    try:
        with suppress(PermissionError):
            os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return None


def reporting(
    known: Mapping[int, StoredInstance], silences: Mapping[int, tuple[str, float]], now: float
) -> dict[int, StoredInstance]:
    """Return those of the known processes that still run, by number; ``now`` is in epoch seconds.

    For a process on this machine the operating system is asked. Any other is
    considered gone if it has not reported for some time while others did, by their
    clocks; and all of them are, if no process has reported for some time.

    Args:
        known: all processes.
        silences: by number the process, and the seconds for which only others have reported, as far as known.
    """
    quiet = max(0.0, now - max((instance.seen for instance in known.values()), default=now))
    silent = {number: (process, seconds + quiet) for number, (process, seconds) in silences.items()}
    return {
        number: instance
        for number, instance in known.items()
        if not is_gone(instance.pid, *silent.get(number, ("", now - instance.seen)))
    }


def is_gone(pid: int, process: str, silent: float) -> bool:
    """Whether a process is gone, of which only others have reported for so many seconds."""
    ended = has_ended(pid, process)
    return silent > SILENT if ended is None else ended
