"""Write access to a store in PostgreSQL, for the recorder: each snapshot is sent by one statement."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Final

from ...configuration.postgresql_url import parse_server_url
from ...configuration.settings import DEFAULTS, Settings
from ...recording.snapshot import Snapshot, StoreUnavailable
from ..liveness import process_identity
from ..maintenance import DEFAULT_RETENTION, Retention
from ..names import storable
from .connection import STATEMENT_TIMEOUT, ServerConnection, ServerFailure
from .drivers import Driver, load_driver
from .merging import Merger
from .sending import encode_snapshot

__all__ = ["ServerWriter", "load_modules", "load_writer"]

_MAX_WAIT: Final = 60.0
"""Seconds for which the oldest snapshot may wait before a process that reports merges itself."""
_AT_ONCE: Final = 50
"""Snapshots that it merges at a time."""
_LOCK_TIMEOUT: Final = 1.0
"""Seconds for which it then waits for a locked table: what it counts meanwhile can be sent, and it may soon end."""
_NEEDED_BY_DRIVERS: Final = ("encodings.idna",)
"""Modules that are imported when a connection is made: too late, as our own threads import nothing."""

_SEND: Final = f"""
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCAL statement_timeout = {round(STATEMENT_TIMEOUT * 1000)};
WITH waiting AS (
    SELECT coalesce(max(number) - min(number) + 1, 0) AS rows,
        coalesce(extract(epoch FROM clock_timestamp())::double precision
            - (SELECT received FROM @inbox ORDER BY number LIMIT 1), 0) AS age FROM @inbox
), me AS (
    INSERT INTO @instance AS instance (key, host, pid, program, version, process, started, seen, received, sequence)
    SELECT %(key)s, %(host)s, %(pid)s, %(program)s, %(version)s, %(process)s, %(started)s, %(seen)s,
        extract(epoch FROM clock_timestamp())::double precision, %(sequence)s
    FROM waiting WHERE rows < %(inbox_rows)s
    ON CONFLICT (key) DO UPDATE
    SET seen = excluded.seen, received = excluded.received, sequence = excluded.sequence
    WHERE instance.sequence < excluded.sequence
    RETURNING id, received
), sent AS (
    INSERT INTO @inbox (instance, received, body) SELECT id, received, %(body)s FROM me RETURNING 1
)
SELECT rows, age FROM waiting
"""
"""The mark of the process and its row of the inbox, together: so a snapshot that comes a second time is refused,
however that races with merging, which never touches the mark."""


def load_writer(settings: Settings) -> Callable[[], ServerWriter]:
    """Import all that the writer of the configured store needs; return what makes it.

    Raises:
        ImportError: there is no driver.
    """
    url = settings.store or ""
    return partial(ServerWriter, url, load_modules(), settings.inbox_rows, Retention.of(settings))


def load_modules() -> Driver:
    """Import the driver, and what it would import when it connects; return it.

    Raises:
        ImportError: there is none.
    """
    for name in _NEEDED_BY_DRIVERS:
        import_module(name)
    return load_driver()


class ServerWriter:
    """A `Store` on a server, which any number of processes on any number of machines report to.

    Args:
        url: the address of the database.
        driver: the library by which it is reached.
        inbox_rows: how many snapshots may wait to be merged before no more are sent.
        retention: for how long things are kept.
    """

    def __init__(
        self,
        url: str,
        driver: Driver,
        inbox_rows: int = DEFAULTS.inbox_rows,
        retention: Retention = DEFAULT_RETENTION,
    ) -> None:
        address = parse_server_url(url)
        self._connection = ServerConnection(address, driver)
        self._place = address.place
        self._inbox_rows = inbox_rows
        self._merger = Merger(self._connection, retention, lock_timeout=_LOCK_TIMEOUT)

    @property
    def path(self) -> str:
        """The address, for people to read."""
        return self._place

    def write(self, snapshot: Snapshot) -> None:
        """Send the whole snapshot, or nothing of it; one that was sent before is ignored.

        Raises:
            StoreUnavailable: it was not sent, or it is not known whether it was; the message names the place.
        """
        values = self._values(snapshot)
        try:
            with self._connection.session() as session:
                waiting, age = session.execute(_SEND, values).fetchone() or (0, 0.0)
        except ServerFailure as failure:
            message = f"the store {self._place} cannot be written: {failure}"
            raise StoreUnavailable(message, failure.kind, is_remote=True) from None
        if waiting >= self._inbox_rows:
            self._merge()
            raise StoreUnavailable(
                f"the store {self._place} takes no more: {waiting} snapshots wait, and nobody collects them"
                " (weighbridge collect, weighbridge serve)",
                "nobody collects",
                is_remote=True,
            )
        if age > _MAX_WAIT:
            self._merge()

    def _merge(self) -> None:
        """Merge some of what waits, as nobody else does; leave it where this user may not."""
        try:
            self._merger.merge(_AT_ONCE)
        except ServerFailure:
            return  # it will be tried again after the next snapshot; that one is sent

    def close(self) -> None:
        """Close the connection; the next write opens it again."""
        self._connection.close()

    def _values(self, snapshot: Snapshot) -> dict[str, object]:
        instance = snapshot.instance
        return {
            "key": instance.id,
            "host": storable(instance.host),
            "pid": instance.pid,
            "program": storable(instance.program),
            "version": storable(instance.version),
            "process": process_identity(instance.pid) if instance.pid == os.getpid() else "",
            "started": instance.started,
            "seen": snapshot.taken,
            "sequence": snapshot.sequence,
            "inbox_rows": self._inbox_rows,
            "body": encode_snapshot(snapshot),
        }
