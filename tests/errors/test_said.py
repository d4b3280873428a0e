"""One exception is one error: what the program says of it first stands, however often it is met again."""

from __future__ import annotations

import gc
import pickle
import sys
import weakref
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import flask
import pytest
from werkzeug.test import Client

from weighbridge import BackgroundTask, FinishedTransaction, WSGITransactionMiddleware, notice_error
from weighbridge.jobs.runs import begin_run, end_run_by_name
from weighbridge.testing import capture_transactions


class OutOfStock(Exception):
    """Of a class of the program's own: there are weak references to it."""


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def ended(work: Callable[[], object]) -> FinishedTransaction:
    """What a background task is counted as that does some work, which may fail."""
    with capture_transactions() as captured:
        try:
            with BackgroundTask(name="work"):
                work()
        except Exception:
            pass
    (transaction,) = captured
    return transaction


def kept(transaction: FinishedTransaction) -> list[tuple[str, bool]]:
    return [(error.type.rpartition(":")[2], error.expected) for error in transaction.errors]


both = pytest.mark.parametrize("kind", [LookupError, OutOfStock])
Kind = type[Exception]


@both
def test_an_expected_error_stays_one_when_it_is_noticed_again(kind: Kind) -> None:
    def work() -> None:
        try:
            raise kind("apples")
        except kind as error:
            notice_error(expected=True)
            notice_error(sys.exc_info())
            notice_error(error, expected=False)

    assert kept(ended(work)) == [(kind.__name__, True)]


@both
def test_an_expected_error_stays_one_when_it_leaves_the_transaction(kind: Kind) -> None:
    def work() -> None:
        try:
            raise kind("apples")
        except kind:
            notice_error(expected=True)
            raise

    transaction = ended(work)
    assert kept(transaction) == [(kind.__name__, True)]
    assert (transaction.failed, transaction.outcome) == (False, "succeeded")


@both
@pytest.mark.parametrize("ignored", [{"ignore": True}, {"status_code": 404}], ids=["ignored", "by status"])
def test_an_ignored_error_is_ignored_when_it_leaves_the_transaction(kind: Kind, ignored: dict[str, Any]) -> None:
    def work() -> None:
        try:
            raise kind("apples")
        except kind as error:
            notice_error(**ignored)
            raise error from None

    transaction = ended(work)
    assert (kept(transaction), transaction.failed) == ([], False)


@both
def test_an_error_that_counts_is_not_expected_afterwards(kind: Kind) -> None:
    def work() -> None:
        error = raised(kind("apples"))
        notice_error(error)
        notice_error(error, expected=True)
        notice_error(error, ignore=True)

    assert kept(ended(work)) == [(kind.__name__, False)]


@both
def test_an_error_may_be_noticed_before_it_is_raised(kind: Kind) -> None:
    def work() -> None:
        error = kind("apples")
        notice_error(error, expected=True)
        raise error

    assert kept(ended(work)) == [(kind.__name__, True)]


def test_another_exception_that_looks_the_same_is_another_error() -> None:
    """Although it may well be where the first one was in memory."""

    def take() -> None:
        raise OutOfStock("apples")

    def work() -> None:
        try:
            take()
        except OutOfStock:
            notice_error(expected=True)
        take()

    transaction = ended(work)
    assert kept(transaction) == [("OutOfStock", True), ("OutOfStock", False)]
    assert transaction.failed


def test_one_of_a_built_in_class_is_told_by_its_place_as_well() -> None:
    def work() -> None:
        try:
            raise LookupError("apples")
        except LookupError:
            notice_error(expected=True)
        raise LookupError("apples")

    assert kept(ended(work)) == [("LookupError", True), ("LookupError", False)]


@both
def test_another_one_from_the_same_place_is_another_error(kind: Kind) -> None:
    """As the last of several attempts is, whose object is often where the first one's was in memory."""

    def work() -> None:
        for attempt in range(3):
            try:
                raise kind("apples")
            except kind:
                if attempt == 2:
                    raise
                notice_error(expected=True)

    transaction = ended(work)
    assert kept(transaction) == [(kind.__name__, True), (kind.__name__, False)]
    assert transaction.failed


@both
def test_one_that_was_never_raised_is_not_the_next_one(kind: Kind) -> None:
    def work() -> None:
        notice_error(kind("apples"), ignore=True)
        raise kind("apples")

    assert kept(ended(work)) == [(kind.__name__, False)]


@pytest.mark.parametrize("kind", [LookupError, OutOfStock])
def test_nothing_that_was_said_of_it_shows_in_it(kind: Kind) -> None:
    error = kind("apples")
    ended(lambda: notice_error(error, expected=True))
    assert vars(error) == {}
    assert vars(pickle.loads(pickle.dumps(error))) == {}


