"""Section 1: the four call forms of both families over everything that can be called."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
import importlib
import inspect
import multiprocessing
import pickle
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import weighbridge
from weighbridge import (
    BackgroundTask,
    BackgroundTaskWrapper,
    FinishedTransaction,
    TransactionNameWrapper,
    WebTransaction,
    WebTransactionWrapper,
    background_task,
    callable_name,
    current_transaction,
    transaction_name,
    web_transaction,
    wrap_background_task,
    wrap_transaction_name,
    wrap_web_transaction,
)

Paths = Callable[[], list[str]]
Finished = list[FinishedTransaction]

HERE = __name__


# What can be called: each calls `note` with the kind of transaction that it finds


noted: list[str | None] = []


@pytest.fixture(autouse=True)
def nothing_noted() -> None:
    noted.clear()


def note() -> str:
    transaction = current_transaction()
    noted.append(transaction and transaction.kind)
    return "answer"


def function(*args: Any, **kwargs: Any) -> str:
    """What it does."""
    return note()


async def coroutine_function(*args: Any, **kwargs: Any) -> str:
    await asyncio.sleep(0)
    return note()


def generator_function(*args: Any, **kwargs: Any) -> Iterator[str]:
    yield note()


async def async_generator_function(*args: Any, **kwargs: Any) -> AsyncIterator[str]:
    await asyncio.sleep(0)
    yield note()


class Class:
    """A class, and all that can be found in one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        note()

    def method(self, *args: Any, **kwargs: Any) -> str:
        assert isinstance(self, Class)
        return note()

    @classmethod
    def classmethod(cls, *args: Any, **kwargs: Any) -> str:
        assert issubclass(cls, Class)
        return note()

    @staticmethod
    def staticmethod(*args: Any, **kwargs: Any) -> str:
        return note()

    async def coroutine_method(self, *args: Any, **kwargs: Any) -> str:
        return note()

    def generator_method(self, *args: Any, **kwargs: Any) -> Iterator[str]:
        yield note()


class Child(Class):
    pass


class Instance:
    """Its instances can be called."""

    attribute = 7

    def __call__(self, *args: Any, **kwargs: Any) -> str:
        return note()


class AsyncInstance:
    async def __call__(self, *args: Any, **kwargs: Any) -> str:
        return note()


def outcome(result: Any) -> Any:
    """Run to its end what a call gave."""
    if inspect.iscoroutine(result):
        return asyncio.run(result)
    if inspect.isgenerator(result):
        return next(iter(list(result)))
    if inspect.isasyncgen(result):

        async def first() -> Any:
            (item,) = [item async for item in result]
            return item

        return asyncio.run(first())
    return result


def bare_instance() -> Class:
    made = Class()
    noted.clear()
    return made


CALLABLES: dict[str, tuple[Callable[[], Any], str]] = {
    "function": (lambda: function, f"{HERE}:function"),
    "coroutine function": (lambda: coroutine_function, f"{HERE}:coroutine_function"),
    "generator function": (lambda: generator_function, f"{HERE}:generator_function"),
    "async generator function": (lambda: async_generator_function, f"{HERE}:async_generator_function"),
    "bound method": (lambda: bare_instance().method, f"{HERE}:Class.method"),
    "bound method of a child": (lambda: Child().method, f"{HERE}:Child.method"),
    "bound coroutine method": (lambda: bare_instance().coroutine_method, f"{HERE}:Class.coroutine_method"),
    "bound generator method": (lambda: bare_instance().generator_method, f"{HERE}:Class.generator_method"),
    "classmethod": (lambda: Class.classmethod, f"{HERE}:Class.classmethod"),
    "classmethod of a child": (lambda: Child.classmethod, f"{HERE}:Child.classmethod"),
    "staticmethod": (lambda: Class.staticmethod, f"{HERE}:Class.staticmethod"),
    "class": (lambda: Class, f"{HERE}:Class"),
    "callable instance": (Instance, f"{HERE}:Instance"),
    "async callable instance": (AsyncInstance, f"{HERE}:AsyncInstance"),
    "partial": (lambda: functools.partial(function, 1), f"{HERE}:function"),
    "partial of a partial": (lambda: functools.partial(functools.partial(function, 1), 2), f"{HERE}:function"),
    "partial of a coroutine function": (lambda: functools.partial(coroutine_function, 1), f"{HERE}:coroutine_function"),
    "partial of a generator function": (lambda: functools.partial(generator_function, 1), f"{HERE}:generator_function"),
    "lambda": (lambda: lambda *_, **__: note(), f"{HERE}:<lambda>.<locals>.<lambda>"),
}

