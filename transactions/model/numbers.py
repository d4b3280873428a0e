"""Numbers in what strangers send: headers, status lines."""

from __future__ import annotations

from typing import Final

__all__ = ["whole_number"]

_MAX_DIGITS: Final = 18
"""As many as fit into 64 bits, whichever they are."""


def whole_number(text: str | bytes) -> int | None:
    """The number that is written in ASCII digits and nothing else; ``None`` for anything else.

    ``int()`` takes blanks, signs, underscores and digits of all scripts, and
    raises for what ``str.isdigit()`` has let through (``²``).

    >>> whole_number("204"), whole_number(b"007"), whole_number("²"), whole_number("-1"), whole_number("")
    (204, 7, None, None, None)
    """
    if not (text.isascii() and text.isdigit()) or len(text) > _MAX_DIGITS:
        return None
    return int(text)
