"""Custom metrics and events in the store: added up, bounded, rolled up, and read back."""

from __future__ import annotations

import pytest

from weighbridge.transactions.custom_values import CustomEvent, CustomEvents, CustomMetric
from weighbridge.transactions.store.maintenance import Retention
from weighbridge.transactions.store.reader import CustomMetricStatistics, StoreReader
from weighbridge.transactions.store.statistics import Window

BOTH_ENGINES = True
HOUR = 3600


@pytest.fixture
def window(make) -> Window:
    return Window(make.now, make.now + 60)


def metric(make, name: str = "Custom/Rows", *values: float, minute: float | None = None, app: str = "shop"):
    numbers = values or (1.0,)
    at = int(make.now if minute is None else minute)
    return CustomMetric(app, name, at, len(numbers), sum(numbers), min(numbers), max(numbers))


def events(make, kind: str = "Order", *numbers: int, app: str = "shop", count: int | None = None):
    last = tuple(CustomEvent(app, kind, make.now + number, {"number": number}) for number in numbers)
    return CustomEvents(app, kind, len(last) if count is None else count, last)


def found(reader: StoreReader, window: Window) -> dict[tuple[str, str], tuple[float, ...]]:
    return {
        (one.application, one.name): (one.count, one.total, one.minimum, one.maximum)
        for one in reader.custom_metrics(window)
    }


def test_values_of_several_snapshots_are_added_up(make, writer, read, window) -> None:
    writer.write(make.snapshot(custom_metrics=(metric(make, "Custom/Rows", 3.0, 1.5), metric(make, "Other"))))
    writer.write(make.snapshot(custom_metrics=(metric(make, "Custom/Rows", -2.0), metric(make, app="stock"))))
    with read() as reader:
        assert found(reader, window) == {
            ("shop", "Custom/Rows"): (3, 2.5, -2.0, 3.0),
            ("shop", "Other"): (1, 1.0, 1.0, 1.0),
            ("stock", "Custom/Rows"): (1, 1.0, 1.0, 1.0),
        }
        assert reader.custom_metrics(window, "stock") == [
            CustomMetricStatistics("stock", "Custom/Rows", 1, 1.0, 1.0, 1.0, 1.0)
        ]
        assert reader.custom_metrics(window)[0].average == 2.5 / 3
        assert found(reader, Window(make.now + 60, make.now + 120)) == {}


def test_a_repeated_snapshot_counts_once(make, writer, read, window) -> None:
    snapshot = make.snapshot(custom_metrics=(metric(make),), custom_events=(events(make, "Order", 1),))
    for _ in range(2):
        writer.write(snapshot)
    with read() as reader:
        assert found(reader, window)["shop", "Custom/Rows"][0] == 1
        assert reader.custom_events()[0].number == 1


def test_they_survive_being_rolled_up(make, writer, read) -> None:
    rows = [metric(make, "Custom/Rows", float(number), minute=make.now + 60 * number) for number in range(60)]
    writer.write(make.snapshot(custom_metrics=tuple(rows)))
    for later in (9 * HOUR, 30 * 24 * HOUR):
        for _ in range(12):
            writer.write(make.snapshot(taken=make.now + later))
        writer.write(make.snapshot(custom_metrics=(metric(make, "Custom/Rows", 100.0),), taken=make.now + later))
    with read() as reader:
        assert found(reader, Window(make.now, make.now + HOUR)) == {
            ("shop", "Custom/Rows"): (62, sum(range(60)) + 200.0, 0.0, 100.0)
        }


def test_events_are_counted_and_the_last_twenty_kept(make, writer, read) -> None:
    writer.write(make.snapshot(custom_events=(events(make, "Order", *range(15)), events(make, "Refund", 1))))
    writer.write(make.snapshot(custom_events=(events(make, "Order", *range(15, 25), count=300),)))
    with read() as reader:
        orders, refunds = reader.custom_events("shop")
    assert (orders.type, orders.number, refunds.number) == ("Order", 315, 1)
    assert [event.attributes["number"] for event in orders.last] == list(range(24, 4, -1))
    assert orders.last[0].moment == make.now + 24


def test_an_application_that_has_nothing_else_is_known(make, writer, read) -> None:
    writer.write(make.snapshot(custom_metrics=(metric(make, app="metrics"),), custom_events=(events(make, app="x"),)))
    with read() as reader:
        assert reader.known_applications() == ["metrics", "x"]


def test_names_and_types_are_limited(make, writer, read, window) -> None:
    many = tuple(metric(make, f"Custom/{number}") for number in range(505))
    kinds = tuple(events(make, f"Type{number}", 1) for number in range(53))
    writer.write(make.snapshot(custom_metrics=many, custom_events=kinds))
    writer.write(make.snapshot(custom_metrics=many[:1], custom_events=kinds[:1]))
    with read() as reader:
        assert len(found(reader, window)) == 500
        assert len(reader.custom_events()) == 50
        assert reader.health().lost == {"custom metrics": 5, "custom events": 3}
        assert reader.dropped(Window(make.now - HOUR, make.now + HOUR), "shop") == {
            "custom metrics": 5, "custom events": 3,
        }  # fmt: skip


def test_text_that_is_no_unicode_is_kept(make, writer, read, window) -> None:
    event = CustomEvent("shop", "\udc80", make.now, {"k\ud800": "v\ud800", "n": 1.5, "b": True})
    one = CustomEvents("shop", "\udc80", 1, (event,))
    writer.write(make.snapshot(custom_metrics=(metric(make, "\ud800"),), custom_events=(one,)))
    with read() as reader:
        assert list(found(reader, window)) == [("shop", "\\ud800")]
        (kept,) = reader.custom_events()
    assert kept.type == "\\udc80"
    assert kept.last[0].attributes == {"k\\ud800": "v\\ud800", "n": 1.5, "b": True}


def test_a_damaged_event_is_left_out(make, writer, read, opened, caplog) -> None:
    writer.write(make.snapshot(custom_events=(events(make, "Order", 1, 2),)))
    with opened() as store:
        store.execute("UPDATE custom_event SET body = '{' WHERE moment = ?", (make.now + 1,))
    with read() as reader:
        (orders,) = reader.custom_events()
    assert (orders.number, len(orders.last)) == (2, 1)
    assert "damaged custom event" in caplog.text


def test_a_store_of_an_older_version_has_none(make, writer, read, aged, window) -> None:
    writer.write(make.snapshot(make.row([1.0])))
    writer.close()
    aged(4)
    with read() as reader:
        assert (reader.custom_metrics(window), reader.custom_events()) == ([], [])
        assert reader.known_applications() == ["shop"]


def test_what_is_too_old_is_dropped_and_counted(make, engine, read) -> None:
    writer, day = engine.writer(Retention(minutes=1, hours=10, samples=2)), 24 * HOUR
    for _ in range(40):
        writer.write(make.snapshot(taken=make.now + day))
    late = metric(make, minute=make.now - 50 * day)
    writer.write(make.snapshot(custom_metrics=(late,), taken=make.now + day))
    with read() as reader:
        assert reader.custom_metrics(make.always) == []
        assert reader.health().lost == {"custom metrics": 1}
