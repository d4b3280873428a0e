"""Fails in modules whose files have changed since they were loaded, each in another way."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import weighbridge

FOLDER = Path(sys.argv[1])
sys.path.insert(0, str(FOLDER))
MODULES = {name: import_module(name) for name in ("changed_early", "changed_before_a_fork", "dated_back", "unchanged")}


def change(name: str) -> Path:
    path = FOLDER / f"{name}.py"
    path.write_text("# of the next version\n\n    another = 'line'\n")
    return path


def fail(name: str) -> None:
    with suppress(ValueError), weighbridge.BackgroundTask(application="shop", name=name):
        MODULES[name].fail()


change("changed_early")
fail("changed_early")
fail("unchanged")
os.utime(change("dated_back"), (1e9, 1e9))
fail("dated_back")
change("changed_before_a_fork")
child = os.fork() if hasattr(os, "fork") else 0
if child:
    os.waitpid(child, 0)
else:
    fail("changed_before_a_fork")
weighbridge.flush()
