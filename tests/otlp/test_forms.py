"""Exponential histograms and deltas: lossless, exact, and with nothing twice."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.exporting.families import Distribution, Family, Sample, Sum
from weighbridge.exporting.otlp import metrics, points
from weighbridge.exporting.otlp.beginnings import Beginnings
from weighbridge.exporting.otlp.deltas import counted, deltas
from weighbridge.exporting.otlp.sent import Sent, decode_sent, encode_sent
from weighbridge.exporting.otlp.settling import settled
from weighbridge.transactions.recording.histogram import BOUNDS, add_durations
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.store.sqlite.ids import Ids

from .calls import JOB, PAGE, row, told, write
from .receiver import Answer, Receiver

Export = Callable[..., Result]
DURATION = "weighbridge.transaction.duration"
DELTA = {"METRICS_TEMPORALITY_PREFERENCE": "delta"}
EXPONENTIAL = {"METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "base2_exponential_bucket_histogram"}


def sent(done: Result) -> None:
    assert done.exit_code == 0, done.output


def counts(receiver: Receiver) -> dict[tuple[Any, ...], float]:
    return receiver.counts(DURATION, "service.name", "weighbridge.transaction.name")


# Exponential


@given(st.lists(st.floats(0, 2e6), min_size=1, max_size=30))
def test_exponential_buckets_hold_what_was_counted(durations: list[float]) -> None:
    """Each duration lies within its bucket, by the protocol's own definition of what a bucket holds."""
    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

    from weighbridge.exporting.otlp.points import Form, _point

    bins: dict[int, int] = {}
    add_durations(durations, bins)
    family = Family(DURATION, "histogram", "s", "")
    point = _point(Metric(), family, Distribution(len(durations), sum(durations), bins), Form(
        "cumulative", "exponential", 1, 0))  # fmt: skip
    base = 2 ** (2**-point.scale)
    left = sorted(durations)
    assert point.zero_threshold == BOUNDS[0]
    assert point.zero_count == sum(duration <= BOUNDS[0] for duration in left)
    del left[: point.zero_count]
    for place, count in enumerate(point.positive.bucket_counts, point.positive.offset):
        here, left = left[:count], left[count:]
        assert all(base**place * (1 - 1e-9) < one <= base ** (place + 1) * (1 + 1e-9) for one in here if one < 864000)
    assert left == []
    assert point.count == len(durations)


def test_exponential_where_it_is_asked_for(store: Path, receiver: Receiver, export: Export) -> None:
    write(store, row(JOB, [1.0, 1.0, 2.0]))
    sent(export(**EXPONENTIAL))
    ((_, point, is_delta),) = receiver.points(DURATION)
    assert not is_delta
    assert (point.scale, point.count, point.positive.offset) == (5, 3, -1)
    assert list(point.positive.bucket_counts) == [2, *[0] * 31, 1]


# Delta


@pytest.mark.parametrize("form", [{}, EXPONENTIAL])
def test_deltas_add_up_to_what_the_report_tells(
    store: Path, receiver: Receiver, export: Export, form: dict[str, str]
) -> None:
    for number in (3, 0, 5):
        if number:
            write(store, row(PAGE, [0.1] * number), row(JOB, [1.0] * number))
        sent(export(**DELTA, **form))
        assert counts(receiver) == told(store)
    received = receiver.points(DURATION)
    assert [point.count for _, point, is_delta in received if is_delta] == [3, 3, 5, 5]
    assert [point.count for _, point, _ in received] == [3, 3, 5, 5]
    first, last = received[0][1], received[-1][1]
    assert first.start_time_unix_nano < first.time_unix_nano <= last.start_time_unix_nano < last.time_unix_nano
    assert round(last.sum, 6) == 0.5


def test_what_comes_late_is_part_of_the_next_delta(store: Path, receiver: Receiver, export: Export) -> None:
    """A process that could not write for minutes reports them in their own minutes."""
    write(store, row(PAGE, [0.1]))
    sent(export(**DELTA))
    write(store, row(PAGE, [0.1] * 9, ago=600))
    sent(export(**DELTA))
    assert counts(receiver) == told(store) == {("shop", PAGE.name): 10}


