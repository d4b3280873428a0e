"""Process pools that are given a decorated function: `python -m apps.pools <pool> <start method>`."""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

from weighbridge import background_task


@background_task(name="square")
def square(number: int) -> int:
    """A background task that a child process runs."""
    return number * number


def main(pool: str, method: str) -> list[int]:
    """Eight squares, of two children."""
    context = multiprocessing.get_context(method)
    if pool == "futures":
        with ProcessPoolExecutor(2, mp_context=context) as executor:
            return list(executor.map(square, range(8)))
    with context.Pool(2) as children:
        squares = children.map(square, range(8))
        children.close()
        children.join()
        return squares


if __name__ == "__main__":
    assert main(*sys.argv[1:]) == [number * number for number in range(8)]
