"""Processes of the version before write on beside the new ones, as in a rolling restart, and nothing is lost."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from weighbridge.transactions.store.reader import Selection, StoreReader, Window
from weighbridge.transactions.store.sqlite.ids import Ids
from weighbridge.transactions.store.sqlite.writer import StoreWriter

ROOT = Path(__file__).parents[2]
HOUR, DAY = 3600, 86400

PROGRAM = """
import sys
from weighbridge.transactions.recording.snapshot import ErrorCount, Instance, MinuteRow, Series, Snapshot
from weighbridge.transactions.store.sqlite.ids import Ids
from weighbridge.transactions.store.sqlite.schema import VERSION
from weighbridge.transactions.store.sqlite.writer import StoreWriter
from weighbridge.transactions.store.reader import StoreReader, Window

writer, sequence = StoreWriter(sys.argv[1]), 0
Ids.MAX_SERIES = 20
print(VERSION, flush=True)
for line in sys.stdin:
    taken, started, *names = line.split()
    sequence += 1
    rows = tuple(
        MinuteRow(
            Series("shop", "web", "Route", name), int(float(taken) // 60) * 60, 2, 1.25, 0.25, 1.0, 1, 1, 0, 1, 0.5,
            {628: 1, 698: 1}, statuses={200: 1, 500: 1},
        )
        for name in names
    )
    errors = tuple(ErrorCount(row.series, row.minute, "shop:Broken", "old", False, 1) for row in rows)
    instance = Instance("old", "host", 1, float(started), "shop")
    writer.write(Snapshot(instance, sequence, float(taken), rows, errors))
    with StoreReader.open(sys.argv[1]) as reader:
        print(reader.totals(Window(0, 1e12)).calls, flush=True)
"""


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


@pytest.fixture(scope="module")
def version_4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel of the last commit before version 5 of the store, as pip installs it."""
    added = git("log", "--format=%H", "--diff-filter=A", "-1", "--", "transactions/recording/totals.py")
    before = git("rev-parse", "--verify", "--quiet", f"{added}^") if added else ""
    if not before:
        pytest.skip("the history that has version 4 is not here")
    folder = tmp_path_factory.mktemp("version 4")
    source, tree = folder / "source.zip", folder / "tree"
    git("archive", "--format=zip", f"--output={source}", before)
    zipfile.ZipFile(source).extractall(tree)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    done = subprocess.run(build, cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tree.glob("dist/*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "installed")
    return folder / "installed"


class Old:
    """A process of version 4, which writes when it is told to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in: IO[str] = process.stdin
        self._out: IO[str] = process.stdout
        assert self._out.readline() == "4\n"

    def write(self, taken: float, started: float, *names: str) -> int:
        """Write two calls and an error of each name; return how many calls that version sees."""
        print(taken, started, *names, file=self._in, flush=True)
        return int(self._out.readline())


@pytest.fixture
def old(version_4: Path, path: str) -> Iterator[Old]:
    environment = {**os.environ, "PYTHONPATH": str(version_4), "PYTHONSAFEPATH": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield Old(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 0


def calls(path: str) -> dict[str, int]:
    with StoreReader.open(path) as reader:
        return {one.series.name: one.statistics.calls for one in reader.transactions(Window(0, 1e12))}


def test_what_either_writes_is_read_whoever_rolls_it_up(old: Old, path: str, make) -> None:
    """Days in which both report by turns, then days in which only the new one does."""
    choose, writer = random.Random(5), StoreWriter(path)
    started, now, by_old, by_new = make.now, make.now, 0, 0
    old.write(now, started, "old")
    by_old += 2
    while now < make.now + 6 * DAY:
        now += choose.choice([30, 600, 3000, 20_000])
        if choose.random() < 0.5 and now < make.now + 4 * DAY:
            assert old.write(now, started, "old", "both") == by_old + 4
            by_old += 4
        else:
            late = now - choose.choice([0, 0, 700, 3 * HOUR])
            rows = [make.row([0.25, 1.0], make.page._replace(name=name), late, errors=1) for name in ("new", "both")]
            writer.write(make.snapshot(*rows, taken=now, errors=(make.error("new", 2, minute=late),)))
            by_new += 4
    for _ in range(40):
        writer.write(make.snapshot(taken=now + HOUR))
    with StoreReader.open(path) as reader:
        whole, everything = reader.totals(Window(0, now + 2 * HOUR)), Window(make.now, now + 60)
        assert (whole.calls, whole.errors) == (by_old + by_new, (by_old + by_new) // 2)
        assert whole.total == (by_old + by_new) / 2 * 1.25
        assert (whole.minimum, whole.maximum) == (0.25, 1.0)
        assert whole.median == pytest.approx(0.25, rel=0.022)
        assert whole.p95 == pytest.approx(1.0, rel=0.022)
        assert sum(reader.histogram(everything).values()) == by_old + by_new
        assert reader.statuses(everything) == {200: by_old // 2, 500: by_old // 2}
        for step in (600, HOUR, DAY):
            buckets = reader.timeline(everything, step).buckets
            assert sum(bucket.statistics.calls for bucket in buckets) == by_old + by_new
        named = {error.message: error.count for error in reader.errors(everything)}
        assert named == {"old": by_old // 2, "new": by_new // 2}
        assert reader.totals(everything, Selection(name="both")).calls == by_old // 2 - 1 + by_new // 2
        assert reader.health().lost == {}
    assert sum(calls(path).values()) == by_old + by_new


def test_a_name_that_the_old_one_evicts_takes_what_the_new_one_counted_along(
    old: Old, path: str, make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ids, "MAX_SERIES", 1000)
    writer = StoreWriter(path)
    names = [f"name{number}" for number in range(19)]
    rows = [make.row([1.0], make.page._replace(name=name)) for name in names]
    writer.write(make.snapshot(*rows))
    old.write(make.now + 2 * HOUR, make.now, *names[5:], "surplus", "more", "evenmore")
    for later in range(30):
        old.write(make.now + 3 * HOUR + later, make.now)
    evicted = set(names) - set(calls(path))
    assert evicted, "the old one made room"
    for later in range(30):
        writer.write(make.snapshot(taken=make.now + 4 * HOUR + later))
    found = calls(path)
    assert found["<other>"] >= len(evicted)
    assert sum(found.values()) == 19 + 2 * (14 + 3)
    with StoreReader.open(path) as reader:
        assert reader.totals(Window(0, 1e12)).calls == 19 + 2 * (14 + 3)
