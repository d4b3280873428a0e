"""Runs a module with a clock that is behind, so that the demo has a past: ``python earlier.py SECONDS MODULE ...``.

It is run as a file: the clock has to be set back before anything of weighbridge is imported.
"""

from __future__ import annotations

import runpy
import sys
import time


def _run() -> None:
    seconds, now = float(sys.argv[1]), time.time
    time.time = lambda: now() - seconds
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _run()
