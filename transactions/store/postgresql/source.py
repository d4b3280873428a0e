"""Where rows are read from: a server, while others write to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import RLock

from ...configuration.postgresql_url import parse_server_url
from ..rows import StoreUnreadable
from .connection import READING, ServerConnection, ServerFailure
from .drivers import load_driver
from .merging import Merger, known_store
from .queries import ServerRows

__all__ = ["ServerSource"]

_TIMEOUT = 60.0
"""Seconds after which the server ends a query."""


class ServerSource:
    """The `Source` on a server; queries run one after the other."""

    def __init__(self, url: str) -> None:
        self._address = parse_server_url(url)
        self._lock = RLock()  # within a reading, size and owner are asked for, too
        self._connected: ServerConnection | None = None

    @property
    def place(self) -> str:
        """The address, for people to read."""
        return self._address.place

    @contextmanager
    def reading(self) -> Iterator[ServerRows]:
        """Give the rows as they are now, until the end of the block.

        Raises:
            StoreUnreadable: the server cannot be reached or refuses, or has no tables that this program knows.
        """
        with self._lock:
            try:
                with self._connection().transaction(READING, _TIMEOUT) as session:
                    store = known_store(session)
                    yield ServerRows(session, store.identity, store.version)
            except (ServerFailure, ImportError, LookupError) as error:
                raise StoreUnreadable(f"the store {self.place} cannot be read: {error}") from None

    def collect(self) -> None:
        """Merge what has come, where this user may do that."""
        with self._lock, suppress(ServerFailure, ImportError):
            Merger(self._connection()).merge_all()

    def size(self) -> int:
        """Return the bytes that the tables take, their indexes included."""
        with self._lock, suppress(ServerFailure, ImportError), self._connection().session() as session:
            (size,) = session.execute(_SIZE, (self._address.schema,)).fetchone() or (0,)
            return int(size)
        return 0

    def owner(self) -> str:
        """Return the user who owns the tables."""
        with self._lock, suppress(ServerFailure, ImportError), self._connection().session() as session:
            (owner,) = session.execute(_OWNER, (self._address.schema,)).fetchone() or ("",)
            return str(owner)
        return ""

    def close(self) -> None:
        """Close the connection; the next reading opens it again."""
        with self._lock:
            if self._connected is not None:
                self._connected.close()

    def _connection(self) -> ServerConnection:
        if self._connected is None:
            self._connected = ServerConnection(self._address, load_driver(best=True))
        return self._connected


_SIZE = """
SELECT coalesce(sum(pg_total_relation_size(pg_class.oid)), 0)::bigint FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = %s AND relkind = 'r'
"""
_OWNER = "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = %s"
