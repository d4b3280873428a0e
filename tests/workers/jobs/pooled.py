"""Process pools: ``python -m pooled <pool> <start method>`` gives them decorated functions, some of which raise."""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from weighbridge import background_task


@background_task(name=lambda number, divisor: f"by {divisor}", group="Python/Pool")
def divide(number: int, divisor: int) -> float:
    return number / divisor


def outcomes(pool: str, method: str) -> list[float | str]:
    """What comes back to the parent: values, and the errors by their class."""
    context = multiprocessing.get_context(method)
    if pool == "futures":
        with ProcessPoolExecutor(2, mp_context=context) as executor:
            return [outcome(executor.submit(divide, 6, divisor).result) for divisor in (0, 1, 2, 0)]
    with context.Pool(2) as children:
        found = [outcome(partial(children.apply, divide, (6, divisor))) for divisor in (0, 1, 2, 0)]
        children.close()
        children.join()
        return found


def outcome(call: partial[float]) -> float | str:
    try:
        return call()
    except ZeroDivisionError as error:
        return type(error).__name__


if __name__ == "__main__":
    assert outcomes(*sys.argv[1:]) == ["ZeroDivisionError", 6, 3, "ZeroDivisionError"]
