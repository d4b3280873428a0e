"""Classes whose instantiation is the measured call.

A decorated class stays the same object, so that whatever refers to it already (the
registry of a metaclass or of ``__init_subclass__``, the ``__class__`` cell of
``super()``) or is derived from it later has the measured class. Only what runs at
instantiation is replaced, and only instances of that very class are measured:

* the class's own ``__init__``, if it has one;
* else ``__new__``, as a decorator further out, like ``dataclass``, may give it
  an ``__init__``: that one, or an inherited one, is then measured from the first
  instance on, and where there is none, ``__new__`` is.

``__new__`` cannot be measured if there is an ``__init__``: copying and unpickling
call it too. A class that is wrapped, and that stays available under its name, is left
as it is; the wrapper is a class derived from it.
"""

from __future__ import annotations

import copyreg
import enum
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from types import BuiltinFunctionType, FunctionType
from typing import Any, Final

from ..context.lifetime import Mark, finish, recover
from ..log import capture_internal_exception
from .metadata import wraps
from .opening import Opener
from .pickling import is_found_by_name
from .signatures import keep_signature

__all__ = ["derive_measured_class", "measure_class"]

_Call = Callable[..., Any]
_Openers = tuple[Opener, ...]

_KEY: Final = "_weighbridge_instantiation"
_ADDED: Final = "_weighbridge_added"
"""Attribute of an ``__init__`` or ``__new__`` of ours: whether the class has none of its own."""
_WRAPPED: Final = "_weighbridge_wrapped"


def measure_class(cls: type, opener: Opener) -> None:
    """Send every instantiation of that very class through ``opener``.

    Raises:
        TypeError: the class cannot be changed.
    """
    known = vars(cls).get(_KEY)
    if known is not None:
        known.openers = (opener, *known.openers)
        return
    instantiation = _Instantiation(opener)
    type.__setattr__(cls, _KEY, instantiation)
    if _is_the_programs(vars(cls).get("__init__")) and not isinstance(cls, enum.EnumMeta):
        _replace_init(cls, instantiation)
    elif getattr(cls, "__members__", True):  # an enumeration without members creates others by its ``__new__``
        _replace_new(cls, instantiation)


def derive_measured_class(cls: type, opener: Opener) -> type:
    """Return a class with the name of ``cls`` and derived from it, whose instantiations go through ``opener``.

    Raises:
        TypeError: no class can be derived, or deriving one may have side effects.
    """
    if type(cls) not in (type, _Derived) or any("__init_subclass__" in vars(base) for base in cls.__mro__[:-1]):
        raise TypeError(f"{cls!r} may have whatever is derived from it registered")
    kept = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__, "__slots__": ()}
    made = _Derived(cls.__name__, (cls,), {**kept, _WRAPPED: (cls, opener)})
    for each in (*_openers_of(cls)[::-1], opener):
        measure_class(made, each)
    return made


def _openers_of(cls: type) -> _Openers:
    """Return the openers of instantiations of that very class."""
    instantiation = vars(cls).get(_KEY)
    return instantiation.openers if instantiation is not None else ()


class _Derived(type):
    """Metaclass of derived measured classes, which share the name of the original and may not be found under it."""

    @property
    def __wrapped__(cls) -> type:
        if _WRAPPED not in vars(cls):
            raise AttributeError("__wrapped__")
        wrapped: type = vars(cls)[_WRAPPED][0]
        return wrapped


def _reduce_class(cls: type) -> str | tuple[Any, ...]:
    """Pickle a class by its name if it is found under that, else as the original class and the opener."""
    if _WRAPPED not in vars(cls) or is_found_by_name(cls):
        return cls.__qualname__
    return derive_measured_class, vars(cls)[_WRAPPED]


copyreg.pickle(_Derived, _reduce_class)


class _Instantiation:
    """The openers for instantiations of one class, and of a copy of it (dataclasses make one for slots).

    Derived classes inherit the attribute, but are not measured by it.
    """

    __slots__ = ("openers",)

    def __init__(self, opener: Opener) -> None:
        self.openers: _Openers = (opener,)


