"""Functions, methods and descriptors that a decorator is put on, and what can be seen of them from outside."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import contextvars
import copy
import doctest
import enum
import functools
import gc
import inspect
import operator
import threading
import types
import typing
import unittest
import warnings
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from unittest import mock

import wrapt

Make = Callable[[Any], Any]

CASES: dict[str, tuple[Make, int]] = {}


def case(calls: int) -> Callable[[Make], Make]:
    """Note something that is made with a decorator and gives what can be seen, and how many calls that takes."""

    def note(make: Make) -> Make:
        CASES[make.__name__] = make, calls
        return make

    return note


def raised(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a call raises."""
    try:
        return call(*args, **kwargs)
    except Exception as exception:
        return type(exception).__name__, str(exception)


# Properties and their kin


@case(calls=3)
def a_property_with_all_accessors(deco: Any) -> Any:
    class Owner:
        value: Any = 1

        @deco
        @property
        def item(self) -> Any:
            """Its text."""
            return self.value

        @item.setter
        def item(self, value: Any) -> None:
            self.value = value

        @item.deleter
        def item(self) -> None:
            self.value = None

    it = Owner()
    first = it.item
    it.item = 5
    second = it.item
    del it.item
    kind = type(Owner.item), Owner.item.__doc__, inspect.isdatadescriptor(vars(Owner)["item"])
    return first, second, it.item, kind


@case(calls=4)
def a_property_that_is_decorated_last(deco: Any) -> Any:
    class Owner:
        value = 1

        @property
        def item(self) -> Any:
            return self.value

        @deco
        @item.setter
        def item(self, value: Any) -> None:
            self.value = value

    class Child(Owner):
        @Owner.item.getter
        def item(self) -> Any:
            return "child"

    it, child = Owner(), Child()
    it.item = 4
    child.item = 3
    return it.item, child.item, child.value, raised(delattr, it, "item")[0], Child.item.fset is Owner.item.fset, it.item


@case(calls=0)
def a_property_without_a_getter(deco: Any) -> Any:
    made = deco(property(None, None, None, "only text"))
    return made.fget, made.fset, made.__doc__


@case(calls=1)
def abstract_members(deco: Any) -> Any:
    class Base(abc.ABC):
        @deco
        @property
        @abc.abstractmethod
        def item(self) -> Any: ...

        @deco
        @abc.abstractmethod
        def method(self) -> Any: ...

        @deco
        @classmethod
        @abc.abstractmethod
        def of_the_class(cls) -> Any: ...

        @deco
        @staticmethod
        @abc.abstractmethod
        def static() -> Any: ...

    class Whole(Base):
        item = 1

        def method(self) -> Any:
            return 1

        of_the_class = classmethod(method)
        static = staticmethod(len)

        @deco
        def more(self) -> Any:
            return 4

    return sorted(Base.__abstractmethods__), raised(Base)[0], Whole().more(), inspect.isabstract(Base)


@case(calls=1)
def a_cached_property(deco: Any) -> Any:
    class Owner:
        reads = 0

        @deco
        @functools.cached_property
        def item(self) -> Any:
            """Its text."""
            self.reads += 1
            return self.reads

    it = Owner()
    seen = it.item, it.item, vars(it), type(Owner.item), Owner.item.__doc__, Owner.item.attrname
    it.item = 9
    return seen, it.item


@case(calls=2)
def partialmethods(deco: Any) -> Any:
    class Owner:
        def method(self, one: Any, two: Any = 0) -> Any:
            return type(self).__name__, one, two

        bound = deco(functools.partialmethod(method, 1, two=2))

        @classmethod
        def of_the_class(cls, one: Any) -> Any:
            return cls.__name__, one

        bound_to_class = deco(functools.partialmethod(of_the_class, 5))

    class Child(Owner):
        pass

    signatures = str(inspect.signature(Owner.bound)), str(inspect.signature(Owner().bound))
    return Child().bound(), Owner.bound_to_class(), signatures, type(vars(Owner)["bound"])


@case(calls=5)
def a_singledispatchmethod(deco: Any) -> Any:
    class Owner:
        @deco
        @functools.singledispatchmethod
        def method(self, argument: Any) -> Any:
            return "any", argument

        @method.register
        def _(self, argument: int) -> Any:
            return "int", argument

        @method.register(str)
        def text(self, argument: Any) -> Any:
            return "str", argument

    class Child(Owner):
        pass

    it = Owner()
    results = it.method(1), it.method("x"), Child().method(1.5), it.method(2), it.text("z"), it.method("y")
    return results, it.method.__name__, str(inspect.signature(it.method)), callable(vars(Owner)["method"])


