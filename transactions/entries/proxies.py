"""Stand-ins for what a closure cannot stand for: partials, callable instances, bound methods, descriptors.

Loaded only where one is needed: wrapt imports asyncio.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import wrapt

from ..log import swallowed
from ..model.naming import is_found_under
from .entry import Entry
from .shapes import around

__all__ = ["MeasuredCallable"]


if TYPE_CHECKING:
    _Wrapper = wrapt.FunctionWrapper[..., Any]
else:
    _Wrapper = wrapt.FunctionWrapper


class MeasuredCallable(_Wrapper):
    """Behaves as what it wraps in every way, and asks ``entry`` at every call."""

    def __init__(self, wrapped: Any, entry: Entry) -> None:
        super().__init__(wrapped, self._self_measure)
        self._self_entry = entry
        self._self_latest: tuple[Any, Any] = (None, None)

    def _self_measure(self, wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self._self_measured(wrapped, instance)(*args, **kwargs)

    def _self_measured(self, wrapped: Any, instance: Any) -> Any:
        """What is called in the place of ``wrapped``, as it is bound in this call. Never raises."""
        try:
            function = getattr(wrapped, "__func__", None)
            if instance is None or function is None:
                return self._self_around(wrapped)
            return partial(self._self_around(function), instance)
        except Exception:
            swallowed("MeasuredCallable")
            return wrapped

    def _self_around(self, target: Any) -> Any:
        """The measured closure around a target: made once, it is the same one at almost every call."""
        latest, measured = self._self_latest
        if latest is not target:
            measured = around(target)(target, self._self_entry)
            self._self_latest = target, measured
        return measured

    def __reduce_ex__(self, protocol: Any) -> str | tuple[Any, ...]:
        """By name where the module's attribute is this stand-in, else as what it wraps and how."""
        name = getattr(self.__wrapped__, "__qualname__", None)
        if is_found_under(getattr(self.__wrapped__, "__module__", None), name, self):
            return str(name)
        return MeasuredCallable, (self.__wrapped__, self._self_entry)

    def __reduce__(self) -> str | tuple[Any, ...]:
        return self.__reduce_ex__(2)
