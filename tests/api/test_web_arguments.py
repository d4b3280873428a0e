"""The arguments of a web transaction are the same in all of its forms, and each of them means the same."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import weighbridge
import weighbridge.agent
from weighbridge.testing import capture_transactions
from weighbridge.transactions.wrappers.web import web_transaction

FORMS: dict[str, tuple[Callable[..., Any], list[str], list[str]]] = {
    "WebTransaction": (weighbridge.WebTransaction.__init__, ["self"], []),
    "WebTransactionWrapper": (weighbridge.WebTransactionWrapper, ["wrapped"], []),
    "wrap_web_transaction": (weighbridge.wrap_web_transaction, ["module", "object_path"], []),
    "agent.WebTransaction": (weighbridge.agent.WebTransaction.__init__, ["self"], ["enabled", "source"]),
}
"""Each form with the arguments of its own that come before and after."""

GIVEN: dict[str, Any] = {
    "application": "shop",
    "name": "named",
    "group": "grouped",
    "scheme": "https",
    "host": "example.org",
    "port": 8443,
    "request_method": "PATCH",
    "request_path": "/path",
    "query_string": "color=red",
    "headers": {"X-Request-Start": f"t={time.time() - 5:.3f}"},
}
REFERENCE = list(inspect.signature(web_transaction).parameters.values())


def work() -> None:
    """What is measured."""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    made = ModuleType("a_module_with_work")
    made.work = work  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made


@pytest.mark.parametrize("form", FORMS)
def test_the_forms_have_the_same_arguments(form: str) -> None:
    function, before, after = FORMS[form]
    parameters = list(inspect.signature(function).parameters.values())
    names = [parameter.name for parameter in parameters]
    assert names == [*before, *GIVEN, *after]
    ours = parameters[len(before) : len(before) + len(GIVEN)]
    assert [parameter.replace(annotation="") for parameter in ours] == [
        parameter.replace(annotation="") for parameter in REFERENCE
    ]
    declared = [parameter.annotation for parameter in ours[1:]]  # the decorator's first may be what is decorated
    assert declared == [parameter.annotation for parameter in REFERENCE[1:]]


def called_by(form: str, module: Any) -> None:
    """Measure one call with all arguments by position, as each form passes them on by position."""
    if form == "web_transaction":
        web_transaction(*GIVEN.values())(work)()
    elif form == "WebTransactionWrapper":
        weighbridge.WebTransactionWrapper(work, *GIVEN.values())()
    elif form == "wrap_web_transaction":
        weighbridge.wrap_web_transaction(module, "work", *GIVEN.values())
        module.work()
    else:
        owner: Any = weighbridge.agent if form.startswith("agent") else weighbridge
        with owner.WebTransaction(*GIVEN.values()):
            work()


@pytest.mark.parametrize("form", [*FORMS, "web_transaction"])
def test_each_argument_arrives_where_it_belongs(form: str, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_CAPTURE_PARAMS", "true")
    monkeypatch.setenv("WEIGHBRIDGE_MAX_QUEUE_TIME", "3600")  # of a machine as busy as it likes
    with capture_transactions() as captured:
        called_by(form, module)
    (transaction,) = captured
    assert (transaction.application, transaction.path) == ("shop", "WebTransaction/grouped/named")
    kept = dict(transaction.attributes)
    assert kept.pop("request.queue_time") >= 5
    assert {name: value for name, value in kept.items() if name.startswith("request.")} == {
        "request.scheme": "https",
        "request.host": "example.org",
        "request.port": 8443,
        "request.method": "PATCH",
        "request.path": "/path",
        "request.parameters.color": "red",
    }