@both
def test_what_an_exception_refers_to_is_not_kept_alive_after_the_end(kind: Kind) -> None:
    class Basket:
        pass

    def work() -> weakref.ref[Basket]:
        error: Any = kind("apples")
        error.basket = Basket()
        notice_error(error, expected=True)
        return weakref.ref(error.basket)

    with BackgroundTask(name="work"):
        context = copy_context()
        watched = work()
    gc.collect()
    assert len(context) > 0
    assert watched() is None


@both
def test_what_is_raised_from_it_is_an_error_of_its_own(kind: Kind) -> None:
    def work() -> None:
        try:
            raise kind("apples")
        except kind as error:
            notice_error(expected=True)
            raise RuntimeError("no pie") from error

    assert kept(ended(work)) == [(kind.__name__, True), ("RuntimeError", False)]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there are no groups")
@both
def test_a_group_is_an_error_if_one_of_its_exceptions_is_a_new_one(kind: Kind) -> None:
    def work(*others: Exception) -> None:
        error = raised(kind("apples"))
        notice_error(error, expected=True)
        group: Any = vars(__import__("builtins"))["ExceptionGroup"]
        raise group("tasks", [group("tasks", [error]), *others])

    assert kept(ended(work)) == [(kind.__name__, True)]
    assert kept(ended(lambda: work(ValueError()))) == [(kind.__name__, True), ("ExceptionGroup", False)]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there are no groups")
@both
def test_the_exceptions_of_a_group_are_known_in_another_one(kind: Kind) -> None:
    """``except*`` raises them again in a new one."""
    group: Any = vars(__import__("builtins")).get("ExceptionGroup")

    def work(*others: Exception) -> None:
        errors = [raised(kind("apples")), raised(kind("pears"))]
        notice_error(group("tasks", [group("two", errors)]), expected=True)
        raise group("tasks", [*errors, *others])

    assert kept(ended(work)) == [("ExceptionGroup", True)]
    assert kept(ended(lambda: work(kind("apples")))) == [("ExceptionGroup", True), ("ExceptionGroup", False)]


def test_what_a_framework_has_reported_before_is_what_the_program_says() -> None:
    app = flask.Flask(__name__)

    @app.get("/order")
    def order() -> str:
        raise LookupError("apples")

    @app.errorhandler(500)
    def apologize(error: Any) -> tuple[str, int]:
        notice_error(error.original_exception, expected=True)
        return "later", 503

    with capture_transactions() as captured:
        assert Client(WSGITransactionMiddleware(app)).get("/order").status_code == 503
    assert [kept(transaction) for transaction in captured] == [[("LookupError", True)]]


def test_what_job_systems_tell_by_its_class_alone_may_have_been_noticed() -> None:
    with capture_transactions() as captured:
        handle = begin_run("Queue", "mail")
        notice_error(LookupError("apples"), expected=True)
        end_run_by_name(handle, "LookupError", "apples")
        end_run_by_name(begin_run("Queue", "mail"), "LookupError", "apples")
    assert [(kept(transaction), transaction.outcome) for transaction in captured] == [
        ([("LookupError", True)], "succeeded"),
        ([("LookupError", False)], "failed"),
    ]


def test_the_settings_judge_what_job_systems_tell_by_its_class_alone(settings: Callable[..., None]) -> None:
    settings(expected_errors="shop:OutOfStock", ignored_errors="shop:Closed")
    with capture_transactions() as captured:
        for name in ("shop.OutOfStock", "shop.Closed", "shop.Burnt"):
            end_run_by_name(begin_run("Queue", "mail"), name, "")
    assert [(kept(transaction), transaction.outcome) for transaction in captured] == [
        ([("OutOfStock", True)], "succeeded"),
        ([], "succeeded"),
        ([("Burnt", False)], "failed"),
    ]


def test_the_error_that_counts_is_kept_where_there_are_too_many() -> None:
    """It alone says that the task has failed."""

    def work() -> None:
        for number in range(7):
            notice_error(ValueError(number), expected=True)
        raise LookupError("apples")

    transaction = ended(work)
    assert kept(transaction) == [("ValueError", True)] * 4 + [("LookupError", False)]
    assert (transaction.failed, transaction.outcome) == (True, "failed")


@pytest.mark.parametrize("options", [{"expected": True}, {"ignore": True}])
def test_what_was_said_keeps_nothing_alive(options: dict[str, Any]) -> None:
    with BackgroundTask(name="work"):
        error = raised(OutOfStock("apples"))
        notice_error(error, **options)
        gone = weakref.ref(error)
        del error
        gc.collect()
        assert gone() is None
