"""What all engines hold to about names: how many are kept apart, and in which form they are stored."""

from __future__ import annotations

from typing import Final

from .rows import Scope

__all__ = ["SCOPES", "storable"]

SCOPES: Final[tuple[Scope, ...]] = ("name", "all", "host", "version", "queue")
"""The meaning of the column ``whole``, by its value."""


def storable(text: str) -> str:
    """Return a text that can be stored: invalid Unicode is escaped, and so is NUL, which PostgreSQL does not take."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")
