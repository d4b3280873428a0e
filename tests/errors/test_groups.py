"""Errors of one class from one place are one group, whatever ids their messages hold."""

from __future__ import annotations

import json
import sys
import time
import timeit
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import weighbridge
from weighbridge.console import Console, Request
from weighbridge.jobs import runs
from weighbridge.middleware import WSGITransactionMiddleware
from weighbridge.testing import capture_transactions
from weighbridge.transactions.configuration.own_code import OwnCode
from weighbridge.transactions.model.errors import LocatedError
from weighbridge.transactions.model.tracebacks import Place
from weighbridge.transactions.recording.error_groups import group_of, without_ids
from weighbridge.transactions.store.reader import StoreReader

from .conftest import Groups, lately


@weighbridge.background_task(name="task")
def fail(error: BaseException) -> None:
    raise error


def failing(error: BaseException) -> None:
    with suppress(type(error)):
        fail(error)


def request(application: Callable[..., Iterable[bytes]], **environ: Any) -> None:
    given = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.url_scheme": "http", "SERVER_NAME": "x", **environ}
    with suppress(Exception):
        list(WSGITransactionMiddleware(application)(given, lambda *_: lambda _: None))  # type: ignore[arg-type]


def told(groups: Groups) -> list[tuple[str, str, int]]:
    """Class, function and number of each group."""
    found = [(one.group.type, one.group.frame.rpartition(" ")[2].rpartition(".")[2], one.count) for one in groups()]
    return sorted(found, key=lambda one: -one[2])


def test_an_id_in_each_message_is_one_group(groups: Groups) -> None:
    for number in range(1500):
        failing(KeyError(f"order {number * 7919} of user u{number}"))
    assert told(groups) == [("builtins:KeyError", "fail", 1500)]


@pytest.mark.parametrize("word", ["a", "a.", "abc1-", "0x", "f", "'", "a@"])
def test_a_long_message_takes_time_by_its_length_and_no_more(word: str) -> None:
    def least(message: str) -> float:
        timer = timeit.Timer(lambda: without_ids(message), timer=time.process_time)
        return min(timer.repeat(repeat=5, number=1))

    assert least(word * 8_000) < 30 * least(word * 1_000)  # eight times as long: 64 times, if by its square


def test_two_places_in_one_function_are_two_groups(groups: Groups) -> None:
    @weighbridge.background_task(name="task")
    def sometimes(first: bool) -> None:
        if first:
            raise ValueError("one")
        raise ValueError("two")

    for first in (True, False, False):
        with suppress(ValueError):
            sometimes(first)
    assert [(one.group.message, one.count) for one in groups()] == [("two", 2), ("one", 1)]


def test_code_that_moved_to_another_line_is_the_same_place(groups: Groups) -> None:
    for lines_above in (0, 40):
        names: dict[str, Any] = {}
        source = "\n" * lines_above + "def broken():\n    raise LookupError('moved')"
        exec(compile(source, "shop/basket.py", "exec"), names)
        with suppress(LookupError):
            weighbridge.BackgroundTaskWrapper(names["broken"], name="task")()
    (one,) = groups()
    assert (one.count, one.group.frame.partition(":")[0]) == (2, "shop/basket.py")


def test_the_own_frame_counts_and_not_that_of_a_library(groups: Groups) -> None:
    @weighbridge.background_task(name="task")
    def parse() -> None:
        json.loads("{")

    with suppress(ValueError):
        parse()
    (one,) = groups()
    assert one.group.type == "json.decoder:JSONDecodeError"
    assert one.group.frame.startswith("test_groups.py:") or "/test_groups.py:" in one.group.frame
    assert one.group.frame.endswith("parse")


def test_what_is_own_is_chosen(groups: Groups, settings: Callable[..., None]) -> None:
    settings(own_code="json")

    @weighbridge.background_task(name="task")
    def parse() -> None:
        json.loads("{")

    with suppress(ValueError):
        parse()
    (one,) = groups()
    assert "json/decoder.py:" in one.group.frame


def test_an_exception_that_nobody_raised_is_grouped_by_its_message(groups: Groups) -> None:
    with weighbridge.BackgroundTask(name="task"):
        for number in range(4):
            weighbridge.notice_error(ValueError(f"no seat {number} in 'row {number}'"))
        weighbridge.notice_error(ValueError("no train"))
    assert [(one.group.frame, one.count) for one in groups()] == [("", 4), ("", 1)]


@pytest.mark.parametrize(
    ("message", "common"),
    [
        ("order 12 of 1,024.50", "order … of …"),
        ("no 1b4e28ba-2fa1-11d2-883f-b9a761bde3fb", "no …"),
        ("<Order at 0x7f3a5c>", "<Order at …>"),
        ("key 'a b' and \"c\" and `d`", "key … and … and …"),
        ("it isn't ann's fault", "it isn't ann's fault"),
        ("commit deadbeef1 is defaced", "commit … is defaced"),
        ("10.0.0.7:8080 refused ann@example.org", "… refused …"),
    ],
)
def test_what_varies_in_a_message_is_replaced(message: str, common: str) -> None:
    assert without_ids(message) == common


