"""`weighbridge.agent` has every public callable of the agent, and each can be called as the agent's is."""

from __future__ import annotations

import inspect
import logging
from pathlib import Path
from typing import Any

import pytest

import weighbridge
from weighbridge import agent
from weighbridge.agent import messages, pass_through, wrapping
from weighbridge.transactions import log

CALLABLES = dict(
    line.split("(", 1) for line in (Path(__file__).parent / "callables.txt").read_text(encoding="utf-8").splitlines()
)
"""Name and signature of each public callable of ``newrelic.agent`` 14.1.0."""

OF_THEIR_INSTRUMENTATION = {"enabled", "source"}
"""Arguments that only the agent's own hooks into frameworks pass."""

ITS_OWN = {
    *("Application", "BackgroundTask", "Transaction", "WebTransaction"),
    *("application", "application_settings", "current_transaction", "global_settings", "register_application"),
    *("callable_name", "initialize", "notice_error"),
}
"""Names whose counterparts in `weighbridge` take fewer arguments, or give objects without the agent's methods."""


def signature_of(name: str) -> inspect.Signature:
    """The agent's signature of a name."""
    namespace: dict[str, Any] = {}
    exec(f"def stub({CALLABLES[name].replace('<', '').replace('>', '')}: pass", namespace)
    return inspect.signature(namespace["stub"])


def calls(signature: inspect.Signature) -> list[tuple[list[object], dict[str, object]]]:
    """Arguments for a call by position, and one by name."""
    kinds = inspect.Parameter
    known = [
        parameter
        for parameter in signature.parameters.values()
        if parameter.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)
        and parameter.name not in OF_THEIR_INSTRUMENTATION
    ]
    return [([None] * len(known), {}), ([], dict.fromkeys(parameter.name for parameter in known))]


def test_the_list_is_the_agents() -> None:
    assert len(CALLABLES) == 120
    assert str(signature_of("notice_error")).startswith("(error=None, attributes=None")


@pytest.mark.parametrize("name", CALLABLES)
def test_each_callable_takes_the_agents_arguments(name: str) -> None:
    here = inspect.signature(getattr(agent, name), follow_wrapped=False)
    for args, kwargs in calls(signature_of(name)):
        here.bind(*args, **kwargs)


def test_they_are_public_and_typed() -> None:
    assert set(CALLABLES) <= set(agent.__all__)
    assert all(hasattr(agent, name) for name in agent.__all__)
    assert set(agent.__all__) & set(weighbridge.__all__) == set(weighbridge.__all__)


@pytest.mark.parametrize("name", sorted(set(weighbridge.__all__) - ITS_OWN))
def test_shared_names_are_the_same_objects(name: str) -> None:
    assert getattr(agent, name) is getattr(weighbridge, name)


def work(number: int = 1) -> int:
    return number + 1


REAL = {*wrapping.__all__, *messages.__all__}
"""Names that act, which are tried in files of their own."""

DECORATORS = [
    name
    for name in CALLABLES
    if not hasattr(weighbridge, name) and type(getattr(agent, name)) is pass_through.Decorator
]
WRAPPERS = [name for name in CALLABLES if not hasattr(weighbridge, name) and name.endswith(("Wrapper", "Proxy"))]
WRAPPERS = [name for name in WRAPPERS if name not in REAL]
BLOCKS = [
    name for name in CALLABLES if inspect.isclass(getattr(agent, name)) and hasattr(getattr(agent, name), "__exit__")
]
BLOCKS = [name for name in BLOCKS if not hasattr(weighbridge, name) and name not in REAL]
PATCHES = [name for name in CALLABLES if name.startswith("wrap_") and not hasattr(weighbridge, name)]
PATCHES = [name for name in PATCHES if name not in REAL]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    """The log lines so far, each matter as if it came up for the first time."""
    log._logged.clear()
    caplog.set_level(logging.INFO, "weighbridge")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "weighbridge"]


def once(name: str) -> list[str]:
    return [f"weighbridge.agent.{name} changes nothing: it is there so that the program runs"]


def test_every_kind_is_there() -> None:
    assert (len(DECORATORS), len(WRAPPERS), len(BLOCKS), len(PATCHES)) == (10, 8, 7, 9)
    assert set(CALLABLES) >= REAL


