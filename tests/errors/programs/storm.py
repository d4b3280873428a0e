"""Fails in as many ways as it is told to, and prints by how many bytes the process has grown: ``storm.py NUMBER``.

Every error has a message of its own, and every tenth a class, a file and a traceback of its own.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import weighbridge

SOURCE = """
class Broken{number}(Exception):
    pass

def broken(message):
    raise Broken{number}(message)
"""


@weighbridge.background_task(name="order")
def order(work: Callable[[str], None], message: str) -> None:
    """A task that fails."""
    work(message)


def storm(numbers: range) -> None:
    """Fail once for each number."""
    for number in numbers:
        if number % 10 == 0:
            names: dict[str, Any] = {"__name__": "shop"}
            exec(compile(SOURCE.format(number=number), f"/srv/shop/{number}.py", "exec"), names)
        with suppress(Exception):
            order(names["broken"], f"no {number} for {'abcdefgh'[number % 8]}{'klmnopqr'[number // 8 % 8]}")


def memory() -> int:
    """The bytes that are resident."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(number: int) -> None:
    """Begin when all is loaded and warm."""
    storm(range(1000))
    weighbridge.flush()
    before = memory()
    storm(range(1000, number))
    grown = memory() - before
    weighbridge.flush()
    print(max(grown, memory() - before))


if __name__ == "__main__":
    main(int(sys.argv[1]))
