"""Real servers under valgrind: what they do and miss, on a processor with usual caches and a simple guess at branches.

The kernel's part is not seen.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from .callgrind import VALGRIND, events
from .marks import MARK, TOLD
from .servers import Server

__all__ = ["Served", "simulated"]

_AT_ONCE = 8
_CACHES = ["--I1=32768,8,64", "--D1=32768,8,64", "--LL=33554432,16,64"]
"""Bytes, ways, bytes of a line."""
_TIMEOUT = 300.0
"""Seconds for valgrind to write what it counted."""


class Served(NamedTuple):
    """What a request costs a server."""

    instructions: float
    instruction_misses: float
    """Lines of code that were not in the first cache."""
    data_misses: float
    """Lines of data that were not in the first cache."""
    mispredicted: float
    """Branches that went elsewhere than was guessed."""


def simulated(name: str, subject: str, case: str, requests: int) -> Served:
    """What a request costs, once the server is warm.

    Raises:
        NotRecording: the subject has not recorded what was served.
        RuntimeError: the server did not count.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        under = [str(VALGRIND), "--tool=callgrind", "--cache-sim=yes", "--branch-sim=yes", *_CACHES, "--quiet"]
        under += [f"--dump-before={MARK}", f"--callgrind-out-file={folder}/counted.%p"]
        with Server(name, subject, case, under, WEIGHBRIDGE_FLUSH_INTERVAL="36000") as server:
            warming, counted = (Path(folder, f"counted.{server.worker}.{number}") for number in (1, 2))
            for block in (warming, counted):
                server.load(requests, _AT_ONCE)
                os.kill(server.worker, TOLD)
                _await(block)
            server.stop()
        found = events(counted)
    misses = found["I1mr"], found["D1mr"] + found["D1mw"], found["Bcm"] + found["Bim"]
    return Served(*(count / requests for count in (found["Ir"], *misses)))


def _await(counted: Path) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while not (counted.exists() and "\ntotals: " in counted.read_text()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"no {counted.name} came from valgrind in {_TIMEOUT:.0f} seconds")
        time.sleep(0.1)
