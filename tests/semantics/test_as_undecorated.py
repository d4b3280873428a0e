"""What is decorated behaves as it does undecorated, whatever it is, and each of its calls is measured.

The cases are in `decorated_functions` and `decorated_classes`: each is made
without a decorator and with one, and what can be seen of it is compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from weighbridge import BackgroundTask, FinishedTransaction, background_task, transaction_name, web_transaction

from . import decorated_classes, decorated_functions

Finished = list[FinishedTransaction]

CASES = {**decorated_functions.CASES, **decorated_classes.CASES}

FORMS: dict[str, Callable[[Any], Any]] = {
    "without parentheses": background_task,
    "with parentheses": background_task(),
    "with arguments": background_task("shop", name=lambda *args, **kwargs: "named", group="Group"),
    "web": web_transaction,
    "both": lambda wrapped: background_task(web_transaction(wrapped)),
    "transaction name": transaction_name(),
}

pytestmark = pytest.mark.filterwarnings("ignore:functools.partial will be a method descriptor:FutureWarning")


def described(seen: Any) -> str:
    """What was seen, without the addresses of objects."""
    return re.sub(r"0x[0-9a-f]+", "0x", repr(seen))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CASES)
def test_nothing_is_to_be_seen_of_a_decorator(name: str, form: str) -> None:
    make, _ = CASES[name]
    undecorated = described(make(lambda wrapped: wrapped))
    with BackgroundTask(name="around"):
        assert described(make(FORMS[form])) == undecorated


@pytest.mark.parametrize("name", CASES)
def test_each_call_is_measured(name: str, finished: Finished) -> None:
    make, calls = CASES[name]
    make(background_task)
    assert len(finished) == calls, [transaction.name for transaction in finished]