FAMILIES = {
    "background": (background_task, BackgroundTaskWrapper, wrap_background_task, BackgroundTask),
    "web": (web_transaction, WebTransactionWrapper, wrap_web_transaction, WebTransaction),
}
TYPES = {"background": "OtherTransaction", "web": "WebTransaction"}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=CALLABLES)
def described(request: pytest.FixtureRequest) -> tuple[Any, str]:
    make, name = CALLABLES[request.param]
    return make(), name


def check(call: Any, family: str, name: str, paths: Paths) -> None:
    noted.clear()
    result = outcome(call("argument", key="word"))
    assert result == "answer" or isinstance(result, Class)
    assert noted == [family]
    assert paths() == [f"{TYPES[family]}/Function/{name}"]


def test_the_decorator_without_parentheses(family: str, described: tuple[Any, str], paths: Paths) -> None:
    check(FAMILIES[family][0](described[0]), family, described[1], paths)


def test_the_decorator_with_parentheses(family: str, described: tuple[Any, str], paths: Paths) -> None:
    check(FAMILIES[family][0]()(described[0]), family, described[1], paths)


def test_the_wrapper(family: str, described: tuple[Any, str], paths: Paths) -> None:
    check(FAMILIES[family][1](described[0]), family, described[1], paths)


def test_the_path(family: str, described: tuple[Any, str], paths: Paths) -> None:
    module = ModuleType("a_module")
    module.found = described[0]  # type: ignore[attr-defined]
    FAMILIES[family][2](module, "found")
    check(module.found, family, described[1], paths)  # type: ignore[attr-defined]


def test_the_block(family: str, paths: Paths) -> None:
    with FAMILIES[family][3](name="block"):
        note()
    assert (noted, paths()) == ([family], [f"{TYPES[family]}/Function/block"])


def test_all_arguments_are_used_by_every_form(family: str, finished: Finished) -> None:
    decorator, wrapper, wrap_path, block = FAMILIES[family]
    arguments = {"application": "front;all", "name": "named", "group": "Python/Group"}
    module = ModuleType("a_module")
    module.found = function  # type: ignore[attr-defined]
    decorator(**arguments)(function)()  # type: ignore[arg-type]
    wrapper(function, **arguments)()  # type: ignore[arg-type]
    wrap_path(module, "found", **arguments)  # type: ignore[arg-type]
    module.found()  # type: ignore[attr-defined]
    with block(**arguments):  # type: ignore[arg-type]
        pass
    assert [transaction.path for transaction in finished] == [f"{TYPES[family]}/Python/Group/named"] * 4
    assert {(transaction.application, transaction.linked_applications) for transaction in finished} == {
        ("front", ("all",))
    }


# Methods where they are written


def decorated_class(decorator: Any) -> Any:
    class Decorated:
        @decorator
        def method(self) -> str:
            assert isinstance(self, Decorated)
            return note()

        @decorator
        @classmethod
        def outer(cls) -> str:
            assert issubclass(cls, Decorated)
            return note()

        @classmethod
        @decorator
        def inner(cls) -> str:
            assert issubclass(cls, Decorated)
            return note()

        @decorator
        @staticmethod
        def static_outer() -> str:
            return note()

        @staticmethod
        @decorator
        def static_inner() -> str:
            return note()

        @property
        @decorator
        def property(self) -> str:
            return note()

        @decorator
        async def coroutine_method(self) -> str:
            return note()

        @decorator
        def generator_method(self) -> Iterator[str]:
            yield note()

    return Decorated


