"""Custom attributes of a transaction: which are taken, and how large they may be."""

from __future__ import annotations

from typing import Final

from .finished import AttributeValue

__all__ = ["ATTRIBUTES_AT_MOST", "taken_into"]

ATTRIBUTES_AT_MOST: Final = 128
"""Custom attributes a transaction."""
_LONGEST: Final = 255
"""Bytes (UTF-8) of a key, and of a text value."""


def taken_into(attributes: dict[str, AttributeValue], key: object, value: object) -> bool:
    """Add one attribute where its key, type and number allow it; longer text values are cut."""
    if not isinstance(key, str) or not key or len(str.encode(key, "utf-8", "replace")) > _LONGEST:
        return False
    if not isinstance(value, (str, int, float, bool)):
        return False
    if len(attributes) >= ATTRIBUTES_AT_MOST and key not in attributes:
        return False
    attributes[str.__str__(key)] = _plain(value)
    return True


def _plain(value: AttributeValue) -> AttributeValue:
    """The value alone: an instance of a subclass may refer to anything."""
    if isinstance(value, str):
        return _cut(str.__str__(value))
    if isinstance(value, float):
        return float.__float__(value)
    return value if isinstance(value, bool) else int.__int__(value)


def _cut(text: str) -> str:
    encoded = text.encode("utf-8", "replace")
    return text if len(encoded) <= _LONGEST else encoded[:_LONGEST].decode("utf-8", "ignore")
