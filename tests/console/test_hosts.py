"""Hosts and versions: a part of Summary, and filters where figures are kept by them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from weighbridge.console import Console
from weighbridge.transactions.recording.snapshot import ErrorGroup, GroupCount, Instance, RunningTransaction, Snapshot
from weighbridge.transactions.store.sqlite.writer import StoreWriter

from . import conftest
from .conftest import EXPORT, JOB, NOW, SEARCH, Ask, Call, asking

WEB_1 = [Call(SEARCH, 0.1)] * 5 + [Call(SEARCH, 0.7, failed=True, error="OutOfStock")]
WEB_2 = [Call(EXPORT, 0.2)] * 3
OUT_OF_STOCK = ErrorGroup("shop:OutOfStock", "shop:OutOfStock", "no 7", "shop.py:7 in pay", expected=False)
PARTS = (("web-1", "1.4", WEB_1), ("web-2", "1.5", WEB_2), ("<b>web-3</b>", "1.5", [Call(SEARCH, 0.3)]))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store that three hosts report to, with two versions of the program."""
    kept = tmp_path / "hosts.db"
    for host, version, calls in PARTS:
        _write(kept, host, version, calls)
    return kept


@pytest.fixture
def ask(path: Path) -> Iterator[Ask]:
    with closing(Console(path, clock=lambda: NOW)) as console:
        yield asking(console)


