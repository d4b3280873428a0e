"""Redaction: replaces passwords and other credentials in text that is about to be shown by ``***``.

People may write a URL with a password, well formed or not, into a setting where no
URL belongs. So every text about settings passes through here, and when in doubt,
too much is hidden rather than too little.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final
from urllib.parse import unquote

__all__ = ["redacted"]

_HIDDEN: Final = "***"
_MAX_DECODED: Final = 3
"""How many layers of percent-encoding are decoded."""

_LONGEST: Final = 4000
"""Characters; nothing of a longer text is shown, as searching it would take too long."""

_TELLTALE: Final = re.compile(r"""[@%=]|//|\\\\|["']\s*:|\w:[^\s:]+:\S""")
"""Matches every text in which credentials could be found."""

_CREDENTIAL: Final = r"(?:pass(?!es)|pwd|secret|token|credential|signature|(?:api|access|license|private)_?key)\w*"
_SCHEME: Final = r"(?:postgres|mysql|mariadb|redis|mongo|amqp|sqlite|sqlserver|mssql|oracle|jdbc|odbc|http|ftp)"
_QUOTED_OR_WORD: Final = r"""(?:"[^"]*"|'[^']*'|[^\s&;,'"})\]]+)"""


@cache
def _replacements() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return patterns and their replacements, compiled when they are first needed, as that takes long."""
    return (
        # scheme://user:password@host, up to the last @: a password may hold anything that should have been encoded.
        (re.compile(r"(:?[/\\]{2}).*@", re.DOTALL), rf"\1{_HIDDEN}@"),
        # scheme:/user:password@host: a normalized path, or a typing error.
        (re.compile(r"(:[/\\])(?=[^@]*:).*@", re.DOTALL), rf"\1{_HIDDEN}@"),
        # user:password@host with no scheme at all.
        (re.compile(r"[^\s:@/\\'\"]+:(?![/\\])[^\s@]+@(?=\S)"), f"{_HIDDEN}@"),
        # scheme://user:password with the host forgotten; a port is not a password.
        (re.compile(r"""(//[^\s/?#@:'"\[\]]+:)(?!\d{1,5}(?:[/?#\s'",;)]|$))[^\s'"]+"""), rf"\1{_HIDDEN}"),
        # scheme:user:password with everything else forgotten; with other schemes it might as well be a name.
        (
            re.compile(rf"""(?<![A-Za-z])({_SCHEME}[\w+.-]*:)[^\s:/\\'"]+:(?!\d+\b)[^\s'"]+""", re.IGNORECASE),
            rf"\1{_HIDDEN}",
        ),
        # password=..., as in a query string or a database's connection string, or 'password': '...' in a table.
        (re.compile(rf"""({_CREDENTIAL}(?:\s*=\s*|["']\s*:\s*)){_QUOTED_OR_WORD}""", re.IGNORECASE), rf"\1{_HIDDEN}"),
    )


def redacted(text: str) -> str:
    """Return a text (one value, or one line) with credentials, also percent-encoded ones, replaced by ``***``.

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
