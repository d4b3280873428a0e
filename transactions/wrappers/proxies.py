"""Proxies for callables that a function cannot replace: partials, instances, bound methods, others' wrappers.

Loaded only if one is needed, as wrapt imports asyncio.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from types import MethodType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from weakref import WeakKeyDictionary

import wrapt

from ..log import capture_internal_exception
from .functions import wrapper_for
from .opening import Opener
from .pickling import pickled

__all__ = ["proxy_for"]

_PROXY: Final[type] = getattr(wrapt, "BaseObjectProxy", wrapt.ObjectProxy)
"""`wrapt.ObjectProxy` has ``__iter__`` in some releases, whether or not the wrapped object has it."""

if TYPE_CHECKING:
    _Proxy = wrapt.ObjectProxy[Any]
else:
    _Proxy = _PROXY


class MeasuredCallable(_Proxy):
    """A proxy that behaves like the wrapped object in every way, except that calls go to ``call``.

    Args:
        wrapped: a callable, or a descriptor: if that returns nothing callable,
            every read from an instance counts as the call.
        call: the callable to use instead.
        arguments: the arguments of `proxy_for` after the first.
    """

    @property
    def __signature__(self) -> Any:
        """The wrapped object's signature: from Python 3.13 on, `inspect` would use our own ``__call__`` for a class."""
        import inspect  # noqa: PLC0415  already loaded by whoever asks for a signature

        return inspect.signature(self.__wrapped__) if self._self_signature is None else self._self_signature

    @__signature__.setter
    def __signature__(self, signature: Any) -> None:
        self._self_signature = signature

    @__signature__.deleter
    def __signature__(self) -> None:
        self._self_signature = None

    def __init__(self, wrapped: Any, call: Any, *arguments: Any) -> None:
        super().__init__(wrapped)
        self._self_call = call
        self._self_arguments = arguments
        self._self_method: _BoundCall | None = None
        self._self_signature = None
        """The signature that the program has set, as it can on a function."""

    def _self_like(self, wrapped: Any) -> Any:
        """Return a proxy like this one for a copy of the wrapped object; itself if copying gave the same object."""
        return self if wrapped is self.__wrapped__ else proxy_for(wrapped, *self._self_arguments)

    def __copy__(self) -> Any:
        return self._self_like(copy.copy(self.__wrapped__))

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self._self_like(copy.deepcopy(self.__wrapped__, memo))

    def __reduce_ex__(self, protocol: Any) -> str | tuple[Any, ...]:
        return pickled(self, self.__wrapped__, proxy_for, *self._self_arguments)

    def __reduce__(self) -> str | tuple[Any, ...]:
        return self.__reduce_ex__(2)


def proxy_for(wrapped: Any, opener: Opener, *instance: Any) -> Any:
    """Return a proxy of ``wrapped`` whose every call goes through ``opener``.

    Args:
        wrapped: see `MeasuredCallable`.
        opener: decides what each call does on entry.
        instance: what ``wrapped`` is bound to, if it is; passed to ``opener`` as the first argument.
    """
    return _class_for(type(wrapped))(wrapped, _measured_call(wrapped, opener, *instance), opener, *instance)


def _class_for(kind: type) -> Any:
    """Return a proxy class that has those of the `_SPECIAL` methods which ``kind`` has."""
    made = _classes.get(kind)
    if made is None:
        has = frozenset[str]().union(*map(vars, kind.__mro__))
        made = _classes[kind] = _class_with(tuple(name for name in _SPECIAL if name in has))
    return made


_classes: Final[WeakKeyDictionary[type, Any]] = WeakKeyDictionary()


@functools.cache
def _class_with(names: tuple[str, ...]) -> Any:
    return type("MeasuredCallable", (MeasuredCallable,), {name: _SPECIAL[name] for name in names})


