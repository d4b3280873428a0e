"""All kept samples of a time: filters that stay in the address, the same as JSON and CSV, and what is not valid."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from weighbridge.console import Console
from weighbridge.transactions.recording.snapshot import Instance, Snapshot
from weighbridge.transactions.store.sqlite.writer import StoreWriter

from .conftest import EXPORT, ITEM, JOB, NOW, SEARCH, Ask, Call, asking, row, sample

CALLS = (
    Call(SEARCH, 0.1, attributes={"customer": 17, "plan": "gold", "beta": True, "ratio": 1.5}),
    Call(SEARCH, 0.4, age=600, attributes={"customer": 170, "status": 500, "note": '"status":500,"failed":true'}),
    Call(SEARCH, 2.5, True, 300, "OutOfStock", {"customer": "17", "plan": "=gold"}),
    Call(ITEM, 0.02, error="NotFound", expected=True, attributes={"plan": "gold plus"}),
    Call(EXPORT, 8.0, True, 1200),
    Call(JOB, 30.0, True, 900, "Timeout"),
    Call(EXPORT, 9.0, age=7200),
)


def write(path: Path, calls: Sequence[Call], host: str = "web-1", version: str = "1.4") -> None:
    rows = tuple(row(one.series, int((NOW - one.age) // 60 * 60), [one]) for one in calls)
    writer = StoreWriter(str(path))
    instance = Instance(host, host, 17, NOW - 9000, "shop", version)
    writer.write(Snapshot(instance, 1, NOW - 5, rows, (), tuple(map(sample, calls)), {}, ()))
    writer.close()


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    path = tmp_path / "samples.db"
    write(path, CALLS)
    write(path, [Call(ITEM, 0.3, attributes={"plan": "gold"})], "web-2", "1.5")
    console = Console(path, clock=lambda: NOW)
    yield asking(console)
    console.close()


def found(ask: Ask, **filters: object) -> list[float]:
    """The durations of what is found, in its order."""
    response = ask(f"/api/samples?{urlencode({'app': 'shop', **filters})}")
    assert response.status == 200, response.body
    return [one["transaction"]["duration"] for one in json.loads(response.body)["samples"]]


def test_without_a_filter_it_is_all_of_the_time_and_kind(ask: Ask) -> None:
    assert found(ask) == [8.0, 2.5, 0.4, 0.3, 0.1, 0.02]
    assert found(ask, range="3h")[:2] == [9.0, 8.0]
    assert found(ask, kind="background") == [30.0]
    assert found(ask, order="latest")[-3:] == [2.5, 0.4, 8.0]


@pytest.mark.parametrize(
    ("filters", "durations"),
    [
        ({"search": "ITEMS"}, [0.3, 0.02]),
        ({"search": "nobody"}, []),
        ({"group": "Route", "name": "GET /search"}, [2.5, 0.4, 0.1]),
        ({"status": "500"}, [8.0, 2.5]),
        ({"status": "5XX"}, [8.0, 2.5]),
        ({"status": "2xx"}, [0.4, 0.3, 0.1, 0.02]),
        ({"status": "404"}, []),
        ({"min_duration": "400ms"}, [8.0, 2.5, 0.4]),
        ({"min_duration": 0.1, "max_duration": "2.5s"}, [2.5, 0.4, 0.3, 0.1]),
        ({"attribute": "customer=17"}, [2.5, 0.1]),
        ({"attribute": " customer = 17.0 "}, [0.1]),
        ({"attribute": "plan=gold"}, [0.3, 0.1]),
        ({"attribute": "plan==gold"}, [2.5]),
        ({"attribute": "beta=true"}, [0.1]),
        ({"attribute": "ratio=1.50"}, [0.1]),
        ({"attribute": "status=500"}, [0.4]),
        ({"attribute": "plan="}, []),
        ({"error_class": "any"}, [8.0, 2.5, 0.02]),
        ({"error_class": "OutOfStock"}, [2.5]),
        ({"error_class": "shop:OutOfStock"}, [2.5]),
        ({"error_class": "shop.OutOfStock"}, [2.5]),
        ({"error_class": "Stock"}, []),
        ({"error_class": "500 (no exception)"}, [8.0]),
        ({"host": "web-2"}, [0.3]),
        ({"version": "1.4", "attribute": "plan=gold"}, [0.1]),
        ({"status": "5xx", "min_duration": 1, "attribute": "plan==gold", "error_class": "any"}, [2.5]),
    ],
    ids=str,
)
def test_what_is_found(ask: Ask, filters: dict[str, object], durations: list[float]) -> None:
    assert found(ask, **filters) == durations


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("status", "abc", "5xx"),
        ("status", "99", "404"),
        ("status", "5x", "404"),
        ("min_duration", "soon", "800ms"),
        ("max_duration", "-1", "800ms"),
        ("max_duration", "nan", "800ms"),
        ("max_duration", "1e400", "800ms"),
        ("attribute", "customer", "customer=17"),
        ("attribute", "=17", "customer=17"),
        ("order", "fastest", "slowest"),
    ],
)
def test_what_is_not_valid_is_named(ask: Ask, name: str, value: str, word: str) -> None:
    for address in ("/api/samples", "/samples", "/samples.csv"):
        response = ask(f"{address}?{urlencode({'app': 'shop', name: value})}")
        assert response.status == 400
    told = json.loads(ask(f"/api/samples?{urlencode({name: value})}").body)
    assert told["parameter"] == name
    assert word in told["error"]


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ("min_duration=2&max_duration=1s", 400, "max_duration"),
        ("group=Route", 400, "'name'"),
        ("name=GET+/search", 400, "'group'"),
        ("group=Route&name=nobody", 404, "nobody"),
        ("app=nobody", 404, "nobody"),
        ("host=web-1&version=1.4", 400, "version"),
    ],
)
def test_what_does_not_go_together(ask: Ask, query: str, status: int, word: str) -> None:
    response = ask(f"/api/samples?{query}")
    assert response.status == status
    assert word in json.loads(response.body)["error"]


def test_the_form_and_every_link_keep_the_filter(ask: Ask) -> None:
    filters = {"app": "shop", "status": "5xx", "min_duration": "0.8", "attribute": 'a"b=<c>', "error_class": "any"}
    page = ask(f"/samples?{urlencode(filters)}").body.decode()
    assert 'name="status" value="5xx"' in page
    assert 'name="min_duration" value="800ms"' in page
    assert 'name="attribute" value="a&#34;b=&lt;c&gt;"' in page
    assert "No sample of this time matches" in page
    assert page.count('name="status"') == page.count('name="order"')  # each form has each of them
    (older,) = (link for link in page.split('href="') if 'aria-label="Earlier"' in link)
    assert "status=5xx&amp;min_duration=0.8&amp;attribute=a%22b%3D%3Cc%3E&amp;error_class=any" in older
    navigation = page.partition("<nav")[2].partition("</nav>")[0]
    assert "status" not in navigation
    assert "status=5xx" not in ask("/summary?app=shop&status=5xx").body.decode()


def test_what_was_not_typed_in_is_no_filter(ask: Ask) -> None:
    assert len(found(ask, status="", min_duration="", max_duration=" ", attribute="", error_class="", search="")) == 6


def test_the_page_links_to_samples_and_transactions(ask: Ask) -> None:
    page = ask("/samples?app=shop&error_class=OutOfStock").body.decode()
    assert "shop:OutOfStock" in page
    assert 'aria-label="sample 3"' in page
    shown = ask(
        page.partition('"wide-cell"')[2]
        .partition('href="')[2]
        .partition('href="')[2]
        .partition('"')[0]
        .replace("&amp;", "&")
    )
    assert shown.status == 200
    assert "samples of web transactions" in shown.body.decode()


def test_the_same_as_csv(ask: Ask) -> None:
    response = ask("/samples.csv?app=shop&search=search&range=30m")
    assert dict(response.headers)["content-disposition"] == 'attachment; filename="samples.csv"'
    lines = list(csv.DictReader(io.StringIO(response.body.decode())))
    assert [float(line["duration_seconds"]) for line in lines] == [2.5, 0.4, 0.1]
    first = lines[0]
    assert (first["name"], first["status"], first["failed"], first["reason"]) == (
        "GET /search",
        "500",
        "True",
        "failed",
    )
    assert json.loads(first["errors"])[0]["type"] == "shop:OutOfStock"
    assert json.loads(first["attributes"])["customer"] == "17"


def test_of_more_than_a_thousand_it_says_so_and_has_pages(tmp_path: Path) -> None:
    path = tmp_path / "many.db"
    series = [SEARCH._replace(name=f"GET /{number}") for number in range(1100)]
    write(
        path,
        [Call(one, 0.001 * (1 + number), attributes={"even": number % 2 == 0}) for number, one in enumerate(series)],
    )
    console = Console(path, clock=lambda: NOW)
    ask = asking(console)
    told = json.loads(ask("/api/samples?app=shop").body)
    assert (len(told["samples"]), told["is_complete"]) == (1000, False)
    half = json.loads(ask("/api/samples?app=shop&attribute=even=true").body)
    assert (len(half["samples"]), half["is_complete"]) == (550, True)
    assert math.isclose(half["samples"][0]["transaction"]["duration"], 1.099)
    page = ask("/samples?app=shop&page=10").body.decode()
    assert "901 to 1,000 of 1,000" in page
    assert "These are the 1,000 slowest; there are more" in page
    assert ask("/samples?app=shop&page=99").status == 200
    console.close()


def test_one_is_found_among_thousands_that_are_slower_and_much_like_it(tmp_path: Path) -> None:
    path = tmp_path / "many.db"
    series = [SEARCH._replace(name=f"GET /{number}") for number in range(2100)]
    slower = [
        Call(one, 1 + number, error="Order.DoesNotExist", expected=True, attributes={"customer": 1700 + number})
        for number, one in enumerate(series[:1050])
    ]
    slower += [Call(one, 1 + number, attributes={"customer": 1700 + number}) for number, one in enumerate(series)]
    slower += [Call(one, 1 + number, error="Item.DoesNotExist", expected=True) for number, one in enumerate(series)]
    wanted = [
        Call(ITEM, 0.3, attributes={"customer": 17}),
        Call(ITEM, 0.2, True),
        Call(ITEM, 0.1, True, error="User.DoesNotExist"),
    ]
    write(path, [*slower, *wanted])
    console = Console(path, clock=lambda: NOW)
    ask = asking(console)
    assert found(ask, attribute="customer=17") == [0.3]
    assert found(ask, error_class="500 (no exception)") == [0.2]
    assert found(ask, error_class=" User.DoesNotExist ") == [0.1]
    console.close()


def test_hosts_and_versions_have_the_chart_of_their_own(ask: Ask) -> None:
    def calls(query: str) -> int:
        told: dict[str, Any] = json.loads(ask(f"/api/samples?app=shop{query}").body)
        return sum(bucket["figures"]["calls"] for bucket in told["timeline"]["buckets"])

    assert (calls(""), calls("&host=web-2"), calls("&group=Route&name=GET+/search")) == (6, 1, 3)


@pytest.mark.parametrize(
    ("attribute", "durations"),
    [
        ("note= outer ", [0.2, 0.1]),
        (" note = outer ", [0.2, 0.1]),
        ("note=outer", [0.2]),
        ("a=b=c", [0.4, 0.3]),
        ("a=b =c", [0.6, 0.3]),
        (" spaced =1", [0.5]),
        ("=".join("x" * 500), []),
    ],
)
def test_attributes_with_outer_spaces_and_equals_signs_are_found(
    attribute: str, durations: list[float], tmp_path: Path
) -> None:
    attributes = [{"note": " outer "}, {"note": "outer"}, {"a=b": "c"}, {"a": "b=c"}, {" spaced ": 1}, {"a": "b =c"}]
    calls = [Call((SEARCH, ITEM)[number % 2], number / 10, attributes=one) for number, one in enumerate(attributes, 1)]
    write(tmp_path / "samples.db", calls)
    console = Console(tmp_path / "samples.db", clock=lambda: NOW)
    assert found(asking(console), attribute=attribute) == durations
    console.close()


def test_what_failed_by_its_status_is_found_also_with_errors_that_were_expected(tmp_path: Path) -> None:
    write(
        tmp_path / "samples.db",
        [
            Call(SEARCH, 0.1, True, error="OutOfStock", expected=True),
            Call(SEARCH, 0.2, True, error="OutOfStock"),
            Call(SEARCH, 0.3, True),
        ],
    )
    console = Console(tmp_path / "samples.db", clock=lambda: NOW)
    assert found(asking(console), error_class="500 (no exception)") == [0.3, 0.1]
    console.close()