@pytest.mark.parametrize(
    "answer", [Answer(400), Answer(503, headers={"retry-after": "0"}), Answer(cut=True, taken=False)]
)
def test_what_was_not_taken_is_part_of_the_next_delta(
    store: Path, receiver: Receiver, export: Export, answer: Answer
) -> None:
    write(store, row(PAGE, [0.1]))
    sent(export(**DELTA))
    write(store, row(PAGE, [0.1] * 2))
    receiver.answers.append(answer)
    export(**DELTA)
    write(store, row(PAGE, [0.1] * 3))
    sent(export(**DELTA))
    assert counts(receiver) == told(store)


def test_of_several_messages_only_those_are_sent_again_that_were_not_taken(
    store: Path, receiver: Receiver, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points, "_POINTS", 50)
    write(store, *(row(Series("shop", "background", "Function", f"job_{number}"), [0.1]) for number in range(60)))
    receiver.answers.extend([Answer(), Answer(400)])
    assert export(**DELTA).exit_code == 2
    assert len(receiver.sent()) == 1
    sent(export(**DELTA))
    assert counts(receiver) == told(store)


def test_a_delta_whose_answer_is_lost_is_sent_twice(store: Path, receiver: Receiver, export: Export) -> None:
    """At least once is what holds of deltas, and the documentation says so."""
    write(store, row(PAGE, [0.1] * 5))
    receiver.answers.append(Answer(cut=True))
    sent(export(**DELTA))
    assert counts(receiver) == {("shop", PAGE.name): 10}


def test_what_an_old_store_holds_is_not_sent_as_a_delta(store: Path, receiver: Receiver, export: Export) -> None:
    write(store, row(PAGE, [0.1] * 100, ago=7200))
    sent(export(**DELTA))
    assert counts(receiver) == {}
    write(store, row(PAGE, [0.1] * 4))
    sent(export(**DELTA))
    assert counts(receiver) == {("shop", PAGE.name): 4}


def test_deltas_begin_when_they_are_first_sent_also_if_nobody_takes_them(
    store: Path, receiver: Receiver, export: Export
) -> None:
    write(store, row(PAGE, [0.1] * 100, ago=7200))
    receiver.answers.append(Answer(400))
    export(**DELTA)
    write(store, row(PAGE, [0.1] * 4))
    sent(export(**DELTA))
    assert counts(receiver) == {("shop", PAGE.name): 4}


def test_a_store_that_grows_old_while_nobody_takes_it_is_sent_whole(
    store: Path, receiver: Receiver, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store, row(PAGE, [0.1] * 5))
    receiver.answers.append(Answer(400))
    export(**DELTA)
    monkeypatch.setattr(metrics, "_YOUNG", 0)
    sent(export(**DELTA))
    assert counts(receiver) == told(store)


def test_from_delta_to_cumulative_and_back(store: Path, receiver: Receiver, export: Export) -> None:
    write(store, row(PAGE, [0.1] * 2))
    for form in (DELTA, {}, DELTA):
        sent(export(**form))
    assert [point.count for _, point, _ in receiver.points(DURATION)] == [2, 2, 2]


def test_a_note_that_cannot_be_read_begins_anew(store: Path, receiver: Receiver, export: Export) -> None:
    write(store, row(PAGE, [0.1] * 2, ago=7200))
    sent(export(**DELTA))
    with closing(sqlite3.connect(store)) as opened, opened:
        opened.execute("UPDATE export_cursor SET state = '{nonsense' WHERE exporter LIKE 'otlp metrics%'")
    sent(export(**DELTA))
    assert counts(receiver) == {}


# Names that make room


NAMED = {"other": "<other>"}