@pytest.mark.parametrize("parentheses", [False, True])
def test_methods_of_all_sorts(family: str, parentheses: bool, finished: Finished) -> None:
    decorator: Any = FAMILIES[family][0]
    cls = decorated_class(decorator() if parentheses else decorator)
    child = type("Child", (cls,), {})
    names = ["method", "outer", "inner", "static_outer", "static_inner", "coroutine_method", "generator_method"]
    for owner in (cls, child):
        for name in names:
            assert outcome(getattr(owner(), name)()) == "answer"
        for name in ("outer", "inner", "static_outer", "static_inner"):
            assert getattr(owner, name)() == "answer"
        assert owner.method(owner()) == "answer"
        assert owner().property == "answer"
    assert set(noted) == {family}
    where = f"{HERE}:decorated_class.<locals>.Decorated."
    static = {where + name for name in ("static_outer", "static_inner")}
    named = {transaction.name for transaction in finished}
    assert {name for name in named if name.startswith(where)} == {where + name for name in [*names, "property"]}
    assert named - static == {
        prefix + name for prefix in (where, f"{HERE}:Child.") for name in [*names, "property"] if "static" not in name
    }


def test_methods_by_path(family: str, finished: Finished) -> None:
    module = ModuleType("a_module")
    cls = type("Cls", (Child,), {"own": function})
    module.Cls = cls  # type: ignore[attr-defined]
    for name in ("method", "classmethod", "staticmethod", "coroutine_method", "generator_method", "own"):
        FAMILIES[family][2](module, f"Cls.{name}")
        assert outcome(getattr(cls(), name)()) == "answer"
    assert cls.classmethod() == cls.staticmethod() == "answer"  # type: ignore[attr-defined]
    assert Class.classmethod() == "answer"
    assert [transaction.name for transaction in finished][:3] == [
        f"{HERE}:{name}" for name in ("Cls.method", "Cls.classmethod", "Class.staticmethod")
    ]
    assert len(finished) == 8


# What a wrapper keeps


def kinds_of(obj: Any) -> dict[str, bool]:
    names = ("iscoroutinefunction isgeneratorfunction isasyncgenfunction isfunction isclass ismethod isbuiltin").split()
    return {name: getattr(inspect, name)(obj) for name in names}


def test_kind_signature_and_names_are_kept(described: tuple[Any, str], family: str) -> None:
    wrapped = described[0]
    wrapper = FAMILIES[family][1](wrapped)
    assert kinds_of(wrapper) == kinds_of(wrapped)
    assert callable(wrapper)
    assert inspect.signature(wrapper) == inspect.signature(wrapped)
    assert asyncio.iscoroutinefunction(wrapper) == asyncio.iscoroutinefunction(wrapped)
    for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
        assert getattr(wrapper, attribute, None) == getattr(wrapped, attribute, None)
    assert callable_name(wrapper) == callable_name(wrapped) == described[1]
    assert wrapper.__wrapped__ == wrapped


def test_attributes_pass_through() -> None:
    instance = Instance()
    wrapper: Any = background_task(instance)
    assert wrapper.attribute == 7
    wrapper.attribute = 8
    assert instance.attribute == 8
    assert isinstance(wrapper, Instance)

    def with_attribute() -> None:
        pass

    with_attribute.attribute = 7  # type: ignore[attr-defined]
    assert background_task(with_attribute).attribute == 7  # type: ignore[attr-defined]
    partial = functools.partial(function, 1, key=2)
    measured = background_task(partial)
    assert (measured.func, measured.args, measured.keywords) == (function, (1,), {"key": 2})


