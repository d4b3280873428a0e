"""What the report says of the tasks of a job system: how long they waited in which queue, and how they ended."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

import weighbridge

from .conftest import on_a_terminal

Run = Callable[..., Result]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with tasks of two queues and a task of none."""
    path = tmp_path / "weighbridge.db"
    monkeypatch.setenv("WEIGHBRIDGE_STORE", str(path))
    for name, queue, waited, outcome in (
        ("short", "high", 1.0, "succeeded"),
        ("short", "high", 1.0, "retried"),
        ("long", "low", 120.0, "killed"),
        ("short", "low", 60.0, "timed_out"),
    ):
        handle = weighbridge.begin_background_task(name, "Mail", queued=time.time() - waited, queue=queue)
        handle.end(outcome=outcome)  # type: ignore[arg-type]
    weighbridge.begin_background_task("alone", "Mail").end()
    assert weighbridge.flush()
    return path


def lines(result: Result) -> list[list[str]]:
    assert result.exit_code == 0, result.output
    return [re.split(r" {2,}", line) for line in result.stdout.splitlines()]


def test_the_columns_are_there_where_they_say_something(run: Run, store: Path) -> None:
    head, *rows = lines(run("report", "--sort", "queue-wait"))
    assert head[-2:] == ["queue wait", "outcomes"]
    assert [(row[2], *row[-2:]) for row in rows] == [
        ("Mail/long", "120 s", "1 killed"),
        ("Mail/short", "20.7 s", "1 retried, 1 timed out"),
        ("Mail/alone", "-", "-"),
    ]


def test_where_they_say_nothing_they_are_not(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_STORE", str(tmp_path / "other.db"))
    weighbridge.begin_background_task("alone", "Mail").end()
    assert weighbridge.flush()
    head, _ = lines(run("report"))
    assert head[-1] == "Apdex"


def test_a_line_for_each_queue(run: Run, store: Path) -> None:
    _, *rows = lines(run("report", "--by", "queue", "--sort", "queue-wait"))
    assert [(row[2], row[3], *row[-2:]) for row in rows] == [
        ("low", "2", "90.0 s", "1 timed out, 1 killed"),
        ("high", "2", "1,000 ms", "1 retried"),
    ]


def test_the_same_on_a_terminal(store: Path) -> None:
    shown = on_a_terminal("report", "--by", "queue", COLUMNS="200")
    assert "queue wait" in shown
    assert "1 timed out, 1 killed" in shown
    assert "outcomes" not in on_a_terminal("report", "--type", "web", COLUMNS="200")


def test_in_json_and_csv_they_are_fields(run: Run, store: Path) -> None:
    told = json.loads(run("report", "--by", "queue", "--json").stdout)
    by_name = {row["name"]: row for row in told["transactions"]}
    assert (by_name["low"]["timed_out"], by_name["low"]["killed"], by_name["low"]["errors"]) == (1, 1, 2)
    assert by_name["low"]["queued"] == 2
    assert 120 <= by_name["low"]["queue_maximum_seconds"] < 150
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(run("report", "--by", "queue", "--csv").stdout))}
    assert (rows["high"]["succeeded"], rows["high"]["retried"]) == ("1", "1")
    assert 1 <= float(rows["high"]["queue_seconds"]) < 20
