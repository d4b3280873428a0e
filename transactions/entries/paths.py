"""Wrapping what is found under a dotted path of a module."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .entry import Entry
from .wrapping import wrap

__all__ = ["replace_object", "wrap_object"]


def wrap_object(module: ModuleType | str, object_path: str, entry_for: Callable[[Any], Entry]) -> None:
    """Replace ``module``'s attribute at a dotted path by a stand-in whose calls ask an entry.

    Raises:
        ImportError: there is no such module.
        AttributeError: the module has no such attribute; the message names it.
    """
    replace_object(module, object_path, lambda wrapped: wrap(wrapped, entry_for(wrapped), replacing=True))


def replace_object(module: ModuleType | str, object_path: str, make: Callable[[Any], Any]) -> None:
    """Replace ``module``'s attribute at a dotted path by what ``make`` makes of it; raises as `wrap_object`."""
    owner: Any = importlib.import_module(module) if isinstance(module, str) else module
    *parents, attribute = object_path.split(".")
    for parent in parents:
        owner = _attribute(owner, parent, module, object_path)
    found = _attribute(owner, attribute, module, object_path)
    if isinstance(owner, type):
        found = _as_defined(owner, attribute, found)
    setattr(owner, attribute, make(found))


def _as_defined(owner: type, name: str, found: Any) -> Any:
    """A class's attribute before it is bound: a classmethod or staticmethod must stay one."""
    return next((vars(cls)[name] for cls in owner.__mro__ if name in vars(cls)), found)


def _attribute(owner: Any, name: str, module: ModuleType | str, object_path: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError:
        place = module if isinstance(module, str) else module.__name__
        raise AttributeError(f"{place}:{object_path} cannot be wrapped: {owner!r} has no attribute {name!r}") from None
