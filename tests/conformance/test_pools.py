"""Process pools: a decorated function can be sent to children, and what they run is in the store."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from weighbridge.transactions.store.reader import StoreReader, Window

from .driver import HERE, environment
from .editions import CURRENT


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("pool", ["futures", "multiprocessing"])
def test_what_children_run_is_counted(pool: str, method: str, tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    command = [sys.executable, "-m", "apps.pools", pool, method]
    subprocess.run(command, cwd=HERE, env=environment(store, CURRENT), check=True)
    with StoreReader.open(store) as reader:
        found = reader.transactions(Window(time.time() - 120, time.time() + 60))
    assert [(one.series.kind, one.series.name, one.totals.count) for one in found] == [("background", "square", 8)]
