"""The one place that writes log lines: to the logger ``weighbridge``, each matter once."""

from __future__ import annotations

import logging
import sys
from typing import Final

__all__ = ["LOGGER", "log_once", "swallowed"]

LOGGER: Final = logging.getLogger("weighbridge")

_MATTERS_AT_MOST: Final = 1000
_said: set[object] = set()


def log_once(matter: object, message: str, *arguments: object, level: int = logging.WARNING) -> None:
    """Log one line per distinct ``matter`` (any hashable), at most a thousand matters a process."""
    if matter in _said or len(_said) >= _MATTERS_AT_MOST:
        return
    _said.add(matter)
    LOGGER.log(level, message, *arguments)


def swallowed(place: str) -> None:
    """Log, once a place, a mistake of our own that the host program must not feel.

    Called from an ``except Exception`` block; tests turn it into a failure.
    """
    if ("swallowed", place) in _said:
        return
    _said.add(("swallowed", place))
    LOGGER.error("weighbridge failed inside %s; the program goes on unharmed", place, exc_info=sys.exc_info())
