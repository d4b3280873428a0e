"""Stand-ins that open a transaction around a call, for everything that can be called.

A function stays a function of its own kind (`shapes`), a class stays a class
(`measured_classes`); what a closure cannot stand for (partials, callable
instances, other descriptors) goes through `proxies`.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from ..log import log_once
from ..model.naming import is_found_under
from .entry import Entry

__all__ = ["can_be_wrapped", "wrap"]


def can_be_wrapped(argument: object) -> bool:
    """Whether a decorator was given the thing to decorate itself, rather than what comes in parentheses."""
    return callable(argument) or isinstance(argument, (classmethod, staticmethod))


def wrap(wrapped: Any, entry: Entry, replacing: bool = False) -> Any:
    """A stand-in for ``wrapped`` whose every call asks ``entry``.

    Args:
        wrapped: anything that can be called, a classmethod or staticmethod object included.
        entry: what a call enters by.
        replacing: whether the stand-in takes the place of ``wrapped`` under its
            own name, so that it pickles by that name.

    Raises:
        TypeError: ``wrapped`` cannot be called.
    """
    if isinstance(wrapped, (classmethod, staticmethod)):
        return type(wrapped)(wrap(wrapped.__func__, entry, replacing=True))
    if isinstance(wrapped, type) and (made := _class(wrapped, entry)) is not None:
        return made
    if isinstance(wrapped, FunctionType) and (replacing or not _pickles_by_name(wrapped)):
        return _closure(wrapped, entry)
    if not callable(wrapped) and not hasattr(wrapped, "__get__"):
        raise TypeError(f"{wrapped!r} cannot be called, so it cannot be measured")
    _advise_on_tasks(wrapped)
    return _proxy(wrapped, entry)


def _class(wrapped: type, entry: Entry) -> type | None:
    """A class in the place of a class, or ``None`` where it cannot be subclassed."""
    from .measured_classes import measured_class  # noqa: PLC0415  only where a class is decorated

    try:
        return measured_class(wrapped, entry)
    except TypeError:
        return None


def _closure(wrapped: FunctionType, entry: Entry) -> Any:
    from .shapes import around  # noqa: PLC0415  needs inspect: only where something is decorated

    return around(wrapped)(wrapped, entry)


def _proxy(wrapped: Any, entry: Entry) -> Any:
    from .proxies import MeasuredCallable  # noqa: PLC0415  wrapt imports asyncio: only for what needs it

    return MeasuredCallable(wrapped, entry)


def _pickles_by_name(function: FunctionType) -> bool:
    """Whether its name is taken by the function itself: then a wrapper of it needs a pickle of its own."""
    return is_found_under(function.__module__, function.__qualname__, function)


def _advise_on_tasks(wrapped: Any) -> None:
    if callable(getattr(wrapped, "apply_async", None)) and hasattr(wrapped, "delay"):
        log_once(
            ("task", getattr(wrapped, "name", repr(wrapped))),
            "%r is a task object: its delay() and apply_async() would not use the transaction around it; "
            "put @background_task under @app.task, next to the function",
            getattr(wrapped, "name", wrapped),
        )
