"""The signature of a measured function, for whoever does not follow ``__wrapped__``.

`inspect.signature` follows it; `inspect.getfullargspec`, by which Celery checks
the arguments of ``.delay()``, and ``signature(..., follow_wrapped=False)``, by
which APScheduler checks those of a job, look at ``__signature__`` only.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import FunctionType
from typing import Any

from ..host_exceptions import pass_on

__all__ = ["keep_signature"]


def keep_signature(measured: Any, function: FunctionType) -> Any:
    """Let a measured function say of itself what ``function`` says; gives ``measured``.

    A function that follows another one is left to be followed: what it takes
    itself may differ from what it says.
    """
    own: Any = getattr(function, "__signature__", None)
    if own is None and not hasattr(function, "__wrapped__"):
        own = _signature_of(function)
    if own is not None:
        measured.__dict__ = _OwnSignature(measured.__dict__, __signature__=own)
    return measured


def _signature_of(function: FunctionType) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except Exception as failure:  # its annotations may be evaluated here, and fail
        pass_on(failure)
        return None


class _OwnSignature(dict[str, Any]):
    """Attributes of a function whose signature is not copied by those who copy its attributes.

    A decorator further out that hands an argument of its own to the function
    takes others than it does. `functools.update_wrapper` would have it say
    that it takes the same.
    """

    def keys(self) -> Any:
        return dict.fromkeys(self).keys()

    def __iter__(self) -> Iterator[str]:
        return (name for name in super().__iter__() if name != "__signature__")
