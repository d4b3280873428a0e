"""Names and their priorities, ignoring, and errors that are noticed: what each call changes, and what it does not."""

from __future__ import annotations

import http
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import weighbridge
from weighbridge import (
    BackgroundTask,
    FinishedTransaction,
    WebTransaction,
    add_custom_attribute,
    agent,
    background_task,
    current_transaction,
    end_of_transaction,
    ignore_transaction,
    middleware,
    notice_error,
    set_transaction_name,
    transaction_name,
)
from weighbridge.middleware import WSGITransactionMiddleware
from weighbridge.transactions.store.reader import StoreReader
from weighbridge.transactions.store.statistics import Window

Finished = list[FinishedTransaction]
Put = Callable[..., None]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Put:
    """Puts settings into force."""

    def put(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"WEIGHBRIDGE_{name.upper()}", value)
        weighbridge.initialize(ignore_errors=False)

    return put


def request(handler: Callable[[], Any], **environ: str) -> None:
    """Send one request to an application without a router."""

    def app(_: Any, start: Any) -> list[bytes]:
        handler()
        start("200 OK", [])
        return [b""]

    facts = {"REQUEST_METHOD": "GET", "PATH_INFO": "/books", **environ}
    WSGITransactionMiddleware(app)(facts, lambda *_: lambda _: None)  # type: ignore[arg-type]


# Priorities


@pytest.mark.parametrize("priority", [0, 0.5, -1, 0.999, float("nan"), float("-inf"), False])
def test_a_priority_below_that_of_default_names_changes_nothing(priority: float, finished: Finished) -> None:
    def name() -> None:
        set_transaction_name("low", priority=priority)

    request(name)
    with BackgroundTask():
        name()
    with BackgroundTask(name="job"):
        name()
    with WebTransaction(request_path="/feed"):
        name()
    background_task(name)()
    own = f"OtherTransaction/Function/{__name__}:"
    assert [transaction.path for transaction in finished] == [
        "WebTransaction/Uri/books",
        finished[1].path,
        "OtherTransaction/Function/job",
        "WebTransaction/Uri/feed",
        finished[4].path,
    ]
    assert all(finished[number].path.startswith(own) for number in (1, 4))


@pytest.mark.parametrize("priority", [1, 1.0, True, 2, None, 10**30, float("inf")])
def test_the_same_priority_or_a_higher_one_names_it(priority: float | None, finished: Finished) -> None:
    request(lambda: set_transaction_name("high", priority=priority))
    assert finished[0].path == "WebTransaction/Function/high"


def test_a_name_without_a_priority_leaves_that_of_the_default(finished: Finished) -> None:
    def name() -> None:
        set_transaction_name("first")
        set_transaction_name("second", priority=0)
        set_transaction_name("third", priority=0.5)

    request(name)
    assert finished[0].name == "first"


def test_so_it_is_with_the_decorator(finished: Finished) -> None:
    request(transaction_name(name="low", priority=0)(lambda: None))
    request(transaction_name(name="high", priority=1)(lambda: None))
    assert [transaction.name for transaction in finished] == ["/books", "high"]


# Groups


@pytest.mark.parametrize(
    ("group", "shown"), [("/G", "G"), ("/G/H", "G/H"), ("//G", "G"), ("G/", "G/"), ("/", "Function")]
)
def test_a_leading_slash_of_a_group_is_dropped(group: str, shown: str, finished: Finished) -> None:
    with BackgroundTask(name="n", group=group) as transaction:
        assert transaction is not None
        assert transaction.path == f"OtherTransaction/{shown}/n"
    background_task(name="n", group=group)(lambda: None)()
    background_task(name="n", group=lambda: group)(lambda: None)()
    with WebTransaction(name="n", group=group):
        pass
    request(lambda: set_transaction_name("n", group=group))
    request(lambda: background_task(name="n", group=group)(lambda: None)())
    request(transaction_name(name="n", group=group)(lambda: None))
    list(WSGITransactionMiddleware(lambda *_: [b""], name="n", group=group)({}, lambda *_: lambda _: None))  # type: ignore[arg-type]
    assert {transaction.group for transaction in finished} == {shown}
    assert len(finished) == 8


def test_what_is_called_alike_is_counted_as_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_STORE", str(tmp_path / "shop.db"))
    for group in ("/G", "G", "//G", "/G"):
        with BackgroundTask(name="n", group=group):
            pass
    weighbridge.shutdown_agent()
    with StoreReader.open(tmp_path / "shop.db") as reader:
        (only,) = reader.transactions(Window(0, 4e9))
    assert (only.series.group, only.statistics.calls) == ("G", 4)


# Ignoring


@pytest.mark.parametrize(
    ("calls", "recorded"),
    [
        ([ignore_transaction], 0),
        ([end_of_transaction, ignore_transaction], 1),
        ([ignore_transaction, end_of_transaction], 0),
        ([ignore_transaction, end_of_transaction, lambda: ignore_transaction(False)], 0),
        ([ignore_transaction, lambda: ignore_transaction(False), end_of_transaction], 1),
        ([end_of_transaction, lambda: ignore_transaction(False)], 1),
    ],
)
def test_the_end_freezes_whether_it_is_ignored(
    calls: list[Callable[[], Any]], recorded: int, finished: Finished
) -> None:
    def handle() -> None:
        for call in calls:
            call()

    request(handle)
    with BackgroundTask(name="job"):
        handle()
    assert len(finished) == 2 * recorded


