"""The one place that writes log lines: to the logger ``weighbridge``, each matter once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from .host_exceptions import is_the_hosts

if TYPE_CHECKING:
    from logging import Logger

__all__ = ["log_once", "logger", "swallowed"]

_MATTERS_AT_MOST: Final = 1000
_said: set[object] = set()


def logger() -> Logger:
    """The logger ``weighbridge``; `logging` is loaded when there is something to say."""
    import logging  # noqa: PLC0415  half as long to load as all that is needed at once

    return logging.getLogger("weighbridge")


def log_once(matter: object, message: str, *arguments: object) -> None:
    """Log one line per distinct ``matter`` (any hashable), at most a thousand matters a process."""
    if matter in _said or len(_said) >= _MATTERS_AT_MOST:
        return
    _said.add(matter)
    logger().warning(message, *arguments)


def swallowed(place: str) -> None:
    """Log, once a place, a mistake of our own that the host program must not feel.

    Called from an ``except`` block. What is not ours to swallow (see
    `host_exceptions`) is raised again.
    """
    exception = sys.exc_info()[1]
    if exception is not None and is_the_hosts(exception):
        raise exception
    if ("swallowed", place) in _said:
        return
    _said.add(("swallowed", place))
    logger().error("weighbridge failed inside %s; the program goes on unharmed", place, exc_info=sys.exc_info())
