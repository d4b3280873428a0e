"""Encoded counts of many rows in one value, each after its length: so an engine hands over what it cannot add up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["joined", "parts_of"]

_LENGTH: Final = 4
"""Bytes of a length, the highest first, as PostgreSQL sends whole numbers."""


def joined(parts: Iterable[bytes]) -> bytes:
    """Return parts as one value; empty ones are left out."""
    return b"".join([len(part).to_bytes(_LENGTH, "big") + part for part in parts if part])


def parts_of(value: bytes) -> list[bytes]:
    """Return what has been joined."""
    parts, place, end = [], 0, len(value)
    while place < end:
        start = place + _LENGTH
        place = start + int.from_bytes(value[place:start], "big")
        parts.append(value[start:place])
    return parts
