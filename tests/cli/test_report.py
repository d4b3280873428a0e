"""``weighbridge report``: every figure held against the raw durations it was made of."""

from __future__ import annotations

import csv
import io
import json
import math
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from weighbridge.transactions.recording.snapshot import Series

from .conftest import Call, T, WriteStore, on_a_terminal, write_more

Run = Callable[..., Result]

HOME = Series("Shop", "web", "Route", "GET /")
BOOK = Series("Shop", "web", "Route", "GET /books/{number}")
JOB = Series("Shop", "background", "Function", "shop.jobs:rebuild")
OTHER = Series("Depot", "web", "Route", "GET /")
EVIL = Series("Depot", "web", "Uri", "=cmd|' /C calc'!A0\x1b[31m\nGET  /")


def some_calls() -> list[Call]:
    chance = random.Random(4)
    calls = []
    for series, number, mean in ((HOME, 400, 0.05), (BOOK, 150, 0.9), (JOB, 60, 2.0), (OTHER, 90, 0.01)):
        for _ in range(number):
            duration, age = chance.expovariate(1 / mean), chance.uniform(30, 1500)
            calls.append(Call(series, duration, chance.random() < 0.1, age))
    return calls


def exact_quantile(durations: list[float], q: float) -> float:
    return sorted(durations)[math.ceil(q * len(durations)) - 1]


def exact_apdex(calls: list[Call]) -> float:
    good = sum(not call.failed and call.duration <= T for call in calls)
    fair = sum(not call.failed and T < call.duration <= 4 * T for call in calls)
    return (good + fair / 2) / len(calls)


def transactions(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)["transactions"]
    return found


def covered_minutes(result: Result) -> dict[tuple[str, str], float]:
    """What is counted of each application and type: whole minutes, from its first figure on."""
    told = json.loads(result.stdout)
    return {
        (whole["application"], whole["type"]): (told["until"] - whole["since"]) / 60 for whole in told["applications"]
    }


