"""Addresses of webhooks, with names in them that stand for secrets.

``${NAME}`` is an environment variable: the whole address, or a part of its path or query; ``${webhook_token_file}`` is
what that file holds. Programs read the same file as whoever judges alerts and may lack the secrets, so they are filled
in only where a webhook is told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from .http_urls import HAS_CREDENTIALS, flaw_of

__all__ = ["TOKEN", "filled", "needs_token", "read_address", "with_token"]

TOKEN: Final = "webhook_token_file"  # noqa: S105 - the name that stands for one
_NAME: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_HOST: Final = re.compile(r"https?://[^/?#]+[/?]", re.IGNORECASE)


def read_address(text: str) -> str:
    """Check an address; it may be a secret, and no message has any of it but the names.

    Raises:
        ValueError: it is none; the message says what would be right.
    """
    plain = _NAME.sub("x", text)
    if "${" in plain:
        raise ValueError("... has ${ in it without a name and }, as in ${SLACK_TOKEN}")
    whole = _NAME.fullmatch(text)
    if whole and whole[1] != TOKEN:
        return text
    _check(plain)
    host = _HOST.match(text)
    if plain != text and (host is None or "${" in host[0]):
        raise ValueError("... may have ${...} as the whole of it, or in its path and query, but not in the host")
    return text


def _check(text: str) -> None:
    flaw = flaw_of(text)
    if flaw == HAS_CREDENTIALS:
        raise ValueError(f"... {flaw}: {TOKEN} names a file with a token")
    if flaw:
        raise ValueError(f"... {flaw}")
    if urlsplit(text).fragment or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("... must be percent-encoded, and have no # in it")


def needs_token(address: str) -> bool:
    """Whether the token is a part of an address."""
    return TOKEN in _NAME.findall(address)


def filled(address: str, environ: Mapping[str, str]) -> str:
    """Put environment variables into an address; what is a part of it is percent-encoded.

    >>> filled("https://hooks.example.com/${KEY}?to=${TEAM}", {"KEY": "T0/B0", "TEAM": "ops & co"})
    'https://hooks.example.com/T0/B0?to=ops%20%26%20co'

    Raises:
        ValueError: one is not set, or the address that one holds is none.
    """
    names = [name for name in _NAME.findall(address) if name != TOKEN]
    missing = [name for name in names if not environ.get(name, "").strip()]
    if missing:
        raise ValueError(f"needs the environment variable {missing[0]}, which is not set")
    if names and address == f"${{{names[0]}}}":
        whole = environ[names[0]].strip()
        try:
            _check(whole)
        except ValueError as error:
            raise ValueError(f"{address}, an environment variable: {error}") from None
        return whole
    return _NAME.sub(lambda found: found[0] if found[1] == TOKEN else _encoded(environ[found[1]]), address)


def with_token(address: str, token: str) -> str:
    """Put a token into an address where that is a part of it."""
    return address.replace(f"${{{TOKEN}}}", _encoded(token))


def _encoded(value: str) -> str:
    return quote(value.strip(), safe="/")
