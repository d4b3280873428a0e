"""Which exceptions count as errors, and what is kept of them: class name and message, never the exception itself."""

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
    "STRIPPED",
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
"""Replaces a message that the settings do not allow to be kept."""
MAX_ERRORS: Final = 5
"""Distinct errors (by type and message) per transaction."""
_LONGEST_MESSAGE: Final = 1024

CANCELLATIONS: Final = frozenset(
    {"asyncio.exceptions:CancelledError", "concurrent.futures._base:CancelledError", "trio:Cancelled"}
)
"""Exceptions that an event loop throws into cancelled work."""

DISCONNECTS: Final = frozenset(
    {
        "starlette.requests:ClientDisconnect",
        "starlette.websockets:WebSocketDisconnect",
        "uvicorn.protocols.utils:ClientDisconnected",
        "django.core.exceptions:RequestAborted",
    }
)
"""Exceptions that frameworks raise when the client has disconnected."""

_HARMLESS: Final = (
    CANCELLATIONS
    | DISCONNECTS
    | {"greenlet:GreenletExit", "builtins:GeneratorExit", "builtins:KeyboardInterrupt"}
    | {"celery.exceptions:Retry", "celery.exceptions:Ignore", "celery.exceptions:Reject"}
)

_GROUPS: Final = frozenset({"builtins:BaseExceptionGroup", "exceptiongroup:BaseExceptionGroup"})
"""Exception groups; each counts as an error if one of its exceptions does."""


class _Class:
    """Cached facts about an exception class."""

    __slots__ = ("is_error", "names")

    def __init__(self, cls: type[BaseException]) -> None:
        self.names: frozenset[str] = frozenset(map(class_name, cls.__mro__))
        """``module:Class`` of the class and of all its bases."""
        depends = issubclass(cls, SystemExit) or not _GROUPS.isdisjoint(self.names)
        self.is_error: bool | None = None if depends else _HARMLESS.isdisjoint(self.names)
        """Whether an escaping instance is an error; ``None`` where that depends on the instance."""


_known: Final[dict[ref[type], _Class]] = {}
"""Classes seen before, by weak reference: the cache keeps none of them alive."""
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
    """Return ``module:Class`` of the exception's class and of all its bases."""
    return _class_of(exception).names


def is_error(exception: BaseException) -> bool:
    """Whether an escaping exception is an error, rather than a request to stop."""
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
"""Value of `NoticedError.type` for an error that is counted, but of which the settings allow nothing to be kept."""


def noticed(exception: BaseException, expected: bool) -> NoticedError:
    """Return what is kept of an exception until the transaction ends."""
    if not runtime.privacy.keeps_errors:
        return NoticedError(_NOT_KEPT, "", expected)
    name = class_name(type(exception))
    message = _message(exception) if runtime.privacy.keeps_message(name) else STRIPPED
    return NoticedError(name, message, expected)


def retained(errors: Iterable[NoticedError]) -> tuple[NoticedError, ...]:
    """Return the errors that are kept once the transaction has ended."""
    return tuple(error for error in errors if error.type != _NOT_KEPT)


def _message(exception: BaseException) -> str:
    """Return the exception's text, cut to size. ``str()`` runs code of the host program's, which may raise."""
    try:
        return str.__str__(str(exception))[:_LONGEST_MESSAGE]
    except Exception as failure:
        pass_on_signals(failure)
        return "<unprintable>"


def matches(names: Iterable[str], wanted: frozenset[str]) -> bool:
    """Whether any of an exception's class names (see `class_names`) is among the wanted ones."""
    return not wanted.isdisjoint(names)
