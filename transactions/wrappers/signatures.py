"""Signatures of measured functions, for code that does not follow ``__wrapped__``.

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
    """Give a measured function the ``__signature__`` of ``function``; return ``measured``.

    If ``function`` wraps another one and has no ``__signature__``, none is set, so that
    ``__wrapped__`` is followed: the parameters that it accepts may differ from those
    that it shows.
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
    except Exception as failure:  # evaluating annotations may fail
        pass_on(failure)
        return None


class _OwnSignature(dict[str, Any]):
    """A function's ``__dict__`` whose signature is not copied along with the other attributes.

    An outer decorator that passes an argument of its own to the function accepts
    other parameters. `functools.update_wrapper` would copy the function's signature
    to it.
    """

    def keys(self) -> Any:
        return dict.fromkeys(self).keys()

    def __iter__(self) -> Iterator[str]:
        return (name for name in super().__iter__() if name != "__signature__")
