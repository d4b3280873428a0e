"""Classes whose instantiation is the measured call.

The stand-in is a subclass of the class with the same name, so that
``isinstance``, subclassing and pickling its instances work as before; only a
metaclass sees the whole of an instantiation.
"""

from __future__ import annotations

import copyreg
import types
from typing import Any

from ..model.naming import is_found_under
from ..stack.lifetime import Mark, finish, recover
from .entry import Entry

__all__ = ["measured_class"]

_Entries = tuple[Entry, ...]

_ENTRIES = "_weighbridge_entries"
_WRAPPED = "_weighbridge_wrapped"


def measured_class(cls: type, entry: Entry) -> type:
    """A subclass of ``cls`` under its name, whose every instantiation asks ``entry``.

    Raises:
        TypeError: ``cls`` cannot be subclassed.
    """
    kept = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__, "__slots__": ()}
    options = {"metaclass": _metaclass_for(type(cls))}
    made = types.new_class(cls.__name__, (cls,), options, lambda body: body.update(kept))
    type.__setattr__(made, _ENTRIES, (entry, *_entries_of(cls)))
    type.__setattr__(made, _WRAPPED, cls)
    return made


def _entries_of(cls: type) -> _Entries:
    """What an instantiation of that very class asks; a subclass of it asks nothing."""
    entries: _Entries = vars(cls).get(_ENTRIES, ())
    return entries


_metaclasses: dict[type, type] = {}


def _metaclass_for(base: Any) -> Any:
    """A metaclass below ``base`` that measures instantiation; made once for each."""
    if base in _metaclasses.values():
        return base
    if base not in _metaclasses:

        def call(cls: Any, *args: Any, **kwargs: Any) -> Any:
            return _instantiate(super(metaclass, cls).__call__, _entries_of(cls), args, kwargs)

        namespace = {"__call__": call, "__signature__": _Signature(), "__wrapped__": _Wrapped()}
        metaclass: Any = type(base)(f"Measured{base.__name__}", (base,), namespace)
        copyreg.pickle(metaclass, _reduce_class)
        _metaclasses[base] = metaclass
    return _metaclasses[base]


def _instantiate(create: Any, entries: _Entries, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not entries:
        return create(*args, **kwargs)
    mark: Mark = []
    transaction = entries[0].open(args, kwargs, mark)
    if transaction is None:
        return _instantiate(create, entries[1:], args, kwargs)
    try:
        try:
            return _instantiate(create, entries[1:], args, kwargs)
        except BaseException as exception:
            transaction.left_by(exception)
            raise
        finally:
            finish(transaction)
    except BaseException:
        recover(transaction)
        raise


class _Wrapped:
    """``__wrapped__`` of the classes alone: their subclasses and instances are not wrapped."""

    def __get__(self, cls: type, metaclass: type) -> Any:
        try:
            return vars(cls)[_WRAPPED]
        except KeyError:
            raise AttributeError("__wrapped__") from None


class _Signature:
    """``__signature__`` of the classes, which a metaclass with ``__call__`` would hide."""

    def __get__(self, cls: type, metaclass: type) -> Any:
        from inspect import signature  # noqa: PLC0415  whoever asks for a signature has it loaded

        try:
            if _WRAPPED in vars(cls):
                return signature(vars(cls)[_WRAPPED])
            whole = signature(_constructor(cls))
        except ValueError as error:
            raise AttributeError("__signature__") from error
        return whole.replace(parameters=list(whole.parameters.values())[1:])


def _constructor(cls: type) -> Any:
    """What takes the arguments of an instantiation: the nearest ``__new__`` or ``__init__``."""
    for base in cls.__mro__:
        for name in ("__new__", "__init__"):
            if name in vars(base):
                return getattr(base, name)
    raise ValueError(cls)


def _reduce_class(cls: Any) -> str | tuple[Any, ...]:
    """Pickle a class by its name where that finds it, else as what it wraps and how."""
    if is_found_under(cls.__module__, cls.__qualname__, cls) or _WRAPPED not in vars(cls):
        return str(cls.__qualname__)
    return measured_class, (vars(cls)[_WRAPPED], _entries_of(cls)[0])
