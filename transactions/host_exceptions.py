"""Whether an exception that was raised while our code ran is a bug of ours or the host program's.

A soft time limit, an ``alarm``, a server's abort: the host's exceptions strike
wherever its thread happens to be. We must never swallow them, nor exceptions that
concern the whole process. (Section "the host's control flow" of the promises in the
documentation.)
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` costs a tenth of what our import does
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from types import CodeType, FrameType, TracebackType
from typing import Any, Final

__all__ = [
    "came_through_the_host",
    "cause_of",
    "code_of",
    "comes_from_a_signal",
    "context_of",
    "dict_of",
    "hides_context",
    "is_the_hosts",
    "pass_on",
    "pass_on_signals",
    "refuses",
    "traceback_of",
]

traceback_of: Final[Callable[[BaseException], TracebackType | None]] = vars(BaseException)["__traceback__"].__get__
"""Returns the traceback of an exception, whose class may have code of the host's where that is looked up."""
cause_of: Final[Callable[[BaseException], BaseException | None]] = vars(BaseException)["__cause__"].__get__
context_of: Final[Callable[[BaseException], BaseException | None]] = vars(BaseException)["__context__"].__get__
dict_of: Final[Callable[[BaseException], dict[str, object]]] = vars(BaseException)["__dict__"].__get__
"""Returns the dictionary of an exception's attributes, which is made when it is first asked for."""
hides_context: Final[Callable[[BaseException], bool]] = vars(BaseException)["__suppress_context__"].__get__

_POSSIBLY_OURS: Final = frozenset({"builtins", "sqlite3", "psycopg", "psycopg2", "weighbridge"})
"""Packages whose exception classes a bug of ours can raise."""
_NEVER_OURS: Final = (RecursionError, MemoryError)
"""Classes of `builtins` that concern the whole process, whatever code they happen to strike."""


def is_the_hosts(exception: BaseException) -> bool:
    """Whether an exception that was raised in our code must reach the host program."""
    return (
        not issubclass(type(exception), Exception)  # `isinstance` asks the exception for its `__class__` too
        or issubclass(type(exception), _NEVER_OURS)
        or _is_foreign(exception)
        or comes_from_a_signal(exception)
    )


def _is_foreign(exception: BaseException) -> bool:
    return str(type(exception).__module__).partition(".")[0] not in _POSSIBLY_OURS


def came_through_the_host(exception: BaseException | None) -> bool:
    """Whether an exception passed through code of the host's; if not, it was thrown into the thread."""
    frames = [] if exception is None else _frames(exception)
    modules = {str(frame.f_globals.get("__name__")) for frame in frames}
    # A named tuple is made by a function in a module of its own.
    packages = {module.partition(".")[0] for module in modules if not module.startswith("namedtuple_")}
    return not packages <= {"weighbridge"} | sys.stdlib_module_names


def _struck_before(exception: BaseException) -> BaseException | None:
    """Return the exception during whose handling another one was raised, within the same call of ours.

    `threading`, for example, fails in its own cleanup after an exception that strikes while it starts a thread. And a
    ``StopIteration`` that strikes in a generator leaves it as a `RuntimeError`.
    """
    cause = cause_of(exception)
    stopped = cause is not None and issubclass(type(cause), (StopIteration, StopAsyncIteration))
    if stopped and issubclass(type(exception), RuntimeError):
        return cause
    context = context_of(exception)
    caught_in = _frames(context)[:1] if context is not None else []
    return context if caught_in and caught_in[0] in _frames(exception) else None


def _frames(exception: BaseException) -> list[FrameType]:
    """Return the frames that an exception has passed through, outermost first."""
    frames, traceback = [], traceback_of(exception)
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    return frames


def pass_on(exception: BaseException | None) -> None:
    """Raise an exception again if it is the host's, when a call of our own was expected to raise one like it."""
    try:
        while exception is not None:
            if is_the_hosts(exception):
                raise exception
            exception = _struck_before(exception)
    finally:
        del exception  # it refers to this frame now: a cycle that would keep all its frames alive


