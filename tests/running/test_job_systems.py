"""The workers of job systems under ``weighbridge run``: the same outcomes as with the line that measures by hand."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from ..job_systems.conftest import Brokers, brokers
from ..job_systems.driver import Runner, counted
from ..job_systems.rows import PROGRAMS, ROWS, Row
from ..recording.conftest import Stored, stored
from ..workers.redis_helpers import redis
from .serving import RUN

__all__ = ["brokers", "redis", "stored"]

_BY_HAND: Final = (
    (r"^import weighbridge\.jobs\.\w+\n", ""),
    (r"^from weighbridge\.jobs\.rq import Queue\n", "from rq import Queue\n"),
    (r"^broker\.add_middleware\(weighbridge\.jobs\.dramatiq\.Measured\(\)\)\n", ""),
    (r", weighbridge\.jobs\.taskiq\.Measured\(\)", ""),
    (r"\.with_middlewares\(weighbridge\.jobs\.taskiq\.Measured\(\)\)", ""),
    (r"weighbridge\.jobs\.procrastinate\.measured\(", "dict("),
    (r"weighbridge\.jobs\.\w+\.measured?\(", "("),
    (r'"weighbridge\.jobs\.django"', ""),
)
"""What measures by hand in the programs, and what stands in its place."""
_WORKER: Final = re.compile(r"weighbridge\.jobs\.(rq\.\w+)")


class Unmeasured(Runner):
    """Runs programs with nothing in them that measures, and their workers under ``weighbridge run``."""

    def __init__(self, row: Row, folder: Path, broker: str) -> None:
        worker = tuple(_WORKER.sub(r"\1", word) for word in row.worker)
        super().__init__(replace(row, worker=(*RUN, "--", *worker) if worker else ()), folder, broker)
        programs = folder / "programs"
        shutil.copytree(PROGRAMS, programs)
        for program in programs.glob("*.py"):
            text = program.read_text("utf-8")
            for pattern, instead in _BY_HAND:
                text = re.sub(pattern, instead, text, flags=re.MULTILINE)
            assert "weighbridge.jobs" not in text, program
            program.write_text(text, "utf-8")
        self._program = str(programs / f"{row.program}.py")
        self._environ["PYTHONPATH"] = str(programs)

    def command(self, function: str) -> list[str]:
        """A program that is the worker itself is run as that."""
        prefix = () if self.row.worker else (*RUN, "--")
        return [*prefix, sys.executable, self._program, function]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_is_sent_is_counted(
    row: Row, brokers: Brokers, tmp_path: Path, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    if missing := row.missing():
        pytest.skip(missing)
    monkeypatch.setenv("WEIGHBRIDGE_FLUSH_INTERVAL", "0.5")
    runner = Unmeasured(row, tmp_path, brokers.for_row(row))
    if row.prepare:
        runner.run("prepare")
    runner.work_on(row.send, stored, row.total())
    found = counted(stored, row.group)
    assert {name: dict(one.outcomes) for name, one in found.items()} == row.expected