def _measured_call(wrapped: Any, opener: Opener, *instance: Any) -> Any:
    """Return the measured call of ``wrapped``; its opener gets the bound instance as the first argument."""
    if not callable(wrapped):
        reading = functools.partial(_read, wrapped)
        return wrapper_for(reading)(reading, opener)
    if type(wrapped) is MethodType:
        method: Any = wrapped
        return functools.partial(wrapper_for(method)(method.__func__, opener), method.__self__)
    if isinstance(wrapped, MethodType):  # a wrapper may claim to be one
        instance = (wrapped.__self__,)
    if not instance:
        return wrapper_for(wrapped)(wrapped, opener)

    def call(instance: Any, /, *args: Any, **kwargs: Any) -> Any:
        return wrapped(*args, **kwargs)

    return functools.partial(wrapper_for(wrapped)(call, opener), *instance)


def _call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
    return self._self_call(*args, **kwargs)


def _read(descriptor: Any, instance: Any) -> Any:
    return type(descriptor).__get__(descriptor, instance, type(instance))


def _get(self: Any, instance: Any, owner: Any = None) -> Any:
    wrapped = self.__wrapped__
    if instance is not None and not callable(wrapped) and not isinstance(wrapped, _GIVE_CALLABLES):
        return self._self_call(instance)
    bind: Any = type(wrapped).__get__
    return _measured_when_bound(self, bind(wrapped, instance, owner), instance, owner)


_GIVE_CALLABLES: Final = (classmethod, staticmethod, functools.singledispatchmethod)
"""Descriptors whose result is meant to be called."""


def _measured_when_bound(self: Any, bound: Any, instance: Any, owner: Any) -> Any:
    """Return a proxy for the result of a wrapped descriptor. Never raises."""
    try:
        wrapped = self.__wrapped__
        if bound is wrapped:
            return self
        if type(bound) is MethodType and bound.__func__ is wrapped:
            return MethodType(self, bound.__self__)
        if not callable(bound):
            return bound
        method = _method_of(self, bound, instance)
        first = method.first_of(instance, owner)
        if first is None:
            return proxy_for(bound, *self._self_arguments)
        return _class_for(type(bound))(bound, functools.partial(method.call, first), *self._self_arguments, first)
    except Exception:
        capture_internal_exception("MeasuredCallable")
        return bound


class _BoundCall(NamedTuple):
    """The measured call of a bound callable, and what the callable is bound to."""

    function: Any
    to: Literal["instance", "class", "nothing"]
    call: Any

    def first_of(self, instance: Any, owner: Any) -> Any:
        """Return what it is bound to when read from an instance or a class."""
        return {"instance": instance, "class": owner or type(instance), "nothing": None}[self.to]


def _method_of(self: Any, bound: Any, instance: Any) -> _BoundCall:
    """Return the measured call, which is created once, as that is slow; therefore each call binds again."""
    method: _BoundCall | None = self._self_method
    function = _function_of(bound)
    if method is None or method.function is not function:
        wrapped = self.__wrapped__
        to: Any = "nothing" if isinstance(wrapped, staticmethod) else "instance"
        if isinstance(bound, MethodType) and bound.__self__ is not instance:
            to = "class"
        call = _binding_again(wrapped, to == "class")
        method = self._self_method = _BoundCall(function, to, wrapper_for(bound)(call, self._self_arguments[0]))
    return method


def _function_of(bound: Any) -> Any:
    """Return what identifies the bound function; for a proxy of wrapt its type, as it is slow and has one function."""
    if isinstance(bound, _PROXY):
        return type(bound)
    return getattr(bound, "__func__", None) or getattr(bound, "func", None) or getattr(bound, "__code__", type(bound))


def _binding_again(descriptor: Any, of_class: bool) -> Callable[..., Any]:
    bind = type(descriptor).__get__

    def call(first: Any, /, *args: Any, **kwargs: Any) -> Any:
        bound = bind(descriptor, None, first) if of_class else bind(descriptor, first, type(first))
        return bound(*args, **kwargs)

    return call


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
"""Special methods that a proxy has only if the wrapped object's class does, as code checks for their presence."""