@pytest.mark.parametrize(("first", "recorded"), [(end_of_transaction, 1), (lambda: None, 0)])
def test_so_it_is_with_the_key_of_a_request(first: Callable[[], None], recorded: int, finished: Finished) -> None:
    environ: dict[str, Any] = {"REQUEST_METHOD": "GET", "PATH_INFO": "/books"}

    def app(environ: Any, start: Any) -> list[bytes]:
        first()
        environ["newrelic.ignore_transaction"] = True
        start("200 OK", [])
        return [b""]

    WSGITransactionMiddleware(app)(environ, lambda *_: lambda _: None)  # type: ignore[arg-type]
    assert len(finished) == recorded


# Errors with a status


def noticed(finished: Finished, **options: Any) -> tuple[list[bool], bool, object]:
    """Of an error that is noticed: whether it is kept and expected, whether it failed, the status kept with it."""
    with BackgroundTask(name="job"):
        notice_error(ValueError("x"), **options)
    only = finished.pop()
    return [error.expected for error in only.errors], only.failed, only.attributes.get("error.status")


IGNORED: tuple[list[bool], bool, object] = ([], False, None)


@pytest.mark.parametrize("status", [100, 102, 200, 208, 226, 300, 308, 404, "404", http.HTTPStatus.NOT_FOUND])
def test_some_statuses_are_ignored_by_default(status: Any, finished: Finished) -> None:
    assert noticed(finished, status_code=status) == IGNORED
    assert noticed(finished, status_code=lambda *_: status) == IGNORED


@pytest.mark.parametrize("status", [103, 209, 309, 400, 403, 405, 500, 999])
def test_others_are_kept_with_the_error(status: int, finished: Finished) -> None:
    assert noticed(finished, status_code=status) == ([False], True, status)


def test_what_the_call_says_comes_before_the_settings(finished: Finished) -> None:
    assert noticed(finished, status_code=404, ignore=False) == ([False], True, 404)
    assert noticed(finished, status_code=500, ignore=True) == IGNORED
    assert noticed(finished, status_code=404, ignore=lambda *_: None) == IGNORED
    assert noticed(finished, status_code=404, ignore="other:Class") == IGNORED
    assert noticed(finished, status_code=500, expected=True) == ([True], False, 500)


def test_the_statuses_are_settings(settings: Put, finished: Finished) -> None:
    settings(ignore_status_codes="418 500-502 !404", expected_status_codes="403")
    assert noticed(finished, status_code=404) == ([False], True, 404)
    assert noticed(finished, status_code=501) == IGNORED
    assert noticed(finished, status_code=418) == IGNORED
    assert noticed(finished, status_code=403) == ([True], False, 403)
    assert noticed(finished, status_code=403, expected=False) == ([False], True, 403)


@pytest.mark.parametrize(
    "status",
    ["²²²", "12", "1000", 99, 1000, 10**30, True, 4.04, float("nan"), object(), [404], b"404", lambda *_: 1 / 0],
)
def test_what_is_no_status_is_said_and_not_used(
    status: Any, finished: Finished, caplog: pytest.LogCaptureFixture, mistakes: list[str]
) -> None:
    assert noticed(finished, status_code=status) == ([False], True, None)
    assert len(caplog.messages) == 1
    assert mistakes == []


@pytest.mark.parametrize("rule", [7, 1.5, object(), lambda *_: 7, lambda *_: 1 / 0])
@pytest.mark.parametrize("option", ["expected", "ignore"])
def test_a_rule_that_says_nothing_leaves_it_to_the_settings(
    option: str, rule: Any, finished: Finished, caplog: pytest.LogCaptureFixture, mistakes: list[str]
) -> None:
    assert noticed(finished, **{option: rule}) == ([False], True, None)
    assert noticed(finished, **{option: rule}, status_code=404) == IGNORED
    assert len(caplog.messages) == 1
    assert mistakes == []


def names() -> Iterator[str]:
    yield "builtins:ValueError"


@pytest.mark.parametrize(
    "rule", ["builtins:Exception", {"builtins:ValueError"}, names(), lambda *_: ["builtins:ValueError"]]
)
def test_classes_are_told_by_name_or_by_that_of_a_base(rule: Any, finished: Finished) -> None:
    assert noticed(finished, ignore=rule) == IGNORED


def test_what_is_no_exception_is_not_shown(finished: Finished, caplog: pytest.LogCaptureFixture) -> None:
    with BackgroundTask(name="job"):
        notice_error("IBAN DE89")  # type: ignore[arg-type]
        notice_error((ValueError, ValueError("x")))  # type: ignore[arg-type]
    assert finished[0].errors == ()
    assert caplog.messages == [
        "notice_error() takes an exception or sys.exc_info(), not a str",
        "notice_error() takes an exception or sys.exc_info(), not a tuple",
    ]


# Signatures


LATE = set(middleware.__all__)
"""The middleware, which are loaded when they are first asked for."""

CALLABLES = [
    (module, name)
    for module in (weighbridge, agent)
    for name in module.__all__
    if callable(getattr(module, name)) and name not in LATE
]


@pytest.mark.parametrize(("module", "name"), CALLABLES)
def test_everything_that_can_be_called_says_how(module: Any, name: str) -> None:
    signature = inspect.signature(getattr(module, name))
    assert str(signature).startswith("(")


def test_the_calls_have_the_signatures_that_are_documented() -> None:
    calls: dict[Callable[..., Any], str] = {
        notice_error: "(error, attributes, expected, ignore, status_code)",
        set_transaction_name: "(name, group, priority)",
        add_custom_attribute: "(key, value)",
        current_transaction: "(active_only)",
    }
    for call, expected in calls.items():
        assert f"({', '.join(inspect.signature(call).parameters)})" == expected
