"""The template of a link: an address with names of attributes in braces, such as ``?q={request.id}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from .http_urls import flaw_of
from .values import Refused

__all__ = ["filled", "names_in", "read_link_template"]

_LONGEST: Final = 2000
_NAME: Final = re.compile(r"\{([^{}]+)\}")


def read_link_template(value: object) -> str:
    """Read a template.

    >>> read_link_template(" https://logs.example.com/search?q={request.id} ")
    'https://logs.example.com/search?q={request.id}'

    Raises:
        Refused: it is none; the message says why.
    """
    if not isinstance(value, str) or not value.strip():
        raise ValueError(value)
    text = value.strip()
    if len(text) > _LONGEST:
        raise Refused(f"it is longer than {_LONGEST} characters")
    if not names_in(text):
        raise Refused("it has no name of an attribute in braces, such as {request.id}")
    rest = _NAME.sub("", text)
    if "{" in rest or "}" in rest:
        raise Refused("a brace stands alone: write %7B for { and %7D for }")
    if not rest.isascii() or not rest.isprintable() or " " in rest:
        raise Refused("what is not in braces must be percent-encoded")
    _require_host(text)
    return text


def _require_host(text: str) -> None:
    flaw = flaw_of(text)
    if flaw:
        raise Refused(f"it {flaw}")
    if "{" in urlsplit(text).netloc:
        raise Refused("the host may not come from an attribute")


def names_in(template: str) -> list[str]:
    """Return the names in braces.

    >>> names_in("https://logs.example.com/{service.version}/{request.id}")
    ['service.version', 'request.id']
    """
    return [name.strip() for name in _NAME.findall(template)]


def filled(template: str, values: Mapping[str, str]) -> str:
    """Return the address with values, percent-encoded, in place of their names.

    >>> filled("https://logs.example.com/?q={request.id}", {"request.id": "a b&c"})
    'https://logs.example.com/?q=a%20b%26c'
    """
    return _NAME.sub(lambda found: quote(values[found[1].strip()], safe="", errors="replace"), template)
