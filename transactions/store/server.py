"""Care for a store on a server: its tables are made, and what processes send is merged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..configuration.postgresql_url import parse_server_url
from .maintenance import DEFAULT_RETENTION, Retention
from .postgresql.connection import ServerConnection, ServerFailure
from .postgresql.drivers import load_driver
from .postgresql.merging import Merger
from .postgresql.schema import UnknownVersion, upgrade

__all__ = ["Collector", "StoreFailure"]

_TIMEOUT = 600.0
"""Seconds after which the server ends a statement that changes tables."""


class StoreFailure(Exception):
    """Something could not be done; the message names the place and the reason, and has no password in it."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind
        """What all failures of one kind have in common."""


class Collector:
    """Looks after the store at an address.

    Args:
        url: the address of the database.
        retention: for how long things are kept.

    Raises:
        StoreFailure: there is no driver.
    """

    def __init__(self, url: str, retention: Retention = DEFAULT_RETENTION) -> None:
        self._address = parse_server_url(url)
        with self._told("cannot be reached"):
            self._connection = ServerConnection(self._address, load_driver(best=True))
        self._merger = Merger(self._connection, retention)

    def upgrade(self) -> tuple[int, int]:
        """Make or change the tables; return the version before (0: there were none) and after.

        Raises:
            StoreFailure: it could not be done.
        """
        with self._told("cannot be upgraded"), self._connection.transaction(timeout=_TIMEOUT) as session:
            return upgrade(session, self._address.schema)

    def collect(self) -> int | None:
        """Merge all that waits; return how many snapshots, or ``None`` if another process is merging.

        Raises:
            StoreFailure: it could not be done.
        """
        with self._told("cannot be merged into"):
            merged = self._merger.merge()
            return merged and merged + self._merger.merge_all()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except (ServerFailure, UnknownVersion, ImportError) as error:
            kind = error.kind if isinstance(error, ServerFailure) else str(error)
            raise StoreFailure(f"the store {self._address.place} {what}: {error}", kind) from None
