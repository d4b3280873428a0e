"""How wrappers are pickled: by name where they took the place of what they wrap, else as what they were made from.

Pickle looks a function or a class up by its name, and refuses it unless what it finds
there is the very same object. A wrapper has the name of what it wraps, which is found
under that name if the wrapper did not replace it: `WebTransactionWrapper(view)` next
to ``view``. Such a wrapper is made again where it is unpickled.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

__all__ = ["is_found_by_name", "is_found_under", "pickled"]


def is_found_under(module: object, qualified_name: object, obj: object) -> bool:
    """Whether the module's attribute of that dotted name is this very object."""
    found: Any = sys.modules.get(module) if isinstance(module, str) else None
    for part in qualified_name.split(".") if isinstance(qualified_name, str) else ("",):
        found = getattr(found, part, None)
    return found is obj


def is_found_by_name(obj: Any) -> bool:
    """Whether it is found under its own name: then a wrapper of it cannot be pickled by that name."""
    return is_found_under(obj.__module__, obj.__qualname__, obj)


def pickled(wrapper: Any, wrapped: Any, make: Callable[..., Any], *arguments: Any) -> str | tuple[Any, ...]:
    """Return what ``__reduce_ex__`` returns for a wrapper: its name, or how it is made from what it wraps.

    Args:
        wrapper: what is pickled.
        wrapped: what it wraps, and has the name of.
        make: makes a wrapper, given ``wrapped`` and the arguments.
        arguments: the further arguments of ``make``.
    """
    name = getattr(wrapped, "__qualname__", None)
    if is_found_under(getattr(wrapped, "__module__", None), name, wrapper):
        return str(name)
    return make, (wrapped, *arguments)