def names(**counts: int) -> list[Family]:
    samples = [
        Sample(
            (("application", "shop"), ("kind", "background"), ("group", "Function"), ("name", NAMED.get(name, name))),
            Distribution(count, count * 0.5, {700: count}),
        )
        for name, count in counts.items()
    ]  # fmt: skip
    return [Family(DURATION, "histogram", "s", "", samples)]


def noted(families: list[Family]) -> dict[Any, Sent]:
    return counted(families, 1)


def differences(before: list[Family], after: list[Family]) -> dict[str, int]:
    base = settled(noted(before), counted(after))
    return {dict(one.labels)["name"]: one.value.count for one in deltas(after, base)[0].samples}  # type: ignore[union-attr]


def test_a_name_that_makes_room_is_not_counted_again() -> None:
    assert differences(names(a=10, b=5), names(b=6, other=12)) == {"b": 1, "<other>": 2}


def test_one_that_comes_back_is_new() -> None:
    assert differences(names(b=6, other=12), names(a=3, b=6, other=12)) == {"a": 3}


def numbered(families: list[Family], **numbers: int) -> list[Family]:
    """The families, with numbers of series."""
    (family,) = families
    samples = [one._replace(number=numbers.get(dict(one.labels)["name"], 0)) for one in family.samples]
    return [replace(family, samples=samples)]


@pytest.mark.parametrize("returned", [3, 30])
def test_one_that_comes_back_before_anybody_looked_is_new(returned: int) -> None:
    before = numbered(names(a=10, b=5), a=1, b=2)
    after = numbered(names(a=returned, b=6, other=12), a=9, b=2)
    assert differences(before, after) == {"a": returned, "b": 1, "<other>": 2}


def test_names_that_make_room_and_come_back_between_two_exports_are_counted_once(
    store: Path, receiver: Receiver, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ids, "MAX_SERIES", 10)
    back = PAGE._replace(name="GET /back")
    write(store, row(back, [0.1]), row(JOB, [0.1] * 2))
    sent(export(**DELTA))
    for number in range(20):
        write(store, row(PAGE._replace(name=f"GET /{number}"), [0.1] * 2))
    assert ("shop", back.name) not in told(store)
    write(store, row(back, [0.1] * 7))
    assert told(store)["shop", back.name] == 7
    sent(export(**DELTA))
    assert receiver.counts(DURATION) == receiver.counts("weighbridge.application.transaction.duration") == {(): 50}
    assert receiver.counts("http.server.request.duration") == {(): 48}
    assert counts(receiver)["shop", back.name] == 1 + 7


@pytest.mark.parametrize(("group", "name"), [("Uri", "GET /{}"), ("Function", "shop.views:{}")])
@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_requests_without_a_route_are_counted_once_when_some_make_room(
    store: Path, receiver: Receiver, export: Export, monkeypatch: pytest.MonkeyPatch, temporality: str, group: str,
    name: str,
) -> None:  # fmt: skip
    def requests(*numbers: int, calls: int = 1) -> None:
        write(store, *(row(Series("shop", "web", group, name.format(number)), [0.1] * calls) for number in numbers))

    monkeypatch.setattr(Ids, "MAX_SERIES", 40)
    requests(*range(39), calls=5)
    assert sum(by_series(receiver, export, temporality).values()) == 195
    before = by_series(receiver, export, temporality)
    requests(39, 40)
    for _ in range(3):
        requests(38)  # two that were called five times make room, too: that is more than is new
    after = by_series(receiver, export, temporality)
    requests(38)
    last = by_series(receiver, export, temporality)
    expected = [0, 5, 1] if temporality == "delta" else [195, 200, 201]
    assert [sum(some.values()) for some in (before, after, last)] == expected
    if temporality == "cumulative":
        assert not [key for key in after.keys() & before.keys() if after[key] < before[key]]


def by_series(receiver: Receiver, export: Export, temporality: str) -> dict[tuple[Any, ...], float]:
    """What one export tells of requests, by all attributes."""
    receiver.requests.clear()
    sent(export(METRICS_TEMPORALITY_PREFERENCE=temporality))
    keys = ("http.request.method", "http.route", "weighbridge.generation")
    return receiver.counts("http.server.request.duration", *keys)


