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
    if not isinstance(key, str) or not key or len(key.encode("utf-8", "replace")) > _LONGEST:
        return False
    if not isinstance(value, (str, int, float, bool)):
        return False
    if len(attributes) >= ATTRIBUTES_AT_MOST and key not in attributes:
        return False
    attributes[str(key)] = _cut(value) if isinstance(value, str) else value
    return True


def _cut(text: str) -> str:
    encoded = text.encode("utf-8", "replace")
    return text if len(encoded) <= _LONGEST else encoded[:_LONGEST].decode("utf-8", "ignore")
