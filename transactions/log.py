"""The one place that writes log lines, to the logger ``weighbridge``, once per subject.

It is the last line of defence, so nothing here raises: neither if `logging` cannot be
imported (the line is then written as soon as it can), nor if a handler, filter,
formatter or ``__repr__`` of the host program's fails on one of our lines.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from typing import TYPE_CHECKING, Any, Final

from .host_exceptions import pass_on, pass_on_signals
from .late_imports import late_imports

if TYPE_CHECKING:
    from collections.abc import Hashable
    from logging import Logger

__all__ = [
    "capture_internal_exception",
    "discard_held_lines",
    "hold_lines",
    "import_logging",
    "log_import_failure",
    "log_once",
    "logger",
    "own_handlers",
    "write_held_lines",
]

_MAX_LOGGED: Final = 1000
_MAX_PENDING: Final = 20

_logged: set[Hashable] = set()
_pending: Final[list[tuple[str, str]]] = []
"""Level and text of lines that could not be written yet."""
_logging: Any = None

own_handlers: Final[list[Any]] = []
"""The handler of the setting `log_file`, if there is one."""

_holder: Final = [0]
"""Identifier of the thread whose lines are held back, or 0."""
_held: Final[list[tuple[str, str, tuple[object, ...], Any]]] = []
"""Those lines, as they are given to `_hand_over`."""


def import_logging() -> None:
    """Import `logging`, unless that has been done, and write the pending lines.

    Raises:
        ImportError: it cannot be imported at this moment.
    """
    global _logging
    if _logging is None:
        with late_imports:
            import logging  # noqa: PLC0415  takes half as long to import as the whole package
        late_imports.watch_forks()
        _logging = logging
    try:
        while _pending:
            _hand_over(*_pending.pop(0))
    except IndexError as problem:  # another thread was faster
        pass_on(problem)


def hold_lines(thread: int) -> None:
    """Hold back the log lines of a thread (0: none) until `write_held_lines`.

    The host's `logging` has locks, and a thread that holds one of them may be waiting for this thread.
    """
    _holder[0] = thread


def discard_held_lines() -> None:
    """Forget, in a forked child, the lines of a thread that only its parent has."""
    hold_lines(0)
    _held.clear()


def write_held_lines() -> None:
    """Write the lines that were held back. Never raises."""
    try:
        while _held:
            level, message, arguments, exc_info = _held.pop(0)
            _emit(level, message, *arguments, exc_info=exc_info)
    except IndexError as problem:  # another thread was faster
        pass_on(problem)


def logger() -> Logger:
    """Return the logger ``weighbridge``; `logging` is imported only when there is something to log.

    Raises:
        ImportError: it cannot be imported at this moment.
    """
    import_logging()
    found: Logger = _logging.getLogger("weighbridge")
    return found


def log_once(matter: Hashable, message: str, *arguments: object) -> None:
    """Log one line per distinct ``matter``, of at most a thousand per process. Never raises."""
    if _is_new(matter):
        _emit("warning", message, *arguments)


def log_import_failure(problem: Exception) -> None:
    """Log, once, that our modules cannot be imported at this moment.

    Called from an ``except`` block. An exception of the host's is raised again.
    """
    pass_on(problem)
    log_once("not imported", _NOT_IMPORTED, problem)


_NOT_IMPORTED: Final = (
    "weighbridge cannot import what it needs (%s); "
    "until it can, nothing is written, and what cannot be measured is counted as lost"
)


def capture_internal_exception(place: str) -> None:
    """Log, once per place, a bug of our own that must not affect the host program.

    Called from an ``except`` block. An exception of the host's (see
    `host_exceptions`) is raised again.
    """
    pass_on(sys.exc_info()[1])
    if _is_new(("swallowed", place)):
        message = "weighbridge failed inside %s; the program goes on unharmed"
        _emit("error", message, place, exc_info=sys.exc_info())


def _is_new(matter: Hashable) -> bool:
    """Whether nothing has been logged on a matter. Marks it at once, as a handler may log the same matter."""
    try:
        if matter in _logged or len(_logged) >= _MAX_LOGGED:
            return False
        _logged.add(matter)
    except Exception as exception:  # hash or comparison of the host's objects in it fails
        pass_on_signals(exception)
        return False
    return True


def _emit(level: str, message: str, *arguments: object, exc_info: Any = None) -> None:
    """Write a line, unless the interpreter is shutting down."""
    if sys.is_finalizing():
        return
    if _holder[0] == get_ident():
        _held.append((level, message, arguments, exc_info))
        return
    try:
        import_logging()
    except Exception as exception:
        pass_on(exception)
        _keep(level, message, arguments)
    else:
        _hand_over(level, message, *arguments, exc_info=exc_info)


def _hand_over(level: str, message: str, *arguments: object, exc_info: Any = None) -> None:
    """Pass a line to `logging`, and swallow what the host's handlers raise."""
    try:
        found = _logging.getLogger("weighbridge")
        if found.disabled and any(handler in found.handlers for handler in own_handlers):
            found.disabled = False  # `logging.config` disables all loggers that it is not told of
        getattr(found, level)(message, *arguments, exc_info=exc_info)
    except Exception as exception:
        pass_on_signals(exception)


def _keep(level: str, message: str, arguments: tuple[object, ...]) -> None:
    """Keep a line until it can be written, as text, so that no object of the host's is kept alive."""
    try:
        if len(_pending) < _MAX_PENDING:
            _pending.append((level, message % arguments))
    except Exception as exception:
        pass_on_signals(exception)
