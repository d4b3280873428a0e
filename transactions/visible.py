"""What strangers wrote, as it is shown: in messages and log lines, on a terminal, on the page."""

from __future__ import annotations

__all__ = ["visible"]


def visible(text: str, keep: str = "") -> str:
    r"""Write control characters and the like as escapes, and unusual blanks as blanks.

    Names, messages, paths and settings come from strangers: none of them may
    move the cursor, clear the screen, name the window, or turn the order of the
    letters.

    Args:
        text: what is to be shown.
        keep: characters that stay as they are.

    >>> print(visible("GET /\x1b[2J\u202e"), visible("two\nlines"), visible("two\xa0words"))
    GET /\x1b[2J\u202e two\nlines two words
    """
    return text if text.isprintable() else "".join(sign if sign in keep else _visible(sign) for sign in text)


def _visible(sign: str) -> str:
    if sign.isprintable():
        return sign
    return " " if _is_blank(sign) else ascii(sign)[1:-1]


def _is_blank(sign: str) -> bool:
    """Whether it is a blank of some width; tabs and ends of lines are none. (`unicodedata` takes long to load.)"""
    return sign >= "\xa0" and sign.isspace() and sign not in "\u2028\u2029"
