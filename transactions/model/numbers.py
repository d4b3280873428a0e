"""Parsing of numbers in untrusted text, such as headers and status lines."""

from __future__ import annotations

from typing import Final

__all__ = ["whole_number"]

_MAX_DIGITS: Final = 18
"""Any number of so many digits fits into 64 bits."""


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
