"""Modules some of whose names are loaded when they are first asked for.

A module's ``__getattr__`` (PEP 562) is enough for programs. Tools that describe
a module (documentation builders, editors) read its dictionary instead, and
warn of what ``__all__`` says and the dictionary has not. So the dictionary is
completed when it is read: its name is looked up in the class of the module,
and the interpreter itself, which runs the module's code, does not ask for it by
name. Stand-ins in the dictionary would be found in the place of the classes,
and loading all of it after the import would take a thread.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, Final

__all__ = ["load_lazily"]

_dictionary_of: Final = vars(ModuleType)["__dict__"].__get__


def load_lazily(module: str, homes: Mapping[str, str]) -> None:
    """Have names of a module loaded when they are asked for, and all of them when its dictionary is read.

    Args:
        module: the name of the module, which is being imported.
        homes: for each name, the module that has it.
    """
    _LazyModule.complete(sys.modules[module], homes)


class _LazyModule(ModuleType):
    """A module whose dictionary is complete once it is read."""

    @classmethod
    def complete(cls, module: ModuleType, homes: Mapping[str, str]) -> None:
        """Make a module one of these."""

        def load(name: str) -> Any:
            if name not in homes:
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
            loaded = getattr(import_module(homes[name]), name)
            setattr(module, name, loaded)
            return loaded

        _dictionary_of(module).update(__getattr__=load, _late_names=tuple(homes))
        module.__class__ = cls

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]  # it is read, and never set
        for name in self._late_names:
            getattr(self, name)
        return _dictionary_of(self)  # type: ignore[no-any-return]

    def __dir__(self) -> list[str]:
        return sorted({*_dictionary_of(self), *self._late_names})
