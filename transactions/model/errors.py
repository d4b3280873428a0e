"""Which exceptions count as errors, and what is kept of them: texts and numbers, never the exception itself."""

from __future__ import annotations

from _weakref import ref
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Final

from ..configuration.in_force import in_force
from ..host_exceptions import dict_of, pass_on_signals
from ..log import capture_internal_exception
from .finished import FAILURES, NoticedError, Outcome
from .naming import class_name
from .tracebacks import MAX_DEPTH, Describe, LocatedError, Origin, origin_of

__all__ = [
    "CANCELLATIONS",
    "DISCONNECTS",
    "MAX_ERRORS",
    "STRIPPED",
    "UNREADABLE",
    "ExcInfo",
    "LocatedError",
    "Said",
    "are_said",
    "class_names",
    "is_error",
    "matches",
    "noticed",
    "noticed_by_name",
    "noticed_by_settings",
    "outcome_by_name",
    "outcome_of",
    "parts_of",
    "retained",
    "shown",
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
        "gunicorn.http2.errors:HTTP2ConnectionError",
        "django.core.exceptions:RequestAborted",
    }
)
"""Exceptions that frameworks and servers raise when the client has disconnected."""

_STOPPED: Final = (
    CANCELLATIONS | DISCONNECTS | {"greenlet:GreenletExit", "builtins:GeneratorExit", "builtins:KeyboardInterrupt"}
)

_SAID_BY_LIBRARIES: Final[Mapping[str, Outcome]] = {
    "arq.worker:Retry": "retried",
    "arq.worker:RetryJob": "retried",
    "billiard.exceptions:SoftTimeLimitExceeded": "timed_out",
    "billiard.exceptions:TimeLimitExceeded": "timed_out",
    "billiard.exceptions:WorkerLostError": "killed",
    "celery.exceptions:Ignore": "cancelled",
    "celery.exceptions:Reject": "rejected",
    "celery.exceptions:Retry": "retried",
    "django_q.exceptions:TimeoutException": "timed_out",
    "dramatiq.errors:RateLimitExceeded": "retried",
    "dramatiq.errors:Retry": "retried",
    "dramatiq.middleware.shutdown:Shutdown": "retried",
    "dramatiq.middleware.time_limit:TimeLimitExceeded": "timed_out",
    "huey.exceptions:CancelExecution": "cancelled",
    "huey.exceptions:RateLimitExceeded": "retried",
    "huey.exceptions:RetryTask": "retried",
    "huey.exceptions:TaskLockedException": "rejected",
    "huey.exceptions:TaskTimeout": "timed_out",
    "procrastinate.exceptions:JobAborted": "cancelled",
    "procrastinate.exceptions:JobRetry": "retried",
    "rq.timeouts:JobTimeoutException": "timed_out",
    "taskiq.exceptions:NoResultError": "succeeded",
    "taskiq.exceptions:TaskRejectedError": "rejected",
}
"""What libraries raise to say "again", "never mind" or "too long", and what becomes of the task then."""

_EXITS: Final = frozenset({"click.exceptions:Exit", "typer.exceptions:Exit"})
"""What command-line libraries raise to end a program with a status, as ``SystemExit`` does."""

_GROUPS: Final = frozenset({"builtins:BaseExceptionGroup", "exceptiongroup:BaseExceptionGroup"})
"""Exception groups; each counts as an error if one of its exceptions does."""


def _said_by(name: str) -> Outcome | None:
    """Return the outcome that a class says something about, if it does."""
    return "cancelled" if name in _STOPPED else _SAID_BY_LIBRARIES.get(name)


class _Class:
    """Cached facts about an exception class."""

    __slots__ = ("decides_itself", "is_group", "name", "names", "outcome")

    def __init__(self, cls: type[BaseException]) -> None:
        self.name: str = class_name(cls)
        """``module:Class``."""
        self.names: frozenset[str] = frozenset(map(class_name, cls.__mro__))
        """``module:Class`` of the class and of all its bases."""
        known: Outcome | None = next((outcome for outcome in map(_said_by, self.names) if outcome is not None), None)
        self.is_group: bool = not _GROUPS.isdisjoint(self.names)
        depends = self.is_group or issubclass(cls, SystemExit) or not _EXITS.isdisjoint(self.names)
        self.decides_itself: bool = known is None and depends
        """Whether the outcome depends on the instance."""
        self.outcome: Outcome = known or "failed"
        """What becomes of a task that an instance escapes from, if the class decides that."""


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
    return outcome_of(exception) in FAILURES


