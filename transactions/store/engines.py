"""The engines that a store can be kept in: which one a place stands for."""

from __future__ import annotations

from .rows import Source
from .sqlite.source import SQLiteSource

__all__ = ["source_at"]


def source_at(place: str) -> Source:
    """Return the way to read the store at a place: a file, or ``":memory:"`` for the one that this process writes."""
    return SQLiteSource(place)
