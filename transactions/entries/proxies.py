"""Stand-ins for what a closure cannot stand for: partials, callable instances, bound methods, wrappers of others.

Loaded only where one is needed: wrapt imports asyncio.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from types import MethodType
from typing import TYPE_CHECKING, Any, Final

import wrapt

from ..log import swallowed
from ..model.naming import is_found_under
from .entry import Entry
from .shapes import around

__all__ = ["stand_in"]

if TYPE_CHECKING:
    _Proxy = wrapt.ObjectProxy[Any]
else:
    _Proxy = getattr(wrapt, "BaseObjectProxy", wrapt.ObjectProxy)  # the latter has __iter__, whatever it stands for


class MeasuredCallable(_Proxy):
    """Behaves as what it wraps in every way, and asks ``entry`` at every call.

    Args:
        wrapped: what can be called, or a descriptor: of one that gives nothing
            to call, each reading from an instance is the call.
        entry: what a call enters by.
        instance: what ``wrapped`` is bound to, if it is; the first of the arguments that ``entry`` is told.
    """

    def __init__(self, wrapped: Any, entry: Entry, *instance: Any) -> None:
        super().__init__(wrapped)
        self._self_arguments = (entry, *instance)
        self._self_call = _measured_call(wrapped, entry, *instance)

    def _self_like(self, wrapped: Any) -> Any:
        """The stand-in of a copy of what is wrapped; some things are never copied."""
        return self if wrapped is self.__wrapped__ else stand_in(wrapped, *self._self_arguments)

    def __copy__(self) -> Any:
        return self._self_like(copy.copy(self.__wrapped__))

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self._self_like(copy.deepcopy(self.__wrapped__, memo))

    def __reduce_ex__(self, protocol: Any) -> str | tuple[Any, ...]:
        """By name where the module's attribute is this stand-in, else as what it wraps and how."""
        name = getattr(self.__wrapped__, "__qualname__", None)
        if is_found_under(getattr(self.__wrapped__, "__module__", None), name, self):
            return str(name)
        return stand_in, (self.__wrapped__, *self._self_arguments)

    def __reduce__(self) -> str | tuple[Any, ...]:
        return self.__reduce_ex__(2)


def stand_in(wrapped: Any, entry: Entry, *instance: Any) -> Any:
    """A `MeasuredCallable` with those special methods that what it wraps has."""
    has = frozenset[str]().union(*map(vars, type(wrapped).__mro__))
    return _class_with(tuple(name for name in _SPECIAL if name in has))(wrapped, entry, *instance)


@functools.cache
def _class_with(names: tuple[str, ...]) -> Any:
    return type("MeasuredCallable", (MeasuredCallable,), {name: _SPECIAL[name] for name in names})


def _measured_call(wrapped: Any, entry: Entry, *instance: Any) -> Any:
    """What is called in the place of something, with the instance that it is bound to for the first argument."""
    if not callable(wrapped):
        reading = functools.partial(_read, wrapped)
        return around(reading)(reading, entry)
    if isinstance(wrapped, MethodType):
        instance = (wrapped.__self__,)
    if not instance:
        return around(wrapped)(wrapped, entry)
    function = wrapped.__func__ if type(wrapped) is MethodType else _taking_the_instance(wrapped)
    return functools.partial(around(wrapped)(function, entry), *instance)


def _taking_the_instance(bound: Any) -> Callable[..., Any]:
    """A wrapper of another library must not be asked for its function: it has to be called itself."""

    def call(instance: Any, /, *args: Any, **kwargs: Any) -> Any:
        return bound(*args, **kwargs)

    return call


def _call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
    return self._self_call(*args, **kwargs)


def _read(descriptor: Any, instance: Any) -> Any:
    return type(descriptor).__get__(descriptor, instance, type(instance))


def _get(self: Any, instance: Any, owner: Any = None) -> Any:
    wrapped = self.__wrapped__
    if instance is not None and not callable(wrapped) and not isinstance(wrapped, _GIVE_CALLABLES):
        return self._self_call(instance)
    return _measured_when_bound(self, type(wrapped).__get__(wrapped, instance, owner), instance)


_GIVE_CALLABLES: Final = (classmethod, staticmethod, functools.singledispatchmethod)
"""Descriptors that are read to call what they give."""


def _measured_when_bound(self: Any, bound: Any, instance: Any) -> Any:
    """A stand-in for what one that is a descriptor gives. Never raises."""
    try:
        wrapped = self.__wrapped__
        if bound is wrapped:
            return self
        if type(bound) is MethodType and bound.__func__ is wrapped:
            return MethodType(self, bound.__self__)
        if not callable(bound):
            return bound
        is_first = instance is not None and not isinstance(wrapped, staticmethod)
        return stand_in(bound, *self._self_arguments, *((instance,) if is_first else ()))
    except Exception:
        swallowed("MeasuredCallable")
        return bound


def _passed_on(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any) -> Any:
        wrapped = self.__wrapped__
        return getattr(type(wrapped), name)(wrapped, *args)

    method.__name__ = name
    return method


_SPECIAL: Final[dict[str, Callable[..., Any]]] = {
    "__call__": _call,
    "__get__": _get,
    **{
        name: _passed_on(name)
        for name in (
            *("__set__", "__delete__", "__set_name__"),
            *("__iter__", "__next__", "__aiter__", "__anext__", "__await__"),
        )
    },
}
"""What a class has or has not, as that alone says what its instances are."""
