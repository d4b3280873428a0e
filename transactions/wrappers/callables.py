"""Stand-ins that open a transaction around a call, for everything that can be called.

A function stays a function of its own kind (`shapes`), a descriptor is the same
descriptor around measured functions (`descriptors`), a class that is decorated
stays that very class (`measured_classes`); what none of these can be done to
(partials, callable instances, wrappers of other libraries) goes through `proxies`.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, Protocol, TypeVar

from ..log import log_once
from ..model.naming import is_found_under
from .opening import Opener

__all__ = ["Decorated", "can_be_wrapped", "wrap"]


class Descriptor(Protocol):
    """Anything with ``__get__``, whether it can be called or not."""

    def __get__(self, instance: Any, owner: Any = None, /) -> Any: ...


Decorated = TypeVar("Decorated", bound=Callable[..., Any] | Descriptor)
"""What a decorator is put on; it gives something of the same type."""


def can_be_wrapped(argument: object) -> bool:
    """Whether a decorator was given the thing to decorate itself, rather than what comes in parentheses."""
    return callable(argument) or hasattr(type(argument), "__get__")


def wrap(wrapped: Any, opener: Opener, replacing: bool = False, decorating: bool = False) -> Any:
    """A stand-in for ``wrapped`` whose every call asks ``opener``.

    What something *is* is told by its type alone: a wrapper of another library
    may say by ``__class__`` that it is a function, and needs its instance all
    the same.

    Args:
        wrapped: anything that can be called, or a descriptor.
        opener: what opens a transaction for a call.
        replacing: whether the stand-in takes the place of ``wrapped`` under its
            own name, so that it pickles by that name.
        decorating: whether it will, unless something is found under that name already.

    Raises:
        TypeError: ``wrapped`` cannot be called.
    """
    kind = type(wrapped)
    if kind is FunctionType and (replacing or not _is_found_by_name(wrapped)):
        return _closure(wrapped, opener)
    if issubclass(kind, type):
        return _measured_class(wrapped, opener, replacing or (decorating and not _is_found_by_name(wrapped)))
    if not callable(wrapped) or kind is staticmethod:
        return _descriptor(wrapped, opener)
    _advise_on_tasks(wrapped)
    return _proxy(wrapped, opener)


def _closure(wrapped: FunctionType, opener: Opener) -> Any:
    from .functions import wrapper_for  # noqa: PLC0415  needs inspect: only where something is decorated
    from .signatures import keep_signature  # noqa: PLC0415  likewise

    return keep_signature(wrapper_for(wrapped)(wrapped, opener), wrapped)


def _measured_class(wrapped: type, opener: Opener, itself: bool) -> Any:
    from .classes import derive_measured_class, measure_class  # noqa: PLC0415  only where a class is decorated

    try:
        if not itself:
            return derive_measured_class(wrapped, opener)
        measure_class(wrapped, opener)
        return wrapped
    except TypeError:  # one of the interpreter's own, which never change, and those that nothing can be derived from
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


def _is_found_by_name(wrapped: Any) -> bool:
    """Whether its name is taken by itself: then a wrapper of it needs a pickle of its own."""
    return is_found_under(wrapped.__module__, wrapped.__qualname__, wrapped)


def _advise_on_tasks(wrapped: Any) -> None:
    if callable(getattr(wrapped, "apply_async", None)) and hasattr(wrapped, "delay"):
        log_once(
            ("task", getattr(wrapped, "name", repr(wrapped))),
            "%r is a task object: its delay() and apply_async() would not use the transaction around it; "
            "put @background_task under @app.task, next to the function",
            getattr(wrapped, "name", wrapped),
        )
