"""Custom metrics and events: what is taken, what it is counted under, and that nothing grows without bound."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

import weighbridge
from weighbridge.transactions import configuration, custom_values, log
from weighbridge.transactions.custom_values import CustomEvent, CustomEvents, CustomMetric, CustomValues
from weighbridge.transactions.handoff import handoff
from weighbridge.transactions.model.process_state import process_state

from ..waiting import TIMEOUT, eventually

MINUTE = int(time.time() // 60) * 60


@pytest.fixture(autouse=True)
def nothing_recorded_before() -> Iterator[None]:
    log._logged.clear()
    configuration.reset()
    process_state.reset()
    weighbridge.flush()
    yield
    configuration.reset()
    process_state.reset()


def metrics() -> dict[tuple[str, str], tuple[float, ...]]:
    """What was recorded by application and name: number, total, least and most, in all minutes."""
    found: dict[tuple[str, str], CustomMetric] = {}
    for metric in handoff.custom.take()[0]:
        key = metric.application, metric.name
        found[key] = found[key].plus(metric) if key in found else metric
    return {key: (metric.number, metric.total, metric.minimum, metric.maximum) for key, metric in found.items()}


def events() -> tuple[CustomEvents, ...]:
    return handoff.custom.take()[1]


def test_values_of_a_minute_are_added_up() -> None:
    for value in (3, 1.5, Decimal("2.5"), True):
        weighbridge.record_custom_metric("Custom/Rows", value)
    weighbridge.record_custom_metrics([("Custom/Rows", {"count": 2, "total": 9, "min": 4, "max": 5}), ("Other", 1)])
    weighbridge.record_custom_metrics({"Other": 2})
    assert metrics() == {
        ("Python Application", "Custom/Rows"): (6, 17.0, 1.0, 5.0),
        ("Python Application", "Other"): (2, 3.0, 1.0, 2.0),
    }


@pytest.mark.parametrize(
    "value",
    [
        *("3", None, math.nan, math.inf, 10**400, [1], {"count": 0}, {"count": 1, "total": "3"}, object()),
        *(1.7e308, -1e300, {"count": 2**63, "total": 1.0}, {"count": 10**18}, {"count": 2, "total": 1, "max": 1e301}),
    ],
)
def test_what_is_no_number_is_refused_aloud(value: object, caplog: pytest.LogCaptureFixture) -> None:
    weighbridge.record_custom_metric("Custom/Rows", value)
    assert metrics() == {}
    (record,) = caplog.records
    assert "'Custom/Rows' takes a finite number" in record.getMessage()


def test_the_largest_values_add_up_to_what_a_store_takes() -> None:
    for _ in range(1000):
        weighbridge.record_custom_metric("Custom/Rows", {"count": 10**12, "total": 1e200})
    ((number, total, *_),) = metrics().values()
    assert number < 2**63
    assert math.isfinite(total)


@pytest.mark.parametrize("name", ["", None, 3, object()])
def test_a_name_must_be_a_text(name: Any) -> None:
    weighbridge.record_custom_metric(name, 1)
    weighbridge.record_custom_event(name, {})
    assert not handoff.custom


def test_the_application_is_that_of_the_transaction_or_as_given() -> None:
    with weighbridge.BackgroundTask("shop;backup", name="job"):
        weighbridge.record_custom_metric("A", 1)
    weighbridge.record_custom_metric("A", 2)
    weighbridge.record_custom_metric("A", 3, application="stock")
    weighbridge.record_custom_metric("A", 4, application=weighbridge.application("x;y"))
    assert {key: number for (key, _), (_, number, *_) in metrics().items()} == {
        "shop": 1.0, "backup": 1.0, "Python Application": 2.0, "stock": 3.0, "x": 4.0, "y": 4.0,
    }  # fmt: skip


def test_events_are_counted_and_the_last_ones_kept() -> None:
    before = time.time()
    for number in range(25):
        weighbridge.record_custom_event("Order", {"number": number, "price": 1.5, "what": [1, 2]})
    ((application, kind, number, last),) = events()
    assert (application, kind, number) == ("Python Application", "Order", 25)
    assert [event.attributes["number"] for event in last] == list(range(5, 25))
    assert last[0].attributes == {"number": 5, "price": 1.5, "what": "[1, 2]"}
    assert before <= last[0].moment <= time.time()


def test_parameters_are_bounded_as_attributes_are() -> None:
    weighbridge.flush()
    params = {"object": object(), "long": "x" * 300, **{f"a{number}": number for number in range(200)}}
    weighbridge.record_custom_event("Order", params)
    ((*_, (event,)),) = events()
    assert len(event.attributes) == 128
    assert event.attributes["long"] == "x" * 255
    assert handoff.take_dropped() == {"attributes": 74}


@pytest.mark.parametrize("params", [None, {}, [], [("a", 1)], {"a": 1}])
def test_parameters_are_a_mapping_or_pairs(params: Any) -> None:
    weighbridge.record_custom_event("Order", params)
    ((*_, (event,)),) = events()
    assert event.attributes == ({"a": 1} if params else {})


def test_privacy_settings_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_ATTRIBUTES_EXCLUDE", "card.*")
    weighbridge.initialize()
    weighbridge.record_custom_event("Order", {"card.number": "4111", "a": 1})
    ((*_, (event,)),) = events()
    assert event.attributes == {"a": 1}
    monkeypatch.setenv("WEIGHBRIDGE_HIGH_SECURITY", "yes")
    weighbridge.initialize()
    weighbridge.record_custom_event("Order", {"a": 1})
    weighbridge.record_custom_metric("Custom/Rows", 1)
    assert not handoff.custom


def test_nothing_is_recorded_where_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_ENABLED", "no")
    weighbridge.initialize()
    weighbridge.record_custom_metric("Custom/Rows", 1)
    weighbridge.record_custom_event("Order")
    assert not handoff.custom


def test_misuse_raises_as_of_any_function() -> None:
    with pytest.raises(TypeError):
        weighbridge.record_custom_metric("Custom/Rows")  # type: ignore[call-arg]


# Limits


def fresh() -> tuple[CustomValues, dict[str, int]]:
    dropped: dict[str, int] = {}
    lock = threading.Lock()

    def drop(cause: str, number: int) -> None:
        with lock:
            dropped[cause] = dropped.get(cause, 0) + number

    return CustomValues(drop), dropped


def metric(name: str, application: str = "shop", minute: int = MINUTE) -> CustomMetric:
    return CustomMetric(application, name, minute, 1, 1.0, 1.0, 1.0)


def test_names_beyond_the_limit_are_dropped_and_counted() -> None:
    values, dropped = fresh()
    for number in range(510):
        values.add(metric(f"Custom/{number}"))
    values.add(metric("Custom/1"))
    values.add(metric("Custom/1", "stock"))
    assert len(values.take()[0]) == 501
    values.add(metric("Custom/new"))
    values.add(metric("Custom/2"))
    assert [found.name for found in values.take()[0]] == ["Custom/2"]
    assert dropped == {"custom metrics": 11}


def test_types_beyond_the_limit_are_dropped_and_counted() -> None:
    values, dropped = fresh()
    for number in range(55):
        values.add(CustomEvent("shop", f"Type{number}", 1.0, {}))
    assert len(values.take()[1]) == 50
    assert dropped == {"custom events": 5}


def test_applications_are_limited_too() -> None:
    values, dropped = fresh()
    for number in range(120):
        values.add(metric("Custom/Rows", f"app{number}"))
    assert len(values.take()[0]) == 100
    assert dropped == {"custom metrics": 20}


def test_what_waits_for_the_store_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom_values, "_MAX_WAITING", 10)
    values, dropped = fresh()
    for number in range(12):
        values.add(metric("Custom/Rows", minute=60 * number))
    values.add(metric("Custom/Rows", minute=0))
    assert sum(found.number for found in values.take()[0]) == 11
    assert dropped == {"custom metrics": 2}


def test_many_threads_lose_nothing() -> None:
    values, dropped = fresh()

    def work() -> None:
        for _ in range(5000):
            values.add(metric("Custom/Rows"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    taken = []
    while any(thread.is_alive() for thread in threads):
        taken += values.take()[0]
    taken += values.take()[0]
    assert sum(found.number for found in taken) == 20_000
    assert dropped == {}


def test_who_takes_waits_for_one_thread_and_not_for_those_that_come_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom_values, "_LOCK_TIMEOUT", TIMEOUT)
    values, dropped = fresh()
    taken: list[CustomMetric] = []
    sums = values._sums
    sums.lock.acquire()
    values.add(metric("Custom/Before"))
    taking = threading.Thread(target=lambda: taken.extend(values.take()[0]))
    taking.start()
    eventually(lambda: values._sums is not sums)
    values.add(metric("Custom/After"))
    values._add_up(sums)
    sums.lock.release()
    taking.join(TIMEOUT)
    taken += values.take()[0]
    assert sorted(found.name for found in taken) == ["Custom/After", "Custom/Before"]
    assert dropped == {}


def test_who_was_given_up_adds_to_nothing_that_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom_values, "_LOCK_TIMEOUT", 0.01)
    values, dropped = fresh()
    sums = values._sums
    sums.lock.acquire()
    values.add(metric("Custom/Rows"))
    assert len(values.take()[0]) == 1
    values._pending.append(metric("Custom/Rows"))
    values._add_up(sums)
    assert len(values.take()[0]) == 1
    assert dropped == {}


def test_where_nobody_adds_up_a_thread_waits_once_and_no_more() -> None:
    """The thread that holds the lock was cut off; the recorder gives it up, too, and goes on with another one."""
    values, dropped = fresh()
    assert values._sums.lock.acquire(False)
    began = time.monotonic()
    for _ in range(10_100):
        values.add(metric("Custom/Rows"))
    assert time.monotonic() - began >= 1
    assert dropped == {"custom metrics": 100}
    assert sum(found.number for found in values.take()[0]) == 10_000
    values.add(metric("Custom/Rows"))
    assert sum(found.number for found in values.take()[0]) == 1


def test_who_interrupts_the_thread_that_adds_up_does_not_wait() -> None:
    values, dropped = fresh()
    with values._sums.lock:
        values.add(metric("Custom/Rows"))
    assert values
    values.add(metric("Custom/Rows"))
    assert sum(found.number for found in values.take()[0]) == 2
    assert not values
    assert not dropped


def test_a_lock_that_was_left_behind_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom_values, "_LOCK_TIMEOUT", 0.01)
    monkeypatch.setattr(custom_values, "_MAX_PENDING", 3)
    values, dropped = fresh()
    values._sums.lock.acquire()
    for _ in range(5):
        values.add(metric("Custom/Rows"))
    assert sum(found.number for found in values.take()[0]) == 3
    assert dropped == {"custom metrics": 2}
    values.add(metric("Custom/Rows"))
    assert len(values.take()[0]) == 1


def test_a_first_metric_starts_the_recorder(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "weighbridge")
    weighbridge.record_custom_metric("Custom/Rows", 1)
    assert weighbridge.flush()
    assert not handoff.custom
