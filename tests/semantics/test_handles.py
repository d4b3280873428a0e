"""A background task that begins in one place and ends in another."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, get_args

import click
import pytest
import typer

import weighbridge
from weighbridge import (
    BackgroundTaskHandle,
    WebTransaction,
    add_custom_attribute,
    background_task,
    begin_background_task,
    current_transaction,
)
from weighbridge.testing import CapturedTransactions
from weighbridge.transactions.model.finished import OUTCOMES, Outcome


@background_task
def work() -> None:
    add_custom_attribute("worked", True)


def in_thread(call: Callable[[], object]) -> None:
    """Run something to its end in a thread that no context was carried into."""
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def names(finished: CapturedTransactions) -> list[str]:
    return [transaction.name for transaction in finished]


# Beginning and ending


def test_it_is_current_until_it_ends(finished: CapturedTransactions) -> None:
    handle = begin_background_task("letters", "Python/Mail", attributes={"task.id": "7"})
    work()
    handle.end()
    assert current_transaction() is None
    (only,) = finished
    assert only.path == "OtherTransaction/Python/Mail/letters"
    assert only.attributes == {"task.id": "7", "worked": True}
    assert (only.outcome, only.queue, only.queue_time) == ("succeeded", None, None)


def test_a_second_end_does_nothing(finished: CapturedTransactions) -> None:
    handle = begin_background_task("letters")
    handle.end()
    handle.end(ValueError("late"), outcome="killed")
    assert [transaction.outcome for transaction in finished] == ["succeeded"]


def test_two_threads_that_end_it_end_it_once(finished: CapturedTransactions) -> None:
    for _ in range(50):
        handle = begin_background_task("letters")
        threads = [threading.Thread(target=handle.end) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(finished) == 50


def test_it_may_end_in_another_thread(finished: CapturedTransactions) -> None:
    handle = begin_background_task("letters")
    in_thread(handle.end)
    assert current_transaction() is None
    work()
    assert names(finished) == ["letters", f"{__name__}:work"]


def test_dropped_it_is_cancelled(finished: CapturedTransactions) -> None:
    handle: BackgroundTaskHandle | None = begin_background_task("letters")
    assert handle is not None
    del handle
    gc.collect()
    work()
    assert [(transaction.name, transaction.outcome) for transaction in finished] == [
        ("letters", "cancelled"),
        (f"{__name__}:work", "succeeded"),
    ]


def test_what_was_current_before_is_so_again(finished: CapturedTransactions) -> None:
    outer = begin_background_task("outer")
    before = current_transaction()
    inner = begin_background_task("inner")
    inner.end(ValueError())
    assert current_transaction() is before
    outer.end()
    assert [(transaction.name, transaction.failed) for transaction in finished] == [("outer", False)]


# How it ended


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_its_outcome_is_what_it_is_told(outcome: Outcome, finished: CapturedTransactions) -> None:
    """Only three of them are failures; the error of the others is kept as an expected one."""
    begin_background_task("letters").end(ConnectionError("no connection"), outcome)
    (only,) = finished
    failed = outcome in {"failed", "timed_out", "killed"}
    assert (only.outcome, only.failed) == (outcome, failed)
    assert [(error.type, error.expected) for error in only.errors] == [("builtins:ConnectionError", not failed)]


def test_by_default_its_errors_decide(finished: CapturedTransactions) -> None:
    begin_background_task("raised").end(LookupError("no such book"))
    handle = begin_background_task("noticed")
    weighbridge.notice_error(LookupError("no such book"))
    handle.end()
    handle = begin_background_task("expected")
    weighbridge.notice_error(LookupError("no such book"), expected=True)
    handle.end()
    assert [transaction.outcome for transaction in finished] == ["failed", "failed", "succeeded"]


def test_a_cancelled_one_is_no_failure(finished: CapturedTransactions) -> None:
    begin_background_task("letters").end(asyncio.CancelledError())
    assert [(transaction.outcome, transaction.errors) for transaction in finished] == [("cancelled", ())]


def test_a_request_has_no_outcome(finished: CapturedTransactions) -> None:
    with WebTransaction(name="page"):
        pass
    assert finished[0].outcome is None


def test_the_outcomes_are_those_of_the_type() -> None:
    assert get_args(Outcome) == OUTCOMES


EXITS: dict[str, tuple[Callable[[], BaseException], Outcome]] = {
    "Celery's Retry": (lambda: _celery().Retry(), "retried"),
    "Celery's Ignore": (lambda: _celery().Ignore(), "cancelled"),
    "Celery's Reject": (lambda: _celery().Reject("no", requeue=False), "rejected"),
    "Celery's time limit": (lambda: _celery().SoftTimeLimitExceeded(), "timed_out"),
    "Click, done": (lambda: click.exceptions.Exit(0), "succeeded"),
    "Click, not done": (lambda: click.exceptions.Exit(3), "failed"),
    "Typer, done": (lambda: typer.Exit(), "succeeded"),
    "Typer, not done": (lambda: typer.Exit(3), "failed"),
    "an exit, done": (lambda: SystemExit(0), "succeeded"),
    "an exit, not done": (lambda: SystemExit("sorry"), "failed"),
}


def _celery() -> Any:
    from celery import exceptions

    return exceptions


@pytest.mark.parametrize("name", EXITS)
def test_what_libraries_raise_to_say_something_is_no_failure(name: str, finished: CapturedTransactions) -> None:
    """Under a decorator too, told by module and name."""
    make, outcome = EXITS[name]

    @background_task
    def job() -> None:
        raise make()

    with pytest.raises(BaseException) as raised:  # noqa: PT011  whatever it is
        job()
    assert type(raised.value) is type(make())
    assert finished[0].outcome == outcome
    assert finished[0].failed == (outcome in {"failed", "timed_out"})


# The queue


@pytest.mark.parametrize("form", ["seconds", "datetime", "another zone"])
def test_it_has_waited_since_it_was_queued(form: str, finished: CapturedTransactions) -> None:
    moment = datetime.now(timezone.utc) - timedelta(seconds=60)
    queued = {
        "seconds": moment.timestamp(),
        "datetime": moment,
        "another zone": moment.astimezone(timezone(timedelta(hours=5))),
    }[form]
    begin_background_task("letters", queued=queued, queue="high").end()
    assert finished[0].queue == "high"
    assert 60 <= (finished[0].queue_time or 0) < 90


def test_a_time_in_the_future_is_no_wait(finished: CapturedTransactions) -> None:
    begin_background_task("letters", queued=time.time() + 60).end()
    assert finished[0].queue_time == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"queued": datetime.now()}, "queued="),  # noqa: DTZ005  it is about one without a zone
        ({"queued": 7}, "queued="),
        ({"queued": "yesterday"}, "queued="),
        ({"queue": ["high"]}, "queue="),
        ({"name": ["letters"]}, "name="),
        ({"group": 7}, "group="),
    ],
)
def test_what_is_no_such_value_is_said_and_left_out(
    arguments: dict[str, Any], said: str, finished: CapturedTransactions, caplog: pytest.LogCaptureFixture
) -> None:
    begin_background_task(**{"name": "letters", **arguments}).end()
    assert finished[0].queue_time is None
    assert finished[0].queue is None
    assert said in caplog.text


def test_an_end_that_is_none_is_said(finished: CapturedTransactions, caplog: pytest.LogCaptureFixture) -> None:
    begin_background_task("letters").end("text", outcome="done")  # type: ignore[arg-type]
    assert finished[0].outcome == "succeeded"
    assert "outcome='done'" in caplog.text
    assert "error='text'" in caplog.text


# Inside a request


def test_inside_a_request_it_makes_that_a_background_one(finished: CapturedTransactions) -> None:
    with WebTransaction(name="page"):
        begin_background_task("letters", "Python/Mail").end(ValueError())
    (only,) = finished
    assert (only.path, only.failed) == ("OtherTransaction/Python/Mail/letters", False)


def test_as_a_segment_it_changes_nothing(finished: CapturedTransactions) -> None:
    with WebTransaction(name="page"):
        handle = begin_background_task("letters", segment=True)
        with handle.context():
            add_custom_attribute("found", True)
        handle.end(ValueError(), outcome="failed")
    (only,) = finished
    assert (only.path, only.failed) == ("WebTransaction/Function/page", False)
    assert only.attributes["found"] is True


def test_as_a_segment_of_nothing_it_is_a_transaction(finished: CapturedTransactions) -> None:
    begin_background_task("letters", segment=True).end()
    assert names(finished) == ["letters"]


# The work's own thread or task


def test_in_its_context_work_belongs_to_it(finished: CapturedTransactions) -> None:
    handle = begin_background_task("letters")

    def thread() -> None:
        work()
        with handle.context():
            work()
        work()

    in_thread(thread)
    work()  # it is current here still
    handle.end()
    assert names(finished) == [f"{__name__}:work", f"{__name__}:work", "letters"]


def test_in_its_context_a_task_of_an_event_loop_belongs_to_it(finished: CapturedTransactions) -> None:
    handle = begin_background_task("letters")

    async def task() -> None:
        async with handle.context():
            work()

    in_thread(lambda: asyncio.run(task()))
    handle.end()
    assert names(finished) == ["letters"]


def test_a_context_is_left_after_the_end_too(finished: CapturedTransactions) -> None:
    handle = begin_background_task("letters")

    def thread() -> None:
        with handle.context():
            handle.end()
        work()
        with handle.context():
            work()

    in_thread(thread)
    assert current_transaction() is None
    assert names(finished) == ["letters", f"{__name__}:work", f"{__name__}:work"]
