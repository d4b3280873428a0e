"""The engines that a store can be kept in: which one a place stands for."""

from __future__ import annotations

from ..configuration.postgresql_url import is_server_url
from .rows import Source
from .sqlite.source import SQLiteSource
from .sqlite.state import FileState
from .state import StateWriter

__all__ = ["source_at", "state_at"]


def source_at(place: str) -> Source:
    """Return the way to read the store at a place.

    Args:
        place: a file, ``":memory:"`` for the store that this process writes, or the address of a server.
    """
    if is_server_url(place):
        from .postgresql.source import ServerSource  # noqa: PLC0415  needs a driver, which few have

        return ServerSource(place)
    return SQLiteSource(place)


def state_at(place: str) -> StateWriter:
    """Return the way to write to the store at a place, as `source_at` takes it, what is not figures."""
    if is_server_url(place):
        from .postgresql.state import ServerState  # noqa: PLC0415  likewise

        return ServerState(place)
    return FileState(place)