def test_one_that_is_forgotten_with_its_counts_takes_them_from_nobody() -> None:
    assert differences(names(a=10, other=1), names(other=3)) == {"<other>": 2}


def test_what_was_sent_is_noted_as_text() -> None:
    families = [*names(a=3), Family("c", "counter", "1", "", [Sample((), 7), Sample((("x", "y"),), 1.5)])]
    families.append(Family("s", "summary", "1", "", [Sample((), Sum(3, -1.25))]))
    before = noted(families)
    assert decode_sent(encode_sent(before)) == before
    assert decode_sent("nonsense") is None


def test_two_accounts_at_one_address_get_everything_each(
    store: Path, receiver: Receiver, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = ("s3cret-key-of-one", "s3cret-key-of-two")
    for number in (3, 5):
        write(store, row(PAGE, [0.1] * number))
        for key in keys:
            sent(export(HEADERS=f"api-key={key}", **DELTA))
    for key in keys:
        own = Receiver()
        own.requests = [one for one in receiver.requests if one.headers["api-key"] == key]
        assert counts(own) == told(store)
    with closing(sqlite3.connect(store)) as opened:
        kept = f"{opened.execute('SELECT * FROM export_cursor').fetchall()}"
    assert "s3cret" not in kept


@pytest.mark.parametrize("form", [DELTA, {}])
def test_no_point_begins_after_it_ends_when_a_clock_is_put_back(
    store: Path, receiver: Receiver, export: Export, monkeypatch: pytest.MonkeyPatch, form: dict[str, str]
) -> None:
    write(store, row(PAGE, [0.1] * 2))
    with monkeypatch.context() as ahead:
        later = time.time() + 1800
        ahead.setattr(time, "time", lambda: later)
        sent(export(**form))
    write(store, row(PAGE, [0.1] * 3))
    sent(export(**form))
    assert counts(receiver) == told(store) == {("shop", PAGE.name): 5}
    for metric in (DURATION, "weighbridge.transactions"):
        for _, point, _ in receiver.points(metric):
            assert 0 < point.start_time_unix_nano <= point.time_unix_nano


# Cumulative


def test_a_name_that_comes_back_begins_anew(
    store: Path, receiver: Receiver, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ids, "MAX_SERIES", 10)
    back = PAGE._replace(name="GET /back")
    write(store, row(back, [0.1]), row(PAGE, [0.1] * 9))
    sent(export())
    for number in range(20):
        write(store, row(PAGE._replace(name=f"GET /{number}"), [0.1] * 2))
    write(store, row(back, [0.1] * 7))
    for _ in range(3):
        sent(export())

    def begun(series: Series) -> list[tuple[int, int, int]]:
        return [
            (point.count, point.start_time_unix_nano, point.time_unix_nano)
            for attributes, point, _ in receiver.points(DURATION)
            if attributes["weighbridge.transaction.name"] == series.name
        ]

    (former, *later) = begun(back)
    assert [count for count, _, _ in later] == [7] * 3
    assert {start for _, start, _ in later} == {former[2]}, "it began after it was last seen"
    assert {start for _, start, _ in begun(PAGE)} == {former[1]}


def test_what_was_noted_of_beginnings_may_be_anything() -> None:
    families = numbered(names(a=1, b=2), a=3, b=5)
    for noted in (None, 7, "x", [[1]], [["x", 2]], [[4, 10], [2, 20]]):
        assert Beginnings(noted, families).starts() == {}
    assert list(Beginnings([[4, 10]], families).starts().values()) == [10]
    assert Beginnings([[4, 10]], families).to_note(20) == [(4, 10), (5, 20)]
    assert Beginnings([[4, 10], [5, 20]], families).to_note(30) == [(4, 10), (5, 30)]
    assert Beginnings([[4, 10], [5, 20], [9, 30]], names(a=1)).to_note(40) == [(9, 40)]
