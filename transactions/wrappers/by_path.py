"""Wrapping of objects that are found under a dotted path of a module."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .callables import wrap
from .opening import Opener

__all__ = ["replace_object", "wrap_object"]


def wrap_object(module: ModuleType | str, object_path: str, opener_for: Callable[[Any], Opener]) -> None:
    """Replace ``module``'s attribute at a dotted path by a wrapper whose calls go through an opener.

    Raises:
        ImportError: there is no such module.
        AttributeError: the module has no such attribute; the message names it.
    """
    owner, attribute, found = _resolved(module, object_path)
    is_member = isinstance(owner, type) and not isinstance(found, type)
    replacing = is_member or _is_at_home(module, object_path, found)
    setattr(owner, attribute, wrap(found, opener_for(found), replacing))


def _is_at_home(module: ModuleType | str, object_path: str, found: Any) -> bool:
    """Whether an object was defined in this module under this name, rather than imported into it."""
    place = module if isinstance(module, str) else getattr(module, "__name__", None)
    return (getattr(found, "__module__", None), getattr(found, "__qualname__", None)) == (place, object_path)


def replace_object(module: ModuleType | str, object_path: str, make: Callable[[Any], Any]) -> None:
    """Replace ``module``'s attribute at a dotted path by ``make(attribute)``; raises as `wrap_object` does."""
    owner, attribute, found = _resolved(module, object_path)
    setattr(owner, attribute, make(found))


def _resolved(module: ModuleType | str, object_path: str) -> tuple[Any, str, Any]:
    """Return the owner of the attribute at a dotted path, the attribute's name, and its unbound value."""
    owner: Any = importlib.import_module(module) if isinstance(module, str) else module
    *parents, attribute = object_path.split(".")
    for parent in parents:
        owner = _attribute(owner, parent, module, object_path)
    found = _attribute(owner, attribute, module, object_path)
    if isinstance(owner, type):
        found = _as_defined(owner, attribute, found)
    return owner, attribute, found


def _as_defined(owner: type, name: str, found: Any) -> Any:
    """Return a class's attribute unbound: a classmethod or staticmethod must stay one."""
    return next((vars(cls)[name] for cls in owner.__mro__ if name in vars(cls)), found)


def _attribute(owner: Any, name: str, module: ModuleType | str, object_path: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError:
        place = module if isinstance(module, str) else module.__name__
        raise AttributeError(f"{place}:{object_path} cannot be wrapped: {owner!r} has no attribute {name!r}") from None
