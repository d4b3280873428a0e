"""Name, documentation and the like of what is wrapped, copied to its wrapper."""

from __future__ import annotations

from collections.abc import Callable
from functools import WRAPPER_ASSIGNMENTS
from typing import Any, TypeVar

from ..host_exceptions import pass_on

__all__ = ["wraps"]

_Wrapper = TypeVar("_Wrapper", bound=Callable[..., Any])


def wraps(wrapped: Any) -> Callable[[_Wrapper], _Wrapper]:
    """Do as `functools.wraps`, which swallows an `AttributeError` that a signal handler raises while it copies."""

    def decorator(wrapper: _Wrapper) -> _Wrapper:
        for name in WRAPPER_ASSIGNMENTS:
            try:
                value = getattr(wrapped, name)
            except AttributeError as missing:
                pass_on(missing)
            else:
                setattr(wrapper, name, value)
        wrapper.__dict__.update(getattr(wrapped, "__dict__", {}))
        wrapper.__wrapped__ = wrapped  # type: ignore[attr-defined]  # last: it must not be copied from what is wrapped
        return wrapper

    return decorator