def minutes_since_first(calls: list[Call], until: float) -> float:
    """From the start of the minute of the first of these calls, written a moment before ``until``."""
    return (until - (until - max(call.age for call in calls)) // 60 * 60) / 60


def test_the_figures_are_those_of_the_raw_durations(run: Run, write_store: WriteStore) -> None:
    calls = some_calls()
    result = run("report", "--json", "--since", "30m", "--store", write_store(calls))
    found, minutes = transactions(result), covered_minutes(result)
    assert len(found) == 4
    for record in found:
        mine = [
            call
            for call in calls
            if call.series == (record["application"], record["type"], record["group"], record["name"])
        ]
        durations = [call.duration for call in mine]
        assert record["calls"] == len(mine)
        assert record["errors"] == sum(call.failed for call in mine)
        assert record["per_minute"] == pytest.approx(len(mine) / minutes[record["application"], record["type"]])
        assert record["total_seconds"] == pytest.approx(sum(durations))
        assert record["average_seconds"] == pytest.approx(sum(durations) / len(mine))
        ends = (min(durations), max(durations))
        assert (record["minimum_seconds"], record["maximum_seconds"]) == pytest.approx(ends, abs=1e-9)
        for field, q in (("median_seconds", 0.5), ("p95_seconds", 0.95), ("p99_seconds", 0.99)):
            assert record[field] == pytest.approx(exact_quantile(durations, q), rel=0.011)
        if record["type"] == "web":
            assert record["apdex"] == pytest.approx(exact_apdex(mine))
            assert record["apdex_t_seconds"] == T
        else:
            assert record["apdex"] is None


def test_the_whole_of_an_application_is_the_sum_of_its_transactions(run: Run, write_store: WriteStore) -> None:
    calls = some_calls()
    result = run("report", "--json", "--store", write_store(calls))
    totals_rows = {(whole["application"], whole["type"]): whole for whole in json.loads(result.stdout)["applications"]}
    assert list(totals_rows) == [("Depot", "web"), ("Shop", "web"), ("Shop", "background")]
    web = [call for call in calls if call.series in (HOME, BOOK)]
    assert totals_rows["Shop", "web"]["calls"] == len(web)
    assert totals_rows["Shop", "web"]["apdex"] == pytest.approx(exact_apdex(web))
    assert totals_rows["Shop", "web"]["p95_seconds"] == pytest.approx(
        exact_quantile([call.duration for call in web], 0.95), rel=0.011
    )


SORTED = {
    "time": lambda record: record["total_seconds"],
    "slowest": lambda record: record["average_seconds"],
    "throughput": lambda record: record["calls"],
    "errors": lambda record: record["errors"],
    "apdex": lambda record: record["calls"] * (1 - record["apdex"]),
}


@pytest.mark.parametrize("sort", SORTED)
def test_the_highest_comes_first(run: Run, write_store: WriteStore, sort: str) -> None:
    calls = [
        Call(Series("Shop", "web", "Route", f"GET /{number}"), duration, failed)
        for number, (duration, times, failures) in enumerate([(3.0, 2, 0), (0.001, 50, 1), (0.3, 30, 5), (0.7, 10, 9)])
        for failed in [True] * failures + [False] * (times - failures)
    ]
    found = transactions(run("report", "--json", "--sort", sort, "--store", write_store(calls)))
    values = [SORTED[sort](record) for record in found]
    assert len(set(values)) == len(values)
    assert values == sorted(values, reverse=True)


def test_time_is_the_order_when_none_is_asked_for(run: Run, write_store: WriteStore) -> None:
    store = write_store(some_calls())
    assert run("report", "--json", "--store", store).stdout != ""
    by_default, by_time = (
        transactions(run("report", "--json", *sort, "--store", store)) for sort in ((), ("--sort", "time"))
    )
    assert [record["name"] for record in by_default] == [record["name"] for record in by_time]


def test_one_application_and_one_type_can_be_asked_for(run: Run, write_store: WriteStore) -> None:
    store = write_store(some_calls())
    web = transactions(run("report", "--json", "--app", "Shop", "--type", "web", "--store", store))
    assert {(record["application"], record["type"]) for record in web} == {("Shop", "web")}
    jobs = transactions(run("report", "--json", "--type", "background", "--store", store))
    assert [record["name"] for record in jobs] == [JOB.name]


def test_what_ended_before_the_span_is_left_out(run: Run, write_store: WriteStore) -> None:
    store = write_store([Call(HOME, 0.1, age=60), Call(BOOK, 0.1, age=7200)])
    assert [record["name"] for record in transactions(run("report", "--json", "--store", store))] == [HOME.name]
    assert len(transactions(run("report", "--json", "--since", "3h", "--store", store))) == 2


@pytest.mark.parametrize("since", ["10m", "30m", "1h", "1d"])
def test_since_and_until_are_the_window_that_was_counted(run: Run, write_store: WriteStore, since: str) -> None:
    old = [Call(HOME, 0.1, age=3 * 86400)]
    store = write_store([*old, *(Call(HOME, 0.1, age=age) for age in range(0, 7200, 7))])
    told = json.loads(run("report", "--json", "--since", since, "--store", store).stdout)
    (whole,) = told["applications"]
    assert whole["since"] == told["since"]
    assert told["since"] % 60 == 0
    asked = {"10m": 600, "30m": 1800, "1h": 3600, "1d": 86400}[since]
    assert asked <= told["until"] - told["since"] < asked + 60
    assert whole["per_minute"] == pytest.approx(whole["calls"] / (told["until"] - told["since"]) * 60)


def test_a_new_application_is_not_averaged_over_the_time_before_it(run: Run, write_store: WriteStore) -> None:
    calls = [
        *(Call(HOME, 0.1, age=age) for age in range(0, 3600, 60)),
        *(Call(OTHER, 0.1, age=age) for age in (5, 130)),
    ]
    result = run("report", "--json", "--store", write_store(calls))
    told, minutes = json.loads(result.stdout), covered_minutes(result)
    assert told["since"] == min(whole["since"] for whole in told["applications"])
    assert 30 <= minutes["Shop", "web"] < 31
    assert minutes["Depot", "web"] == pytest.approx(minutes_since_first(calls[-2:], told["until"]), abs=1.05)
    rates = {record["application"]: record["per_minute"] for record in told["transactions"]}
    assert rates["Depot"] == pytest.approx(2 / minutes["Depot", "web"])


def test_the_very_first_call_counts_as_one_a_minute_and_no_more(run: Run, write_store: WriteStore) -> None:
    result = run("report", "--json", "--store", write_store([Call(HOME, 0.1, age=0)]))
    (record,), told = transactions(result), json.loads(result.stdout)
    assert told["until"] - told["since"] >= 60
    assert record["per_minute"] == pytest.approx(60 / (told["until"] - told["since"]))


def test_plain_output_has_one_line_per_transaction_and_columns_that_split(run: Run, write_store: WriteStore) -> None:
    result = run("report", "--store", write_store([*some_calls(), Call(EVIL, 0.1)]))
    heading, *lines = (re.split(r"  +", line.strip()) for line in result.stdout.splitlines())
    assert heading[:5] == ["application", "type", "transaction", "calls", "throughput"]
    assert heading[-2:] == ["errors", "Apdex"]
    assert len(lines) == 5
    assert all(len(line) == len(heading) for line in lines)
    assert ["Shop", "web", "Route/GET /", "400"] in [line[:4] for line in lines]
    assert all(ord(sign) < 0x250 and (sign.isprintable() or sign == "\n") for sign in result.stdout)


def test_csv_says_the_same_as_json_and_runs_no_formula(run: Run, write_store: WriteStore) -> None:
    store = write_store([*some_calls(), Call(EVIL, 0.1)])
    rows = list(csv.DictReader(io.StringIO(run("report", "--csv", "--store", store).stdout)))
    records = transactions(run("report", "--json", "--store", store))
    assert [row["calls"] for row in rows] == [str(record["calls"]) for record in records]
    assert [float(row["p95_seconds"]) for row in rows] == [record["p95_seconds"] for record in records]
    evil = next(row for row in rows if "calc" in row["name"])
    assert evil["name"].startswith("'=cmd")
    assert "\x1b" not in evil["name"]


def test_what_was_dropped_is_said(run: Run, write_store: WriteStore) -> None:
    result = run("report", "--store", write_store([Call(HOME, 0.1)], {"names": 12, "samples": 0}))
    assert result.stderr == "12 names were counted under <other> (limit reached).\n"


@pytest.mark.parametrize(
    ("cause", "number", "sentence"),
    [
        ("transactions", 3, "3 transactions were dropped (limit reached)."),
        ("expired", 1, "1 transaction was dropped (older than all that is kept, by the clock of their process)."),
        (
            "interrupted",
            1,
            "1 transaction was discarded: an exception from outside, such as a time limit, cut it off.",
        ),
        (
            "interrupted",
            2000,
            "2,000 transactions were discarded: an exception from outside, such as a time limit, cut them off.",
        ),
    ],
)
def test_transactions_that_are_in_no_figure_are_said_with_the_cause(
    run: Run, write_store: WriteStore, cause: str, number: int, sentence: str
) -> None:
    store = write_store([Call(HOME, 0.1)], {cause: number})
    assert run("report", "--store", store).stderr == f"{sentence}\n"
    assert sentence in on_a_terminal("report", "--store", store)


def test_a_clock_that_is_ahead_is_said(run: Run, write_store: WriteStore) -> None:
    store = write_store([Call(HOME, 0.1)])
    write_more(store, [Call(HOME, 0.1)], ago=-5 * 86400)
    sentence = "A process reports by a clock that is 5 days ahead: its figures are kept under that time."
    assert run("report", "--store", store).stderr == f"{sentence}\n"
    assert sentence in on_a_terminal("report", "--store", store)


def test_that_the_most_telling_samples_are_kept_is_no_loss(run: Run, write_store: WriteStore) -> None:
    assert run("report", "--store", write_store([Call(HOME, 0.1)], {"samples_thinned": 4000})).stderr == ""


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_what_was_dropped_is_said_of_its_application_and_time_alone(
    run: Run, write_store: WriteStore, terminal: bool
) -> None:
    store = write_store([Call(HOME, 0.1)], {"transactions": 3, "attributes": 1})
    write_more(store, [Call(OTHER, 0.1)], {"names": 7})
    write_more(store, [Call(HOME, 0.1)], {"errors": 5}, ago=7200)
    write_more(store, [], {"samples": 2})  # by a process that does not say what it reports

    def dropped(*arguments: str) -> set[str]:
        options = ("report", "--store", store, *arguments)
        text = on_a_terminal(*options) if terminal else run(*options).stderr
        return set(re.findall(r"\d[^\n]* \(limit reached\)", re.sub(r"\x1b\[[\d;]*m", "", text)))

    shop = {"1 attribute was dropped (limit reached)", "3 transactions were dropped (limit reached)"}
    depot = {"7 names were counted under <other> (limit reached)"}
    both = {"2 samples were dropped (limit reached)"}
    assert dropped("--app", "Shop") == shop | both
    assert dropped("--app", "Depot") == depot | both
    assert dropped() == shop | depot | both
    assert dropped("--app", "Shop", "--since", "3h") == shop | both | {"5 errors were dropped (limit reached)"}
    told = json.loads(run("report", "--json", "--app", "Depot", "--store", store).stdout)
    assert told["lost"] == {"names": 7, "samples": 2}
    assert told["store"]["lost"] == {"attributes": 1, "errors": 5, "names": 7, "samples": 2, "transactions": 3}


def test_an_empty_report_says_where_it_looked_and_who_wrote_there_last(run: Run, write_store: WriteStore) -> None:
    store = write_store([Call(HOME, 0.1, age=7200)], {"names": 3})
    result = run("report", "--store", store)
    assert result.exit_code == 0
    assert str(store) in result.stderr
    assert store.owner() in result.stderr
    assert re.search(r"last write +\d seconds? ago", result.stderr)
    assert "3 names" in result.stderr


def test_the_store_of_the_configuration_is_read_where_none_is_named(run: Run, write_store: WriteStore) -> None:
    store = write_store([Call(HOME, 0.1)])
    assert len(transactions(run("report", "--json", WEIGHBRIDGE_STORE=str(store)))) == 1


def test_reading_leaves_the_store_as_it_was(run: Run, write_store: WriteStore) -> None:
    store = write_store([Call(HOME, 0.1)])
    before = store.read_bytes()
    run("report", "--store", store)
    assert store.read_bytes() == before


def test_a_store_that_has_not_seen_an_application_lists_those_it_has(run: Run, write_store: WriteStore) -> None:
    store = write_store([Call(HOME, 0.1, age=7200), Call(OTHER, 0.1)])
    result = run("report", "--app", "Shoop", "--store", store)
    assert result.exit_code == 2
    assert "'Shoop'" in result.stderr
    assert "Depot, Shop" in result.stderr
    assert str(store) in result.stderr
    known_but_quiet = run("report", "--app", "Shop", "--store", store)
    assert known_but_quiet.exit_code == 0
