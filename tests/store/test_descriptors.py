"""A program that becomes a daemon closes all files, and gets their descriptors for files of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from weighbridge.transactions.store.reader import StoreReader, Window

_PROGRAM = """
import os, sys
import weighbridge

def work(name):
    with weighbridge.BackgroundTask(name=name):
        pass

work("before")
assert weighbridge.flush(10)
os.closerange(3, 256)
files = [os.open(f"file{number}", os.O_RDWR | os.O_CREAT) for number in range(12)]
for file in files:
    os.write(file, b"the program's own")
if sys.argv[1:]:
    work("after")
    assert weighbridge.flush(10)
"""


def _sizes_after(folder: Path, *arguments: str) -> set[int]:
    environ = {"WEIGHBRIDGE_STORE": str(folder / "weighbridge.db"), "WEIGHBRIDGE_APP_NAME": "shop"}
    subprocess.run([sys.executable, "-c", _PROGRAM, *arguments], cwd=folder, env=environ, check=True, timeout=60)
    return {file.stat().st_size for file in folder.glob("file*")}


def test_files_of_the_program_are_not_written_to(tmp_path: Path) -> None:
    assert _sizes_after(tmp_path, "work") == {17}
    with StoreReader.open(tmp_path / "weighbridge.db") as reader:
        window = Window(time.time() - 3600, time.time() + 3600)
        assert {one.series.name for one in reader.transactions(window)} == {"before", "after"}


def test_nor_are_they_at_its_end(tmp_path: Path) -> None:
    assert _sizes_after(tmp_path) == {17}
