"""Processes that tests start: none outlives its test, and none outlives the tests, however those end.

Where Linux tells of them. A test whose processes run on fails, and they are
ended. For tests that are cut off themselves, by a signal or a timeout, a keeper
stands by: a process of its own that ends, as soon as they are gone, whatever
carries their mark in its environment. What is forked and runs no program of its
own has no mark, and asks the kernel for the same.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["MARK", "adopt_orphans", "children", "descendants", "end", "keep", "running_on", "until_gone"]

MARK: Final = "STARTED_BY_TESTS"
"""The environment variable that every process has which was started by tests, or by what they have started."""
TIMEOUT = 60.0
"""Seconds in which a process ends that has been told to, on a machine that is busy with other things."""
_GRACE: Final = 1.0
"""Seconds for what ends by itself when its parent does."""
_PDEATHSIG: Final = 1
_CHILD_SUBREAPER: Final = 36
_OF_ALL_TESTS: Final = (
    b"multiprocessing.resource_tracker",
    b"multiprocessing.forkserver",
    b"weighbridge-postgresql-",  # the server of the session: see clusters.py
)
"""What stays for the tests that follow the one that needed it first."""


# Tests that are cut off


def keep() -> None:
    """Whatever this process starts from now on ends with it at the latest."""
    if not hasattr(os, "pidfd_open"):
        return
    unmarked = {name: value for name, value in os.environ.items() if name != MARK}
    os.environ[MARK] = f"{os.getpid()}-{os.urandom(4).hex()}"
    command = [sys.executable, "-S", __file__, str(os.getpid()), os.environ[MARK]]
    silence = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in (0, 1, 2)]
    os.posix_spawn(sys.executable, command, unmarked, file_actions=silence, setsid=True)
    _Forks()


class _Forks:
    """Has the kernel end a forked child with its parent: to be exact, with the thread that forked it."""

    def __init__(self) -> None:
        self._parent: int | None = None
        self._prctl = _prctl()
        os.register_at_fork(before=self._before, after_in_child=self._in_child)

    def _before(self) -> None:
        self._parent = os.getpid() if threading.current_thread() is threading.main_thread() else None

    def _in_child(self) -> None:
        if self._parent:
            self._prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != self._parent:  # it has ended before it could be asked for
                os._exit(1)


def _prctl() -> Callable[..., int]:
    call: Callable[..., int] = ctypes.CDLL(None).prctl
    return call


def _marked(mark: str) -> set[int]:
    """The processes that were started with a mark."""
    wanted, found = f"{MARK}={mark}".encode(), set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is none of ours
            if wanted in (process / "environ").read_bytes().split(b"\0"):
                found.add(int(process.name))
    return found


def _main(tests: str, mark: str) -> None:
    """What the keeper does."""
    with suppress(ProcessLookupError):  # they are gone already
        select.select([os.pidfd_open(int(tests))], [], [])
    time.sleep(_GRACE)
    while found := _marked(mark):
        end(found)
        time.sleep(0.05)


# Processes that outlive their test


def adopt_orphans() -> None:
    """Be the parent of what a child leaves behind: `children` finds it then."""
    if sys.platform == "linux":
        _prctl()(_CHILD_SUBREAPER, 1, 0, 0, 0)


def children(process: int | None = None) -> set[int]:
    """Those of a process, of this one by default; none where nobody tells of them."""
    found: set[int] = set()
    with suppress(OSError):
        for task in os.scandir(f"/proc/{process or os.getpid()}/task"):
            with suppress(OSError):  # a thread that has ended
                found.update(map(int, Path(task.path, "children").read_text().split()))
    return found


def descendants(process: int | None = None) -> set[int]:
    """The children of a process, theirs, and so on."""
    found = children(process)
    return found.union(*map(descendants, found))


def end(processes: Collection[int]) -> None:
    """Kill them."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def running_on(before: set[int]) -> dict[int, str]:
    """The children of this process that go on for all of `TIMEOUT`, but for those that were there before."""
    new = until_gone(lambda: {child for child in children() - before if not _may_stay(child)})
    return {child: _command(child).replace(b"\0", b" ").decode(errors="replace") for child in new}


def until_gone(those: Callable[[], set[int]]) -> set[int]:
    """Wait for processes to end; gives those that did not."""
    deadline = time.monotonic() + TIMEOUT
    while (left := {process for process in those() if _runs(process)}) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left


def _may_stay(process: int) -> bool:
    return any(name in _command(process) for name in _OF_ALL_TESTS)


def _command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def _runs(process: int) -> bool:
    """Whether it is there, and not merely waits to be asked how it ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


if __name__ == "__main__":
    _main(*sys.argv[1:])
