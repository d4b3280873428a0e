"""What the names of `weighbridge.agent` give has the agent's methods and properties."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

import pytest

import weighbridge
from weighbridge import agent
from weighbridge.testing import CapturedTransactions
from weighbridge.transactions import log
from weighbridge.transactions.handoff import handoff

PLAIN = {"application", "kind", "type", "group", "name", "path", "started", "duration", "status"}


@pytest.fixture(autouse=True)
def nothing_logged_before(caplog: pytest.LogCaptureFixture) -> None:
    log._logged.clear()
    caplog.set_level(logging.INFO, "weighbridge")


def test_the_plain_transaction_has_nine_names_and_the_agents_has_more() -> None:
    with weighbridge.BackgroundTask(name="job"):
        plain, shown = weighbridge.current_transaction(), agent.current_transaction()
        assert {name for name in dir(plain) if not name.startswith("_")} == PLAIN
        assert {name for name in dir(shown) if not name.startswith("_")} > PLAIN
        assert shown is not None
        assert plain is not None
        assert all(getattr(shown, name) == getattr(plain, name) for name in PLAIN - {"duration"})


def test_one_transaction_has_one_face_while_somebody_holds_it() -> None:
    with agent.BackgroundTask(name="job") as task:
        assert agent.current_transaction() is task
        task.seen = True  # type: ignore[attr-defined]  # programs keep things there
        assert agent.current_transaction().seen  # type: ignore[union-attr]


def test_its_calls_act(captured_transactions: CapturedTransactions) -> None:
    with agent.WebTransaction(agent.application(), "name", request_path="/orders") as transaction:
        transaction.set_transaction_name("orders", "Python/Shop")
        assert transaction.add_custom_attribute("a", 1)
        assert transaction.add_custom_attributes({"b": 2})
        assert transaction.add_custom_parameter("c", 3)
        assert not transaction.add_custom_attribute("d", object())
        try:
            raise KeyError("noticed")
        except KeyError:
            transaction.notice_error(attributes={"e": 5}, expected=True)
        transaction.record_exception(ValueError("given"), params=[("f", 6)])
        assert transaction.process_response("503 Busy", []) == []
        transaction.process_response(200)  # the first one counts
        transaction.suppress_apdex = True
        assert transaction.user_attributes == [("a", 1), ("b", 2), ("c", 3), ("e", 5), ("f", 6)]
    (finished,) = captured_transactions
    assert (finished.path, finished.status) == ("WebTransaction/Python/Shop/orders", 503)
    assert (finished.apdex, finished.failed) == (None, True)
    assert [(error.type, error.expected) for error in finished.errors] == [
        ("builtins:KeyError", True),
        ("builtins:ValueError", False),
    ]
    assert finished.attributes["f"] == 6


def test_what_can_be_set_acts(captured_transactions: CapturedTransactions) -> None:
    with agent.WebTransaction(name="job") as transaction:
        assert not transaction.background_task
        transaction.background_task = True
        assert transaction.background_task
        transaction.ignore_transaction = True
        assert transaction.ignore_transaction
        assert agent.current_transaction() is None
        assert agent.current_transaction(active_only=False) is transaction
        transaction.ignore_transaction = False
        transaction.suppress_transaction_trace = True
        assert transaction.suppress_transaction_trace
        transaction.capture_request_params()
        assert transaction.capture_params
        assert not transaction.stopped
        transaction.stop_recording()
        assert transaction.stopped
        transaction.background_task = False  # too late
    (finished,) = captured_transactions
    assert finished.path == "OtherTransaction/Function/job"


def test_identifiers_are_stable_and_differ() -> None:
    with agent.BackgroundTask(name="first") as first:
        found = first.guid, first.trace_id
        assert (first.guid, first.trace_id) == found
        assert re.fullmatch("[0-9a-f]{16}", str(first.guid))
        assert re.fullmatch("[0-9a-f]{32}", str(first.trace_id))
        assert agent.get_linking_metadata()["trace.id"] == first.trace_id
    with agent.BackgroundTask(name="second") as second:
        assert second.trace_id != found[1]
    assert "trace.id" not in agent.get_linking_metadata()


def test_times_and_states() -> None:
    task = agent.BackgroundTask(name="job")
    assert (task.state, task.enabled, task.start_time, task.path) == (task.STATE_PENDING, False, 0.0, None)
    with task:
        assert (task.state, task.enabled, task.end_time) == (task.STATE_RUNNING, True, 0.0)
        assert task.start_time > 1_600_000_000
    assert task.state == task.STATE_STOPPED
    assert task.end_time >= task.start_time
    task.add_custom_attribute("late", 1)
    task.set_transaction_name("late")
    assert task.name == "job"


def test_a_block_shows_what_measures_it(captured_transactions: CapturedTransactions) -> None:
    with agent.WebTransaction(name="page") as page, agent.BackgroundTask(name="job") as job:
        assert agent.current_transaction() is page
        assert (job.path, job.start_time) == ("OtherTransaction/Function/job", page.start_time)
    with agent.WebTransaction(name="page", enabled=False) as nothing:
        assert (nothing.enabled, nothing.add_custom_attribute("a", 1)) == (False, False)
        assert agent.current_transaction() is None
    assert len(captured_transactions) == 1


def test_the_kind_of_a_face() -> None:
    @agent.web_transaction(name="page")
    def page() -> None:
        assert isinstance(agent.current_transaction(), agent.WebTransaction)
        assert isinstance(agent.current_transaction(), agent.Transaction)

    @agent.background_task(name="job")
    def job() -> None:
        transaction = agent.current_transaction()
        assert isinstance(transaction, agent.BackgroundTask)
        with pytest.raises(RuntimeError, match="cannot be entered twice"):
            transaction.__enter__()

    page()
    job()


def test_async_blocks(captured_transactions: CapturedTransactions) -> None:
    async def work() -> None:
        async with agent.BackgroundTask(name="job") as job:
            job.add_custom_attribute("a", 1)
        async with agent.WebTransaction(name="page") as page:
            page.add_custom_attribute("b", 2)

    asyncio.run(work())
    assert [dict(finished.attributes) for finished in captured_transactions] == [{"a": 1}, {"request.path": "", "b": 2}]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accept_distributed_trace_headers", None),
        ("insert_distributed_trace_headers", None),
        ("browser_timing_header", ""),
        ("browser_timing_footer", ""),
        ("record_log_event", None),
        ("add_framework_info", None),
        ("process_request_metadata", []),
    ],
)
def test_what_means_nothing_says_so_once(name: str, expected: object, caplog: pytest.LogCaptureFixture) -> None:
    with agent.BackgroundTask(name="job") as job:
        for _ in range(2):
            assert getattr(job, name)("any", thing=1) == expected
    said = f"weighbridge.agent.Transaction.{name} changes nothing: it is there so that the program runs"
    assert [record.getMessage() for record in caplog.records] == [said]


def test_what_the_agent_does_not_have_raises() -> None:
    with agent.BackgroundTask(name="job") as job, pytest.raises(AttributeError):
        job.no_such_thing  # type: ignore[attr-defined]  # noqa: B018


def test_an_application_has_the_agents_methods(captured_transactions: CapturedTransactions) -> None:
    application = agent.register_application("shop;backup", timeout=10.0)
    assert (application.name, application.linked_applications) == ("shop", ["backup"])
    assert application.active
    assert application.enabled
    assert application == weighbridge.application("shop")
    assert application.settings.apdex_t == application.global_settings.apdex_t == 0.5
    assert application.activate(timeout=1) is None  # type: ignore[func-returns-value]
    with agent.BackgroundTask(application, "job") as job:
        application.notice_error(attributes={"never": 1})
        application.record_custom_metric("Custom/Orders", 3)
        assert job.application == application
    (finished,) = captured_transactions
    assert (finished.application, finished.linked_applications) == ("shop", ("backup",))
    metrics, _ = handoff.custom.take()
    assert {metric.application for metric in metrics} == {"shop", "backup"}


def test_an_error_outside_a_transaction_is_not_lost_silently(caplog: pytest.LogCaptureFixture) -> None:
    agent.application().notice_error(ValueError())
    (record,) = caplog.records
    assert "outside a transaction" in record.getMessage()


@pytest.mark.parametrize("arguments", [(), (ValueError, ValueError("given"), None), (ValueError("given"),)])
def test_errors_in_the_form_of_before(arguments: tuple[Any, ...], captured_transactions: CapturedTransactions) -> None:
    with agent.BackgroundTask(name="job"):
        try:
            raise ValueError("given")
        except ValueError:
            agent.record_exception(*arguments, params={"a": 1})  # type: ignore[misc]
    (finished,) = captured_transactions
    assert [error.message for error in finished.errors] == ["given"]
    assert finished.attributes == {"a": 1}


def test_parts_of_a_transaction_have_what_programs_read(captured_transactions: CapturedTransactions) -> None:
    with agent.BackgroundTask(name="job") as job, agent.FunctionTrace(name="part") as trace:
        trace.add_custom_attribute("a", 1)
        assert trace.user_attributes == {"a": 1}
        assert trace.transaction is job
        assert agent.ExternalTrace.generate_request_headers(job) == []
        trace.notice_error(ValueError("in a part"))
    assert [error.message for error in captured_transactions[0].errors] == ["in a part"]
