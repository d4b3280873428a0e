"""Parsing of numbers in untrusted text, such as headers and status lines, and of values that a program gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["values_of", "whole_number"]

_MAX_DIGITS: Final = 18
"""Any number of so many digits fits into 64 bits."""
_MOST: Final = 10**12
"""Values that were added up already, at most: sums of such counts fit into 64 bits."""
_LARGEST: Final = 1e200
"""Of a value: sums of such values stay finite."""


def whole_number(text: str | bytes) -> int | None:
    """Parse a number that consists of ASCII digits only; ``None`` for anything else.

    ``int()`` is too lenient: it accepts blanks, signs, underscores and the digits
    of all scripts, and still raises for some that ``str.isdigit()`` accepts (``²``).

    >>> whole_number("204"), whole_number(b"007"), whole_number("²"), whole_number("-1"), whole_number("")
    (204, 7, None, None, None)
    """
    if not (text.isascii() and text.isdigit()) or len(text) > _MAX_DIGITS:
        return None
    return int(text)


def values_of(value: Any) -> tuple[int, float, float, float] | None:
    """Return count, total, least and most of a number, or of a dictionary of those; ``None`` if it is neither.

    One that is so large that a sum may overflow is none: no store takes that, nor does JSON.

    >>> values_of(2.5), values_of({"count": 2, "total": 3, "min": 1, "max": 2}), values_of("2")
    ((1, 2.5, 2.5, 2.5), (2, 3.0, 1.0, 2.0), None)
    """
    if not isinstance(value, Mapping):
        number = _finite(value)
        return None if number is None else (1, number, number, number)
    count = value.get("count", 1)
    total = _finite(value.get("total", 0.0))
    least, most = (_finite(value.get(key, total)) for key in ("min", "max"))
    if total is None or least is None or most is None or type(count) is not int or not 1 <= count <= _MOST:
        return None
    return count, total, least, most


def _finite(value: Any) -> float | None:
    """Return a number as a float; ``None`` for anything else, and for infinity, NaN and what is next to infinity."""
    if not isinstance(value, (int, float)) and type(value).__name__ != "Decimal":
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return None
    return number if abs(number) <= _LARGEST else None
