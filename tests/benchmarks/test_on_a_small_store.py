"""The benchmarks of store and page do what they say, tried on a store of a few names; times are not judged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from weighbridge.transactions.store.reader import StoreReader, Window

from ..clusters import Cluster

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "small.db"
    run("big_store.py", path, "--days", 4, "--names", 6)
    return path


def run(script: str, *arguments: object) -> str:
    """What it prints; 1 as exit status is its word for too slow."""
    command = [sys.executable, BENCHMARKS / script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def rows(printed: str) -> list[list[str]]:
    """The cells of all table rows, heads included."""
    lines = [line.strip("| ").split(" | ") for line in printed.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line] for line in lines if "---" not in line]


def test_every_page_and_its_json_is_asked_for(small: Path) -> None:
    found = rows(run("console.py", "--store", small, "--rounds", 2, "--visits", 0, "--writers", 1))
    assert len(found) == 1 + 4 * (2 * 8 + 1)
    assert {line[-1] for line in found[1:]} <= {"fast", "too slow"}
    assert all(float(line[2]) > 0 and float(line[-2]) > 0 for line in found[1:])


def test_each_cost_of_the_store_is_told(small: Path) -> None:
    found = rows(run("store.py", "--store", small, "--writes", 3, "--names", 6))
    assert [line[0] for line in found] == ["processes", "1", "8", "rows of", "1 min", "10 min", "1 h", "6 h", "24 h"]
    assert all(float(cell.replace(",", "")) >= 0 for line in (*found[1:3], *found[5:]) for cell in line[1:])


def test_each_cost_of_a_store_on_a_server_is_told(cluster: Cluster) -> None:
    printed = run("server_store.py", cluster.url("postgres"), "--names", 6, "--snapshots", 64)
    assert [line[0] for line in rows(printed)][1:] == [
        "a process reports", "a collector merges, as they come", "a collector merges, after an outage"
    ]  # fmt: skip
    assert all(float(cell) > 0 for line in rows(printed)[1:] for cell in line[1:])
    assert "s3c" not in printed


def test_the_store_of_a_month_adds_up(small: Path) -> None:
    """Each level holds all transactions of its time, as those that processes write do."""
    with StoreReader.open(small) as reader:
        now = reader.health().last_write
        assert now
        for days in (0.1, 1, 4):
            window = Window(now - days * 86400, now)
            lines = reader.transactions(window)
            assert sum(line.statistics.calls for line in lines) == reader.totals(window).calls > 0
            assert all(sum(line.totals.histogram.values()) == line.statistics.calls for line in lines)
