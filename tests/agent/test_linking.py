"""Log lines as the agent writes them: one line of JSON each, with what links them to a transaction."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

import weighbridge
from weighbridge import agent
from weighbridge.transactions import configuration
from weighbridge.transactions.model.process_state import process_state

KEYS = {
    *("timestamp", "message", "log.level", "logger.name", "thread.id", "thread.name", "process.id", "process.name"),
    *("file.name", "line.number", "entity.type", "entity.name", "entity.guid", "hostname"),
}


def written(record: logging.LogRecord, **options: Any) -> dict[str, Any]:
    """The record as the formatter writes it."""
    line = agent.NewRelicContextFormatter("%(message)s", datefmt=None, **options).format(record)
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def record(message: str = "sold %d", args: tuple[Any, ...] = (3,), **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("shop", logging.INFO, "/srv/shop.py", 7, message, args, more.pop("exc_info", None))
    vars(made).update(more)
    return made


class Unprintable:
    def __repr__(self) -> str:
        raise ValueError


def test_a_line_has_the_agents_keys() -> None:
    found = written(record())
    assert set(found) == KEYS
    assert (found["message"], found["log.level"], found["logger.name"]) == ("sold 3", "INFO", "shop")
    assert (found["file.name"], found["line.number"]) == ("/srv/shop.py", 7)
    assert (found["entity.type"], found["entity.name"]) == ("SERVICE", "Python Application")
    assert isinstance(found["timestamp"], int)


def test_within_a_transaction_it_links_to_that() -> None:
    with agent.BackgroundTask("stock", name="job") as job:
        found = written(record())
    assert (found["trace.id"], found["span.id"], found["entity.name"]) == (job.trace_id, job.guid, "stock")
    assert set(found) == KEYS | {"trace.id", "span.id"}


def test_what_the_program_adds_is_written_whatever_it_is() -> None:
    found = written(record(order=7, basket=[1, {"a": object()}], broken=Unprintable(), none=None))
    assert (found["extra.order"], found["extra.none"]) == (7, None)
    assert found["extra.basket"][1]["a"].startswith("<object object at")
    assert found["extra.broken"] == "<unprintable Unprintable object>"


@pytest.mark.parametrize("limit", [0, 1, None])
def test_an_exception_and_its_traceback(limit: int | None) -> None:
    try:
        raise KeyError("missing")
    except KeyError:
        found = written(record(exc_info=sys.exc_info()), stack_trace_limit=limit)
    assert (found["error.class"], found["error.message"]) == ("builtins:KeyError", "'missing'")
    assert ("error.stack_trace" in found) is (limit != 0)


def test_a_derived_formatter_adds_to_what_is_written() -> None:
    class Formatter(agent.NewRelicContextFormatter):
        @classmethod
        def log_record_to_dict(cls, record: logging.LogRecord, stack_trace_limit: int | None = 0) -> dict[str, Any]:
            return {**super().log_record_to_dict(record, stack_trace_limit), "service": "shop"}

        @classmethod
        def format_exc_info(cls, exc_info: Any, stack_trace_limit: int | None = 0) -> dict[str, Any]:
            return {**super().format_exc_info(exc_info, stack_trace_limit), "error.retried": True}

    error = KeyError("missing")
    found = json.loads(Formatter().format(record(exc_info=(KeyError, error, None))))
    assert (found["service"], found["error.retried"], found["error.class"]) == ("shop", True, "builtins:KeyError")


def test_messages_are_stripped_where_the_settings_say_so() -> None:
    try:
        agent.global_settings().strip_exception_messages.enabled = True
        try:
            raise KeyError("IBAN DE89")
        except KeyError:
            found = written(record(exc_info=sys.exc_info()), stack_trace_limit=None)
    finally:
        configuration.reset()
        process_state.reset()
    assert "DE89" not in json.dumps(found)
    assert found["error.class"] == "builtins:KeyError"


def test_a_line_break_stays_within_the_line() -> None:
    assert written(record("one\ntwo\u2028three é", ()))["message"] == "one\ntwo\u2028three é"


def test_metadata_of_an_application() -> None:
    first, second = (agent.get_linking_metadata(weighbridge.application(name)) for name in ("shop", "stock"))
    assert (first["entity.name"], second["entity.name"]) == ("shop", "stock")
    assert first["entity.guid"] != second["entity.guid"]
    assert first == agent.get_linking_metadata(agent.application("shop"))
