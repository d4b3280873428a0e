"""What the demo sends, and how it compares that with what was counted."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.demo.check import Calls, compare
from weighbridge.demo.traffic import API, NEW, OLD, PARTNERS, TRAFFIC, WEB, WORKER, Traffic, by_release, plan
from weighbridge.transactions.recording.snapshot import Series

PAGE = next(traffic for traffic in TRAFFIC if traffic.what == "GET /")
FAILING = next(traffic for traffic in TRAFFIC if traffic.what == "GET /checkout")
HOME = Series(WEB, "web", "Route", "GET /")
CHECKOUT = Series(WEB, "web", "Route", "GET /checkout")


@given(st.integers(1, 500), st.integers())
def test_a_plan_has_everything_once_and_the_number_asked_for(requests: int, seed: int) -> None:
    sent = plan(requests, seed)
    assert len(sent) == max(requests, len(TRAFFIC))
    assert set(sent) == set(TRAFFIC)


def test_the_same_seed_gives_the_same_plan() -> None:
    assert plan(300, 5) == plan(300, 5)
    assert plan(300, 5) != plan(300, 6)


@given(st.integers(1, 500), st.integers())
def test_each_version_gets_what_is_meant_for_it_and_half_of_the_rest(requests: int, seed: int) -> None:
    sent = plan(requests, seed)
    older, newer = by_release(sent)
    assert Counter(older) + Counter(newer) == Counter(sent)
    assert {traffic.release for traffic in older} <= {"", OLD}
    assert {traffic.release for traffic in newer} <= {"", NEW}
    meant = sum(bool(traffic.release) for traffic in sent)
    assert abs(len(older) - len(newer)) <= 1 + 2 * meant


def test_the_traffic_is_of_every_sort_that_must_be_told_apart() -> None:
    counted = [series for traffic in TRAFFIC for series in traffic.counted]
    assert {series.application for series in counted} == {WEB, API, WORKER, PARTNERS}
    kinds = Counter((traffic.service, series.kind) for traffic in TRAFFIC for series in traffic.counted)
    assert kinds.keys() == {("web", "web"), ("web", "background"), ("api", "web"), ("api", "background")} | {
        ("worker", "background")
    }


def test_what_was_counted_as_sent_is_right() -> None:
    compared = compare([PAGE, PAGE, FAILING], {}, {HOME: Calls(2), CHECKOUT: Calls(1, 1)})
    assert len(compared) == 2
    assert all(comparison.right for comparison in compared)


def test_what_was_in_the_store_before_does_not_count() -> None:
    compared = compare([PAGE], {HOME: Calls(5), CHECKOUT: Calls(3, 3)}, {HOME: Calls(6), CHECKOUT: Calls(3, 3)})
    assert [(comparison.series, comparison.right) for comparison in compared] == [(HOME, True)]


@pytest.mark.parametrize(
    ("sent", "counted"),
    [
        ([PAGE, PAGE], {HOME: Calls(1)}),
        ([PAGE], {HOME: Calls(2)}),
        ([PAGE], {}),
        ([], {HOME: Calls(1)}),
        ([PAGE], {HOME: Calls(1, 1)}),
        ([FAILING], {CHECKOUT: Calls(1, 0)}),
        ([PAGE], {HOME._replace(kind="background"): Calls(1)}),
        ([PAGE], {HOME: Calls(1), HOME._replace(application=API): Calls(1)}),
    ],
    ids=["lost", "twice", "all lost", "out of nothing", "failed", "not failed", "wrong kind", "two applications"],
)
def test_any_difference_is_wrong(sent: list[Traffic], counted: dict[Series, Calls]) -> None:
    assert not all(comparison.right for comparison in compare(sent, {}, counted))
