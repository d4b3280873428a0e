"""Write access to a store, for the recorder."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from ...configuration.settings import Settings
from ...host_exceptions import pass_on
from ...log import log_once
from ...recording.snapshot import Snapshot, StoreUnavailable
from ...visible import visible
from ..location import MEMORY, locate, prepare
from ..maintenance import DEFAULT_RETENTION, Retention, TrustedTime
from .connection import FAILURES, StoreConnection
from .diagnosis import explain
from .forks import forked_midway
from .ingest import ingest, prepare_snapshot
from .maintenance import next_maintenance_step
from .schema import upgrade

__all__ = ["StoreWriter"]

_MEMORY_ONLY: Final = "what is recorded is kept in memory only, as %s; set WEIGHBRIDGE_STORE to a file to keep it"
_MAX_STEPS: Final = 8
"""Maintenance steps after one write at most."""


class StoreWriter:
    """A `Store` in one SQLite file, which any number of processes write to and read at the same time.

    Nothing happens to the file before the first write. A process that was
    forked from the one that made this object may go on using it.

    Args:
        path: the file, made where it is missing (its directory is not), or
            ``":memory:"`` for a store that lives and ends with this process.
        retention: for how long things are kept.
    """

    def __init__(self, path: str, retention: Retention = DEFAULT_RETENTION) -> None:
        self._connection = StoreConnection(path, "rw")
        self._retention = retention

    @classmethod
    def of(cls, settings: Settings) -> StoreWriter:
        """Return the writer for the configured store. Logs one line if that can only be in memory."""
        location = prepare(locate(settings.store))
        if location.problem:
            log_once("store in memory", _MEMORY_ONLY, location.problem)
        return cls(location.path, Retention.of(settings))

    @property
    def path(self) -> str:
        """The file, absolute, or ``":memory:"``."""
        return self._connection.path

    def write(self, snapshot: Snapshot) -> None:
        """Store the whole snapshot, or nothing of it; one that is stored already is ignored.

        Raises:
            StoreUnavailable: it is not stored, or not in a file that is still
                in its place; the message names the file and the reason.
        """
        prepared = prepare_snapshot(snapshot)
        with self._transaction() as connection:
            upgrade(connection, snapshot.taken)
            now = ingest(connection, prepared, self._retention)
            is_due = next_maintenance_step(connection, self._retention, now) is not None
        if is_due:
            with suppress(StoreUnavailable):  # the snapshot is stored; maintenance is left to the next writer
                self._maintain(now)

    def make_ready(self, now: float) -> None:
        """Make the file, or bring it up to this version, as the first write would.

        Raises:
            StoreUnavailable: it cannot be written.
        """
        with self._transaction() as connection:
            upgrade(connection, now)

    def close(self) -> None:
        """Close the file; the next write opens it again."""
        self._connection.close()

    def _maintain(self, now: TrustedTime) -> None:
        """Take some maintenance steps, unless others are writing: they will do it as well."""
        for _ in range(_MAX_STEPS):
            with self._transaction(timeout=0) as connection:
                step = next_maintenance_step(connection, self._retention, now)
                if step is None:
                    return
                step()

    @contextmanager
    def _transaction(self, timeout: float | None = None) -> Iterator[sqlite3.Connection]:
        try:
            with self._connection.transaction(timeout) as connection:
                yield connection
        except FAILURES as error:
            pass_on(error)
            raise StoreUnavailable(self._refusal(error)) from error

    def _refusal(self, error: Exception) -> str:
        if self.path == MEMORY:
            return f"the store in memory cannot be written: {error}"
        reason = explain(error, self.path, writing=True)
        forked = "; this process was forked in the middle of a write" if forked_midway() else ""
        return f"the store {visible(self.path)} cannot be written: {reason}{forked}"
