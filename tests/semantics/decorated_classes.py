"""Classes that a decorator is put on, and what can be seen of them from outside."""

from __future__ import annotations

import abc
import collections.abc
import contextlib
import copy
import dataclasses
import enum
import functools
import inspect
import typing
import weakref
from typing import Any
from unittest import mock

import attr
import attrs
import pydantic

from .decorated_functions import Make, raised

CASES: dict[str, tuple[Make, int]] = {}


def case(calls: int) -> Any:
    """Note a class that is made with a decorator, and how often what is done with it instantiates it."""

    def note(make: Make) -> Make:
        CASES[make.__name__] = make, calls
        return make

    return note


# Those who keep a list of classes


class Registering(type):
    seen: list[Any] = []

    def __new__(mcs, name: str, bases: Any, namespace: Any) -> Any:
        made = super().__new__(mcs, name, bases, namespace)
        Registering.seen.append(made)
        return made

    def __init__(cls, name: str, bases: Any, namespace: Any) -> None:
        super().__init__(name, bases, namespace)
        Registering.seen.append(f"init {name}")


@case(calls=2)
def a_registering_metaclass(deco: Any) -> Any:
    Registering.seen.clear()

    @deco
    class Owner(metaclass=Registering):
        def __init__(self, value: Any) -> None:
            self.value = value

    class Child(Owner):
        pass

    seen, *more = Registering.seen
    kinds = seen is Owner, type(Owner), type(Child), Owner.__subclasses__() == [Child]
    return kinds, len(more), Owner(1).value, seen(2).value, Child(3).value


@case(calls=2)
def a_registering_base_class(deco: Any) -> Any:
    seen: list[Any] = []

    class Base:
        def __init_subclass__(cls, **options: Any) -> None:
            super().__init_subclass__(**options)
            seen.append(cls)

    @deco
    class Owner(Base):
        def __init__(self) -> None:
            self.value = 1

    class Child(Owner):
        pass

    kinds = seen == [Owner, Child], Base.__subclasses__() == [Owner], Child.__mro__ == (Child, Owner, Base, object)
    return kinds, seen[0]().value, Owner().value, Child().value


@case(calls=4)
def singletons(deco: Any) -> Any:
    class Single(type):
        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            if not hasattr(cls, "one"):
                cls.one = super().__call__(*args, **kwargs)
            return cls.one

    @deco
    class ByMetaclass(metaclass=Single):
        def __init__(self, value: Any = 1) -> None:
            self.value = value

    @deco
    class ByNew:
        one: Any = None

        def __new__(cls, *args: Any) -> Any:
            cls.one = cls.one or super().__new__(cls)
            return cls.one

        def __init__(self, value: Any) -> None:
            self.value = value

    same = ByMetaclass(1) is ByMetaclass(2), ByNew(1) is ByNew(2)
    return same, ByMetaclass().value, ByNew(3).value, [str(inspect.signature(cls)) for cls in (ByMetaclass, ByNew)]


@case(calls=1)
def abstract_base_classes(deco: Any) -> Any:
    @deco
    class Base(abc.ABC):
        @abc.abstractmethod
        def run(self) -> Any: ...

        @classmethod
        def __subclasshook__(cls, other: Any) -> Any:
            return hasattr(other, "walk") or NotImplemented

    class Whole(Base):
        def run(self) -> Any:
            return 1

    class Walker:
        walk = 1

    Base.register(int)
    return raised(Base)[0], Whole().run(), isinstance(Walker(), Base), isinstance(1, Base), inspect.isabstract(Base)


# What other metaclasses and generic classes need


@case(calls=3)
def generic_classes(deco: Any) -> Any:
    T = typing.TypeVar("T")

    @deco
    class Box(typing.Generic[T]):
        def __init__(self, value: T) -> None:
            self.value = value

    class Numbers(Box[int]):
        pass

    kinds = Box.__parameters__ == (T,), Numbers.__orig_bases__[0].__args__, Box.__orig_bases__ == (typing.Generic[T],)
    return kinds, Box(1).value, Box[int](2).value, Numbers(3).value, isinstance(Box(5), Box)


@case(calls=3)
def bases_of_other_metaclasses(deco: Any) -> Any:
    @deco
    class Owner:
        def __init__(self) -> None:
            self.value = 1

    class Abstract(Owner, abc.ABC):
        @abc.abstractmethod
        def run(self) -> Any: ...

    class Whole(Abstract):
        def run(self) -> Any:
            return self.value

    class Mixed(Owner, collections.abc.Sized):
        def __len__(self) -> int:
            return self.value

    results = Whole().run(), raised(Abstract)[0], len(Mixed()), [Owner().value for _ in range(3)]
    return results, type(Owner), type(Abstract), type(Mixed)


