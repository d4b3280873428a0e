"""Whose an exception is that was raised while code of ours ran: a mistake of ours, or the host's.

A soft time limit, an ``alarm``, a server's abort: the host's exceptions strike
wherever its thread happens to be. They are never ours to swallow, and neither
is what is wrong with the whole process. (Section "the host's control flow" of
the promises in the documentation.)
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` costs a tenth of what our import does
import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import CodeType, FrameType
from typing import Any, Final

__all__ = ["code_of", "comes_from_a_signal", "is_the_hosts", "pass_on", "pass_on_signals", "refuses"]

_POSSIBLY_OURS: Final = frozenset({"builtins", "sqlite3", "psycopg", "psycopg2", "weighbridge"})
"""Packages of whose exception classes a mistake of ours can be."""
_NEVER_OURS: Final = (RecursionError, MemoryError)
"""Of `builtins`, but about the whole process: whoever is struck only happens to be the one."""


def is_the_hosts(exception: BaseException) -> bool:
    """Whether an exception that was raised in code of ours is for the host program to see."""
    return (
        not isinstance(exception, Exception)
        or isinstance(exception, _NEVER_OURS)
        or _is_foreign(exception)
        or comes_from_a_signal(exception)
    )


def _is_foreign(exception: BaseException) -> bool:
    return str(type(exception).__module__).partition(".")[0] not in _POSSIBLY_OURS


def _came_through_the_host(exception: BaseException) -> bool:
    """Whether code of the host's ran when an exception appeared. Where none did, it was thrown into the thread."""
    packages = {str(frame.f_globals.get("__name__")).partition(".")[0] for frame in _frames(exception)}
    return not packages <= {"weighbridge"} | sys.stdlib_module_names


def _struck_before(exception: BaseException) -> BaseException | None:
    """What an exception was raised in the handling of, within the same call of ours.

    `threading`, for one, fails to clean up after what strikes while it starts a thread.
    """
    context = exception.__context__
    caught_in = _frames(context)[:1] if context is not None else []
    return context if caught_in and caught_in[0] in _frames(exception) else None


def _frames(exception: BaseException) -> list[FrameType]:
    """The frames that an exception has come through, the outermost first."""
    frames, traceback = [], exception.__traceback__
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    return frames


def pass_on(exception: BaseException | None) -> None:
    """Raise an exception again that is the host's, where one of its kind was expected of a call of our own."""
    try:
        while exception is not None:
            if is_the_hosts(exception):
                raise exception
            exception = _struck_before(exception)
    finally:
        del exception  # which refers to this frame now: all it has come through would live until the collector runs


def refuses(call: Callable[[], object], *refusals: type[Exception]) -> bool:
    """Make a call; whether it is refused in one of the expected ways, which are nobody's mistake."""
    try:
        call()
    except refusals as refusal:
        pass_on(refusal)
        return True
    return False


def pass_on_signals(exception: BaseException) -> None:
    """Raise an exception again that struck while code of the host's, called on purpose, ran.

    Any other is what that code makes of the call, and is ours to handle.
    """
    try:
        if comes_from_a_signal(exception) or (_is_foreign(exception) and not _came_through_the_host(exception)):
            raise exception
    finally:
        del exception  # see `pass_on`


def comes_from_a_signal(exception: BaseException) -> bool:
    """Whether a signal handler of the host's raised it."""
    codes = set(_codes_of_handlers())
    return any(frame.f_code in codes for frame in _frames(exception))


def _codes_of_handlers() -> Iterator[CodeType]:
    """The code of every signal handler that is installed and written in Python."""
    for number in range(1, _signal.NSIG):
        code = code_of(_signal.getsignal(number))
        if code is not None:
            yield code


def code_of(called: Any) -> CodeType | None:
    """The code that runs when something is called; ``None`` where that is not written in Python."""
    while isinstance(called, partial):
        called = called.func
    function = getattr(called, "__func__", called)
    if not hasattr(function, "__code__"):
        function = getattr(type(called), "__call__", None)  # noqa: B004  the function behind it is wanted
    code = getattr(function, "__code__", None)
    return code if isinstance(code, CodeType) else None
