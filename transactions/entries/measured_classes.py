"""Classes whose instantiation is the measured call.

The stand-in is a subclass of the class with the same name, so that
``isinstance``, subclassing and pickling its instances work as before; only a
metaclass sees the whole of an instantiation.
"""

from __future__ import annotations

import copyreg
from typing import Any

from ..model.naming import is_found_under
from .entry import Entry, finish

__all__ = ["measured_class"]


def measured_class(cls: type, entry: Entry) -> type:
    """A subclass of ``cls`` under its name, whose every instantiation asks ``entry``."""
    metaclass = _metaclass_for(type(cls))
    namespace = {
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
        "__slots__": (),
    }
    made: Any = metaclass(cls.__name__, (cls,), namespace)
    made.__wrapped__ = cls
    type.__setattr__(made, "_weighbridge_entry", (made, entry))
    return made  # type: ignore[no-any-return]


_metaclasses: dict[type, type] = {}


def _metaclass_for(base: Any) -> type:
    """A metaclass below ``base`` that measures instantiation; made once for each."""
    if base not in _metaclasses:

        def call(cls: Any, *args: Any, **kwargs: Any) -> Any:
            return _instantiate(super(metaclass, cls).__call__, cls, args, kwargs)

        metaclass: Any = type(base)(f"Measured{base.__name__}", (base,), {"__call__": call})
        copyreg.pickle(metaclass, _reduce_class)
        _metaclasses[base] = metaclass
    return _metaclasses[base]


def _instantiate(create: Any, cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    owner, entry = cls._weighbridge_entry
    transaction = entry.open(args, kwargs) if cls is owner else None
    if transaction is None:
        return create(*args, **kwargs)
    try:
        return create(*args, **kwargs)
    except BaseException as exception:
        transaction.left_by(exception)
        raise
    finally:
        finish(transaction)


def _reduce_class(cls: Any) -> str | tuple[Any, ...]:
    """Pickle a class by its name where that finds it, else as what it wraps and how."""
    if is_found_under(cls.__module__, cls.__qualname__, cls) or "__wrapped__" not in cls.__dict__:
        return str(cls.__qualname__)
    return measured_class, (cls.__wrapped__, cls._weighbridge_entry[1])