@pytest.mark.filterwarnings("ignore:functools.partial will be a method descriptor:FutureWarning")
def test_what_does_not_bind_still_does_not() -> None:
    class Holder:
        instance = background_task(Instance())
        partial = background_task(functools.partial(lambda *arguments: arguments, 1))

    assert Holder().instance() == "answer"
    assert Holder().partial(2) == (1, 2)
    assert Holder.partial(2) == (1, 2)


def test_what_cannot_be_called_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="7"):
        BackgroundTaskWrapper(7)  # type: ignore[type-var]


# Decorated classes


@background_task
class Decorated:
    """A class that stays one."""

    def __init__(self, value: int, *, key: str = "x") -> None:
        note()
        self.value = value

    def __call__(self, argument: int) -> int:
        return argument


class Heir(Decorated):
    def __init__(self, other: str) -> None:
        super().__init__(1)
        self.other = other


class Undecorated:
    def __init__(self, value: int) -> None:
        self.value = value


def test_a_decorated_class_stays_a_class(paths: Paths) -> None:
    made = Decorated(3, key="y")
    assert isinstance(Decorated, type)
    assert isinstance(made, Decorated)
    assert type(made) is Decorated
    assert made.value == 3
    assert noted == ["background"]
    assert paths() == [f"OtherTransaction/Function/{HERE}:Decorated"]
    assert (Decorated.__name__, Decorated.__doc__) == ("Decorated", "A class that stays one.")
    assert str(inspect.signature(Decorated)) == "(value: 'int', *, key: 'str' = 'x') -> 'None'" or str(
        inspect.signature(Decorated)
    ).startswith("(value: 'int', *, key: 'str' = 'x')")


def test_its_instances_pickle_and_copy() -> None:
    made = Decorated(3)
    assert pickle.loads(pickle.dumps(made)).value == 3
    assert type(pickle.loads(pickle.dumps(made))) is Decorated
    assert copy.deepcopy(made).value == 3
    assert pickle.loads(pickle.dumps(Decorated)) is Decorated


def test_its_subclasses_are_measured_no_more(paths: Paths) -> None:
    made = Heir("other")
    assert (made.value, made.other, paths()) == (1, "other", [])
    assert str(inspect.signature(Heir)) in ("(other: 'str') -> 'None'", "(other: 'str')")
    assert not hasattr(Heir, "__wrapped__")
    assert pickle.loads(pickle.dumps(made)).other == "other"


def test_the_signature_of_its_instances_is_their_own() -> None:
    assert str(inspect.signature(Decorated(1))) == "(argument: 'int') -> 'int'"
    assert not hasattr(Decorated(1), "__wrapped__")


def test_a_class_under_another_name_pickles_as_class_and_arguments(paths: Paths) -> None:
    measured = BackgroundTaskWrapper(Undecorated)
    again = pickle.loads(pickle.dumps(measured))
    assert again(3).value == 3
    assert pickle.loads(pickle.dumps(measured(4))).value == 4
    assert len(paths()) == 2


def test_a_class_decorated_twice_asks_both(paths: Paths) -> None:
    measured = BackgroundTaskWrapper(WebTransactionWrapper(Undecorated, name="page"), name="job")
    measured(1)
    assert paths() == ["WebTransaction/Function/page", "OtherTransaction/Function/job"]
    measured = WebTransactionWrapper(BackgroundTaskWrapper(Undecorated, name="job"), name="page")
    measured(1)
    assert paths()[2:] == ["OtherTransaction/Function/job"]


def test_classes_of_other_metaclasses(paths: Paths) -> None:
    import abc
    import dataclasses
    import enum

    class Abstract(abc.ABC):
        @abc.abstractmethod
        def method(self) -> None: ...

    @background_task(name="data")
    @dataclasses.dataclass(frozen=True)
    class Data:
        value: int

    class Color(enum.Enum):
        RED = 1

    with pytest.raises(TypeError, match="abstract"):
        background_task(name="abstract")(Abstract)()
    assert Data(1) == Data(1)
    assert dataclasses.replace(Data(1), value=2).value == 2
    assert background_task(name="color")(Color)(1) is Color.RED
    assert background_task(name="range")(range)(3) == range(3)
    assert set(paths()) == {f"OtherTransaction/Function/{name}" for name in ("abstract", "data", "color", "range")}