@case(calls=3)
def protocols(deco: Any) -> Any:
    class Runs(typing.Protocol):
        def run(self) -> int: ...

    class Base:
        def __init__(self, value: Any) -> None:
            self.value = value

    @deco
    class Runner(Runs, Base):
        def run(self) -> int:
            return 1

    @deco
    class Alone(Runs):
        def run(self) -> int:
            return 2

    @deco
    @typing.runtime_checkable
    class Walks(typing.Protocol):
        def walk(self) -> int: ...

    class Walker(Walks, Base):
        def walk(self) -> int:
            return 3

    return Runner(4).value, Alone().run(), raised(Walks)[0], Walker(5).value, isinstance(Walker(6), Walks)


@case(calls=4)
def enumerations_and_named_tuples(deco: Any) -> Any:
    @deco
    class Color(enum.Enum):
        RED = 1

        def __init__(self, number: int) -> None:
            self.number = number

    @deco
    class Base(enum.Enum):
        def number(self) -> Any:
            return self.value

    class Derived(Base):
        ONE = 1

    @deco
    class Point(typing.NamedTuple):
        x: int
        y: int = 2

    colors = Color(1) is Color.RED, Color(Color.RED).number, list(Color), raised(Color, 2)[0], Derived(1).number()
    point = Point(1)
    return colors, point, point._replace(x=5), Point._make([3, 4]), str(inspect.signature(Point)), type(point) is Point


@case(calls=5)
def classes_of_builtin_types(deco: Any) -> Any:
    @deco
    class Settings(dict[str, int]):
        pass

    @deco
    class Text(str):
        __slots__ = ()

        def __new__(cls, text: str) -> Any:
            return super().__new__(cls, f"{text}!")

    @deco
    class Bare(Exception):
        pass

    @deco
    class Whole(Exception):
        def __init__(self, argument: Any) -> None:
            super().__init__(argument, argument)

    def caught(kind: Any, *args: Any) -> Any:
        try:
            raise kind(*args) if args else kind
        except kind as exception:
            return exception.args

    mixed = type("Mixed", (Settings, Text.__mro__[-1]), {})(one=1)
    results = Settings(one=1), Text("x"), caught(Bare, 1, 2), caught(Whole, 1), caught(Bare), mixed
    return results, str(inspect.signature(Text)), Settings.__mro__[1:]


# How they are instantiated


@case(calls=3)
def a_class_with_nothing_to_instantiate_it(deco: Any) -> Any:
    @deco
    class Owner:
        value = 1

    class Child(Owner):
        pass

    signatures = str(inspect.signature(Owner)), str(inspect.signature(Child)), raised(inspect.signature, Owner())[0]
    kinds = type(Owner()) is Owner, Owner.__init__ is object.__init__
    return raised(Owner, 1, 2), raised(Child, key=1), Child().value, signatures, kinds


@case(calls=6)
def a_class_that_inherits_its_init(deco: Any) -> Any:
    class Base:
        def __init__(self, one: Any, *, two: Any = 2) -> None:
            self.values = one, two

    class Other(Base):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.other = True

    @deco
    class Owner(Base):
        pass

    class Child(Owner, Other):
        pass

    class Grandchild(Child):
        def __init__(self) -> None:
            super().__init__(5)

    before = Owner(1).values, Child(1).values, Child(1).other, Grandchild().values, raised(Owner)
    with mock.patch.object(Base, "__init__", lambda self, one: setattr(self, "values", "patched")):
        patched = Owner(1).values
    with mock.patch.object(Owner, "__init__", return_value=None) as double:
        vars(Owner(7))
    signatures = [str(inspect.signature(cls)) for cls in (Owner, Child, Grandchild)]
    return before, patched, double.mock_calls, signatures, Owner(3, two=4).values, copy.copy(Owner(7)).values


@case(calls=4)
def super_and_nested_classes(deco: Any) -> Any:
    class Base:
        def __init__(self, value: Any) -> None:
            self.value = value

        def text(self) -> str:
            return "base"

        @classmethod
        def made(cls, value: Any) -> Any:
            return cls(value)

    @deco
    class Owner(Base):
        def __init__(self, value: Any) -> None:
            super().__init__(value)
            self.cell = __class__

        def text(self) -> str:
            return "owner of " + super().text()

        @deco
        class Inner:
            def __init__(self) -> None:
                self.value = 1

    class Child(Owner):
        def __init__(self) -> None:
            super(Child, self).__init__(4)  # noqa: UP008

    it = Owner.made(3)
    kinds = it.cell is Owner, isinstance(Child(), Owner), issubclass(Child, Owner), Owner.Inner.__qualname__
    return it.value, it.text(), super(Owner, it).text(), Owner.Inner().value, Owner(1).value, kinds, Owner.Inner().value


@case(calls=2)
def decorated_twice(deco: Any) -> Any:
    @deco
    @deco
    class WithInit:
        def __init__(self, value: Any) -> None:
            self.value = value

    @deco
    @deco
    class Without:
        pass

    return WithInit(1).value, type(Without()) is Without, str(inspect.signature(WithInit))


@case(calls=2)
def a_parent_and_a_child(deco: Any) -> Any:
    @deco
    class Parent:
        def __init__(self, value: Any = 0) -> None:
            self.value = value

    @deco
    class Child(Parent):
        pass

    return Parent(1).value, Child(2).value, str(inspect.signature(Child))


