"""What links log lines with a transaction: metadata, and a formatter that writes it as the agent does."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from hashlib import blake2b
from types import TracebackType
from typing import Any, Final

import weighbridge
from weighbridge.agent.transactions import trace_ids
from weighbridge.transactions.configuration.in_force import in_force
from weighbridge.transactions.host_exceptions import pass_on_signals
from weighbridge.transactions.model.errors import STRIPPED
from weighbridge.transactions.model.naming import class_name
from weighbridge.transactions.model.process_state import process_state

__all__ = [
    "NewRelicContextFormatter",
    "get_linking_metadata",
    "get_service_linking_metadata",
    "get_trace_linking_metadata",
]


def get_linking_metadata(application: weighbridge.Application | None = None) -> dict[str, str]:
    """Return what links a log line with the service, and with the current transaction if there is one."""
    return get_service_linking_metadata(application) | get_trace_linking_metadata()


def get_service_linking_metadata(
    application: weighbridge.Application | None = None, settings: Any = None
) -> dict[str, str]:
    """Return the part of `get_linking_metadata` that is the same in all transactions of an application."""
    transaction = weighbridge.current_transaction()
    found = application or (weighbridge.application() if transaction is None else transaction.application)
    guid = blake2b(found.name.encode("utf-8", "replace"), digest_size=16).hexdigest()
    return {"entity.type": "SERVICE", "entity.name": found.name, "entity.guid": guid, "hostname": os.uname().nodename}


def get_trace_linking_metadata() -> dict[str, str]:
    """Return the identifiers of the current transaction."""
    transaction = weighbridge.current_transaction()
    if transaction is None:
        return {}
    guid, trace_id = trace_ids(transaction)
    return {"span.id": guid, "trace.id": trace_id}


_STANDARD: Final = frozenset((*vars(logging.makeLogRecord({})), "asctime", "message"))
"""Attributes of every log record; the others are the program's own."""

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class NewRelicContextFormatter(logging.Formatter):
    """Formats a log record as one line of JSON, with what links it to the current transaction.

    Args:
        args: accepted and not used.
        stack_trace_limit: frames of a traceback that are written; ``None`` writes all, 0 no traceback.
        kwargs: accepted and not used.
    """

    def __init__(self, *args: Any, stack_trace_limit: int | None = 0, **kwargs: Any) -> None:
        super().__init__()
        self._stack_trace_limit = stack_trace_limit

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        parts = self.log_record_to_dict(record, self._stack_trace_limit)
        return json.dumps(parts, default=_text_of, separators=(",", ":"))

    @classmethod
    def log_record_to_dict(cls, record: logging.LogRecord, stack_trace_limit: int | None = 0) -> dict[str, Any]:
        """Return what is written of a log record; formatters that are derived from this one add to it."""
        parts: dict[str, Any] = {
            "timestamp": int(record.created * 1000),
            "message": record.getMessage(),
            "log.level": record.levelname,
            "logger.name": record.name,
            "thread.id": record.thread,
            "thread.name": record.threadName,
            "process.id": record.process,
            "process.name": record.processName,
            "file.name": record.pathname,
            "line.number": record.lineno,
            **get_linking_metadata(),
        }
        for name, value in vars(record).items():
            if name not in _STANDARD:
                parts[f"extra.{name}"] = value
        if record.exc_info:
            parts.update(cls.format_exc_info(record.exc_info, stack_trace_limit))
        return parts

    @classmethod
    def format_exc_info(cls, exc_info: Any, stack_trace_limit: int | None = 0) -> dict[str, Any]:
        """Return class, message and traceback of an exception, as far as the settings allow them."""
        found: _ExcInfo = sys.exc_info() if exc_info is True else exc_info or (None, None, None)
        if found[1] is None:
            return {}
        name = class_name(type(found[1]))
        allowed = process_state.try_load() and in_force.privacy.keeps_message(name)
        error = {"error.class": name, "error.message": _text_of(found[1], str) if allowed else STRIPPED}
        if stack_trace_limit != 0 and allowed:
            lines = traceback.format_exception(*found, limit=stack_trace_limit)
            error["error.stack_trace"] = "".join(lines)
        return error


def _text_of(value: Any, show: Any = repr) -> str:
    """Return an object of the program's as text; showing it runs the program's code, which may raise."""
    try:
        return str(show(value))
    except Exception as failure:
        pass_on_signals(failure)
        return f"<unprintable {type(value).__name__} object>"
