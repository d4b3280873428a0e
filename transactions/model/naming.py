"""Names of callables and transactions, and the paths composed of them."""

from __future__ import annotations

import functools
from types import FrameType, FunctionType, MethodType
from typing import Any, Final, Literal

from ..host_exceptions import pass_on_signals
from ..log import log_once

__all__ = [
    "LONGEST_HEADER",
    "LONGEST_NAME",
    "TYPES",
    "Kind",
    "as_text",
    "callable_name",
    "class_name",
    "display_name",
    "display_parts",
    "function_behind",
    "function_name",
    "functions_in",
    "path_of",
    "text_of",
]

Kind = Literal["web", "background"]

LONGEST_NAME: Final = 255
"""Characters; longer names are cut."""
LONGEST_HEADER: Final = 1000
"""Characters of a task's header that names the transaction that enqueued it; longer ones are neither sent nor read."""

TYPES: Final[dict[Kind, str]] = {"web": "WebTransaction", "background": "OtherTransaction"}

_GROUPS_OF_PATHS: Final = frozenset({"Uri", "Route"})


def path_of(kind: Kind, group: str, name: str) -> str:
    """Return ``<type>/<group>/<name>``, without doubling the leading slash of a URL path."""
    return f"{TYPES[kind]}/{display_name(group, name)}"


def display_name(group: str, name: str) -> str:
    """Return ``<group>/<name>`` as it is shown everywhere: ``Uri/hello`` for the path ``/hello``.

    >>> display_name("Uri", "/hello"), display_name("Uri", "/"), display_name("Route", "GET /"), display_name("G", "/n")
    ('Uri/hello', 'Uri/', 'Route/GET /', 'G//n')
    """
    return "".join(display_parts(group, name))


def display_parts(group: str, name: str) -> tuple[str, str]:
    """Return the two parts of `display_name`: the group with its slash, if there is one, and the name."""
    return f"{group}/" if group else "", name.removeprefix("/") if group in _GROUPS_OF_PATHS else name


def class_name(cls: type) -> str:
    """Return ``module:qualified.name`` of a class."""
    return f"{cls.__module__}:{cls.__qualname__}"


def callable_name(obj: Any) -> str:
    """Return ``module:qualified.name`` of a callable.

    A bound method is named after the class of its instance, a classmethod after
    the class it is called on, a partial or a property after its function, and an
    instance after its class.
    """
    obj = function_behind(obj)
    owner = getattr(obj, "__self__", None)
    if owner is not None and hasattr(obj, "__func__"):
        return _method_name(owner, obj.__func__)
    if not isinstance(getattr(obj, "__qualname__", None), str):
        obj = obj.__class__  # not `type()`: a proxy reports the class it stands for
    return f"{_module_of(obj, owner)}:{obj.__qualname__}"


def _method_name(owner: Any, function: Any) -> str:
    cls = owner if isinstance(owner, type) else type(owner)
    return f"{class_name(cls)}.{getattr(function, '__name__', type(function).__name__)}"


def function_behind(obj: Any) -> Any:
    """Return the function inside a partial or a descriptor, else the object itself."""
    while (found := _held_by(obj)) is not None:
        obj = found
    return obj


def _held_by(obj: Any) -> Any:
    """Return the callable that a partial or a descriptor wraps, or ``None``."""
    if isinstance(obj, property):
        return obj.fget or obj.fset or obj.fdel
    if isinstance(obj, (staticmethod, classmethod)):
        return obj.__func__
    if isinstance(obj, _MADE_OF_FUNC):
        return obj.func
    return next(iter(functions_in(obj).values()), None)


_MADE_OF_FUNC: Final = (
    functools.partial,
    functools.partialmethod,
    functools.cached_property,
    functools.singledispatchmethod,
)


def functions_in(descriptor: Any) -> dict[str, Any]:
    """Return the functions that a descriptor, which is not callable itself, holds, by attribute name."""
    if isinstance(descriptor, (functools.partialmethod, functools.cached_property)):
        return {"func": descriptor.func}
    if callable(descriptor) or not hasattr(type(descriptor), "__get__"):
        return {}
    names = [*getattr(descriptor, "__dict__", ()), *getattr(descriptor, "__slots__", ())]
    values = {name: getattr(descriptor, name, None) for name in names}
    return {name: value for name, value in values.items() if isinstance(value, _ROUTINES)}


_ROUTINES: Final = (FunctionType, MethodType, functools.partial, classmethod, staticmethod)


def _module_of(obj: Any, owner: Any) -> str:
    """Return the module of a callable; methods of builtin types have none, so theirs is that of their type."""
    module = getattr(obj, "__module__", None)
    if module is None:
        home = getattr(obj, "__objclass__", None) or type(owner)
        module = home.__module__
    return str(module)


def function_name(frame: FrameType) -> str:
    """Return ``module:qualified.name`` of a frame's function; before Python 3.11 only the name's last part is known."""
    code = frame.f_code
    return f"{frame.f_globals.get('__name__')}:{getattr(code, 'co_qualname', code.co_name)}"


def as_text(value: object) -> str | None:
    """Return text, or bytes decoded as UTF-8, as exactly a `str`; ``None`` for anything else.

    A stand-in (of Django's, of `weakref`) may fail when it is asked for its class.
    """
    try:
        if isinstance(value, (bytes, bytearray)):
            return value.decode("utf-8", "replace")
        return str.__str__(value) if isinstance(value, str) else None
    except Exception as exception:
        pass_on_signals(exception)
        return None


def text_of(value: object, what: str) -> str | None:
    """Return a name as text, cut to size; ``None``, with one log line, if it is not a name.

    Args:
        value: text, or bytes to be decoded as UTF-8.
        what: what it names, for the log line.
    """
    text = as_text(value)
    if text:
        return text[:LONGEST_NAME]
    if value is not None:
        log_once(("name", what, type(value)), "%s must be non-empty text, not %.80r: ignored", what, value)
    return None