def outcome_of(exception: BaseException) -> Outcome:
    """Return how a task ends that an exception escapes from."""
    known = _class_of(exception)
    if not known.decides_itself:
        return known.outcome
    if known.is_group:
        return _outcome_of_group(exception)
    return "succeeded" if _status_of(exception) in (0, None) else "failed"


def _status_of(exit_: BaseException) -> object:
    """Return the status that a program is to exit with; an own class may answer by code that fails."""
    try:
        status: object = getattr(exit_, "code" if issubclass(type(exit_), SystemExit) else "exit_code", None)
    except BaseException as failure:
        pass_on_signals(failure)
        return "unknown"
    return status


def _outcome_of_group(group: BaseException) -> Outcome:
    """Return the outcome of the first exception that is an error, else that of the first one.

    Without recursion: a group that is nested deep must not become a `RecursionError`, which would replace it.
    """
    first: Outcome | None = None
    pending: list[BaseException] = [group]
    for _ in range(_MOST_ASKED):
        if not pending:
            break
        one = pending.pop()
        known = _class_of(one)
        if known.is_group and known.decides_itself:
            pending.extend(reversed(parts_of(one)))
            continue
        outcome = outcome_of(one)
        if outcome in FAILURES:
            return outcome
        first = first or outcome
    return first or "failed"


_MOST_ASKED: Final = 10_000
"""Exceptions of a group that are asked whether they are errors; a class of the host's may hold itself."""


def parts_of(exception: BaseException) -> tuple[BaseException, ...]:
    """The exceptions of a group; none where it is no group."""
    if not _class_of(exception).is_group:
        return ()
    try:
        return tuple(exception.exceptions)  # type: ignore[attr-defined]
    except BaseException as failure:
        pass_on_signals(failure)
        return ()


_NOT_KEPT: Final = ""
"""Value of `NoticedError.type` for an error that is counted, but of which the settings allow nothing to be kept."""
UNREADABLE: Final = LocatedError(_NOT_KEPT, "", expected=False)
"""Stands for an exception that cannot be read, as code of the host's in its class fails: it is counted."""


def noticed(exception: BaseException, expected: bool) -> LocatedError:
    """Return what is kept of an exception until the transaction ends."""
    return _noticed(exception, _class_of(exception), expected)


def noticed_by_settings(exception: BaseException) -> LocatedError | None:
    """Return the same, as the settings judge the exception; ``None`` if they ignore it."""
    known, settings = _class_of(exception), in_force.settings
    if not known.names.isdisjoint(settings.ignored_errors):
        return None
    return _noticed(exception, known, not known.names.isdisjoint(settings.expected_errors))


def _noticed(exception: BaseException, known: _Class, expected: bool) -> LocatedError:
    if not in_force.privacy.keeps_errors:
        return LocatedError(_NOT_KEPT, "", expected)
    message = _message(exception) if in_force.privacy.keeps_message(known.name) else STRIPPED
    return LocatedError(known.name, message, expected, *_origin(exception, known))


def _origin(exception: BaseException, known: _Class) -> Origin:
    try:
        return origin_of(exception, known, _DESCRIBE)
    except BaseException as failure:
        pass_on_signals(failure)
        capture_internal_exception("the traceback of an error")
        return None, None


def _kept_message(exception: BaseException) -> str:
    return _message(exception) if in_force.privacy.keeps_message(_class_of(exception).name) else STRIPPED


_DESCRIBE: Final = Describe(_class_of, _kept_message, parts_of)


