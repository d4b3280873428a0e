"""Calls back when a module has been imported.

`wrapt` has such hooks too. It is not used here, as it imports asyncio, and this is
loaded at the start of every process, before anybody knows what that will be.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

__all__ = ["Hook", "Watcher", "watch_imports"]

Hook = Callable[[ModuleType], None]


def watch_imports(hooks: Mapping[str, Hook]) -> Watcher:
    """Call each module's hook as soon as the module has been imported; at once where that has happened already.

    Hooks must not raise. Returns the finder that is now the first.
    """
    watcher = Watcher(hooks)
    sys.meta_path.insert(0, watcher)
    for name, hook in hooks.items():
        module = sys.modules.get(name)
        if module is not None and not getattr(getattr(module, "__spec__", None), "_initializing", False):
            hook(module)
    return watcher


class Watcher:
    """A finder that leaves it to the others to find a module, and has its loader call the hook."""

    def __init__(self, hooks: Mapping[str, Hook]) -> None:
        self._hooks = dict(hooks)
        self._asking: set[tuple[str, int]] = set()
        """Modules, and the threads in which the other finders are being asked: one of them may ask all again."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """See `importlib.abc.MetaPathFinder`."""
        hook = self._hooks.get(name)
        asking = name, get_ident()
        if hook is None or asking in self._asking:
            return None
        self._asking.add(asking)
        try:
            spec = self._ask_others(name, path, target)
        finally:
            self._asking.discard(asking)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            _call_after(spec.loader, name, hook)
        return spec

    def _ask_others(self, name: str, path: Any, target: Any) -> Any:
        for finder in list(sys.meta_path):
            find_spec = None if finder is self else getattr(finder, "find_spec", None)
            spec = None if find_spec is None else find_spec(name, path, target)
            if spec is not None:
                return spec
        return None


def _call_after(loader: Any, name: str, hook: Hook) -> None:
    """Have a loader call the hook after it has executed the module of that name, once.

    The loader itself stays in place, as programs find it on the module. It may be
    shared with other modules (that of a zip file is).
    """
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        if module.__name__ != name:
            execute(module)
            return
        if vars(loader).get("exec_module") is exec_module:
            del loader.exec_module
        execute(module)
        hook(module)

    try:
        loader.exec_module = exec_module
    except AttributeError:  # a loader that has no attributes of its own: its module is not watched
        return