# Pickling


@background_task
def decorated(value: int) -> int:
    return value * 2


@web_transaction(name="page")
async def async_decorated(value: int) -> int:
    return value * 2


def plain(value: int) -> int:
    return value * 2


beside = BackgroundTaskWrapper(plain, name="beside")
measured_partial = BackgroundTaskWrapper(functools.partial(plain, 2))
measured_instance = BackgroundTaskWrapper(Instance())
measured_builtin = BackgroundTaskWrapper(len)


@pytest.mark.parametrize("by_name", [decorated, async_decorated], ids=callable_name)
def test_where_the_modules_attribute_is_the_wrapper_it_pickles_by_name(by_name: Any) -> None:
    assert pickle.loads(pickle.dumps(by_name)) is by_name
    assert copy.copy(by_name) is by_name


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_else_as_what_it_wraps_and_how(protocol: int, paths: Paths) -> None:
    again = pickle.loads(pickle.dumps(beside, protocol))
    assert again is not beside
    assert (again(2), again.__wrapped__) == (4, plain)
    assert pickle.loads(pickle.dumps(measured_partial, protocol))() == 4
    assert pickle.loads(pickle.dumps(measured_instance, protocol))() == "answer"
    assert pickle.loads(pickle.dumps(measured_builtin, protocol))("abc") == 3
    assert paths() == [
        f"OtherTransaction/Function/{name}" for name in ("beside", f"{HERE}:plain", f"{HERE}:Instance", "builtins:len")
    ]


def test_a_bound_method_pickles(paths: Paths) -> None:
    method = pickle.loads(pickle.dumps(BackgroundTaskWrapper(bare_instance().method)))
    assert method() == "answer"
    assert paths() == [f"OtherTransaction/Function/{HERE}:Class.method"]


JOBS = """
    from functools import partial
    from weighbridge import BackgroundTaskWrapper, background_task, current_transaction

    def path():
        transaction = current_transaction()
        return transaction and transaction.path

    @background_task
    def decorated(value):
        return value, path()

    def plain(value):
        return value, path()

    @background_task(name="made")
    class Made:
        def __init__(self, value):
            self.made = value, path()
"""


