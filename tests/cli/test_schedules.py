"""What the report says of schedules, and of the runs that were missed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from weighbridge.transactions.recording.snapshot import Instance, Snapshot
from weighbridge.transactions.schedules import Schedule
from weighbridge.transactions.store.sqlite.writer import StoreWriter

Run = Callable[..., Result]

TWICE = Schedule("shop", "code", "Function", "rebuild", "*/30 * * * *", "UTC", 60)
OFTEN = Schedule("shop", "APScheduler", "APScheduler", "pulse", "every 300")


KNOWN = (time.time() // 1800 - 8) * 1800 + 600
"""Ten minutes after a half hour, some four hours ago."""


def missed_by_now() -> int:
    """How many half hours have begun since the schedule is known, a minute ago or earlier."""
    return int((time.time() - 60) // 1800 - KNOWN // 1800)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store in which two schedules have been known for some hours, and nothing has run."""
    path, known = tmp_path / "weighbridge.db", KNOWN
    writer = StoreWriter(str(path))
    writer.write(Snapshot(Instance("one", "host", 1, known, "test"), 1, known, (), schedules=(TWICE, OFTEN)))
    writer.close()
    return path


def test_runs_that_were_missed_are_in_the_report(store: Path, run: Run) -> None:
    least = missed_by_now()
    lines = run("report", "--store", store).stdout.splitlines()
    heading = next(line for line in lines if "last missed" in line)
    assert heading.split() == ["application", "schedule", "due", "last", "run", "next", "missed", "last", "missed"]
    (rebuild,) = (line for line in lines if "rebuild" in line)
    assert rebuild.split("  ")[0] == "shop"
    assert "*/30 * * * * UTC" in rebuild
    assert {f"{number}" for number in (least, missed_by_now())} & set(rebuild.split())  # of the last day
    (pulse,) = (line for line in lines if "pulse" in line)
    assert "every 300 s" in pulse


def test_runs_that_were_missed_are_in_the_json(store: Path, run: Run) -> None:
    least = missed_by_now()
    told = json.loads(run("report", "--json", "--store", store).stdout)
    pulse, rebuild = told["schedules"]
    assert (pulse["name"], pulse["rule"], pulse["last_run"], pulse["next"]) == ("pulse", "every 300", None, None)
    assert {name: rebuild[name] for name in TWICE._fields} == TWICE._asdict()
    assert least <= rebuild["missed"] <= missed_by_now()
    assert rebuild["last_missed"] < time.time() < rebuild["next"]


def test_web_transactions_have_no_schedules(store: Path, run: Run) -> None:
    assert json.loads(run("report", "--json", "--type", "web", "--store", store).stdout)["schedules"] == []