def _instantiate(create: Any, openers: _Openers, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not openers:
        return create(*args, **kwargs)
    mark: Mark = []
    transaction = openers[0].open(args, kwargs, mark)
    if transaction is None:
        return _instantiate(create, openers[1:], args, kwargs)
    try:
        try:
            return _instantiate(create, openers[1:], args, kwargs)
        except BaseException as exception:
            transaction._record_exception(exception)
            raise
        finally:
            finish(transaction)
    except BaseException:
        recover(transaction)
        raise


# __init__


def _replace_init(cls: type, instantiation: _Instantiation) -> None:
    """Give the class an ``__init__`` that measures the call of its own or inherited one."""
    own = vars(cls).get("__init__")
    call: Any = own if isinstance(own, FunctionType) else _init_of(cls)

    @wraps(call)
    def init(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        create = functools.partial(call, self)
        if vars(type(self)).get(_KEY) is instantiation:
            return _instantiate(create, instantiation.openers, args, kwargs)
        return create(*args, **kwargs)

    setattr(init, _ADDED, own is None)
    type.__setattr__(cls, "__init__", keep_signature(init, call))


def _init_of(cls: type) -> _Call:
    """Return a function that calls the class's present ``__init__``, or the inherited one."""
    own = vars(cls).get("__init__")

    @wraps(cls.__init__)  # type: ignore[misc]
    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        init = own or next(_inits(_behind(cls, type(self))))
        return init.__get__(self, type(self))(*args, **kwargs)

    return call


def _inits(classes: Iterable[type]) -> Iterator[Any]:
    """Yield each class's ``__init__``, except that of `typing` for protocols, which only searches for another one."""
    for cls in classes:
        init = vars(cls).get("__init__")
        if init is not None and not _is_of_protocols(init):
            yield init


def _is_of_protocols(init: Any) -> bool:
    return str(getattr(init, "__module__", "")).startswith("typing") and init.__name__.startswith("_no_init")


def _is_the_programs(init: Any) -> bool:
    """Whether ``init`` is an ``__init__`` that belongs neither to a builtin type nor to a protocol."""
    return hasattr(init, "__get__") and not isinstance(init, _OfBuiltin) and not _is_of_protocols(init)


_OfBuiltin: Final = type(object.__init__)


# __new__


def _replace_new(cls: type, instantiation: _Instantiation) -> None:
    """Give the class a ``__new__`` that has its ``__init__`` measured, or itself if there is none."""
    own = vars(cls).get("__new__")
    create = _new_behind(instantiation) if own is None else getattr(own, "__func__", own)

    @wraps(create)
    def new(cls: type, /, *args: Any, **kwargs: Any) -> Any:
        if vars(cls).get(_KEY) is instantiation and not _measures_init(cls, instantiation):
            return _instantiate(functools.partial(create, cls), instantiation.openers, args, kwargs)
        return create(cls, *args, **kwargs)

    setattr(new, _ADDED, own is None)
    type.__setattr__(cls, "__new__", staticmethod(new))
    if own is None and "__signature__" not in vars(cls):
        type.__setattr__(cls, "__signature__", _Signature())


def _measures_init(cls: type, instantiation: _Instantiation) -> bool:
    """Have the class's ``__init__`` measured from now on, if there is one; return whether there is. Never raises."""
    try:
        if isinstance(cls.__init__, _OfBuiltin):  # type: ignore[misc]
            return False
        if isinstance(getattr(vars(cls).get("__init__"), _ADDED, None), bool):  # a mock has any attribute
            return True
        if isinstance(cls, enum.EnumMeta) or not _is_the_programs(next(_inits(cls.__mro__))):
            return False  # that of an enumeration ran when its members were created
        _replace_init(cls, instantiation)
        return True
    except Exception:
        capture_internal_exception("measured_classes")
        return False


def _new_behind(instantiation: _Instantiation) -> _Call:
    """Return a function that calls the ``__new__`` which the class inherits."""

    def create(cls: Any, /, *args: Any, **kwargs: Any) -> Any:
        inherited: Any = object.__new__
        for base in cls.__mro__:
            if vars(base).get(_KEY) is instantiation:
                inherited = super(base, cls).__new__
                break
        if inherited is not object.__new__:
            return inherited(cls, *args, **kwargs)
        if (args or kwargs) and cls.__init__ is object.__init__:  # as `object` raises
            raise TypeError(f"{cls.__name__}() takes no arguments")
        return inherited(cls)

    return create


def _behind(cls: type, owner: type) -> tuple[type, ...]:
    """Return the classes that follow ``cls`` in the method resolution order of ``owner``."""
    return owner.__mro__[owner.__mro__.index(cls) + 1 :]


class _Signature:
    """The signature of a class and its derived classes, as if nothing had been added to the class."""

    def __get__(self, instance: object, owner: Any) -> inspect.Signature:
        if instance is not None:
            raise AttributeError("__signature__")
        try:
            return _signature_of(owner)
        except ValueError as error:
            raise AttributeError("__signature__") from error


def _signature_of(cls: type) -> inspect.Signature:
    """Return the signature of an instantiation, by the rules of `inspect`.

    Raises:
        ValueError: it is that of a builtin type, which has none.
    """
    if isinstance(type(cls).__call__, FunctionType):
        return _without_first(type(cls).__call__)
    for base in cls.__mro__:
        for name in ("__new__", "__init__"):
            if name in vars(base) and getattr(getattr(base, name), _ADDED, False) is not True:
                constructor = getattr(base, name)
                is_builtin = isinstance(constructor, (BuiltinFunctionType, _OfBuiltin))
                return inspect.signature(base) if is_builtin else _without_first(constructor)
    raise ValueError(cls)


def _without_first(function: Any) -> inspect.Signature:
    whole = inspect.signature(function)
    return whole.replace(parameters=list(whole.parameters.values())[1:])
