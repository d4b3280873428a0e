"""Where our own log lines go, when the settings say so."""

from __future__ import annotations

import logging
import sys
from typing import Final

from ..log import logger
from .loading import Configuration
from .records import Problem

__all__ = ["direct_log"]

_FORMAT: Final = "%(asctime)s (%(process)d/%(threadName)s) %(name)s %(levelname)s: %(message)s"
_handler: logging.Handler | None = None


def direct_log(configuration: Configuration) -> Problem | None:
    """Send the lines of the logger ``weighbridge`` where ``log_file`` says, from ``log_level`` up.

    Without ``log_file`` the host's ``logging`` decides, as before. A file that cannot be
    written is returned as a problem and changes nothing. May be called again at any time.
    """
    settings = configuration.settings
    try:
        handler = _open(settings.log_file)
    except OSError as error:
        place = str(configuration.origins["log_file"])
        return Problem(place, f"log_file = {settings.log_file!r} cannot be written: {error.strerror}", "log_file")
    _install(handler)
    stated = handler is not None or configuration.origins["log_level"].source != "default"
    logger().setLevel(settings.log_level.upper() if stated else logging.NOTSET)
    return None


def _open(target: str | None) -> logging.Handler | None:
    if target is None:
        return None
    streams = {"stdout": sys.stdout, "stderr": sys.stderr}
    if target in streams:
        return logging.StreamHandler(streams[target])
    return logging.FileHandler(target, encoding="utf-8")


def _install(handler: logging.Handler | None) -> None:
    """Put the handler in the place of our earlier one; the host's own handlers are left alone."""
    global _handler
    if _handler is not None:
        logger().removeHandler(_handler)
        _handler.close()
    _handler = handler
    logger().propagate = handler is None
    if handler is not None:
        handler.setFormatter(logging.Formatter(_FORMAT))
        logger().addHandler(handler)
