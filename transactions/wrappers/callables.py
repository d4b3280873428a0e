"""The one function that wraps any kind of callable so that its calls are measured.

A function is wrapped in a function of the same kind (`functions`), a descriptor is
rebuilt around measured functions (`descriptors`), and a decorated class stays the
same class (`classes`). Everything else (partials, callable instances, wrappers of
other libraries) gets a proxy (`proxies`).
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, Protocol, TypeVar

from ..host_exceptions import pass_on_signals
from ..log import log_once
from .opening import Opener
from .pickling import is_found_by_name

__all__ = ["Decorated", "can_be_wrapped", "wrap"]


class Descriptor(Protocol):
    """Anything with ``__get__``, callable or not."""

    def __get__(self, instance: Any, owner: Any = None, /) -> Any: ...


Decorated = TypeVar("Decorated", bound=Callable[..., Any] | Descriptor)
"""The type of what is decorated, which the decorator also returns."""


def can_be_wrapped(argument: object) -> bool:
    """Whether a decorator used without parentheses was given the object to decorate, rather than an argument."""
    return callable(argument) or hasattr(type(argument), "__get__")


def wrap(wrapped: Any, opener: Opener, replacing: bool = False, decorating: bool = False) -> Any:
    """Return a wrapper of ``wrapped`` whose every call goes through ``opener``.

    The kind of wrapper depends on ``type(wrapped)`` alone: a wrapper of another
    library may claim by its ``__class__`` to be a function, and still needs its
    instance.

    Args:
        wrapped: a callable or a descriptor.
        opener: decides what each call does on entry.
        replacing: whether the wrapper takes the place of ``wrapped`` under its own
            name, so that it pickles by that name.
        decorating: whether it will do so, unless that name is found to be taken.

    Raises:
        TypeError: ``wrapped`` cannot be called.
    """
    kind = type(wrapped)
    if kind is FunctionType and (replacing or not is_found_by_name(wrapped)):
        return _closure(wrapped, opener)
    if issubclass(kind, type):
        return _measured_class(wrapped, opener, replacing or (decorating and not is_found_by_name(wrapped)))
    if not callable(wrapped) or kind is staticmethod:
        return _descriptor(wrapped, opener)
    _advise_on_tasks(wrapped)
    return _proxy(wrapped, opener)


def _closure(wrapped: FunctionType, opener: Opener) -> Any:
    from .functions import wrapper_for  # noqa: PLC0415  imports inspect: only where something is decorated
    from .signatures import keep_signature  # noqa: PLC0415  likewise

    return keep_signature(wrapper_for(wrapped)(wrapped, opener), wrapped)


def _measured_class(wrapped: type, opener: Opener, itself: bool) -> Any:
    from .classes import derive_measured_class, measure_class  # noqa: PLC0415  only where a class is decorated

    try:
        if not itself:
            return derive_measured_class(wrapped, opener)
        measure_class(wrapped, opener)
        return wrapped
    except TypeError as refusal:  # a class that is immutable, or that nothing can be derived from
        pass_on_signals(refusal)
        return _proxy(wrapped, opener)


def _descriptor(wrapped: Any, opener: Opener) -> Any:
    if not hasattr(type(wrapped), "__get__"):
        raise TypeError(f"{wrapped!r} cannot be called, so it cannot be measured")
    from .descriptors import measured_descriptor  # noqa: PLC0415  only where one is decorated

    made = measured_descriptor(wrapped, lambda function: wrap(function, opener, replacing=True))
    return _proxy(wrapped, opener) if made is None else made


def _proxy(wrapped: Any, opener: Opener) -> Any:
    from .proxies import proxy_for  # noqa: PLC0415  wrapt imports asyncio: only for what needs it

    return proxy_for(wrapped, opener)


def _advise_on_tasks(wrapped: Any) -> None:
    if callable(getattr(wrapped, "apply_async", None)) and hasattr(wrapped, "delay"):
        log_once(
            ("task", getattr(wrapped, "name", repr(wrapped))),
            "%r is a task object: its delay() and apply_async() bypass the transaction around it; "
            "put @background_task under @app.task, next to the function",
            getattr(wrapped, "name", wrapped),
        )