def refuses(call: Callable[[], object], *refusals: type[Exception]) -> bool:
    """Make a call; return whether it raised one of the expected exceptions, which are not bugs."""
    try:
        call()
    except refusals as refusal:
        pass_on(refusal)
        return True
    return False


def pass_on_signals(exception: BaseException) -> None:
    """Raise an exception again if it struck from outside while we called code of the host's on purpose.

    Any other exception was raised by that code itself, and is handled by the caller.
    """
    try:
        is_thrown_in = _is_foreign(exception) and not came_through_the_host(exception)
        if is_thrown_in or _interrupts(exception) or comes_from_a_signal(exception):
            raise exception
    finally:
        del exception  # see `pass_on`


def _interrupts(exception: BaseException) -> bool:
    """Whether an exception cuts code off, as Ctrl-C and what is thrown into a greenlet do.

    Not if code said so by a ``raise``, or by a call that exits or asks a cancelled future. Those leave no trace of
    where they come from, and none of them can strike from outside while a call is made that does not wait.
    """
    if issubclass(type(exception), (Exception, SystemExit)) or type(exception).__module__ == "asyncio.exceptions":
        return False
    step = traceback_of(exception)
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    if step is None:
        return True
    return step.tb_frame.f_code.co_code[step.tb_lasti : step.tb_lasti + 1] != _RAISE  # compiled code has none


def _raises() -> None:
    raise  # noqa: PLE0704  it is not called


_RAISE: Final = _raises.__code__.co_code[-2:-1]
"""The instruction of a ``raise``."""


def comes_from_a_signal(exception: BaseException) -> bool:
    """Whether a signal handler of the host's raised an exception, perhaps after it had uninstalled itself.

    Or a function of the host's that traces or profiles: what that raises strikes at any line, too.
    """
    codes, frames = set(_codes_of_handlers()), _frames(exception)
    return (
        any(frame.f_code in codes for frame in frames)
        or any(map(_is_handed, frames[1:], frames))
        or any(map(_is_tracing, frames))
    )


def _is_handed(called: FrameType, interrupted: FrameType) -> bool:
    """Whether a frame was called as signal handlers are: with a number, and with the frame that it interrupts."""
    arguments = _arguments(called)
    return any(issubclass(type(number), int) and frame is interrupted for number, frame in pairwise(arguments))


def _is_tracing(called: FrameType) -> bool:
    """Whether a frame was called as what traces or profiles is: with a frame, and with what happens there.

    That frame is missing from the traceback where another exception was on its way. A frame of ours is not looked at:
    what is read of its values would stay alive with it.
    """
    if str(called.f_globals.get("__name__")).partition(".")[0] == "weighbridge":
        return False
    return any(
        type(frame) is FrameType and type(event) is str and event in _TRACED
        for frame, event in pairwise(_arguments(called))
    )


_TRACED: Final = frozenset({"call", "line", "return", "exception", "opcode", "c_call", "c_return", "c_exception"})
"""The events of ``sys.settrace`` and ``sys.setprofile``."""


def _arguments(frame: FrameType) -> list[Any]:
    """Return the values of a frame's positional parameters, as far as they are still there."""
    code, values = frame.f_code, frame.f_locals
    found = [values.get(name) for name in code.co_varnames[: code.co_argcount]]
    if code.co_flags & _CO_VARARGS:
        others = values.get(code.co_varnames[code.co_argcount + code.co_kwonlyargcount])
        found.extend(others if type(others) is tuple else ())
    return found


_CO_VARARGS: Final = 4
"""As in `inspect`, which would have to be imported."""


def _codes_of_handlers() -> Iterator[CodeType]:
    """Yield the code of every installed signal handler that is written in Python."""
    for number in range(1, _signal.NSIG):
        code = code_of(_signal.getsignal(number))
        if code is not None:
            yield code


def code_of(called: Any) -> CodeType | None:
    """Return the code that runs when something is called; ``None`` if that is not written in Python."""
    while isinstance(called, partial):
        called = called.func
    function = getattr(called, "__func__", called)
    if not hasattr(function, "__code__"):
        function = getattr(type(called), "__call__", None)  # noqa: B004  the function behind it is wanted
    code = getattr(function, "__code__", None)
    return code if isinstance(code, CodeType) else None