@case(calls=3)
def singledispatch_above_and_below(deco: Any) -> Any:
    @deco
    @functools.singledispatch
    def below(argument: Any) -> Any:
        return "any"

    @below.register
    def _(argument: int) -> Any:
        return "int"

    @functools.singledispatch
    @deco
    def above(argument: Any) -> Any:
        return "any"

    above.register(int, lambda argument: "int")
    return below(1), below("x"), above(1), above("x"), below.dispatch(int)(1)


class Reified:
    """Puts what it has worked out in its own place."""

    def __init__(self, wrapped: Any) -> None:
        self.wrapped = wrapped
        functools.update_wrapper(self, wrapped)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


class LikeAMethod:
    def __init__(self, function: Any) -> None:
        self.function = function

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return functools.partial(self.function, instance)


class Slotted:
    """A data descriptor that has no dictionary."""

    __slots__ = ("function", "name")

    def __init__(self, function: Any) -> None:
        self.function = function

    def __set_name__(self, owner: Any, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else (self.name, self.function(instance))

    def __set__(self, instance: Any, value: Any) -> None:
        vars(instance)[f"_{self.name}"] = value

    def __delete__(self, instance: Any) -> None:
        del vars(instance)[f"_{self.name}"]


def hiding(function: Any) -> Any:
    """A descriptor whose function nobody can find."""

    class Hiding:
        def __get__(self, instance: Any, owner: Any = None) -> Any:
            return self if instance is None else function(instance)

        def __set__(self, instance: Any, value: Any) -> None:
            vars(instance)["set"] = value

        def __set_name__(self, owner: Any, name: str) -> None:
            self.name = name

    return Hiding()


@case(calls=4)
def descriptors_of_ones_own(deco: Any) -> Any:
    class Owner:
        @deco
        @Reified
        def reified(self) -> Any:
            """Its text."""
            return 7

        @deco
        @LikeAMethod
        def method(self, argument: Any) -> Any:
            return argument

        @deco
        @Slotted
        def slotted(self) -> Any:
            return 8

        hidden = deco(hiding(lambda self: 9))

    it = Owner()
    seen = it.reified, it.reified, it.method(3), it.slotted, it.hidden
    it.slotted = 4
    it.hidden = 5
    before = dict(vars(it))
    del it.slotted
    of_the_class = Owner.reified.__doc__, Owner.slotted.name, vars(Owner)["hidden"].name, type(vars(Owner)["slotted"])
    return seen, before, vars(it), of_the_class


@case(calls=2)
def a_data_descriptor_that_can_be_called(deco: Any) -> Any:
    class Descriptor:
        def __init__(self) -> None:
            self.seen: list[Any] = []

        def __call__(self, *args: Any) -> Any:
            return "called", args

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            return self if instance is None else functools.partial(self, "bound")

        def __set__(self, instance: Any, value: Any) -> None:
            self.seen.append(value)

        def __delete__(self, instance: Any) -> None:
            self.seen.append("deleted")

        def __set_name__(self, owner: Any, name: str) -> None:
            self.seen.append(name)

    class Owner:
        item = deco(Descriptor())

    it = Owner()
    it.item = 3
    del it.item
    return Owner.item.seen, vars(it), it.item(1), Owner.item(2), inspect.isdatadescriptor(vars(Owner)["item"])


# Methods


@case(calls=3)
def bound_methods(deco: Any) -> Any:
    class Owner:
        @deco
        def method(self, argument: int = 1) -> Any:
            return self, argument

        @deco
        @classmethod
        def of_the_class(cls) -> Any:
            return cls

        @deco
        @staticmethod
        def static(argument: Any) -> Any:
            return argument

    it = Owner()
    results = it.method() == (it, 1), it.of_the_class() is Owner, it.static(5)
    same = it.method == it.method, it.method != Owner().method, hash(it.method) == hash(it.method)
    parts = it.method.__self__ is it, it.method.__func__ is Owner.method, weakref.WeakMethod(it.method)() == it.method
    kinds = (
        inspect.ismethod(it.method),
        inspect.isfunction(Owner.method),
        [type(value) for value in vars(Owner).values()],
    )
    one_object = Owner.of_the_class == Owner.of_the_class, Owner.static is Owner.static
    signatures = [str(inspect.signature(found)) for found in (it.method, Owner.method, Owner.of_the_class, it.static)]
    return results, same, parts, kinds, one_object, signatures


@case(calls=7)
def special_methods(deco: Any) -> Any:
    class Owner:
        @deco
        def __init__(self, value: int) -> None:
            self.value = value

        @deco
        def __call__(self, argument: str) -> Any:
            return self.value, argument

        @deco
        def __enter__(self) -> Any:
            return self

        @deco
        def __exit__(self, *exception: object) -> None: ...

        @deco
        def __len__(self) -> int:
            return 3

        @deco
        def __contains__(self, other: object) -> bool:
            return True

        @deco
        def __getattr__(self, name: str) -> Any:
            return name

    it = Owner(1)
    with it as entered:
        pass
    signatures = str(inspect.signature(Owner)), str(inspect.signature(Owner.__call__))
    return it("x"), entered is it, len(it), 3 in it, it.missing, signatures, callable(it)


@case(calls=4)
def methods_of_the_making_of_classes(deco: Any) -> Any:
    seen: list[str] = []

    class Owner:
        @deco
        def __new__(cls, value: int) -> Any:
            seen.append(f"new {cls.__name__}")
            return super().__new__(cls)

        @deco
        def __init_subclass__(cls, **options: Any) -> None:
            seen.append(f"derived {cls.__name__}")

        @deco
        def __class_getitem__(cls, item: Any) -> Any:
            return cls, item

    class Child(Owner):
        pass

    return type(Owner(1)) is Owner, Owner[3] == (Owner, 3), type(Child(2)) is Child, seen


@case(calls=4)
def special_methods_of_async_code(deco: Any) -> Any:
    class Owner:
        number = 0

        @deco
        async def __aenter__(self) -> Any:
            return self

        @deco
        async def __aexit__(self, *exception: object) -> bool:
            return True

        def __aiter__(self) -> Any:
            return self

        @deco
        async def __anext__(self) -> int:
            self.number += 1
            if self.number > 1:
                raise StopAsyncIteration
            return self.number

    async def main() -> Any:
        async with Owner() as it:
            seen = [item async for item in it]
            raise ValueError
        return seen

    return asyncio.run(main())


@case(calls=2)
def methods_of_enumerations(deco: Any) -> Any:
    class Color(enum.Enum):
        RED = 1

        @deco
        def number(self) -> Any:
            return self.value

        @deco
        @classmethod
        def first(cls) -> Any:
            return cls.RED

    return Color.RED.number(), Color.first() is Color.RED, [color.name for color in Color]


# Other decorators above and below


@case(calls=2)
def lru_cache_above_and_below(deco: Any) -> Any:
    @functools.lru_cache
    @deco
    def above(argument: Any) -> Any:
        return argument

    @deco
    @functools.lru_cache
    def below(argument: Any) -> Any:
        return argument

    above(1), above(1), below(2)
    return above.cache_info(), below.cache_info(), below.cache_parameters(), below.__wrapped__(3)


@case(calls=3)
def a_cached_method(deco: Any) -> Any:
    class Owner:
        @deco
        @functools.lru_cache  # noqa: B019
        def method(self, argument: Any) -> Any:
            return argument

    it = Owner()
    results = it.method(1), it.method(1), Owner.method(it, 1), Owner.method.cache_info()
    same = it.method == it.method, it.method != Owner().method, hash(it.method) == hash(it.method)
    return results, same, it.method.__self__ is it, inspect.ismethod(it.method)


@case(calls=3)
def contextmanagers_above_and_below(deco: Any) -> Any:
    log: list[Any] = []

    @contextlib.contextmanager
    @deco
    def above(argument: Any) -> Iterator[Any]:
        log.append(argument)
        yield argument
        log.append("end")

    @deco
    @contextlib.contextmanager
    def below(argument: Any) -> Iterator[Any]:
        log.append(argument)
        yield argument
        log.append("end")

    @below(3)
    def within() -> None:
        log.append("within")

    with above(1) as one, below(2) as two:
        within()
    return log, one, two


@case(calls=2)
def async_contextmanagers(deco: Any) -> Any:
    @contextlib.asynccontextmanager
    @deco
    async def above(argument: Any) -> AsyncIterator[Any]:
        yield argument

    @deco
    @contextlib.asynccontextmanager
    async def below(argument: Any) -> AsyncIterator[Any]:
        yield argument

    async def main() -> Any:
        async with above(1) as one, below(2) as two:
            return one, two

    return asyncio.run(main())


def handing(function: Any) -> Any:
    """A decorator that gives an argument of its own."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function("handed", *args, **kwargs)

    return wrapper


@case(calls=2)
def a_decorator_that_gives_an_argument(deco: Any) -> Any:
    @handing
    @deco
    def above(handed: str, argument: int) -> Any:
        return handed, argument

    @deco
    @handing
    def below(handed: str, argument: int) -> Any:
        return handed, argument

    told = [(inspect.getfullargspec(one).args, str(inspect.signature(one))) for one in (above, below)]
    return above(1), below(2), told


@wrapt.decorator
def spying(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """A decorator of another library, which is told the instance."""
    spied.append((getattr(instance, "__name__", type(instance).__name__), args))
    return wrapped(*args, **kwargs)


spied: list[Any] = []


@case(calls=11)
def wrappers_of_wrapt(deco: Any) -> Any:
    spied.clear()

    class Owner:
        @spying
        @deco
        def above(self, argument: Any) -> Any:
            return argument

        @deco
        @spying
        def below(self, argument: Any) -> Any:
            return argument

        @deco
        @spying
        @deco
        @spying
        def both(self, argument: Any) -> Any:
            return argument

        @deco
        @spying
        @classmethod
        def of_the_class(cls, argument: Any) -> Any:
            return argument

        @deco
        @spying
        @staticmethod
        def static(argument: Any) -> Any:
            return argument

        @deco
        @spying
        async def coroutine(self, argument: Any) -> Any:
            return argument

        @deco
        @spying
        def generator(self) -> Iterator[Any]:
            yield 1

    @deco
    @spying
    def function(argument: Any) -> Any:
        return argument

    class Child(Owner):
        pass

    it = Child()
    results = it.above(1), it.below(2), Owner.below(it, 3), it.both(4), it.of_the_class(5), Child.of_the_class(6)
    more = it.static(7), asyncio.run(it.coroutine(8)), list(it.generator()), function(9), Owner.static(10)
    signatures = str(inspect.signature(it.below)), str(inspect.signature(Owner.below)), inspect.signature(function)
    parts = it.below.__name__, it.below.__self__ is it, inspect.iscoroutinefunction(Owner.coroutine)
    return results, more, spied.copy(), signatures, parts


@case(calls=2)
def a_lock_of_each_instance(deco: Any) -> Any:
    class Owner:
        @deco
        @wrapt.synchronized
        def method(self, other: Any) -> Any:
            return self, hasattr(self, "_synchronized_lock"), hasattr(other, "_synchronized_lock")

    one, two = Owner(), Owner()
    return one.method(two)[1:], two.method(one)[1:], hasattr(Owner.method, "_synchronized_lock")


@case(calls=1)
def overloads(deco: Any) -> Any:
    @typing.overload
    def function(argument: int) -> int: ...
    @typing.overload
    def function(argument: str) -> str: ...
    @deco
    def function(argument: Any) -> Any:
        return argument

    overloaded = typing.get_overloads(function) if hasattr(typing, "get_overloads") else None
    return function(1), overloaded and len(overloaded)


# What is told of a function


@case(calls=1)
def metadata(deco: Any) -> Any:
    @deco
    def function(one: int, /, two: str = "x", *rest: float, key: bytes = b"", **more: None) -> list[int]:
        """Do something.

        >>> 1 + 1
        2
        """
        return [one]

    function.attribute = 1
    names = function.__name__, function.__qualname__, function.__doc__, function.__module__, function.__annotations__
    signatures = [str(inspect.signature(function, follow_wrapped=follow)) for follow in (True, False)]
    asked = str(inspect.getfullargspec(function)), inspect.getcallargs(function, 1), typing.get_type_hints(function)
    found = len(doctest.DocTestFinder().find(function, "function")[0].examples), inspect.getsource(function)
    same = inspect.signature(function) == inspect.signature(inspect.unwrap(function)), inspect.isfunction(function)
    return function(1), names, signatures, asked, found, same, vars(function).get("attribute")


@case(calls=2)
def partial_objects(deco: Any) -> Any:
    @deco
    def function(one: Any, two: Any, *, key: Any) -> Any:
        return one, two, key

    above = functools.partial(function, 1, key=2)
    below = deco(functools.partial(pow, 2))
    return above(3), str(inspect.signature(above)), above.func is function, below(3), below.func is pow, below.args


@case(calls=4)
def builtins_and_operators(deco: Any) -> Any:
    class Owner:
        @deco
        def method(self, argument: Any) -> Any:
            return argument

    asked = operator.methodcaller("method", 1)(Owner()), deco(operator.methodcaller("upper"))("x")
    return asked, deco(len)("abc"), deco(str.join)(",", "ab"), repr(inspect.signature(deco(len)))


@case(calls=8)
def patched_by_mock(deco: Any) -> Any:
    class Owner:
        @deco
        def method(self, argument: Any) -> Any:
            return argument

        @deco
        @classmethod
        def of_the_class(cls, argument: Any) -> Any:
            return argument

        @deco
        @staticmethod
        def static(argument: Any) -> Any:
            return argument

        @deco
        @functools.lru_cache  # noqa: B019
        def cached(self, argument: Any) -> Any:
            return argument

        @deco
        @property
        def item(self) -> Any:
            return 1

    seen: list[Any] = []
    for name in ("method", "of_the_class", "static", "cached"):
        with mock.patch.object(Owner, name, autospec=True) as double:
            double.return_value = "mocked"
            seen += getattr(Owner(), name)(1), raised(getattr(Owner(), name)), len(double.mock_calls)
        with mock.patch.object(Owner, name, return_value="mocked"):
            seen.append(getattr(Owner(), name)(1, 2))
        seen += getattr(Owner(), name)(3), type(vars(Owner)[name]) in (classmethod, staticmethod)
    with mock.patch.object(Owner, "item", new_callable=mock.PropertyMock, return_value=3):
        seen.append(Owner().item)
    speced = mock.create_autospec(Owner)
    return seen, raised(speced().method), Owner().item, [Owner.of_the_class(4), Owner.static(5), Owner().method(6)]


@case(calls=2)
def weak_references(deco: Any) -> Any:
    class Owner:
        @deco
        def method(self) -> Any:
            return 1

    cached = deco(functools.lru_cache(lambda: 3))
    it = Owner()
    method, of_the_cached = weakref.WeakMethod(it.method), weakref.ref(cached)
    seen = method()(), of_the_cached()()
    del it
    gc.collect()
    return seen, method() is None


class Instance:
    value = 1

    def __call__(self) -> Any:
        return self.value


@case(calls=4)
def copies(deco: Any) -> Any:
    @deco
    def function() -> Any:
        return 1

    table = {
        "function": function,
        "partial": deco(functools.partial(int, "7")),
        "instance": deco(Instance()),
        "cached": deco(functools.lru_cache(lambda: 3)),
    }
    copied = copy.deepcopy(table)
    shallow = copy.copy(table["instance"])
    shallow.value = 5
    same = [copied[name] is table[name] for name in table]
    return [call() for call in copied.values()], same, table["instance"].value, isinstance(shallow, Instance)


@case(calls=0)
def equality(deco: Any) -> Any:
    instance, partial = Instance(), functools.partial(int, "7")
    one, two = deco(instance), deco(partial)
    return one == instance, instance == one, hash(one) == hash(instance), {one: 1}[instance], two == partial, one != two


# Coroutines and generators


@case(calls=5)
def callables_whose_call_is_async(deco: Any) -> Any:
    class Plain:
        async def __call__(self, argument: Any) -> Any:
            await asyncio.sleep(0)
            return argument

    class Decorator:
        def __init__(self, function: Any) -> None:
            self.function = function
            functools.update_wrapper(self, function)

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            return self if instance is None else functools.partial(self, instance)

        async def __call__(self, *args: Any) -> Any:
            return await self.function(*args)

    class Owner:
        @deco
        @Decorator
        async def method(self, argument: Any) -> Any:
            return type(self).__name__, argument

    plain, mocked = deco(Plain()), deco(mock.AsyncMock(return_value=4))

    async def main() -> Any:
        it = Owner()
        return await plain(1), await it.method(2), await Owner.method(it, 3), await mocked(1), await mocked(2)

    told = inspect.iscoroutinefunction(plain), inspect.iscoroutinefunction(mocked), str(inspect.signature(Owner.method))
    return asyncio.run(main()), mocked.await_count, told


@case(calls=3)
def coroutines_that_a_plain_function_returns(deco: Any) -> Any:
    variable = contextvars.ContextVar("variable", default=0)

    async def work(argument: Any) -> Any:
        await asyncio.sleep(0)
        variable.set(variable.get() + 1)
        return argument, variable.get()

    @deco
    def function(argument: Any) -> Any:
        variable.set(10)
        return work(argument)

    async def main() -> Any:
        made = function(1)
        told = inspect.iscoroutine(made), asyncio.iscoroutine(made), made.__name__, made.__qualname__
        task = asyncio.create_task(function(2))
        return told, await made, await task, await asyncio.wait_for(function(3), 60), variable.get()

    return asyncio.run(main()), inspect.iscoroutinefunction(function)


@case(calls=2)
def such_a_coroutine_that_is_cancelled_or_never_awaited(deco: Any) -> Any:
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        finally:
            seen.append("finally")

    @deco
    def function() -> Any:
        return work()

    async def main() -> None:
        task = asyncio.create_task(function())
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(main())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
        gc.collect()
    return seen, [str(warning.message) for warning in caught]


@case(calls=4)
def other_lazy_results_are_the_very_same_object(deco: Any) -> Any:
    async def agen() -> AsyncIterator[int]:
        yield 1

    loop = asyncio.new_event_loop()
    made = [(number for number in "ab"), iter([1]), loop.create_future(), agen()]
    loop.close()
    return [deco(lambda result=result: result)() is result for result in made]


@case(calls=1)
def generators_that_can_be_awaited(deco: Any) -> Any:
    @deco
    @types.coroutine
    def function(argument: Any) -> Any:
        return (yield from asyncio.sleep(0, argument).__await__())

    async def main() -> Any:
        return await function(5)

    return asyncio.run(main()), inspect.isgeneratorfunction(function), inspect.iscoroutinefunction(function)


@case(calls=3)
def generators(deco: Any) -> Any:
    log: list[str] = []

    @deco
    def generator(argument: Any) -> Any:
        try:
            got = yield argument
            yield got
        finally:
            log.append("closed")
        return 5

    first = generator(1)
    seen = [next(first), first.send(2)]
    first.close()
    second = generator(3)
    seen += [next(second), next(second), raised(next, second)]
    third = generator(4)
    next(third)
    seen.append(raised(third.throw, ValueError("x")))
    told = inspect.isgeneratorfunction(generator), inspect.isgenerator(third), third.__name__, third.__qualname__
    return seen, log, told


@case(calls=5)
def in_threads_and_tasks(deco: Any) -> Any:
    @deco
    def function(argument: Any) -> Any:
        seen.append(argument)
        return argument

    @deco
    async def coroutine(argument: Any) -> Any:
        return argument

    seen: list[Any] = []
    thread = threading.Thread(target=function, args=(1,))
    thread.start()
    thread.join()

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        threads = await asyncio.to_thread(function, 2), await loop.run_in_executor(None, function, 3)
        return threads, await asyncio.create_task(coroutine(4)), await asyncio.wait_for(coroutine(5), 60)

    return asyncio.run(main()), seen, inspect.iscoroutinefunction(functools.partial(coroutine, 1))


@case(calls=3)
def tests_of_unittest(deco: Any) -> Any:
    class Plain(unittest.TestCase):
        @deco
        def setUp(self) -> None:
            self.value = 1

        @deco
        def test_value(self) -> None:
            assert self.value == 1

    class Async(unittest.IsolatedAsyncioTestCase):
        @deco
        async def test_sleep(self) -> None:
            await asyncio.sleep(0)

    results = []
    for cls in (Plain, Async):
        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(cls).run(result)
        results.append((result.testsRun, result.errors, result.failures))
    return results


@case(calls=4)
def strange_callables(deco: Any) -> Any:
    class Anything:
        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            return self

        def __call__(self) -> Any:
            return 1

    class Slim:
        __slots__ = ()

        def __call__(self) -> Any:
            return 2

    return [deco(made)() for made in (Anything(), Slim(), mock.MagicMock(return_value=3), mock.Mock(return_value=4))]
