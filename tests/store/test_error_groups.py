"""Error groups in the store: counts at every resolution, tracebacks, room for new ones, what is new since a mark."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Any

from weighbridge.transactions.recording.snapshot import ErrorGroup, GroupCount, SampleError, Series
from weighbridge.transactions.store.engines import state_at
from weighbridge.transactions.store.reader import Mark, Selection, Window

from .conftest import NOW, Maker

BOTH_ENGINES = True
MINUTE = int(NOW // 60 * 60)
ALL = Selection()


def group(key: str, expected: bool = False) -> ErrorGroup:
    return ErrorGroup(f"shop:{key} a.py f +1", f"shop:{key}", f"message of {key}", "a.py:3 in f", expected)


def count(make: Any, key: str, number: int = 1, minute: int = MINUTE, series: Series | None = None) -> GroupCount:
    return GroupCount(series or make.page, minute, group(key), number)


def told(reader: Any, window: Window, selection: Selection = ALL) -> dict[str, int]:
    return {one.group.type.removeprefix("shop:"): one.count for one in reader.error_groups(window, selection)}


class Stack:
    """A traceback as the recorder has prepared it."""

    def __init__(self, digest: str) -> None:
        self.digest = digest
        self.text = f'{{"type": "shop:{digest}", "frames": [], "omitted": 0}}'


def test_counts_are_added_up_by_group_and_series(make, writer, read) -> None:
    rows = (make.row([1.0]), make.row([1.0], make.job))
    groups = (count(make, "A", 3), count(make, "A", 2, series=make.job), count(make, "B"))
    for _ in range(2):
        writer.write(make.snapshot(*rows, groups=groups))
    reader = read()
    assert told(reader, make.always) == {"A": 10, "B": 2}
    assert told(reader, make.always, Selection("shop", "background")) == {"A": 4}
    (first, _) = reader.error_groups(make.always)
    assert first.by_series == {make.page: 6, make.job: 4}
    assert (first.group.message, first.group.frame, first.last) == ("message of A", "a.py:3 in f", MINUTE)


def test_counts_are_rolled_up_and_told_by_step(make, writer, read) -> None:
    for hour in range(30):
        later = 3600 * hour
        rows = make.row([1.0], minute=NOW + later)
        writer.write(make.snapshot(rows, groups=(count(make, "A", 2, MINUTE + later),), taken=NOW + later))
    reader, window = read(), Window(MINUTE, MINUTE + 30 * 3600)
    assert told(reader, window) == {"A": 60}
    timeline = reader.error_group_timeline(window, 3600 * 6)
    (counts,) = timeline.counts.values()
    assert sum(counts) == 60
    assert max(counts) == 12
    (one,) = reader.error_groups(window)
    assert (one.group.first_seen, one.group.last_seen) == (MINUTE, MINUTE + 29 * 3600)


def test_a_late_report_moves_the_first_time_it_was_seen(make, writer, read) -> None:
    for minute in (MINUTE, MINUTE - 600, MINUTE + 600):
        writer.write(make.snapshot(make.row([1.0], minute=minute), groups=(count(make, "A", minute=minute),)))
    (one,) = read().error_groups(make.always)
    assert (one.group.first_seen, one.group.last_seen) == (MINUTE - 600, MINUTE + 600)


def test_samples_have_the_groups_and_tracebacks_of_their_errors(make, writer, read) -> None:
    failed = make.sample(1.0, reason="failed", failed=True, errors=(make.noticed("x"), make.noticed("y")))
    errors = (SampleError(group("A"), Stack("one")), SampleError(group("B"), None))
    writer.write(make.snapshot(make.row([1.0]), groups=(count(make, "A"),), samples=(replace(failed, errors=errors),)))
    reader = read()
    (sample,) = reader.samples(make.always)
    found = reader.errors_of_sample(sample.id)
    assert [(one.group.type, one.traceback and one.traceback.type) for one in found] == [
        ("shop:A", "shop:one"),
        ("shop:B", None),
    ]
    number = found[0].group.id
    assert [one.id for one in reader.samples_of_group(number, make.always)] == [sample.id]
    _, _, traceback = reader.error_group(number)
    assert traceback.type == "shop:one"
    assert reader.error_group(number + 1000) is None


def test_a_sample_that_makes_room_takes_its_errors_with_it(make, writer, read, engine) -> None:
    for number in range(8):
        failed = make.sample(1.0, ended=NOW + number, reason="failed", failed=True)
        errors = (SampleError(group("A"), Stack("one")),)
        writer.write(make.snapshot(make.row([1.0]), samples=(replace(failed, errors=errors),)))
    assert len(read().samples(make.always)) == 5
    assert engine.count("sample_error") == 5
    assert engine.count("stack") == 1


def test_groups_beyond_the_limit_make_room_and_no_error_is_lost(make, writer, read, limit) -> None:
    limit("groups", 20)
    for turn in range(60):
        minute = MINUTE + 60 * turn
        groups = [count(make, "always", 5, minute), *(count(make, f"{turn} {one}", 1, minute) for one in range(5))]
        writer.write(make.snapshot(make.row([1.0], minute=minute), groups=tuple(groups), taken=minute + 59))
    found = told(read(), make.always)
    assert sum(found.values()) == 60 * 10
    assert found["always"] == 300
    assert found["<other>"] >= 200
    assert len(found) <= 21
    assert any(name.startswith(("59 ", "58 ")) for name in found)


def test_tracebacks_beyond_the_limit_make_room(make, writer, read, limit, engine) -> None:
    limit("stacks", 3)
    for number in range(6):
        failed = make.sample(1.0, ended=NOW + 3600 * number, reason="failed", failed=True)
        errors = (SampleError(group("A"), Stack(f"stack {number}")),)
        writer.write(make.snapshot(make.row([1.0]), samples=(replace(failed, errors=errors),)))
    assert engine.count("stack") == 3
    found = [one for sample in read().samples(make.always) for one in read().errors_of_sample(sample.id)]
    assert sum(one.traceback is not None for one in found) == 3


def test_new_since_the_last_version(make, writer, read) -> None:
    def report(version: str, minute: int, *keys: str) -> None:
        make.instance = replace(make.instance, id=version, version=version)
        groups = tuple(count(make, key, minute=minute) for key in keys)
        writer.write(make.snapshot(make.row([1.0], minute=minute), groups=groups, taken=minute + 5))

    report("1.3", MINUTE, "old")
    assert {one.new_since for one in read().error_groups(make.always)} == {""}  # nothing was counted before
    report("1.4", MINUTE + 600, "old", "new")
    report("1.3", MINUTE + 600, "just before")
    report("1.3", MINUTE + 900, "during the roll-out")
    report("", MINUTE + 900, "nobody knows")
    found = {one.group.type: (one.new_since, one.group.version) for one in read().error_groups(make.always)}
    assert found == {
        "shop:old": ("", "1.3"),
        "shop:new": ("1.4", "1.4"),
        "shop:just before": ("", "1.3"),
        "shop:during the roll-out": ("", "1.3"),
        "shop:nobody knows": ("1.4", ""),
    }


def test_an_alert_is_nothing_that_errors_are_new_since(make, writer, read, path) -> None:
    for version, key, minute in (("1.3", "old", MINUTE), ("1.4", "new", MINUTE + 600), ("1.4", "newer", MINUTE + 900)):
        make.instance = replace(make.instance, id=version, version=version)
        writer.write(make.snapshot(make.row([1.0], minute=minute), groups=(count(make, key, minute=minute),)))
    with closing(state_at(path)) as state:
        state.add_mark(Mark("shop", MINUTE + 720, "alert", "errors of the shop"))
        state.add_mark(Mark("", MINUTE + 1200, "alert_end", "errors of all"))
    found = {one.group.type: one.new_since for one in read().error_groups(make.always)}
    assert found == {"shop:old": "", "shop:new": "1.4", "shop:newer": "1.4"}


def test_a_version_of_the_future_is_nothing_that_errors_are_new_since(make, writer, read) -> None:
    for version, key, minute in (("1.3", "old", MINUTE), ("1.4", "new", MINUTE + 600), ("1.5", "odd", MINUTE + 10**8)):
        make.instance = replace(make.instance, id=version, version=version)
        writer.write(make.snapshot(make.row([1.0], minute=minute), groups=(count(make, key, minute=minute),)))
    found = {one.group.type: one for one in read().error_groups(make.always, now=MINUTE + 700)}
    assert found["shop:new"].new_since == "1.4"
    assert read().error_group(found["shop:new"].group.id, MINUTE + 700)[1] == "1.4"


def test_expected_errors_are_a_group_of_their_own(make, writer, read) -> None:
    expected = group("A", expected=True)._replace(key="expected shop:A a.py f +1")
    groups = (count(make, "A"), GroupCount(make.page, MINUTE, expected, 2))
    writer.write(make.snapshot(make.row([1.0]), groups=groups))
    assert [(one.group.expected, one.count) for one in read().error_groups(make.always)] == [(True, 2), (False, 1)]


def test_groups_of_one_host_or_one_version(make, writer, read) -> None:
    for host, version, keys in (("web-1", "1.4", "AB"), ("web-2", "1.4", "A"), ("web-2", "1.5", "C"), ("", "", "A")):
        make = Maker(f"{host} {version}")
        make.instance = replace(make.instance, host=host, version=version)
        groups = (*(count(make, key, 2) for key in keys), count(make, "A", series=make.job))
        failed = make.sample(1.0, reason="failed", failed=True, errors=(make.noticed("x"),))
        attributes = {"host.name": host, "service.version": version}
        failed = replace(failed, transaction=failed.transaction._replace(attributes=attributes))
        samples = (replace(failed, errors=(SampleError(group("A"), None),)),)
        writer.write(make.snapshot(make.row([1.0]), make.row([1.0], make.job), groups=groups, samples=samples))
    reader, web = read(), Selection("shop", "web")
    assert told(reader, make.always, web) == {"A": 6, "B": 2, "C": 2}
    assert told(reader, make.always, web._replace(host="web-1")) == {"A": 2, "B": 2}
    assert told(reader, make.always, web._replace(host="web-2")) == {"A": 2, "C": 2}
    assert told(reader, make.always, web._replace(version="1.4")) == {"A": 4, "B": 2}
    assert told(reader, make.always, Selection("shop", "background", host="web-2")) == {"A": 2}
    assert told(reader, make.always, web._replace(host="web-3")) == {}
    (first, _) = reader.error_groups(make.always, web._replace(host="web-2"))
    assert first.by_series is None
    timeline = reader.error_group_timeline(make.always, 3600, web._replace(host="web-2"))
    assert sorted(sum(counts) for counts in timeline.counts.values()) == [2, 2]
    samples = reader.samples_of_group(first.group.id, make.always, web._replace(host="web-2"))
    assert [one.transaction.attributes["host.name"] for one in samples] == ["web-2", "web-2"]
    assert len(reader.samples_of_group(first.group.id, make.always)) == 4
    assert reader.samples_of_group(first.group.id, make.always, Selection("shop", "background")) == []


def test_groups_of_a_host_that_makes_room(make, writer, read, limit) -> None:
    limit("parts", {"host": 3})
    for number in range(6):
        make = Maker(f"{number}")
        make.instance = replace(make.instance, host=f"web-{number}")
        later = MINUTE + 60 * number
        row = make.row([1.0], minute=later)
        writer.write(make.snapshot(row, groups=(count(make, "A", minute=later),), taken=later + 59))
    for _ in range(10):
        writer.write(make.snapshot(make.row([1.0], minute=later), taken=later + 59))
    reader, hosts = read(), read().known_parts("host", "shop")
    assert len(hosts) <= 4
    assert told(reader, make.always) == {"A": 6}
    assert sum(told(reader, make.always, Selection("shop", "web", host=host)).get("A", 0) for host in hosts) == 6
