"""Which exceptions are errors, and what is kept of them: their names, never the exceptions."""

from __future__ import annotations

from _weakref import ref
from collections.abc import Iterable
from types import TracebackType
from typing import Final

from ..host_exceptions import pass_on_signals
from .finished import NoticedError
from .naming import class_name
from .process import runtime

__all__ = [
    "CANCELLATIONS",
    "DISCONNECTS",
    "MAX_ERRORS",
    "ExcInfo",
    "class_names",
    "is_error",
    "matches",
    "noticed",
    "parts_of",
    "retained",
]

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

STRIPPED: Final = "<stripped>"
"""In the place of a message that may not be kept."""
MAX_ERRORS: Final = 5
"""Distinct errors (type and message) a transaction."""
_LONGEST_MESSAGE: Final = 1024

CANCELLATIONS: Final = frozenset(
    {"asyncio.exceptions:CancelledError", "concurrent.futures._base:CancelledError", "trio:Cancelled"}
)
"""What an event loop throws into work that nobody waits for any more."""

DISCONNECTS: Final = frozenset(
    {
        "starlette.requests:ClientDisconnect",
        "starlette.websockets:WebSocketDisconnect",
        "uvicorn.protocols.utils:ClientDisconnected",
        "django.core.exceptions:RequestAborted",
    }
)
"""What frameworks raise because the client went away."""

_HARMLESS: Final = (
    CANCELLATIONS
    | DISCONNECTS
    | {"greenlet:GreenletExit", "builtins:GeneratorExit", "builtins:KeyboardInterrupt"}
    | {"celery.exceptions:Retry", "celery.exceptions:Ignore", "celery.exceptions:Reject"}
)

_GROUPS: Final = frozenset({"builtins:BaseExceptionGroup", "exceptiongroup:BaseExceptionGroup"})
"""Raised where several tasks fail at once; they are what their parts are."""


class _Class:
    """What is known of a class of exceptions."""

    __slots__ = ("is_error", "names")

    def __init__(self, cls: type[BaseException]) -> None:
        self.names: frozenset[str] = frozenset(map(class_name, cls.__mro__))
        """``module:Class`` of itself and of all its bases."""
        depends = issubclass(cls, SystemExit) or not _GROUPS.isdisjoint(self.names)
        self.is_error: bool | None = None if depends else _HARMLESS.isdisjoint(self.names)
        """Whether one that escapes is a failure; ``None`` where that depends on the exception."""


_known: Final[dict[ref[type], _Class]] = {}
"""The classes that were raised before; it keeps none of them alive."""
_MAX_KNOWN: Final = 1000


def _class_of(exception: BaseException) -> _Class:
    cls = ref(type(exception))
    known = _known.get(cls)
    if known is None:
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        known = _known[cls] = _Class(type(exception))
    return known


def class_names(exception: BaseException) -> frozenset[str]:
    """``module:Class`` of the exception's class and of all its bases."""
    return _class_of(exception).names


def is_error(exception: BaseException) -> bool:
    """Whether an exception that escapes is a failure, and not a way of saying "stop"."""
    known = _class_of(exception).is_error
    if known is not None:
        return known
    if isinstance(exception, SystemExit):
        return exception.code not in (0, None)
    return any(map(is_error, exception.exceptions))  # type: ignore[attr-defined]


def parts_of(exception: BaseException) -> tuple[BaseException, ...]:
    """The exceptions of a group; none where it is no group."""
    return () if _GROUPS.isdisjoint(class_names(exception)) else exception.exceptions  # type: ignore[attr-defined]


_NOT_KEPT: Final = ""
"""As `NoticedError.type`: it counts, and that is all that may be known of it."""


def noticed(exception: BaseException, expected: bool) -> NoticedError:
    """What is kept of an exception until the transaction ends."""
    if not runtime.privacy.keeps_errors:
        return NoticedError(_NOT_KEPT, "", expected)
    name = class_name(type(exception))
    message = _message(exception) if runtime.privacy.keeps_message(name) else STRIPPED
    return NoticedError(name, message, expected)


def retained(errors: Iterable[NoticedError]) -> tuple[NoticedError, ...]:
    """Those of a transaction's errors that are kept when it is over."""
    return tuple(error for error in errors if error.type != _NOT_KEPT)


def _message(exception: BaseException) -> str:
    """Its text, cut to size. (It is the host program's that makes it.)"""
    try:
        return str.__str__(str(exception))[:_LONGEST_MESSAGE]
    except Exception as failure:
        pass_on_signals(failure)
        return "<unprintable>"


def matches(names: Iterable[str], wanted: frozenset[str]) -> bool:
    """Whether one of an exception's class names (see `class_names`) is among the wanted ones."""
    return not wanted.isdisjoint(names)
