"""Names: of callables, of transactions, and the paths that are made of them."""

from __future__ import annotations

import functools
import sys
from types import FrameType, FunctionType, MethodType
from typing import Any, Final, Literal

from ..host_exceptions import pass_on_signals
from ..log import log_once

__all__ = [
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
    "is_found_under",
    "path_of",
    "text_of",
]

Kind = Literal["web", "background"]

LONGEST_NAME: Final = 255
"""Characters; what is longer is cut."""

TYPES: Final[dict[Kind, str]] = {"web": "WebTransaction", "background": "OtherTransaction"}

_GROUPS_OF_PATHS: Final = frozenset({"Uri", "Route"})


def path_of(kind: Kind, group: str, name: str) -> str:
    """``<type>/<group>/<name>``; the leading slash of a URL path is not doubled."""
    return f"{TYPES[kind]}/{display_name(group, name)}"


def display_name(group: str, name: str) -> str:
    """``<group>/<name>``, as people read it everywhere: ``Uri/hello`` for the path ``/hello``.

    >>> display_name("Uri", "/hello"), display_name("Uri", "/"), display_name("Route", "GET /"), display_name("G", "/n")
    ('Uri/hello', 'Uri/', 'Route/GET /', 'G//n')
    """
    return "".join(display_parts(group, name))


def display_parts(group: str, name: str) -> tuple[str, str]:
    """The two parts of `display_name`: the group with its slash, and the name."""
    return f"{group}/", name.removeprefix("/") if group in _GROUPS_OF_PATHS else name


def class_name(cls: type) -> str:
    """``module:qualified.name`` of a class."""
    return f"{cls.__module__}:{cls.__qualname__}"


def callable_name(obj: Any) -> str:
    """``module:qualified.name`` of anything that can be called.

    A bound method is named by the class of its instance, a classmethod by the
    class it is called on, a partial or a property by its function, an instance
    by its class.
    """
    obj = function_behind(obj)
    owner = getattr(obj, "__self__", None)
    if owner is not None and hasattr(obj, "__func__"):
        return _method_name(owner, obj.__func__)
    if not isinstance(getattr(obj, "__qualname__", None), str):
        obj = obj.__class__  # as a stand-in gives it
    return f"{_module_of(obj, owner)}:{obj.__qualname__}"


def _method_name(owner: Any, function: Any) -> str:
    cls = owner if isinstance(owner, type) else type(owner)
    return f"{class_name(cls)}.{getattr(function, '__name__', type(function).__name__)}"


def function_behind(obj: Any) -> Any:
    """The function that a partial or a descriptor is made of, else the very object."""
    while (found := _held_by(obj)) is not None:
        obj = found
    return obj


def _held_by(obj: Any) -> Any:
    """What a partial or a descriptor keeps to call it, or ``None``."""
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
    """The attributes of a descriptor that cannot be called itself which hold functions, and these."""
    if isinstance(descriptor, (functools.partialmethod, functools.cached_property)):
        return {"func": descriptor.func}
    if callable(descriptor) or not hasattr(type(descriptor), "__get__"):
        return {}
    names = [*getattr(descriptor, "__dict__", ()), *getattr(descriptor, "__slots__", ())]
    values = {name: getattr(descriptor, name, None) for name in names}
    return {name: value for name, value in values.items() if isinstance(value, _ROUTINES)}


_ROUTINES: Final = (FunctionType, MethodType, functools.partial, classmethod, staticmethod)


def _module_of(obj: Any, owner: Any) -> str:
    """Methods of builtin types have no module of their own: it is their type's."""
    module = getattr(obj, "__module__", None)
    if module is None:
        home = getattr(obj, "__objclass__", None) or type(owner)
        module = home.__module__
    return str(module)


def function_name(frame: FrameType) -> str:
    """``module:qualified.name`` of the function that a frame runs; before Python 3.11 its last part only."""
    code = frame.f_code
    return f"{frame.f_globals.get('__name__')}:{getattr(code, 'co_qualname', code.co_name)}"


def is_found_under(module: object, qualified_name: object, obj: object) -> bool:
    """Whether a module's attribute of that dotted name is this very object, as pickle looks it up."""
    found: Any = sys.modules.get(module) if isinstance(module, str) else None
    for part in qualified_name.split(".") if isinstance(qualified_name, str) else ("",):
        found = getattr(found, part, None)
    return found is obj


def as_text(value: object) -> str | None:
    """What is text, or bytes that are decoded as UTF-8, as exactly a `str`; ``None`` of anything else.

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
    """A name as text, cut to size, or ``None``, said once, where it is no name.

    Args:
        value: text, or bytes that are decoded as UTF-8.
        what: what it names, for the log line.
    """
    text = as_text(value)
    if text:
        return text[:LONGEST_NAME]
    if value is not None:
        log_once(("name", what, type(value)), "%s must be text and not empty, not %.80r: it is not used", what, value)
    return None
