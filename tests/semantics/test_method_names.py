"""Section 1: an inherited method is named by the class of the instance, as every subclass is a job of its own."""

from __future__ import annotations

import asyncio
import functools
import gc
import pickle
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import wrapt

from weighbridge import (
    BackgroundTaskWrapper,
    FinishedTransaction,
    WebTransaction,
    background_task,
    transaction_name,
    web_transaction,
    wrap_background_task,
)

Finished = list[FinishedTransaction]
Paths = Callable[[], list[str]]

HERE = __name__


@wrapt.decorator
def untouched(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    return wrapped(*args, **kwargs)


class Job:
    @background_task
    def run(self) -> str:
        return type(self).__name__

    @background_task()
    @classmethod
    def of_the_class(cls) -> str:
        return cls.__name__

    @classmethod
    @background_task
    def of_the_class_inside(cls) -> str:
        return cls.__name__

    @background_task
    @staticmethod
    def static(argument: Any = None) -> str:
        return "static"

    @staticmethod
    @background_task
    def static_inside(argument: Any = None) -> str:
        return "static"

    @background_task
    @property
    def item(self) -> str:
        return type(self).__name__

    @background_task
    async def coroutine(self) -> str:
        return type(self).__name__

    @background_task
    def generator(self) -> Iterator[str]:
        yield type(self).__name__

    @background_task
    @untouched
    def wrapped(self) -> str:
        return type(self).__name__

    @background_task
    @functools.lru_cache  # noqa: B019
    def cached(self) -> str:
        return type(self).__name__

    @background_task(group="Mail")
    def grouped(self) -> str:
        return type(self).__name__

    @background_task(name="named")
    def named(self) -> str:
        return type(self).__name__

    @background_task(name=lambda self: 1 / 0)
    def misnamed(self) -> str:
        return type(self).__name__

    @web_transaction
    def page(self) -> str:
        return type(self).__name__


class SendMail(Job):
    pass


class SendInvoice(SendMail):
    def run(self) -> str:
        return super().run()


class Outer:
    class Inner(Job):
        pass


def calls_of(job: Any) -> dict[str, Callable[[], Any]]:
    return {
        "run": job.run,
        "of_the_class": job.of_the_class,
        "of_the_class_inside": job.of_the_class_inside,
        "item": lambda: job.item,
        "coroutine": lambda: asyncio.run(job.coroutine()),
        "generator": lambda: next(iter(list(job.generator()))),
        "wrapped": job.wrapped,
        "cached": job.cached,
        "grouped": job.grouped,
        "misnamed": job.misnamed,
        "page": job.page,
    }


@pytest.mark.parametrize("name", calls_of(Job()))
def test_each_class_is_a_job_of_its_own(name: str, finished: Finished) -> None:
    classes = [Job, SendMail, SendInvoice, Outer.Inner, SendMail]
    for cls in classes:
        assert calls_of(cls())[name]() == cls.__name__
    assert [transaction.name for transaction in finished] == [f"{HERE}:{cls.__qualname__}.{name}" for cls in classes]
    assert {transaction.group for transaction in finished} == {"Mail" if name == "grouped" else "Function"}


def test_called_on_the_class(finished: Finished) -> None:
    SendMail.of_the_class()
    SendInvoice.of_the_class_inside()
    Job.run(SendMail())
    assert [transaction.name for transaction in finished] == [
        f"{HERE}:{name}" for name in ("SendMail.of_the_class", "SendInvoice.of_the_class_inside", "SendMail.run")
    ]


def test_a_staticmethod_and_a_given_name_are_the_same_for_all(finished: Finished) -> None:
    for cls in (Job, SendMail):
        cls.static(SendMail())
        cls().static_inside(SendInvoice())
        cls.static_inside("text")
        cls().named()
    assert [transaction.name for transaction in finished] == [
        f"{HERE}:Job.static",
        f"{HERE}:Job.static_inside",
        f"{HERE}:Job.static_inside",
        "named",
    ] * 2


def test_what_only_looks_like_a_method(finished: Finished) -> None:
    """Functions within methods, functions of other classes, and those called with something else."""

    class Elsewhere:
        run = Job.run

        def method(self) -> None:
            @background_task
            def inner(argument: Any) -> None: ...

            inner(self)

    Elsewhere().run()
    Elsewhere().method()
    assert Job.run("text") == "str"  # type: ignore[arg-type]
    where = f"{HERE}:test_what_only_looks_like_a_method.<locals>.Elsewhere.method.<locals>.inner"
    assert [transaction.name for transaction in finished] == [f"{HERE}:Job.run", where, f"{HERE}:Job.run"]


def test_by_path_and_by_wrapper(finished: Finished) -> None:
    module = types.ModuleType("a_module")
    base = type("Base", (), {"run": lambda self: None})
    base.run.__qualname__, base.__module__ = "Base.run", HERE  # type: ignore[attr-defined]
    module.Base = base  # type: ignore[attr-defined]
    plain = base.run  # type: ignore[attr-defined]
    wrap_background_task(module, "Base.run")
    child = type("Child", (base,), {"__module__": HERE, "other": BackgroundTaskWrapper(plain)})
    child().run()
    child().other()
    BackgroundTaskWrapper(child().run.__wrapped__)(child())
    assert [transaction.name for transaction in finished] == [f"{HERE}:Child.run"] * 3


def test_naming_the_running_transaction(paths: Paths) -> None:
    class Step:
        @transaction_name()
        def run(self) -> None: ...

        @transaction_name
        @property
        def item(self) -> int:
            return 1

    class Second(Step):
        pass

    where = f"WebTransaction/Function/{HERE}:test_naming_the_running_transaction.<locals>"
    for cls in (Step, Second):
        with WebTransaction(name="page"):
            cls().run()
        with WebTransaction(name="page"):
            assert cls().item == 1
    assert paths() == [f"{where}.{name}" for name in ("Step.run", "Step.item", "Second.run", "Second.item")]


def test_a_web_request_is_named_by_its_path_all_the_same(paths: Paths) -> None:
    class Pages:
        @web_transaction(request_path=lambda self, path: path)
        def page(self, path: str) -> None: ...

    Pages().page("/feed")
    assert paths() == ["WebTransaction/Uri/feed"]


def test_classes_are_not_kept_alive(finished: Finished) -> None:
    made = type("Made", (Job,), {})
    made().run()
    made.of_the_class()
    gone = weakref.ref(made)
    del made
    gc.collect()
    assert gone() is None
    for _ in range(50):  # another one may be where it was
        type("Another", (Job,), {})().run()
        gc.collect()
    assert {transaction.name for transaction in finished[2:]} == {f"{HERE}:Another.run"}


class Pickled:
    def run(self) -> None: ...


def test_a_wrapped_method_pickles_with_its_naming(finished: Finished) -> None:
    measured = BackgroundTaskWrapper(Pickled.run)
    measured(Pickled())
    pickle.loads(pickle.dumps(measured))(type("Child", (Pickled,), {})())
    assert [transaction.name for transaction in finished] == [f"{HERE}:Pickled.run", f"{HERE}:Child.run"]
