"""Descriptors that cannot be called themselves: measured by a copy of the descriptor around measured functions.

So reading, setting and deleting, access by the class, ``property.setter``,
``__set_name__`` and all other behaviour remain the descriptor's own, and each call
of the functions that it consists of is measured.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import singledispatchmethod
from typing import Any, Final

from ..model.naming import functions_in

__all__ = ["measured_descriptor"]

_Measure = Callable[[Any], Any]


def measured_descriptor(descriptor: Any, measure: _Measure) -> Any:
    """Return a descriptor like ``descriptor``, whose functions are replaced by ``measure``.

    ``None`` if its functions cannot be found or replaced.
    """
    kind = type(descriptor)
    if kind in (classmethod, staticmethod):
        return _with_attributes_of(descriptor, kind(measure(descriptor.__func__)))
    if kind is property:
        return property(*_accessors(descriptor, measure))
    return None if isinstance(descriptor, _BIND_WHAT_CANNOT_BE_REPLACED) else _like(descriptor, measure)


_BIND_WHAT_CANNOT_BE_REPLACED: Final = (classmethod, staticmethod, singledispatchmethod)
"""Types whose subclasses return a callable, and store their function where nobody else can set it."""


def _with_attributes_of(descriptor: Any, made: Any) -> Any:
    for name, value in vars(descriptor).items():
        vars(made).setdefault(name, value)
    return made


def _accessors(descriptor: property, measure: _Measure) -> tuple[Any, ...]:
    """Return the measured getter, setter and deleter, and the docstring unless it is the getter's."""
    functions = (descriptor.fget, descriptor.fset, descriptor.fdel)
    text = descriptor.__doc__
    own_text = None if text == getattr(descriptor.fget, "__doc__", None) else text
    return *(function and measure(function) for function in functions), own_text


def _like(descriptor: Any, measure: _Measure) -> Any:
    """Return a copy with measured functions; ``None`` if there are none, or no copy can be made."""
    functions = functions_in(descriptor)
    if not functions and not isinstance(descriptor, property):
        return None
    try:
        made = copy.copy(descriptor)
        if made is descriptor:
            return None
        if isinstance(descriptor, property):
            property.__init__(made, *_accessors(descriptor, measure))
        measured = {id(function): measure(function) for function in functions.values()}
        for name, function in functions.items():
            object.__setattr__(made, name, measured[id(function)])
    except Exception:  # raised by the descriptor's own code, which may not support copying
        return None
    return made