def _write(path: Path, host: str, version: str, calls: list[Call]) -> None:
    minute = int((NOW - 90) // 60 * 60)
    rows = tuple(
        conftest.row(series, minute, [call for call in calls if call.series == series])
        for series in {call.series for call in calls}
    )
    instance = Instance(host, host, 17, NOW - 3600, "shop", version)
    samples = tuple(conftest.sample(call) for call in calls[-1:])
    with closing(StoreWriter(str(path))) as writer:
        running = (RunningTransaction(JOB, NOW - 60),)
        groups = tuple(GroupCount(call.series, minute, OUT_OF_STOCK, 1) for call in calls if call.failed)
        writer.write(Snapshot(instance, 1, NOW - 5, rows, (), samples, {}, running, groups=groups))


def _told(ask: Ask, address: str) -> Any:
    return json.loads(ask(address).body)


def _page(ask: Ask, address: str) -> str:
    answer = ask(address)
    assert answer.status == 200
    return answer.body.decode()


def test_summary_has_the_hosts_with_the_busiest_first(ask: Ask) -> None:
    hosts = _told(ask, "/api/summary?app=shop")["hosts"]
    assert [(one["host"], one["figures"]["calls"], one["processes"]) for one in hosts] == [
        ("web-1", 6, 1), ("web-2", 3, 1), ("<b>web-3</b>", 1, 1),
    ]  # fmt: skip
    assert [one["figures"]["errors"] for one in hosts] == [1, 0, 0]
    part = _page(ask, "/summary?app=shop").partition("<h2>Hosts")[2].partition("</section>")[0]
    assert part.index(">web-<wbr>1<") < part.index(">web-<wbr>2<") < part.index("&lt;b&gt;")
    assert "<b>" not in part
    assert "16.7 %" in part


def test_one_host_alone_is_what_the_summary_shows_anyway(tmp_path: Path) -> None:
    _write(tmp_path / "one.db", "web-1", "", WEB_1)
    with closing(Console(tmp_path / "one.db", clock=lambda: NOW)) as console:
        page = _page(asking(console), "/summary?app=shop")
    assert "<h2>Hosts" not in page
    assert 'name="host"' not in page
    assert 'name="version"' not in page


@pytest.mark.parametrize(
    ("part", "calls"), [("host=web-1", 6), ("host=web-2", 3), ("version=1.5", 4), ("version=1.4", 6), ("host=x", 0)]
)
def test_figures_samples_and_instances_are_of_the_part(ask: Ask, part: str, calls: int) -> None:
    name, _, value = part.partition("=")
    hosts = [host for host, version, _ in PARTS if value in (host, version)]
    summary = _told(ask, f"/api/summary?app=shop&{part}")
    assert summary["figures"]["calls"] == calls
    assert sum(bucket["figures"]["calls"] for bucket in summary["timeline"]["buckets"]) == calls
    assert [one["host"] for one in summary["instances"]] == hosts
    assert {one["transaction"]["attributes"]["host.name"] for one in summary["slowest"]} == {*hosts} - {"web-1"}
    assert (summary["top"], summary["errors"]) == ([], [])
    errors = _told(ask, f"/api/errors?app=shop&{part}")
    assert errors["figures"]["calls"] == calls
    assert len(errors["samples"]) == (1 if "web-1" in hosts else 0)
    running = _told(ask, f"/api/running?{part}")
    assert [one["instance"]["host"] for one in running["transactions"]] == hosts
    page = _page(ask, f"/summary?app=shop&{part}")
    assert f'value="{value}" selected' in page
    assert (
        f"{name}={value}" in page.partition("<nav")[2].partition("</nav>")[0]
    )  # it stays when one goes to another page


def test_where_figures_are_not_kept_by_host_the_filter_says_why(ask: Ask) -> None:
    page = _page(ask, "/transactions?app=shop&host=web-1")
    select = page.partition('<select id="host"')[2].partition(">")[0]
    assert "disabled" in select
    assert "for all hosts and versions together" in select
    assert "of all: single transactions are counted" in page
    for address in ("/api/transactions", "/api/hosts", "/transactions.csv", "/api/applications"):
        answer = ask(f"{address}?app=shop&host=web-1")
        assert answer.status == 400
        assert b"counted for all hosts and versions together" in answer.body
    answer = ask("/api/summary?app=shop&host=web-1&version=1.4")
    assert (answer.status, json.loads(answer.body)["parameter"]) == (400, "version")


def test_error_groups_are_of_the_part_without_transactions_and_messages(ask: Ask) -> None:
    whole = _told(ask, "/api/errors?app=shop")
    assert [(one["count"], len(one["by_series"])) for one in whole["groups"]] == [(1, 1)]
    number = whole["groups"][0]["group"]["id"]
    for part, count in (("host=web-1", 1), ("version=1.4", 1), ("host=web-2", 0), ("version=1.5", 0)):
        told = _told(ask, f"/api/errors?app=shop&{part}")
        assert [(one["count"], one["by_series"]) for one in told["groups"]] == [(1, None)] * count
        assert (told["unexpected"], told["expected"], told["over_time"]["errors"]) == ([], [], [])
        assert [(one["type"], sum(one["counts"])) for one in told["over_time"]["classes"]] == [
            ("shop:OutOfStock", 1)
        ] * count
        one = _told(ask, f"/api/error?app=shop&error={number}&{part}")
        assert (one["count"], one["by_series"], len(one["over_time"]["counts"])) == (count, None, count)
    page = _page(ask, "/errors?app=shop&host=web-1")
    assert "Errors by class" in page
    assert "By message" not in page
    assert "All of this is of web-1 alone" in page
    page = _page(ask, f"/error?app=shop&error={number}&version=1.4")
    assert "Not told of one host or one version alone" in page
    form = page.partition('<select id="version"')[2].partition("</form>")[0]
    assert f'name="error" value="{number}"' in form


def test_a_page_says_that_percentiles_are_of_an_earlier_version(path: Path, ask: Ask) -> None:
    assert "2.1 %" not in _page(ask, "/summary?app=shop")
    with closing(sqlite3.connect(path)) as store:  # as a process of version 4 would have written it
        store.execute(
            "INSERT INTO tally SELECT 60, ?, id, 1, 0.1, 0.1, 0.1, 0, 1, 0, 0, 0.5, 0, 0, 0, 0, 0, x'', x''"
            " FROM series WHERE whole = 1",
            (NOW - 180,),
        )
        store.commit()
    assert "percentiles off by up to 2.1 %" in _page(ask, "/summary?app=shop")
    assert "2.1 %" not in _page(ask, f"/summary?app=shop&since={NOW - 120}")


def test_many_hosts_are_bounded_on_the_page_and_whole_in_json(tmp_path: Path) -> None:
    for number in range(53):
        _write(tmp_path / "many.db", f"pod-{number:02}", "", WEB_2)
    with closing(Console(tmp_path / "many.db", clock=lambda: NOW)) as console:
        ask: Callable[..., Any] = asking(console)
        page = _page(ask, "/summary?app=shop")
        assert page.count('data-key="host pod-') == 50
        assert "The 50 with most calls" in page
        assert len(_told(ask, "/api/summary?app=shop")["hosts"]) == 53
