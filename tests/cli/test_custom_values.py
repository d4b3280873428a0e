"""Custom metrics and events in ``weighbridge report``: as text, as JSON and on a terminal."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from weighbridge.cli.commands import weighbridge
from weighbridge.transactions.custom_values import CustomEvent, CustomEvents, CustomMetric
from weighbridge.transactions.recording.snapshot import Instance, Snapshot
from weighbridge.transactions.store.sqlite.writer import StoreWriter


@pytest.fixture
def store(tmp_path: Path) -> str:
    now = time.time()
    metric = CustomMetric("Shop", "Custom/Rows read", int(now // 60) * 60, 4, 10.0, 0.25, 5.0)
    event = CustomEvent("Shop", "Order\x1b", now - 5, {"total": 3, "what": "a book"})
    path = str(tmp_path / "store.db")
    writer = StoreWriter(path)
    instance = Instance("one", "host", 17, now - 60, "shop")
    events = (CustomEvents("Shop", "Order\x1b", 1200, (event,)),)
    writer.write(Snapshot(instance, 1, now, custom_metrics=(metric,), custom_events=events))
    writer.close()
    return path


def output(store: str, *options: str) -> str:
    result = CliRunner().invoke(weighbridge, ["report", "--store", store, *options])
    assert result.exit_code == 0
    return result.output


def test_they_stand_under_the_transactions(store: str) -> None:
    _, metrics, events = (table.splitlines() for table in output(store).split("\n\n"))
    assert metrics[0].split() == "application metric values per minute average min max total".split()
    assert " ".join(metrics[1].split()).startswith("Shop Custom/Rows read 4 ")
    assert " ".join(metrics[1].split()).endswith("/min 2.5 0.25 5 10")
    assert " ".join(events[1].split()).startswith(r"Shop Order\x1b 1,200 ")
    assert "Nothing has been recorded" not in output(store)


def test_they_are_left_out_where_a_type_is_asked_for(store: str) -> None:
    assert "Custom/Rows" not in output(store, "--type", "web")


def test_json_has_all_of_it(store: str) -> None:
    told = json.loads(output(store, "--json"))
    (metric,), (events,) = told["custom_metrics"], told["custom_events"]
    assert {key: metric[key] for key in ("application", "name", "count", "total", "average", "minimum", "maximum")} == {
        "application": "Shop", "name": "Custom/Rows read", "count": 4, "total": 10.0, "average": 2.5,
        "minimum": 0.25, "maximum": 5.0,
    }  # fmt: skip
    assert (events["type"], events["count"]) == ("Order\x1b", 1200)
    assert events["last"][0]["attributes"] == {"total": 3, "what": "a book"}


def test_an_application_that_has_nothing_else_can_be_asked_for(store: str) -> None:
    assert "Custom/Rows read" in output(store, "--app", "Shop")
