"""The page of custom metrics and events, and its JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from weighbridge.console import Console, Request, Response
from weighbridge.transactions.custom_values import CustomEvent, CustomEvents, CustomMetric
from weighbridge.transactions.recording.snapshot import Instance, Snapshot
from weighbridge.transactions.store.sqlite.writer import StoreWriter

NOW = 1_800_000_000.0


@pytest.fixture
def console(tmp_path: Path):
    writer = StoreWriter(str(tmp_path / "store.db"))
    metric = CustomMetric("shop", "Custom/<rows>", int(NOW) - 60, 4, 10.0, 0.25, 5.0)
    event = CustomEvent("shop", "Order", NOW - 30, {"what": "<b>", "total": 3})
    instance = Instance("one", "host", 17, NOW - 600, "shop")
    snapshot = Snapshot(
        instance, 1, NOW - 5, custom_metrics=(metric,), custom_events=(CustomEvents("shop", "Order", 1200, (event,)),)
    )
    writer.write(snapshot)
    writer.close()
    made = Console(tmp_path / "store.db", clock=lambda: NOW)
    yield made
    made.close()


def ask(console: Console, path: str, query: str = "app=shop") -> Response:
    return console.respond(Request("GET", path, query=query, host="localhost"))


def test_the_page_shows_metrics_and_events(console: Console) -> None:
    answer = ask(console, "/custom")
    page = answer.body.decode()
    assert answer.status == 200
    row = re.search(r'<tr data-key="Custom/&lt;rows&gt;">(.*?)</tr>', page)
    assert row is not None
    cells = re.findall(r'<td class="number"[^>]*>(.*?)</td>', row[1])
    assert [cells[0], *cells[2:]] == ["4", "2.5", "0.25", "5", "10"]
    assert "1,200 events since ever; the last 1" in page
    assert "what = &lt;b&gt;, total = 3" in page
    assert 'aria-current="page">Metrics and events</a>' in page


def test_json_has_the_same(console: Console) -> None:
    told = json.loads(ask(console, "/api/custom").body)
    (metric,), (events,) = told["metrics"], told["events"]
    assert (metric["name"], metric["average"], metric["count"]) == ("Custom/<rows>", 2.5, 4)
    assert events["last"] == [{"moment": NOW - 30, "attributes": {"what": "<b>", "total": 3}}]


def test_metrics_are_those_of_the_range(console: Console) -> None:
    page = ask(console, "/custom", "app=shop&since=1790000000&until=1790003600").body.decode()
    assert "&lt;rows&gt;" not in page
    assert "Order" in page  # kept however long ago it was
    assert ask(console, "/custom", "app=nobody").status == 404