@pytest.mark.parametrize("name", DECORATORS)
def test_decorators_give_back_the_function(name: str, lines: Any) -> None:
    for _ in range(2):
        assert getattr(agent, name)("shop", "name")(work) is work
    assert lines() == once(name)


@pytest.mark.parametrize("name", WRAPPERS)
def test_wrappers_give_back_what_they_are_given(name: str, lines: Any) -> None:
    wrapper = getattr(agent, name)
    assert wrapper(work, "name") is work
    assert type("Derived", (wrapper,), {})(work) is work
    assert lines()[:1] == once(name)


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_run_and_let_exceptions_pass(name: str, lines: Any) -> None:
    block = getattr(agent, name)
    with block("shop", "name") as entered:
        assert entered is not None
    error = ValueError("of the program")
    with pytest.raises(ValueError, match="of the program") as caught, block("shop", "name"):
        raise error
    assert caught.value is error
    assert lines() == once(name)


@pytest.mark.parametrize("name", PATCHES)
def test_what_is_to_be_wrapped_in_its_place_stays(name: str, lines: Any) -> None:
    namespace = type("Namespace", (), {"work": staticmethod(work)})
    assert getattr(agent, name)(namespace, "work", work) is None
    assert namespace.work is work
    assert lines() == once(name)


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("accept_distributed_trace_headers", ({},), None),
        ("add_custom_span_attribute", ("key", 1), None),
        ("add_framework_info", ("shop", "1.0"), None),
        ("current_span_id", (), None),
        ("current_trace", (), None),
        ("current_trace_id", (), None),
        ("disable_browser_autorum", (), None),
        ("get_browser_timing_header", (), ""),
        ("get_browser_timing_footer", (), ""),
        ("insert_html_snippet", (b"<html>", lambda: b"x"), b"<html>"),
        ("record_llm_feedback_event", ("id", 1), None),
        ("record_log_event", ("sold",), None),
        ("record_ml_event", ("Guess", {}), None),
        ("register_data_source", (work,), None),
        ("register_database_client", (logging, "SQLite"), None),
        ("set_error_group_callback", (work,), None),
        ("set_llm_token_count_callback", (work,), None),
        ("set_user_id", ("7",), None),
        ("verify_body_exists", (b"<body>",), None),
    ],
)
def test_the_others_give_what_a_switched_off_agent_gives(
    name: str, args: tuple[Any, ...], expected: object, lines: Any
) -> None:
    assert getattr(agent, name)(*args) == expected
    assert lines() == once(name)


def test_headers_are_not_touched() -> None:
    headers = [("Accept", "*/*")]
    agent.insert_distributed_trace_headers(headers)
    assert headers == [("Accept", "*/*")]


def test_settings_of_ones_own_are_the_defaults() -> None:
    assert agent.extra_settings("import-hook:shop", defaults={"deep": True}).deep is True


def test_a_path_is_resolved() -> None:
    assert agent.resolve_path("logging", "Logger.info") == (logging.Logger, "info", logging.Logger.info)


def test_a_name_with_another_separator() -> None:
    assert agent.callable_name(work).endswith(":work")
    assert agent.callable_name(work, separator="/").endswith("/work")


def test_an_application_need_not_be_activated() -> None:
    assert agent.application("shop", activate=False) == weighbridge.application("shop")


def test_a_program_of_the_agents_users_runs(captured_transactions: Any, lines: Any) -> None:
    """Traces within a transaction change nothing of it."""

    @agent.background_task(name="nightly", group="Python/Jobs")
    @agent.function_trace()
    def nightly() -> int:
        with agent.FunctionTrace("inner"):
            agent.record_custom_metric("Custom/Rows", 5)
            agent.add_custom_attribute("rows", 5)
            try:
                raise ValueError("noticed")
            except ValueError:
                agent.notice_error(application=agent.application())
        return 5

    assert nightly() == 5
    (transaction,) = captured_transactions
    assert (transaction.path, transaction.failed) == ("OtherTransaction/Python/Jobs/nightly", True)
    assert transaction.attributes == {"rows": 5}
    assert len(lines()) == 3