class Said:
    """Tells whether an exception is the very one that something was said of, without keeping it alive."""

    __slots__ = ("_attributes", "_parts", "_reference", "error")

    def __init__(self, exception: BaseException, error: LocatedError) -> None:
        self.error: LocatedError = error
        """What was to be kept of it."""
        self._reference: ref[BaseException] | None = None
        self._attributes: dict[str, object] | None = None
        """Of an instance of a built-in class, to which there are no weak references: this belongs to no other one."""
        if _weak_offset_of(type(exception)):
            self._reference = ref(exception)
        else:
            self._attributes = dict_of(exception)
        self._parts: tuple[Said, ...] = ()
        """The exceptions of a group: ``except*`` raises them again in another one."""
        if _class_of(exception).is_group:
            self._parts = tuple(Said(part, error) for part in _leaves_of(exception))

    def is_about(self, exception: BaseException) -> bool:
        """Whether it is that one."""
        if self._reference is not None:
            return self._reference() is exception
        return not _weak_offset_of(type(exception)) and self._attributes is dict_of(exception)

    def has_part(self, exception: BaseException) -> bool:
        """Whether it is one of those that a group consisted of."""
        return any(part.is_about(exception) for part in self._parts)

    def may_be(self, error: LocatedError) -> bool:
        """Whether it may be one of which only the class's name is known, and perhaps its message."""
        return self.error.type == error.type and error.message in ("", self.error.message)


def _leaves_of(group: BaseException) -> list[BaseException]:
    """Return the exceptions of a group and of the groups in it that are no groups, as far as they are asked for."""
    leaves: list[BaseException] = []
    level = [group]
    for _ in range(MAX_DEPTH):
        parts = [part for above in level for part in parts_of(above)[:_MAX_LEAVES]][:_MAX_LEAVES]
        leaves += [part for part in parts if not _class_of(part).is_group]
        level = [part for part in parts if _class_of(part).is_group]
    return leaves


_MAX_LEAVES: Final = 100
"""Exceptions of a group that are known again."""


def are_said(said: Sequence[Said], exception: BaseException, depth: int = MAX_DEPTH) -> bool:
    """Whether something was said of an exception, or of all that a group consists of, a few levels deep."""
    return any(one.is_about(exception) for one in said) or _parts_are_said(said, exception, depth)


def _parts_are_said(said: Sequence[Said], group: BaseException, depth: int) -> bool:
    parts = parts_of(group) if depth else ()
    return bool(parts) and all(
        are_said(said, part, depth - 1) or any(one.has_part(part) for one in said) for part in parts
    )


_weak_offset_of: Final[Callable[[type], int]] = vars(type)["__weakrefoffset__"].__get__
"""Returns what is not 0 for a class whose instances can be referred to weakly."""


def noticed_by_name(name: str, message: str) -> LocatedError | None:
    """Return what is kept of an exception that only its class's name and its message are known of.

    ``None`` if the settings ignore a class of that name.
    """
    settings = in_force.settings
    if name in settings.ignored_errors:
        return None
    expected = name in settings.expected_errors
    if not in_force.privacy.keeps_errors:
        return LocatedError(_NOT_KEPT, "", expected)
    kept = message[:_LONGEST_MESSAGE] if in_force.privacy.keeps_message(name) else STRIPPED
    return LocatedError(name, kept, expected)


def outcome_by_name(name: str) -> Outcome:
    """Return how a task ends that an exception of the named class escapes from."""
    return _said_by(name) or "failed"


def retained(errors: Iterable[LocatedError]) -> tuple[LocatedError, ...]:
    """Return the errors that are kept once the transaction has ended."""
    return tuple(error for error in errors if error.type != _NOT_KEPT)


def shown(error: LocatedError) -> NoticedError:
    """Return an error as it is shown: without where it comes from."""
    return NoticedError(*error[:3])


def _message(exception: BaseException) -> str:
    """Return the exception's text, cut to size. ``str()`` runs code of the host program's, which may raise."""
    try:
        return str.__str__(str(exception))[:_LONGEST_MESSAGE]
    except BaseException as failure:
        pass_on_signals(failure)
        return "<unprintable>"


def matches(names: Iterable[str], wanted: frozenset[str]) -> bool:
    """Whether any of an exception's class names (see `class_names`) is among the wanted ones."""
    return not wanted.isdisjoint(names)
