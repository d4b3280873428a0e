"""What makes a text the address of something that answers HTTP."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

__all__ = ["HAS_CREDENTIALS", "flaw_of"]

HAS_CREDENTIALS: Final = "must have no user or password in it"


def flaw_of(text: str) -> str:
    """Return what an address is or must be, as the end of a sentence that does not show it; empty if it is right.

    >>> flaw_of("ftp://logs.example.com/")
    'must begin with https:// or http:// and name a host'
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return "is no URL"
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return "must begin with https:// or http:// and name a host"
    return HAS_CREDENTIALS if parts.username is not None or parts.password is not None else ""
