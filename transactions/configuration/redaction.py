"""Passwords and other credentials in text that is about to be shown: they are replaced by ``***``.

What people write into a setting may be a URL with a password, well formed or
not, where no URL belongs. So whatever is said about settings goes through here,
and rather too much is hidden than too little.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final
from urllib.parse import unquote

__all__ = ["redacted"]

_HIDDEN: Final = "***"
_MAX_DECODED: Final = 3
"""How many times a text may have been percent-encoded."""

_LONGEST: Final = 4000
"""Characters; of a longer text nothing is shown, as it cannot be searched in no time."""

_TELLTALE: Final = re.compile(r"""[@%=]|//|\\\\|["']\s*:|\w:[^\s:]+:\S""")
"""A text without any of these has no credentials that would be found."""

_CREDENTIAL: Final = r"(?:pass(?!es)|pwd|secret|token|credential|signature|(?:api|access|license|private)_?key)\w*"
_SCHEME: Final = r"(?:postgres|mysql|mariadb|redis|mongo|amqp|sqlite|sqlserver|mssql|oracle|jdbc|odbc|http|ftp)"
_QUOTED_OR_WORD: Final = r"""(?:"[^"]*"|'[^']*'|[^\s&;,'"})\]]+)"""


@cache
def _replacements() -> tuple[tuple[re.Pattern[str], str], ...]:
    """What is looked for, and what is put in its place. Made where there is something to look for: that takes long."""
    return (
        # scheme://user:password@host, up to the last @: a password may hold anything that should have been encoded.
        (re.compile(r"(:?[/\\]{2}).*@", re.DOTALL), rf"\1{_HIDDEN}@"),
        # scheme:/user:password@host, as paths are normalized and people mistype.
        (re.compile(r"(:[/\\])(?=[^@]*:).*@", re.DOTALL), rf"\1{_HIDDEN}@"),
        # user:password@host with no scheme at all.
        (re.compile(r"[^\s:@/\\'\"]+:(?![/\\])[^\s@]+@(?=\S)"), f"{_HIDDEN}@"),
        # scheme://user:password with the host forgotten; a port is no password.
        (re.compile(r"""(//[^\s/?#@:'"\[\]]+:)(?!\d{1,5}(?:[/?#\s'",;)]|$))[^\s'"]+"""), rf"\1{_HIDDEN}"),
        # scheme:user:password with everything else forgotten; of other schemes it might as well be a name.
        (
            re.compile(rf"""(?<![A-Za-z])({_SCHEME}[\w+.-]*:)[^\s:/\\'"]+:(?!\d+\b)[^\s'"]+""", re.IGNORECASE),
            rf"\1{_HIDDEN}",
        ),
        # password=..., as in a query or in the key words of a database, or 'password': '...' in a table.
        (re.compile(rf"""({_CREDENTIAL}(?:\s*=\s*|["']\s*:\s*)){_QUOTED_OR_WORD}""", re.IGNORECASE), rf"\1{_HIDDEN}"),
    )


def redacted(text: str) -> str:
    """The text (one value, or one line) with credentials replaced by ``***``, percent-encoded ones too.

    >>> redacted("postgresql://shop:s3cret@db/shop?sslmode=require")
    'postgresql://***@db/shop?sslmode=require'
    >>> redacted("http://db:5432/shop and /var/lib/shop.db")
    'http://db:5432/shop and /var/lib/shop.db'
    """
    if not _TELLTALE.search(text):
        return text
    if len(text) > _LONGEST:
        return f"<{len(text)} characters>"
    shown = _hide(text)
    decoded = shown
    for _ in range(_MAX_DECODED):
        decoded = unquote(decoded)
        if _hide(decoded) != decoded:
            shown = _hide(decoded)
    return shown


def _hide(text: str) -> str:
    for pattern, replacement in _replacements():
        text = pattern.sub(replacement, text)
    return text
