r"""A worker without any web part: each job that it takes is a background transaction.

It reads its jobs from standard input, one a line: a kind, a blank, what to do it to::

    printf 'resize cover.png\nmail ann@example.com\n' | python examples/worker.py
"""

from __future__ import annotations

import sys
import time

from weighbridge import add_custom_attribute, background_task


@background_task(name=lambda kind, subject: kind, group="Python/Job")
def work(kind: str, subject: str) -> None:
    """Counted as ``OtherTransaction/Python/Job/<kind>``; an exception fails it and goes on to the caller."""
    add_custom_attribute("subject", subject)
    if kind == "mail" and "@" not in subject:
        raise ValueError(f"no address: {subject}")
    time.sleep(0.01)


def main() -> None:
    """Take one job after the other; a failed one does not stop the worker."""
    for line in sys.stdin:
        kind, _, subject = line.strip().partition(" ")
        try:
            work(kind, subject)
        except ValueError as error:
            print(f"failed: {error}", flush=True)
        else:
            print(f"done: {kind} {subject}", flush=True)


if __name__ == "__main__":
    main()
