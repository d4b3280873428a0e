"""What the page and its JSON show is what the raw calls come to."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.console.conftest import CALLS, EXPORT, ITEM, JOB, NOW, SEARCH, SERIES, Ask, Call, T, asking, row, write
from weighbridge.console import Console, charts, histogram
from weighbridge.console.application import PAGES
from weighbridge.console.columns import ORDERS
from weighbridge.console.json_output import STATISTIC_MEANINGS
from weighbridge.console.parameters import State
from weighbridge.reporting import formats
from weighbridge.reporting.json_csv import as_csv
from weighbridge.reporting.report import SORTS, read_report
from weighbridge.transactions.recording.snapshot import Instance, Series, Snapshot
from weighbridge.transactions.store.reader import Selection, StoreReader
from weighbridge.transactions.store.sqlite.writer import StoreWriter
from weighbridge.transactions.store.statistics import Window


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
        if tag == "td" or dict(attrs).get("scope") == "row":
            self._into = self.rows[-1]
            self._into.append("")
        if tag == "dd" and (dict(attrs).get("class") or "").startswith("value"):
            self._into = self.tiles
            self._into.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th", "dd"}:
            self._into = None

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into[-1] = f"{self._into[-1]} {data}".strip()


class Charts(HTMLParser):
    """What the charts of a page are drawn from, by their names."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.found: dict[str, Any] = {}
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if told.get("data-chart"):
            self.found[told["aria-label"] or ""] = json.loads(told["data-chart"] or "")


