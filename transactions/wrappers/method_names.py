"""Names of methods: an inherited method is named after the class of each instance, as each subclass is its own job.

Only functions defined in a class body pay for that; the names of all others are
known before the call.
"""

from __future__ import annotations

from _weakref import ref  # `weakref` itself loads what nothing else here needs
from collections.abc import Mapping
from functools import partial
from typing import Any

from ..model.identity import DEFAULT_GROUP, ExplicitName
from ..model.naming import callable_name, class_name, function_behind
from .opening import CallName, TextArgument

__all__ = ["call_name_for"]


def call_name_for(wrapped: Any, name: TextArgument, group: TextArgument) -> CallName:
    """Return how calls of ``wrapped`` are named, given its ``name=`` and ``group=``."""
    if name is None or callable(name):
        method = None if isinstance(wrapped, (partial, staticmethod)) else function_behind(wrapped)
        class_part, _, attribute = str(getattr(method, "__qualname__", "")).rpartition(".")
        if class_part and not class_part.endswith("<locals>") and _takes_an_instance(method):
            return _MethodCallName(name, group, _MethodDefinition(method.__module__, class_part, attribute))
    return CallName(name, group, callable_name(wrapped))


def _takes_an_instance(method: Any) -> bool:
    """Whether a function gets bound when it is read from an instance, and is not bound yet."""
    is_bound_when_read = hasattr(type(method), "__get__") and not hasattr(method, "__self__")
    return is_bound_when_read and isinstance(getattr(method, "__module__", None), str)


class _MethodDefinition:
    """A method, identified by the class that defines it."""

    __slots__ = ("attribute", "class_part", "module")

    def __init__(self, module: str, class_part: str, attribute: str) -> None:
        self.module = module
        self.class_part = class_part
        self.attribute = attribute

    def name(self) -> str:
        """Return its name by the class that defines it."""
        return f"{self.module}:{self.class_part}.{self.attribute}"

    def name_for(self, owner: type) -> str:
        """Return its name by a class that inherits it as a bound method; else by the class that defines it."""
        for base in owner.__mro__:
            if base.__qualname__ == self.class_part and base.__module__ == self.module:
                is_bound = not isinstance(vars(base).get(self.attribute), staticmethod)
                return f"{class_name(owner)}.{self.attribute}" if is_bound else self.name()
        return self.name()


class _MethodCallName(CallName):
    """Names calls without an explicit name after their first argument if that is a class, else after its class."""

    __slots__ = ("_known", "_method")

    def __init__(self, name: TextArgument, group: TextArgument, method: _MethodDefinition) -> None:
        self._method = method
        self._known: dict[int, tuple[ExplicitName, ref[type]]] = {}
        """Names by the ``id()`` of a class; an entry is removed when its class is collected."""
        super().__init__(name, group, method.name())
        self.constant = None

    def evaluate(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> ExplicitName | None:
        """See `CallName.evaluate`."""
        if self.name is None and args and not callable(self.group):
            return self._name_for(args[0])
        return super().evaluate(args, kwargs)

    def default_name(self, args: tuple[Any, ...]) -> str | None:
        """See `CallName.default_name`."""
        return self._name_for(args[0]).name if args else self.default

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name, self.group, self._method)

    def _name_for(self, first: Any) -> ExplicitName:
        owner = first if issubclass(type(first), type) else type(first)
        known = self._known.get(id(owner))
        return self._learn(owner) if known is None else known[0]

    def _learn(self, owner: type) -> ExplicitName:
        group = DEFAULT_GROUP if callable(self.group) else self.explicit_group((), {})
        explicit_name = ExplicitName(group, self._method.name_for(owner))
        key, known = id(owner), self._known
        known[key] = explicit_name, ref(owner, lambda _: known.pop(key, None))
        return explicit_name
