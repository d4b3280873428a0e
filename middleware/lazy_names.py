"""Modules some of whose names are loaded when they are first accessed.

A module's ``__getattr__`` (PEP 562) is enough for programs. Tools that describe a
module (documentation builders, editors) read its ``__dict__`` instead, and warn of
names in ``__all__`` that are missing from it. So the dictionary is completed when
``__dict__`` is read, by a property of the module's class; the interpreter, which
runs the module's code, does not look ``__dict__`` up by name. Placeholders in the
dictionary would be found instead of the classes, and loading everything right
after the import would need a thread.
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
    """Load names of a module when they are accessed, and all of them when its ``__dict__`` is read.

    Args:
        module: the name of the module, which is being imported.
        homes: for each name, the module that defines it.
    """
    _LazyModule.complete(sys.modules[module], homes)


class _LazyModule(ModuleType):
    """A module that completes its dictionary when ``__dict__`` is read."""

    @classmethod
    def complete(cls, module: ModuleType, homes: Mapping[str, str]) -> None:
        """Turn an existing module into one of these."""

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