@case(calls=1)
def slots_and_weak_references(deco: Any) -> Any:
    @deco
    class Owner:
        __slots__ = ("__weakref__", "value")

        def __init__(self, value: Any) -> None:
            self.value = value

    it = Owner(1)
    return (
        weakref.ref(it)() is it,
        weakref.ref(Owner)() is Owner,
        raised(setattr, it, "b", 1)[0],
        hasattr(it, "__dict__"),
    )


@case(calls=3)
def copies_of_instances(deco: Any) -> Any:
    @deco
    class Owner:
        def __init__(self, value: Any) -> None:
            self.value = value

    it = Owner([1])
    kinds = type(copy.copy(it)) is Owner, copy.copy(Owner) is Owner, copy.deepcopy(Owner) is Owner
    made = Owner.__new__(Owner)
    return copy.copy(it).value is it.value, copy.deepcopy(it).value, kinds, vars(made), Owner(2).value, Owner(3).value


@case(calls=3)
def context_decorators(deco: Any) -> Any:
    @deco
    class Block(contextlib.ContextDecorator):
        def __enter__(self) -> Any:
            return self

        def __exit__(self, *exception: object) -> None: ...

    @Block()
    def within() -> Any:
        return 1

    with Block() as block:
        pass
    return within(), isinstance(block, Block), type(Block()) is Block


@case(calls=4)
def total_ordering(deco: Any) -> Any:
    @functools.total_ordering
    @deco
    class Number:
        def __init__(self, value: int) -> None:
            self.value = value

        def __eq__(self, other: object) -> bool:
            return bool(self.value == other.value)

        def __lt__(self, other: Any) -> bool:
            return bool(self.value < other.value)

        def __hash__(self) -> int:
            return self.value

    return Number(1) < Number(2), Number(1) >= Number(2)


# Those who make classes out of classes


@case(calls=9)
def dataclasses_above_and_below(deco: Any) -> Any:
    @dataclasses.dataclass
    @deco
    class Above:
        x: int
        y: list[int] = dataclasses.field(default_factory=list)

    @deco
    @dataclasses.dataclass(frozen=True, order=True)
    class Below:
        x: int

    @dataclasses.dataclass(slots=True)
    @deco
    class SlotsAbove:
        x: int = 3

        def twice(self) -> int:
            return self.x * 2

    @deco
    @dataclasses.dataclass(slots=True)
    class SlotsBelow:
        x: int = 3

    made = Above(1), Below(2), SlotsAbove(), SlotsBelow(4), Below(5), dataclasses.replace(Below(6), x=7)
    told = [(cls.__doc__, str(inspect.signature(cls)), dataclasses.fields(cls)[0].name) for cls in map(type, made)]
    kinds = [type(one).__name__ for one in made], hasattr(made[2], "__dict__"), hasattr(made[3], "__dict__")
    return (
        made,
        told,
        kinds,
        made[2].twice(),
        made[1] < made[4],
        copy.copy(made[0]) == made[0],
        raised(Above)[0],
        Below(8),
    )


@case(calls=5)
def attrs_above_and_below(deco: Any) -> Any:
    @attrs.define
    @deco
    class Above:
        x: int = 1

        def own(self) -> Any:
            return __class__ is Above

    @deco
    @attrs.frozen
    class Below:
        x: int = 2

    @attr.s
    @deco
    class Older:
        x = attr.ib(default=3)

    made = Above(5), Above(), Below(), Older(), Below(7)
    return made, made[1].own(), [str(inspect.signature(type(one))) for one in made], hasattr(made[0], "__dict__")


@case(calls=12)
def pydantic_models(deco: Any) -> Any:
    @deco
    class Model(pydantic.BaseModel):
        x: int

    class Child(Model):
        y: int = 1

    @pydantic.dataclasses.dataclass
    @deco
    class Above:
        x: int

    @deco
    @pydantic.dataclasses.dataclass
    class Below:
        x: int

    @pydantic.validate_call
    @deco
    def above(number: int) -> int:
        return number

    @deco
    @pydantic.validate_call
    def below(number: int) -> int:
        return number

    class Checked(pydantic.BaseModel):
        x: int

        @pydantic.field_validator("x")
        @deco
        @classmethod
        def check(cls, value: int) -> int:
            return value + 1

        @pydantic.computed_field
        @deco
        @property
        def twice(self) -> int:
            return self.x * 2

    models = Model(x="1"), raised(Model)[0], Child(x=2), Model.model_validate({"x": 3}), str(inspect.signature(Model))
    functions = above("5"), below("6"), raised(below, "z")[0], raised(above, "z")[0]
    schema = sorted(Checked.model_json_schema(mode="serialization")["properties"])
    more = Above("3"), Below("4"), Model(x=7), Checked(x=1).model_dump(), schema
    return models, functions, more, Model(x=8).model_copy(), copy.deepcopy(Model(x=9))
