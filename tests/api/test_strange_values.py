"""Values that fail when they are read: no call of the API raises, and the transaction is recorded all the same."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.utils.functional import SimpleLazyObject

import weighbridge
from weighbridge.testing import capture_transactions


class _Object:
    pass


def lazy() -> Any:
    def load() -> None:
        raise SynchronousOnlyOperation("not in an async context")

    return SimpleLazyObject(load)


def dead() -> Any:
    gone = _Object()
    return weakref.proxy(gone)


class NoClass:
    @property
    def __class__(self) -> Any:
        raise ValueError("no class")


class NoLength(str):
    __slots__ = ()

    def __len__(self) -> int:
        raise RuntimeError("no length")


VALUES: dict[str, Callable[[], Any]] = {
    "lazy": lazy,
    "dead": dead,
    "no class": NoClass,
    "no length": lambda: NoLength("text"),
    "a list": lambda: [1],
    "text": lambda: "text",
}
CALLS: dict[str, Callable[[Any], Any]] = {
    "set_transaction_name": lambda value: weighbridge.set_transaction_name(value, value, value),
    "set_background_task": weighbridge.set_background_task,
    "suppress_apdex_metric": weighbridge.suppress_apdex_metric,
    "suppress_transaction_trace": weighbridge.suppress_transaction_trace,
    "capture_request_params": weighbridge.capture_request_params,
    "add_custom_attribute": lambda value: weighbridge.add_custom_attribute(value, value),
    "add_custom_attributes": weighbridge.add_custom_attributes,
    "notice_error": lambda value: weighbridge.notice_error(expected=value, ignore=value, attributes=value),
    "application": weighbridge.application,
}
BLOCKS: dict[str, Callable[[Any], Any]] = {
    "name": lambda value: weighbridge.BackgroundTask(name=value, group=value),
    "application": lambda value: weighbridge.BackgroundTask(application=value, name="job"),
    "path": lambda value: weighbridge.WebTransaction(request_path=value, request_method=value),
    "headers": lambda value: weighbridge.WebTransaction(name="page", headers=value),
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("call", CALLS)
def test_a_call_does_not_raise(call: str, value: str, mistakes: list[str]) -> None:
    with capture_transactions() as recorded, weighbridge.BackgroundTask(name="job"):
        try:
            raise LookupError("the program's own")
        except LookupError:
            CALLS[call](VALUES[value]())
    assert len(recorded) == 1
    assert all("ReferenceError" in mistake for mistake in mistakes)  # no code of the program's ran: it is said as ours
    mistakes.clear()


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_is_recorded(block: str, value: str) -> None:
    with capture_transactions() as recorded, BLOCKS[block](VALUES[value]()):
        pass
    assert len(recorded) == 1
