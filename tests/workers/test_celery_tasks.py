"""Tasks of Celery with classes and messages of other kinds than usual; run eagerly, so without a broker."""

from __future__ import annotations

from functools import partial, partialmethod
from typing import Any

import pytest
from celery import Celery, Task

import weighbridge.jobs.celery
from weighbridge.testing import capture_transactions

pytestmark = pytest.mark.usefixtures("own_celery_tasks")


class Bound:
    """A descriptor that gives no method."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else partial(self.function, instance)


class WithPartial(Task):  # type: ignore[misc]
    def call(self, _flag: bool, *args: Any, **kwargs: Any) -> Any:
        return self.run(*args, **kwargs)

    __call__ = partialmethod(call, True)


class WithDescriptor(Task):  # type: ignore[misc]
    __call__ = Bound(lambda self, *args, **kwargs: self.run(*args, **kwargs))


def negate(number: int) -> int:
    return -number


def app_with(base: Any = None) -> Any:
    app: Any = weighbridge.jobs.celery.measure(Celery("shop", broker="memory://", set_as_current=False))
    app.task(negate, name="negate", **({"base": base} if base else {}))
    return app


@pytest.mark.parametrize("base", [WithPartial, WithDescriptor])
def test_a_call_that_is_no_plain_method_is_made(base: Any) -> None:
    with capture_transactions() as captured:
        assert app_with(base).tasks["negate"].apply([1]).get() == -1
    assert [(one.name, one.outcome) for one in captured] == [("negate", "succeeded")]


@pytest.mark.parametrize(("retries", "attempt"), [("1", 1), (-3, 1), (2.5, 1), (None, 1), (2, 3)])
def test_a_number_of_retries_that_is_none_hides_no_run(retries: Any, attempt: int) -> None:
    with capture_transactions() as captured:
        assert app_with().tasks["negate"].apply([1], retries=retries).get() == -1
    assert [one.attributes.get("task.attempt") for one in captured] == [attempt]