def test_a_process_pool_can_be_given_measured_functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "semantics_jobs.py").write_text(textwrap.dedent(JOBS), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    jobs = importlib.import_module("semantics_jobs")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        answers = [
            pool.submit(jobs.decorated, 1).result(),
            pool.submit(BackgroundTaskWrapper(jobs.plain, name="beside"), 2).result(),
            pool.submit(background_task(functools.partial(jobs.plain, 3))).result(),
            pool.submit(jobs.Made, 4).result().made,
            *pool.map(jobs.decorated, [5]),
        ]
    sys.modules.pop("semantics_jobs")
    assert answers == [
        (1, "OtherTransaction/Function/semantics_jobs:decorated"),
        (2, "OtherTransaction/Function/beside"),
        (3, "OtherTransaction/Function/semantics_jobs:plain"),
        (4, "OtherTransaction/Function/made"),
        (5, "OtherTransaction/Function/semantics_jobs:decorated"),
    ]


# Names that are callables


def test_callable_names_get_the_calls_own_arguments(family: str, finished: Finished) -> None:
    decorator: Any = FAMILIES[family][0]

    @decorator(name=lambda first, *, key: f"{first}-{key}", group=lambda first, *, key: f"Python/{key}")
    def job(first: str, *, key: str) -> None:
        pass

    job("a", key="b")
    assert [transaction.path for transaction in finished] == [f"{TYPES[family]}/Python/b/a-b"]


def test_callable_names_get_the_instance_or_the_class_first(family: str, finished: Finished) -> None:
    decorator: Any = FAMILIES[family][0]

    def name(first: Any, argument: str) -> str:
        return f"{first}/{argument}"

    class Importer:
        def __str__(self) -> str:
            return "self"

        @decorator(name=name)
        def method(self, argument: str) -> None:
            pass

        @decorator(name=lambda cls, argument: f"{cls.__name__}/{argument}")
        @classmethod
        def outer(cls, argument: str) -> None:
            pass

        @classmethod
        @decorator(name=lambda cls, argument: f"{cls.__name__}/{argument}")
        def inner(cls, argument: str) -> None:
            pass

        @decorator(name=name)
        async def coroutine(self, argument: str) -> None:
            pass

        @decorator(name=name)
        def generator(self, argument: str) -> Iterator[int]:
            yield 1

        def plain(self, argument: str) -> None:
            pass

    importer = Importer()
    importer.method("a")
    importer.outer("b")
    Importer.inner("c")
    asyncio.run(importer.coroutine("d"))
    list(importer.generator("e"))
    FAMILIES[family][1](importer.plain, name=name)("f")
    decorator(name=lambda argument: argument)(Instance())("g")
    decorator(name=lambda argument: argument)(Undecorated)("h")
    assert [transaction.name for transaction in finished] == [
        "self/a",
        "Importer/b",
        "Importer/c",
        "self/d",
        "self/e",
        "self/f",
        "g",
        "h",
    ]


def test_they_are_evaluated_only_when_their_value_is_used(paths: Paths) -> None:
    asked: list[str] = []

    def name(*_: Any) -> str:
        asked.append("name")
        return "asked"

    job = background_task(name=name, group=name)(function)
    page = web_transaction(name=name, group=name)(function)
    with BackgroundTask(name="outer"):
        job()
    with WebTransaction(name="page"):
        weighbridge.set_transaction_name("kept", priority=2)
        page()
        job()
    assert (asked, paths()) == ([], ["OtherTransaction/Function/outer", "OtherTransaction/Function/kept"])


@pytest.mark.parametrize("what", ["name", "group"])
def test_a_raising_name_is_logged_once_and_the_call_still_runs(
    family: str, what: str, finished: Finished, log_lines: list[str]
) -> None:
    def raising(*_: Any) -> str:
        raise RuntimeError("no name today")

    measured: Any = FAMILIES[family][1](function, **{what: raising})
    assert [measured(), measured()] == ["answer", "answer"]
    assert {transaction.path for transaction in finished} == {f"{TYPES[family]}/Function/{HERE}:function"}
    assert len(finished) == 2
    assert len(log_lines) == 1
    assert "raising" in log_lines[0]


@pytest.mark.parametrize("value", [None, "", 7, b"bytes"], ids=repr)
def test_a_name_that_gives_no_text_never_loses_the_transaction(value: Any, finished: Finished) -> None:
    background_task(name=lambda: value, group=lambda: value)(lambda: None)()
    (transaction,) = finished
    if value == b"bytes":
        assert transaction.path == "OtherTransaction/bytes/bytes"
    else:
        assert transaction.group == "Function"
        assert transaction.name.endswith("<lambda>")


class Unhashable:
    __hash__ = None  # type: ignore[assignment]

    def __call__(self, *_: Any) -> str:
        raise RuntimeError("no name today")


def test_a_raising_name_may_be_anything_that_can_be_called(finished: Finished) -> None:
    background_task(name=Unhashable())(function)()
    assert [transaction.name for transaction in finished] == [f"{HERE}:function"]


# Default names and applications


def in_a_block() -> None:
    with BackgroundTask():
        pass


def test_a_block_without_a_name_is_called_by_the_function_that_enters_it(finished: Finished) -> None:
    async def main() -> None:
        async with BackgroundTask():
            pass

    in_a_block()
    asyncio.run(main())
    whole = sys.version_info >= (3, 11)
    prefix = "test_a_block_without_a_name_is_called_by_the_function_that_enters_it.<locals>." if whole else ""
    assert [transaction.name for transaction in finished] == [f"{HERE}:in_a_block", f"{HERE}:{prefix}main"]


def test_a_block_entered_by_an_exit_stack_is_called_by_the_function_that_uses_it(finished: Finished) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(BackgroundTask())
    (transaction,) = finished
    assert transaction.name == (f"{HERE}:test_a_block_entered_by_an_exit_stack_is_called_by_the_function_that_uses_it")


def test_a_web_form_without_a_name_is_called_by_its_path(paths: Paths) -> None:
    web_transaction(request_path="/feed")(function)()
    web_transaction(request_path=lambda path: path)(function)("/other")
    web_transaction(request_path="/feed", name="named")(function)()
    web_transaction(request_path="")(function)()
    with WebTransaction(request_path="/"):
        pass
    assert paths() == [
        "WebTransaction/Uri/feed",
        "WebTransaction/Uri/other",
        "WebTransaction/Function/named",
        f"WebTransaction/Function/{HERE}:function",
        "WebTransaction/Uri/",
    ]


def test_a_web_form_may_be_named_as_it_is_called_by_default(paths: Paths) -> None:
    web_transaction(name=f"{HERE}:function", request_path="/feed")(function)()
    with WebTransaction(name="outer"):
        web_transaction(name=f"{HERE}:function")(function)()
    assert paths() == [f"WebTransaction/Function/{HERE}:function"] * 2


def test_a_web_form_keeps_its_facts(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    with WebTransaction(
        name="page",
        scheme="https",
        host="shop.test",
        port=8443,
        request_method="POST",
        request_path="/feed",
        query_string="q=1&password=secret",
        headers={"X-Request-Start": "t=1"},
    ):
        weighbridge.capture_request_params()
    attributes = finished[0].attributes
    assert attributes["request.method"] == "POST"
    assert attributes["request.path"] == "/feed"
    assert (attributes["request.host"], attributes["request.port"]) == ("shop.test", 8443)
    assert "secret" not in repr(attributes)


def test_the_application_is_looked_up_when_the_call_happens(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = background_task(function)
    measured()
    monkeypatch.setenv("WEIGHBRIDGE_APP_NAME", "another shop")
    weighbridge.initialize()
    measured()
    background_task(application=weighbridge.application("third"))(function)()
    assert [transaction.application for transaction in finished] == ["shop", "another shop", "third"]


@pytest.mark.parametrize("no_application", ["", " ; ", 7, b"x"], ids=repr)
def test_what_is_no_application_is_not_used(no_application: Any, finished: Finished, log_lines: list[str]) -> None:
    with BackgroundTask(no_application, "job"):
        pass
    assert [transaction.application for transaction in finished] == ["shop"]
    assert len(log_lines) == 1


# callable_name


def test_callable_names() -> None:
    assert callable_name(function) == f"{HERE}:function"
    assert callable_name(Class.method) == f"{HERE}:Class.method"
    assert callable_name(Child.method) == f"{HERE}:Class.method"
    assert callable_name(Child().method) == f"{HERE}:Child.method"
    assert callable_name(Child.classmethod) == f"{HERE}:Child.classmethod"
    assert callable_name(Child().classmethod) == f"{HERE}:Child.classmethod"
    assert callable_name(Child.staticmethod) == f"{HERE}:Class.staticmethod"
    assert callable_name(vars(Class)["classmethod"]) == f"{HERE}:Class.classmethod"
    assert callable_name(vars(Class)["staticmethod"]) == f"{HERE}:Class.staticmethod"
    assert callable_name(functools.partial(Child().method)) == f"{HERE}:Child.method"
    assert callable_name(functools.partialmethod(function)) == f"{HERE}:function"
    assert callable_name(Instance()) == f"{HERE}:Instance"
    assert callable_name(Class) == f"{HERE}:Class"
    assert callable_name(len) == "builtins:len"
    assert callable_name([].append) == "builtins:list.append"
    assert callable_name(str.join) == "builtins:str.join"
    assert callable_name(dict) == "builtins:dict"
    assert callable_name(functools.lru_cache(plain)) == f"{HERE}:plain"


# By path


def test_a_missing_module_is_named_at_once(family: str) -> None:
    with pytest.raises(ImportError, match="no_such_module"):
        FAMILIES[family][2]("no_such_module", "job")


@pytest.mark.parametrize("path", ["missing", "Class.missing", "missing.method"])
@pytest.mark.parametrize("module", [HERE, None])
def test_a_missing_attribute_is_named_at_once(family: str, path: str, module: str | None) -> None:
    with pytest.raises(AttributeError, match="missing"):
        FAMILIES[family][2](module or sys.modules[HERE], path)
    with pytest.raises(AttributeError, match="missing"):
        wrap_transaction_name(module or sys.modules[HERE], path)


def test_a_module_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paths: Paths) -> None:
    source = "class Importer:\n    def run(self):\n        return 7\n"
    (tmp_path / "semantics_shop.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    wrap_background_task("semantics_shop", "Importer.run", name=lambda self: type(self).__name__)
    shop = sys.modules.pop("semantics_shop")
    assert shop.Importer().run() == 7
    assert paths() == ["OtherTransaction/Function/Importer"]


# Naming by what is reached


def test_transaction_name_names_the_running_transaction(paths: Paths) -> None:
    with WebTransaction(name="page"):
        transaction_name()(function)()
    with WebTransaction(name="page"):
        TransactionNameWrapper(function, name=lambda value: value, group="Custom")("given")
    module = ModuleType("a_module")
    module.found = function  # type: ignore[attr-defined]
    wrap_transaction_name(module, "found", name="by path", priority=2)
    with BackgroundTask(name="job"):
        module.found()  # type: ignore[attr-defined]
        transaction_name("lower", priority=1)(function)()
    assert paths() == [
        f"WebTransaction/Function/{HERE}:function",
        "WebTransaction/Custom/given",
        "OtherTransaction/Function/by path",
    ]


def test_transaction_name_outside_of_a_transaction_does_nothing(finished: Finished) -> None:
    assert transaction_name(name="x")(function)() == "answer"
    assert finished == []


# Celery


@pytest.mark.usefixtures("own_celery_tasks")
def test_around_a_celery_task_object_one_line_is_logged(log_lines: list[str], paths: Paths) -> None:
    import celery

    app = celery.Celery("shop", broker="memory://", backend="cache+memory://", set_as_current=False)

    @background_task(name="outside")
    @app.task(name="shop.send")
    def send(value: int) -> int:
        return value * 2

    assert len(log_lines) == 1
    assert "shop.send" in log_lines[0]
    assert send(2) == 4
    assert send.name == "shop.send"
    assert callable(send.delay)
    assert paths() == ["OtherTransaction/Function/outside"]


@pytest.mark.usefixtures("own_celery_tasks")
def test_under_a_celery_task_it_is_measured_however_it_is_called(log_lines: list[str], paths: Paths) -> None:
    import celery

    app = celery.Celery("shop", set_as_current=False)
    app.conf.task_always_eager = True

    @app.task(name="shop.send")
    @background_task(name="inside")
    def send(value: int) -> int:
        return value * 2

    assert (send(2), send.delay(2).get(), log_lines) == (4, 4, [])
    assert paths() == ["OtherTransaction/Function/inside"] * 2


def test_a_signature_can_be_said_of_what_is_measured_as_of_a_function() -> None:
    measured: Any = background_task(functools.partial(sorted, reverse=True))
    said = inspect.signature(lambda one, two: None)
    measured.__signature__ = said
    assert inspect.signature(measured) == said
    del measured.__signature__
    assert inspect.signature(measured) != said
