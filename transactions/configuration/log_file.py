"""The log file of the settings, to which our own log lines go."""

from __future__ import annotations

import io
import logging
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from ..host_exceptions import pass_on
from ..log import logger, own_handlers
from .records import Configuration, Problem

__all__ = ["direct_log"]

_FORMAT: Final = "%(asctime)s (%(process)d/%(threadName)s) %(name)s %(levelname)s: %(message)s"
_handler: logging.Handler | None = None


def direct_log(configuration: Configuration) -> Problem | None:
    """Direct the logger ``weighbridge`` to ``log_file``, with lines of at least ``log_level``.

    Without ``log_file`` the host's ``logging`` decides, as before. A file that cannot be
    written is returned as a problem and changes nothing. May be called again at any time.
    """
    settings = configuration.settings
    try:
        handler = _open(settings.log_file)
    except OSError as error:
        pass_on(error)
        place = str(configuration.origins["log_file"])
        return Problem(place, f"log_file = {settings.log_file!r} cannot be written: {error.strerror}", "log_file")
    _install(handler)
    stated = handler is not None or configuration.origins["log_level"].source != "default"
    logger().setLevel(settings.log_level.upper() if stated else logging.NOTSET)
    return None


if TYPE_CHECKING:
    _Stream = logging.StreamHandler[Any]
else:
    _Stream = logging.StreamHandler  # of no type that could be named before Python 3.11


class _Quiet(_Stream):
    """A handler that drops a line that cannot be written, and reports nothing on the program's own streams."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the name that `logging` calls
        pass


class _QuietFile(logging.FileHandler, _Quiet):
    """A handler for a file, or for a pipe. The program never waits for it: if a pipe is full, the line is lost."""

    def close(self) -> None:
        """Close the file, and drop a line that could not be written."""
        with suppress(OSError, ValueError):
            super().close()

    def _open(self) -> io.TextIOWrapper:
        return open(self.baseFilename, "a", encoding="utf-8", errors="backslashreplace", opener=_without_waiting)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)


def _open(target: str | None) -> logging.Handler | None:
    if target is None:
        return None
    streams = {"stdout": sys.stdout, "stderr": sys.stderr}
    return _Quiet(streams[target]) if target in streams else _QuietFile(target)


def _install(handler: logging.Handler | None) -> None:
    """Replace our earlier handler by this one; the host's own handlers are left alone."""
    global _handler
    if _handler is not None:
        logger().removeHandler(_handler)
        _handler.close()
    _handler = handler
    own_handlers[:] = () if handler is None else (handler,)
    logger().propagate = handler is None
    if handler is not None:
        handler.setFormatter(logging.Formatter(_FORMAT))
        logger().addHandler(handler)