def test_a_status_without_an_exception_is_a_group(groups: Groups) -> None:
    def busy(_: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("503 Busy", [])
        return [b""]

    for _ in range(5):
        request(busy)
    assert [(one.group.type, one.count) for one in groups()] == [("503 (no exception)", 5)]


def test_a_request_that_raised_is_not_counted_for_its_status_too(groups: Groups) -> None:
    def broken(_: Any, __: Any) -> Iterable[bytes]:
        raise OSError("disk")

    request(broken)
    assert told(groups) == [("builtins:OSError", "broken", 1)]


def test_an_outcome_without_an_exception_is_a_group(groups: Groups) -> None:
    runs.begin_background_task("task").end(outcome="killed")
    assert [(one.group.type, one.count) for one in groups()] == [("killed (no exception)", 1)]


def test_expected_errors_are_a_group_of_their_own(groups: Groups, settings: Callable[..., None]) -> None:
    settings(expected_errors="builtins:KeyError")
    failing(KeyError("1"))
    failing(ValueError("1"))
    assert {one.group.type: one.group.expected for one in groups()} == {
        "builtins:KeyError": True,
        "builtins:ValueError": False,
    }


def test_linked_applications_have_groups_of_their_own(read: Callable[[], StoreReader]) -> None:
    @weighbridge.background_task(name="task", application="shop;all")
    def broken() -> None:
        raise KeyError("1")

    with suppress(KeyError):
        broken()
    assert sorted(one.group.application for one in read().error_groups(lately())) == ["all", "shop"]


def test_a_storm_of_distinct_errors_is_counted_within_bounds(read: Callable[[], StoreReader]) -> None:
    for number in range(3000):
        with weighbridge.BackgroundTask(name="task"):
            weighbridge.notice_error(ValueError("".join(chr(ord("a") + int(digit)) for digit in str(number))))
    reader = read()
    found = reader.error_groups(lately())
    assert sum(one.count for one in found) == 3000
    assert {one.group.type: one.count for one in found}["<other>"] >= 2500
    assert len(found) <= 502
    assert reader.health().lost["errors of other groups"] >= 2500


def test_old_tracebacks_make_room(read: Callable[[], StoreReader], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.transactions.store.groups.MAX_STACKS", 3)
    for number in range(6):
        names: dict[str, Any] = {}
        exec(compile(f"def broken():\n    raise LookupError({number})", f"shop/{number}.py", "exec"), names)
        with suppress(LookupError):
            weighbridge.BackgroundTaskWrapper(names["broken"], name=f"task {number}")()
    reader = read()
    samples = reader.samples(lately())
    kept = [error.traceback for one in samples for error in reader.errors_of_sample(one.id) if error.traceback]
    assert (len(samples), len(kept)) == (6, 3)


def test_code_without_a_file_of_an_installed_package_is_not_own(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("compiled")
    monkeypatch.setitem(sys.modules, "compiled", module)
    for file, own in [("/opt/lib/site-packages/compiled.so", False), ("/srv/shop/compiled.so", True)]:
        module.__file__ = file
        assert OwnCode([]).owns("src/compiled.pyx", "compiled") is own
        assert OwnCode([]).owns("<string>", "compiled") is own
    assert OwnCode([]).owns("<template>", "")


def test_names_that_are_too_long_tell_groups_apart_nevertheless() -> None:
    keys = {
        group_of(LocatedError("shop:Failure", "", False, Place("f" * 200, 7, "g" * 180 + end, 3))).key
        for end in ("one", "two")
    }
    assert len(keys) == 2
    assert max(map(len, keys)) <= 300


def test_made_code_with_an_id_in_its_name_is_one_group() -> None:
    keys = {group_of(LocatedError("E", "", False, Place(f"<rule {n}>", 1, "<module>", 0))).key for n in range(9)}
    assert len(keys) == 1


def test_what_fails_with_an_exception_that_cannot_be_read_has_failed(mistakes: list[str]) -> None:
    class Unhashable(type):
        __hash__ = None  # type: ignore[assignment]

    class Odd(Exception, metaclass=Unhashable):
        pass

    with capture_transactions() as finished, pytest.raises(Odd):
        fail(Odd("odd"))
    assert [(one.failed, one.errors) for one in finished] == [(True, ())]
    assert len(mistakes) == 1
    mistakes.clear()


@pytest.mark.parametrize("more", [(), (ValueError("1"),)], ids=["expected alone", "another as well"])
def test_a_status_with_none_but_expected_errors_is_a_group(
    more: tuple[Exception, ...], groups: Groups, read: Callable[[], StoreReader], store: Path
) -> None:
    def busy(_: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
        weighbridge.notice_error(KeyError("1"), expected=True)
        for error in more:
            weighbridge.notice_error(error)
        start_response("503 Busy", [])
        return [b""]

    for _ in range(5):
        request(busy)
    unexpected = "builtins:ValueError" if more else "503 (no exception)"
    wanted = [("builtins:KeyError", True, 5), (unexpected, False, 5)]
    assert sorted((one.group.type, one.group.expected, one.count) for one in groups()) == sorted(wanted)
    reader = read()
    for one in reader.samples(lately()):
        told = [error.group.type for error in reader.errors_of_sample(one.id)]
        assert told == ["builtins:KeyError", unexpected]
    console = Console(store)
    query = f"app=Python+Application&kind=web&group=Uri&name=/&sample={reader.samples(lately())[0].id}"
    page = console.respond(Request("GET", "/sample", query=query, host="localhost:8610", client="127.0.0.1"))
    assert (page.status, unexpected.partition(":")[2].encode() in page.body) == (200, True)
    console.close()


def test_transactions_that_failed_by_their_status_and_by_an_error_are_counted_apart(groups: Groups) -> None:
    def busy(environ: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
        weighbridge.notice_error(KeyError("1"), expected=environ["HTTP_EXPECTED"] == "yes")
        start_response("503 Busy", [])
        return [b""]

    for number in range(12):
        request(busy, HTTP_EXPECTED="yes" if number % 3 else "no")
    found = {(one.group.type, one.group.expected): one.count for one in groups()}
    assert found == {("builtins:KeyError", True): 8, ("builtins:KeyError", False): 4, ("503 (no exception)", False): 8}
