"""Time ranges as people type them: ``30m``, ``2h``, ``7d``, or the moment at which the range begins."""

from __future__ import annotations

import re
from typing import Final

from .zones import MOMENTS, parse_moment

__all__ = ["EXAMPLES", "describe", "parse_since", "roughly"]

EXAMPLES: Final = f"30m, 12h, 7d, 90s, or a moment such as {MOMENTS}"

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_RANGE: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([smhd])")
_WORDS: Final = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def parse_since(text: str, now: float) -> float:
    """Give the moment (epoch seconds) that ``text`` means; one without a zone is local time, as on the page.

    >>> parse_since("30m", now=10_000.0)
    8200.0

    Raises:
        ValueError: it is neither a length of time nor a moment, is not in the past, or lies before 1970.
    """
    length = _RANGE.fullmatch(text.strip().lower())
    since = now - float(length[1]) * _UNITS[length[2]] if length else _moment(text)
    if since >= now:
        raise ValueError(f"{text!r} is not in the past")
    if since < 0:
        raise ValueError(f"{text!r} lies before 1970")
    return since


def describe(seconds: float) -> str:
    """Say how long something is, in its largest whole unit.

    >>> describe(1800), describe(5400), describe(86400), describe(60.2), describe(12345)
    ('30 minutes', '90 minutes', '1 day', '1 minute', '3 hours')
    """
    total = max(1, round(seconds))
    for word, factor in _WORDS:
        if total % factor == 0 and total < 1000 * factor:
            return _plural(total // factor, word)
    return roughly(total)


def roughly(seconds: float) -> str:
    """Say about how long something is.

    >>> roughly(0.4), roughly(75), roughly(1501), roughly(200_000)
    ('1 second', '75 seconds', '25 minutes', '2 days')
    """
    word, factor = next((word, factor) for word, factor in _WORDS if seconds >= 2 * factor or factor == 1)
    return _plural(max(1, round(seconds / factor)), word)


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _moment(text: str) -> float:
    try:
        return parse_moment(text)
    except ValueError:
        raise ValueError(f"{text!r} is neither a length of time nor a moment") from None
