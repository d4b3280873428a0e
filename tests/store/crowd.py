"""Processes that measure, write often, and end at the same moment: ``crowd.py PROCESSES CALLS``.

They are forked, so that they begin quickly. Each says that it is there, and ends once standard input does.
"""

import os
import sys

import weighbridge


@weighbridge.background_task(name=lambda name: name)
def work(name: str) -> None:
    """A call."""


def child(calls: int) -> None:
    """What each process does, up to its normal end."""
    work("first")
    weighbridge.flush()
    os.write(1, b"ready\n")
    sys.stdin.read()
    for number in range(calls - 1):
        work(f"{number % 40}")


def main(processes: str, calls: str) -> None:
    """Start them, and wait for them all."""
    weighbridge.flush()
    children = []
    for _ in range(int(processes)):
        pid = os.fork()
        if pid == 0:
            child(int(calls))
            return
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * len(children)


if __name__ == "__main__":
    main(*sys.argv[1:])
