"""A writer by which what is sent to a server is merged at once."""

from __future__ import annotations

from weighbridge.transactions.configuration.postgresql_url import parse_server_url
from weighbridge.transactions.recording.snapshot import Snapshot
from weighbridge.transactions.store.maintenance import DEFAULT_RETENTION, Retention
from weighbridge.transactions.store.postgresql.connection import ServerConnection
from weighbridge.transactions.store.postgresql.drivers import load_driver
from weighbridge.transactions.store.postgresql.merging import Merger
from weighbridge.transactions.store.postgresql.writer import ServerWriter

__all__ = ["MergingWriter"]


class MergingWriter:
    """Sends snapshots to a server and merges each at once, by the clock of the process: as is done with a file."""

    def __init__(self, url: str, retention: Retention = DEFAULT_RETENTION) -> None:
        self._now = 0.0
        self._writer = ServerWriter(url, load_driver())
        connection = ServerConnection(parse_server_url(url), load_driver())
        self._merger = Merger(connection, retention, clock=lambda: self._now)

    def write(self, snapshot: Snapshot) -> None:
        """Send and merge a snapshot."""
        self._writer.write(snapshot)
        self._now = snapshot.taken
        while self._merger.merge():
            pass

    def close(self) -> None:
        """Close both connections."""
        self._writer.close()
        self._merger.close()