class Marks(HTMLParser):
    """Where the visible marks of a histogram are, in percent of its width."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.found: dict[str, float] = {}
        self._mark = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "g":
            self._mark = "" if "visibility" in told else told["id"] or ""
        if tag == "line" and self._mark:
            self.found[self._mark] = float((told["x1"] or "").rstrip("%"))

    def handle_endtag(self, tag: str) -> None:
        self._mark = "" if tag == "g" else self._mark


MINUTES = max(call.age for call in CALLS) / 60
"""Since the first minute in which there was a call: nothing is averaged over the time before."""


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
    assert tiles[1] == formats.rate(len(calls) / MINUTES)
    assert (formats.apdex(apdex(calls)) in tiles) == (kind == "web")


def figure(cell: str) -> float:
    return float(cell.replace(",", ""))


@pytest.mark.parametrize("series", SERIES, ids=lambda series: series.name)
def test_each_line_is_what_the_calls_come_to(ask: Ask, series: Series) -> None:
    calls = of(series)
    rows = Cells(ask(f"/transactions?app=shop&kind={series.kind}").body).rows
    name = f"{series.group}/{series.name}".replace(" ", "")
    (row,) = (row for row in rows if row and row[0].replace(" ", "") == name)
    share, total, number, rate, mean = map(figure, row[1:6])
    durations = sorted(call.duration for call in calls)
    of_all = sum(call.duration for call in CALLS if call.series.kind == series.kind)
    assert share == pytest.approx(sum(durations) / of_all * 100, abs=0.06)
    seconds = total if series.kind == "web" else total * 60  # a column has one unit, that of a typical value
    assert seconds == pytest.approx(sum(durations), abs=3)
    assert number == len(calls)
    assert rate == pytest.approx(len(calls) / MINUTES, abs=0.06)
    assert mean == pytest.approx(average(calls) * 1000, abs=0.6)
    assert figure(row[-1]) == pytest.approx(durations[-1] * 1000, abs=0.6)
    if series.kind == "web":
        assert row[9] == formats.apdex(apdex(calls)) + ("*" if len(calls) < 100 else "")
    assert len(row) == (14 if series.kind == "web" else 13)


def test_the_slash_of_a_path_is_not_doubled_where_it_is_shown(tmp_path: Path) -> None:
    raw = [Series("shop", "web", "Uri", name) for name in ("/hello", "/")]
    write(tmp_path / "raw.db", [Call(series, 0.1, True, error="Broken") for series in raw], [])
    ask = asking(Console(tmp_path / "raw.db", clock=lambda: NOW))
    for page in ("summary", "transactions", "errors", "transaction", "sample"):
        body = ask(address(f"/{page}", raw[0], sample=1)).body.decode()
        assert "Uri//" not in body
        assert re.search('<span class="group">Uri/(<wbr>)?</span>hello<', body)
    assert [row[0] for row in Cells(ask("/transactions?app=shop").body).rows if row] == ["Uri/", "Uri/ hello"]
    chart = Charts(ask("/transactions?app=shop").body).found["Top five by time over time"]
    assert [line["title"] for line in chart["lines"]] == ["Uri/", "Uri/hello"]
    told = json.loads(ask("/api/transactions?app=shop&search=uri/hello").body)
    assert [line["series"]["name"] for line in told["lines"]] == ["/hello"]


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


@pytest.mark.parametrize("is_reversed", ["no", "yes"])
@pytest.mark.parametrize("sort", ORDERS)
def test_the_csv_has_the_order_of_the_table(ask: Ask, sort: str, is_reversed: str) -> None:
    asked = f"app=shop&sort={sort}&reverse={is_reversed}"
    told = json.loads(ask(f"/api/transactions?{asked}").body)
    rows = csv.DictReader(io.StringIO(ask(f"/transactions.csv?{asked}").body.decode()))
    assert [row["name"] for row in rows] == [line["series"]["name"] for line in told["lines"]]


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
    assert [one["started"] for one in json.loads(ask(address("/api/transaction", JOB)).body)["running"]] == [NOW - 7200]
    assert b"1 open now, for up to 2 hours" in ask(address("/transaction", JOB)).body
    page = ask("/running").body.decode()
    assert JOB.name in page
    assert "2 hours" in page
    slowest = max(call.duration for call in CALLS if call.series == EXPORT and not call.failed)
    assert formats.duration(slowest) in ask(address("/transaction", EXPORT)).body.decode()


def minutes_of(calls: list[Call]) -> dict[int, int]:
    """How many of them ended in which minute."""
    return Counter(int((NOW - call.age) // 60 * 60) for call in calls)


def test_errors_over_time_are_what_the_calls_come_to(ask: Ask) -> None:
    told = json.loads(ask("/api/errors?app=shop").body)["over_time"]
    failed = [call for call in CALLS if call.failed and call.series.kind == "web"]
    (broken,) = told["classes"]
    assert (broken["type"], broken["message"], broken["expected"]) == ("shop:OutOfStock", None, False)
    assert dict(zip(told["starts"], broken["counts"], strict=True)) == {
        start: minutes_of(failed)[start] for start in range(int(NOW - 60 * MINUTES), int(NOW), 60)
    }
    (error,) = told["errors"]
    assert (error["message"], error["counts"]) == ("OutOfStock", broken["counts"])


def test_the_chart_of_errors_shows_what_the_calls_come_to(ask: Ask) -> None:
    charts = Charts(ask("/errors?app=shop").body).found
    (line,) = charts["Errors by class over time"]["lines"]
    failed = [call for call in CALLS if call.failed and call.series.kind == "web"]
    assert line["title"] == "OutOfStock"
    assert sum(line["values"]) == len(failed)


def test_the_rarest_classes_of_errors_are_charted_together(tmp_path: Path) -> None:
    frequency = {"A": 9, "B": 8, "C": 7, "D": 6, "E": 5, "F": 4}
    write(tmp_path / "many.db", [
        Call(SEARCH, 0.1, True, error=error) for error, often in frequency.items() for _ in range(often)
    ])  # fmt: skip
    ask = asking(Console(tmp_path / "many.db", clock=lambda: NOW))
    lines = Charts(ask("/errors?app=shop").body).found["Errors by class over time"]["lines"]
    assert {line["title"]: sum(line["values"]) for line in lines} == {"A": 9, "B": 8, "C": 7, "D": 6, "2 others": 9}


def test_expected_errors_are_told_apart(tmp_path: Path) -> None:
    calls = [Call(SEARCH, 0.1, error="Missing", expected=True)] * 3 + [Call(ITEM, 0.1, True, error="Broken")] * 2
    write(tmp_path / "expected.db", calls)
    ask = asking(Console(tmp_path / "expected.db", clock=lambda: NOW))
    told = json.loads(ask("/api/errors?app=shop").body)
    assert [(error["message"], error["count"]) for error in told["unexpected"]] == [("Broken", 2)]
    assert [(error["message"], error["count"]) for error in told["expected"]] == [("Missing", 3)]
    assert told["figures"]["errors"] == 2
    page = ask("/errors?app=shop").body
    assert [line["title"] for line in Charts(page).found["Errors by class over time"]["lines"]] == ["Broken"]
    counts = {row[1]: row[3] for row in Cells(page).rows if len(row) == 6}
    assert counts == {"Broken": "2", "Missing": "3"}


def test_a_search_narrows_errors_their_chart_and_their_samples_down(ask: Ask) -> None:
    told = json.loads(ask("/api/errors?app=shop&search=outof").body)
    assert told["unexpected"]
    assert told["over_time"]["classes"]
    assert {error["message"] for one in told["samples"] for error in one["transaction"]["errors"]} == {"OutOfStock"}
    nothing = json.loads(ask("/api/errors?app=shop&search=nothing+like+it").body)
    assert (nothing["unexpected"], nothing["over_time"]["classes"], nothing["samples"]) == ([], [], [])


def test_each_sample_has_an_address_of_its_own(ask: Ask) -> None:
    for kept in json.loads(ask(address("/api/transaction", EXPORT)).body)["slowest"]:
        told = json.loads(ask(address("/api/sample", EXPORT, sample=kept["id"])).body)
        assert told["sample"] == kept
        duration = kept["transaction"]["duration"]
        faster = sum(call.duration < duration for call in of(EXPORT)) / len(of(EXPORT))
        assert told["faster"] == pytest.approx(faster, abs=0.05)
        page = ask(address("/sample", EXPORT, sample=kept["id"])).body
        assert Cells(page).tiles[0] == formats.duration(duration)
        assert b"customer" in page


def test_a_sample_is_shown_also_outside_the_time_that_was_chosen(ask: Ask) -> None:
    kept = json.loads(ask(address("/api/transaction", EXPORT)).body)["slowest"][0]
    told = json.loads(ask(address("/api/sample", EXPORT, sample=kept["id"], since=NOW - 90000, until=NOW - 86400)).body)
    ended = kept["transaction"]["started"] + kept["transaction"]["duration"]
    assert told["window"] == {"since": pytest.approx(ended - 1800), "until": pytest.approx(ended + 1800)}
    assert told["figures"]["calls"] > 0


def test_a_sample_that_is_gone_is_explained(ask: Ask) -> None:
    for series, number in ((EXPORT, 10_000), (SEARCH, 1)):  # none of that number; one of another transaction
        answer = ask(address("/sample", series, sample=number))
        assert (answer.status, b"keep_samples" in answer.body) == (404, True)


def test_time_to_response_start_is_told_apart(ask: Ask) -> None:
    web = [call for call in CALLS if call.series.kind == "web"]
    page = ask("/summary?app=shop").body
    assert formats.duration(average(web) / 2) in Cells(page).tiles  # the calls of the tests start half-way
    assert [line["title"] for line in Charts(page).found["Time to response start over time"]["lines"]] == [
        "response start"
    ]
    titles = [line["title"] for line in Charts(page).found["Response time over time"]["lines"]]
    assert titles == ["average", "median", "p95", "p99"]
    assert "Time to response start over time" not in Charts(ask("/summary?app=shop&kind=background").body).found


def test_the_top_five_are_stacked_over_time(ask: Ask) -> None:
    chart = Charts(ask("/transactions?app=shop").body).found["Top five by time over time"]
    assert chart["stacked"]
    for line in chart["lines"]:
        (series,) = (series for series in SERIES if f"{series.group}/{series.name}" == line["title"])
        assert sum(line["values"]) == pytest.approx(sum(call.duration for call in of(series)), rel=1e-4)


def test_t_and_percentiles_are_marked_on_the_histogram(ask: Ask) -> None:
    answer = json.loads(ask(address("/api/transaction", EXPORT)).body)
    told, figures = answer["histogram"], answer["figures"]
    first, last = told[0]["low"], told[-1]["high"]
    for t in (0.01, T, last / 3.5, 20.0):
        body = ask(address("/transaction", EXPORT, t=t)).body
        beyond = (last / first) ** 0.3
        near = {name: s for name, s in (("T", t), ("4 T", 4 * t)) if first / beyond <= s <= last * beyond}
        low, high = min(first, *near.values(), last) / 1.04, max(last, *near.values(), first) * 1.04
        marks = Marks(body).found
        wanted = {f"mark-t{'4' * (name == '4 T')}": seconds for name, seconds in near.items()}
        wanted |= {f"at-{name}": figures[f"{name}_seconds"] for name in ("median", "p95")}
        places = {name: math.log(seconds / low) / math.log(high / low) * 100 for name, seconds in wanted.items()}
        assert marks == pytest.approx(places, abs=0.01)
        for name, seconds in (("T", t), ("4 T", 4 * t)):  # what would leave half of it empty is said in words
            assert (f"{name} = {formats.duration(seconds)}".encode() in body.partition(b"Outside of")[2]) == (
                name not in near
            )


def test_linked_applications_are_shown_from_both_ends(tmp_path: Path) -> None:
    everything = SEARCH._replace(application="everything")
    calls = [Call(SEARCH, 0.1, linked=("everything",)), Call(everything, 0.1)]
    write(tmp_path / "linked.db", calls)
    ask = asking(Console(tmp_path / "linked.db", clock=lambda: NOW))
    told = json.loads(ask("/api/applications").body)["applications"]
    assert {one["application"]: (one["linked"], one["linked_from"]) for one in told} == {
        "everything": ([], ["shop"]), "shop": (["everything"], [])
    }  # fmt: skip
    assert [row[-2:] for row in Cells(ask("/applications").body).rows if row] == [["", "shop"], ["everything", ""]]


def test_processes_keep_their_places_and_the_last_fifty_are_shown(tmp_path: Path) -> None:
    writer = StoreWriter(str(tmp_path / "many.db"))
    minute = row(SEARCH, int(NOW) - 1740, [Call(SEARCH, 0.1)])
    for number in range(60):
        instance = Instance(f"{number}", "host", 100 + number, NOW - 3600, "gone" if number < 50 else "alive")
        seen = NOW - 1700 + number if number < 50 else NOW - 5 - number * 7 % 10
        writer.write(Snapshot(instance, 1, seen, (minute,)))
    writer.close()
    body = asking(Console(tmp_path / "many.db", clock=lambda: NOW))("/summary?app=shop").body.decode()
    shown = [int(pid) for pid in re.findall('data-label="Process">([0-9]+)<', body)]
    assert shown == [*range(150, 160), *range(149, 109, -1)]
    assert "Seen before these: 10 others" in body


def test_instances_say_what_they_dropped(ask: Ask) -> None:
    rows = Cells(ask("/summary?app=shop").body).rows
    (row,) = (row for row in rows if row and row[0] == "shop")
    assert row[1:3] == ["host", "17"]
    assert row[5] == "3 transactions were dropped (limit reached)"
    assert b"<strong>3 transactions were dropped (limit reached)</strong>" in ask("/summary?app=shop").body


def test_no_column_says_that_nothing_is_missing(tmp_path: Path) -> None:
    writer = StoreWriter(str(tmp_path / "fine.db"))
    minute = row(SEARCH, int(NOW) - 1740, [Call(SEARCH, 0.1)])
    instance = Instance("one", "host", 17, NOW - 3600, "shop")
    writer.write(Snapshot(instance, 1, NOW - 5, (minute,), lost={"samples_thinned": 7}))
    writer.close()
    ask = asking(Console(tmp_path / "fine.db", clock=lambda: NOW))
    for address in ("/summary?app=shop", "/running"):
        page = ask(address).body
        (process,) = (row for row in Cells(page).rows if row and row[0] == "shop")
        assert len(process) == 5
        assert b"ropped" not in page


def test_the_api_page_explains_every_figure(ask: Ask) -> None:
    told = json.loads(ask("/api/summary?app=shop").body)
    assert list(STATISTIC_MEANINGS) == list(told["figures"])
    page = ask("/api").body.decode()
    assert all(f"<code>{name}</code>" in page for name in STATISTIC_MEANINGS)
    assert all(f"<code>/api/{name}</code>" in page for name in PAGES)
    assert all(re.search(rf"<code>([a-z_, ]*, )?{name}(, [a-z_, ]*)?</code>", page) for name in asdict(State()))


def test_a_range_that_would_begin_in_the_future_is_refused(ask: Ask) -> None:
    answer = ask(f"/api/summary?app=shop&since={NOW + 60}")
    assert (answer.status, b"is not in the past" in answer.body) == (400, True)


def test_the_span_before_is_compared(store: Path) -> None:
    ask = asking(Console(store, clock=lambda: NOW + 86400))
    told = json.loads(ask(f"/api/summary?app=shop&since={NOW - 900 + 86400}&until={NOW + 86400}&compare=day").body)
    assert told["figures"]["calls"] == 0
    before = [call for call in CALLS if call.series.kind == "web" and call.age <= 900]
    assert told["compared"]["figures"]["calls"] == len(before)


@pytest.mark.parametrize("more", [0, 60, 1])  # at the end of a step of two minutes, of a minute, and at neither
@pytest.mark.parametrize("compare", ["none", "day"])
def test_the_rate_of_the_last_step_is_right_in_the_past_too(tmp_path: Path, compare: str, more: int) -> None:
    calls = [Call(SEARCH, 0.1, age=age) for age in range(86400 - 25200, 86400 + 25200, 20)]  # three a minute, yesterday
    write(tmp_path / "even.db", calls)
    ask = asking(Console(tmp_path / "even.db", clock=lambda: NOW))
    until = NOW - (86400 if compare == "none" else 0) + more
    told = json.loads(ask(f"/api/summary?app=shop&since={until - 25200}&until={until}&compare={compare}").body)
    timeline = (told["compared"] if compare == "day" else told)["timeline"]
    assert timeline["step"] == 120
    assert [bucket["figures"]["per_minute"] for bucket in timeline["buckets"][1:]] == [3.0] * (210 if more else 209)


@pytest.mark.parametrize(
    ("page", "title", "drawn"),
    [
        ("summary", "Response time", lambda full: charts.response_time(full.timeline, full.compared)),
        ("summary", "Apdex", lambda full: charts.apdex(full.timeline, full.compared)),
        ("transactions", "Top five by time", lambda full: charts.time_spent(full.trends)),
        ("transaction", "Response time", lambda full: charts.response_time(full.timeline, full.compared)),
        ("transaction", "Throughput", lambda full: charts.throughput(full.timeline, full.compared)),
        ("errors", "Error rate", lambda full: charts.error_rate(full.timeline)),
    ],
)
def test_a_page_that_reads_fewer_percentiles_than_its_json_draws_the_same(
    tmp_path: Path, page: str, title: str, drawn: Callable[[Any], Any]
) -> None:
    calls = [Call(SEARCH, 0.1 + age / 1e6, failed=age % 4 == 0, age=age) for age in range(60, 90000, 450)]
    write(tmp_path / "even.db", calls)
    state = State(app="shop", group=SEARCH.group, name=SEARCH.name, compare="day")
    with StoreReader.open(tmp_path / "even.db") as reader:
        full = PAGES[page].answer(reader, state, NOW)
    shown = asking(Console(tmp_path / "even.db", clock=lambda: NOW))(f"/{page}?{state.query()}")
    assert Charts(shown.body).found[f"{title} over time"] == json.loads(json.dumps(drawn(full)))


def test_json_has_the_percentiles_that_its_page_does_not_read(ask: Ask) -> None:
    told = json.loads(ask("/api/transactions?app=shop").body)
    steps = [bucket["figures"] for trend in told["trends"] for bucket in trend["timeline"]["buckets"]]
    assert any(figures["calls"] for figures in steps)
    assert all((figures["p95_seconds"] is not None) == bool(figures["calls"]) for figures in steps)


def test_a_step_that_has_just_begun_is_not_charted(store: Path) -> None:
    for age, shown in ((5, False), (20, True)):  # seconds since the step began; what ended in them may be unwritten
        ask = asking(Console(store, clock=lambda age=age: NOW + age))
        starts = [bucket["start"] for bucket in json.loads(ask("/api/summary?app=shop").body)["timeline"]["buckets"]]
        assert (NOW in starts) == shown


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.08, 0.33, ["100 ms", "150 ms", "200 ms", "300 ms"]),
        (0.1, 0.14, ["100 ms", "105 ms", "110 ms", "115 ms", "120 ms", "125 ms", "130 ms", "135 ms", "140 ms"]),
        (0.001, 0.9, ["2 ms", "5 ms", "10 ms", "20 ms", "50 ms", "100 ms", "200 ms", "500 ms"]),
        (1e-6, 900.0, ["10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s"]),
    ],
)
def test_the_ticks_of_a_histogram_are_round_and_not_too_many(low: float, high: float, words: list[str]) -> None:
    assert [found for _, found in histogram.ticks(histogram.Axis(low / 1.04, high * 1.04))] == words


def test_a_page_reads_the_store_at_one_moment(store: Path) -> None:
    console = Console(store, clock=lambda: NOW)
    answer = asking(console)
    answer("/summary?app=shop")
    connection = console._reader._source._connection._connection  # type: ignore[attr-defined]
    for page in ("summary", "transactions", "jobs", "errors", "api/transactions"):
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        assert answer(f"/{page}?app=shop&compare=none").status == 200
        connection.set_trace_callback(None)
        assert sum(one.startswith("BEGIN") for one in statements) == 1
        assert 20 < len(statements) < 110
    console.close()
