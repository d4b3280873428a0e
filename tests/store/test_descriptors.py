"""A program that becomes a daemon closes all files, and gets their descriptors for files of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from weighbridge.transactions.store.reader import StoreReader, Window

_PROGRAM = """
import os
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
work("after")
assert weighbridge.flush(10)
for file in files:
    os.write(file, b", still")  # it is open: nobody has closed the store's old connection
"""


def test_files_of_the_program_are_neither_written_to_nor_closed(tmp_path: Path) -> None:
    environ = {"WEIGHBRIDGE_STORE": str(tmp_path / "weighbridge.db"), "WEIGHBRIDGE_APP_NAME": "shop"}
    subprocess.run([sys.executable, "-c", _PROGRAM], cwd=tmp_path, env=environ, check=True, timeout=300)
    assert {file.read_text() for file in tmp_path.glob("file*")} == {"the program's own, still"}
    with StoreReader.open(tmp_path / "weighbridge.db") as reader:
        window = Window(time.time() - 3600, time.time() + 3600)
        assert {one.series.name for one in reader.transactions(window)} == {"before", "after"}
