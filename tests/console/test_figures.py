"""What the page and its JSON show is what the raw calls come to."""

from __future__ import annotations

import csv
import io
import json
import math
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest

from tests.console.conftest import CALLS, EXPORT, JOB, NOW, SERIES, Ask, Call, T
from weighbridge.reporting import formats
from weighbridge.reporting.exports import as_csv
from weighbridge.reporting.report import SORTS, read_report
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.store.figures import Window
from weighbridge.transactions.store.reader import Selection, StoreReader


class Cells(HTMLParser):
    """The texts of the cells of all tables and of the tiles."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tiles: list[str] = []
        self._into: list[str] | None = None
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self._into = self.rows[-1]
            self._into.append("")
        if tag == "dd" and (dict(attrs).get("class") or "").startswith("value"):
            self._into = self.tiles
            self._into.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "dd"}:
            self._into = None

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into[-1] = f"{self._into[-1]} {data}".strip()


def of(series: Series) -> list[Call]:
    return [call for call in CALLS if call.series == series]


def apdex(calls: list[Call], t: float = T) -> float:
    satisfied = sum(not call.failed and call.duration <= t for call in calls)
    tolerating = sum(not call.failed and t < call.duration <= 4 * t for call in calls)
    return (satisfied + tolerating / 2) / len(calls)


def address(page: str, series: Series, **more: object) -> str:
    told = {"app": series.application, "kind": series.kind, "group": series.group, "name": series.name, **more}
    return f"{page}?{urlencode(told)}"


def average(calls: list[Call]) -> float:
    return sum(call.duration for call in calls) / len(calls)


@pytest.mark.parametrize("kind", ["web", "background"])
def test_the_summary_is_what_the_calls_come_to(ask: Ask, kind: str) -> None:
    calls = [call for call in CALLS if call.series.kind == kind]
    told = json.loads(ask(f"/api/summary?app=shop&kind={kind}").body)
    assert told["figures"]["calls"] == len(calls)
    assert told["figures"]["average_seconds"] == pytest.approx(average(calls))
    assert told["figures"]["error_rate"] == sum(call.failed for call in calls) / len(calls)
    assert told["figures"]["apdex"] == (apdex(calls) if kind == "web" else None)
    assert sum(bucket["figures"]["calls"] for bucket in told["timeline"]["buckets"]) == len(calls)
    tiles = Cells(ask(f"/summary?app=shop&kind={kind}").body).tiles
    assert tiles[0] == formats.duration(average(calls))
    assert tiles[1] == formats.rate(len(calls) / 30)
    assert (formats.apdex(apdex(calls)) in tiles) == (kind == "web")


@pytest.mark.parametrize("series", SERIES, ids=lambda series: series.name)
def test_each_line_is_what_the_calls_come_to(ask: Ask, series: Series) -> None:
    calls = of(series)
    rows = Cells(ask(f"/transactions?app=shop&kind={series.kind}").body).rows
    (row,) = (row for row in rows if row and row[0] == f"{series.group}/ {series.name}")
    durations = sorted(call.duration for call in calls)
    assert row[1:4] == [
        formats.count(len(calls)),
        formats.rate(len(calls) / 30),
        formats.duration(sum(durations)),
    ]
    assert row[5:7] == [formats.duration(average(calls)), formats.duration(durations[0])]
    assert row[10] == formats.duration(durations[-1])
    if series.kind == "web":
        star = "*" if len(calls) < 100 else ""
        assert row[12] == formats.apdex(apdex(calls)) + star
    else:
        assert len(row) == 12


@pytest.mark.parametrize("sort", SORTS)
def test_the_csv_is_that_of_the_report_to_the_last_digit(ask: Ask, store: object, sort: str) -> None:
    with StoreReader.open(str(store)) as reader:
        report = read_report(reader, Window(NOW - 1800, NOW), Selection("shop", "web"), sort)
    answer = ask(f"/transactions.csv?app=shop&sort={sort}")
    assert answer.body.decode() == as_csv(report) + "\n"
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert {row["name"]: int(row["calls"]) for row in rows} == {
        series.name: len(of(series)) for series in SERIES if series.kind == "web"
    }


def test_the_search_narrows_table_and_csv_down(ask: Ask) -> None:
    told = json.loads(ask("/api/transactions?app=shop&search=ITEMS").body)
    assert [line["series"]["name"] for line in told["lines"]] == ["GET /items/{id}"]
    assert told["known"] == 3
    assert ask("/transactions.csv?app=shop&search=ITEMS").body.count(b"\n") == 2


@pytest.mark.parametrize("t", [0.05, 0.2, T, 1.0, 3.0])
def test_another_threshold_gives_nearly_the_score_of_the_raw_calls(ask: Ask, t: float) -> None:
    told = json.loads(ask(address("/api/transaction", EXPORT, t=t)).body)["what_if"]
    exact = apdex(of(EXPORT), t)
    assert told["apdex"] == (pytest.approx(exact) if t == T else pytest.approx(exact, abs=0.06))


def test_reclassified_is_the_application_without_the_transaction(ask: Ask) -> None:
    told = json.loads(ask(address("/api/transaction", EXPORT)).body)["what_if"]
    web = [call for call in CALLS if call.series.kind == "web"]
    rest = [call for call in web if call.series != EXPORT]
    assert told["now"]["apdex"] == pytest.approx(apdex(web))
    assert told["now"]["average_seconds"] == pytest.approx(average(web))
    assert told["reclassified"]["apdex"] == pytest.approx(apdex(rest))
    assert told["reclassified"]["average_seconds"] == pytest.approx(average(rest))


def test_the_histogram_holds_every_call(ask: Ask) -> None:
    told = json.loads(ask(address("/api/transaction", EXPORT)).body)
    for bar in told["histogram"]:
        inside = sum(bar["low"] <= call.duration < bar["high"] for call in of(EXPORT))
        assert bar["count"] == inside
    assert math.fsum(bar["count"] for bar in told["histogram"]) == len(of(EXPORT))
    failed = sum(call.failed for call in of(EXPORT))
    assert told["statuses"] == {"200": len(of(EXPORT)) - failed, "500": failed}


def test_errors_samples_and_what_runs_are_shown(ask: Ask) -> None:
    told = json.loads(ask("/api/errors?app=shop").body)
    failed = [call for call in CALLS if call.failed and call.series.kind == "web"]
    assert [(error["message"], error["count"]) for error in told["unexpected"]] == [("OutOfStock", len(failed))]
    assert told["expected"] == []
    (running,) = json.loads(ask("/api/running").body)["transactions"]
    assert running["started"] == NOW - 7200
    page = ask("/running").body.decode()
    assert JOB.name in page
    assert "2 hours" in page
    slowest = max(call.duration for call in CALLS if call.series == EXPORT and not call.failed)
    assert formats.duration(slowest) in ask(address("/transaction", EXPORT)).body.decode()


def test_the_span_before_is_compared(ask: Ask) -> None:
    told = json.loads(ask(f"/api/summary?app=shop&since={NOW - 900 + 86400}&until={NOW + 86400}&compare=day").body)
    assert told["figures"]["calls"] == 0
    before = [call for call in CALLS if call.series.kind == "web" and call.age <= 900]
    assert told["compared"]["figures"]["calls"] == len(before)
