"""A connection to a store's file: opened when needed, reopened if the file was replaced, never used after a fork.

If no hook announces a fork (see ``forks.py``: a server written in C), the child
leaves the inherited connection alone and opens its own.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, Literal
from urllib.parse import quote

from ...log import log_once
from ...recording.os_threads import allocate_lock
from ...visible import visible
from ..location import MEMORY
from .file_descriptors import Descriptors, leak, open_descriptors
from .files import Files, copy_mode, create, real_path, remove_emptied, restore_shared_memory, stat_files
from .forks import turnstile, watch
from .lock_wait import LockWait
from .schema import NotOurs, check
from .tables import define_functions

__all__ = ["FAILURES", "StoreConnection"]

LOCK_TIMEOUT: Final = 2.0
"""Seconds for which a transaction waits for its turn; see ``lock_wait.py``."""

_LOG_GONE: Final = "the -wal of the store %s was deleted or emptied by another program: the last figures may be lost"

_CLOSED: Final = "the program closed the files of the store %s, which it had not opened: it is opened again"

_TURN_TIMEOUT: Final = 10.0
"""Seconds to wait for this process's own forks and threads: many may fork, one after the other."""

_FORKING: Final = "this process is about to fork, or another thread of it writes"

FAILURES: Final = (sqlite3.Error, OSError, NotOurs, UnicodeDecodeError)
"""Exceptions of a transaction that are due to the file. In a damaged one even a column's name may be invalid text."""


class StoreConnection:
    """The connection by which a writer or reader accesses the file.

    A reader and a writer of ``":memory:"`` in one process share one database,
    which is gone once both are closed.
    """

    _connection: sqlite3.Connection | None = None
    """Defined on the class, so that an object whose ``__init__`` was interrupted can be destroyed."""
    _descriptors = Descriptors()

    def __init__(self, path: str, mode: Literal["rw", "ro"]) -> None:
        self.path: str = path if path == MEMORY else os.path.abspath(path)
        self._mode = mode
        self._begin = "BEGIN IMMEDIATE" if mode == "rw" else "BEGIN"
        self._lock = allocate_lock()
        self._pid = os.getpid()
        self._files: Files | None = None
        self._still = False
        """Whether the file is read as one that does not change, for one transaction."""
        self._inherited: list[sqlite3.Connection | None] = []
        watch(self)

    @contextmanager
    def transaction(self, timeout: float | None = None) -> Iterator[sqlite3.Connection]:
        """Run one transaction: committed at the end of the block, rolled back if an exception leaves it.

        Args:
            timeout: seconds to wait for its turn, by default `LOCK_TIMEOUT`.

        Raises:
            OSError: the file is missing or cannot be reached, or was replaced in the meantime.
            NotOurs: the file is not a store, or a newer one.
            sqlite3.Error: the file is locked for longer than the timeout, or damaged, or there is no space left.
            UnicodeDecodeError: the file is damaged.
        """
        connection = self._begun(LOCK_TIMEOUT if timeout is None else timeout)
        try:
            yield connection
            connection.execute("COMMIT")
            self._see_that_it_is_there()
        except BaseException:
            self._drop()
            raise
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close the connection; the next transaction opens one again."""
        self._see_who_we_are()
        with self._lock:
            self._drop()

    def __del__(self) -> None:
        if self._connection is not None and self._pid == os.getpid():
            self._drop()

    def _begun(self, seconds: float) -> sqlite3.Connection:
        """Return a connection with a transaction begun and the lock held; while others write, the lock is free."""
        self._see_who_we_are()
        wait = LockWait(real_path(self.path), seconds)
        while True:
            self._pass_turnstile()
            try:
                connection = self._connected()
                connection.execute(self._begin)
                return connection
            except BaseException as error:
                self._give_up(error, wait)
            wait.pause()

    def _pass_turnstile(self) -> None:
        """Take the lock, with a timeout: a thread about to fork may run a signal handler that waits for us."""
        way = turnstile()
        if not way.acquire(timeout=_TURN_TIMEOUT):
            raise sqlite3.OperationalError(_FORKING)
        try:
            if not self._lock.acquire(timeout=_TURN_TIMEOUT):
                raise sqlite3.OperationalError(_FORKING)
        finally:
            way.release()

    def _give_up(self, error: BaseException, wait: LockWait) -> None:
        """Release the lock, and raise the error unless trying again is worthwhile."""
        busy = isinstance(error, sqlite3.OperationalError) and "locked" in str(error)
        if not busy:
            self._drop()
        self._lock.release()
        if not busy or wait.is_over():
            raise error

    def _connected(self) -> sqlite3.Connection:
        if self.path == MEMORY:
            if self._connection is None:
                self._connection = self._connect(f"file:/weighbridge-{os.getpid()}?vfs=memdb&", LOCK_TIMEOUT)
            return self._connection
        self._see_what_was_done()
        if self._connection is None:
            self._open_file()
        assert self._connection is not None
        return self._connection

    def _see_what_was_done(self) -> None:
        """Close files that others have replaced, deleted, emptied or truncated, which SQLite does not expect."""
        found = stat_files(self.path)
        if found is not None and self._files is not None and found.database == self._files.database:
            if found.is_empty and self._mode == "rw":
                remove_emptied(self.path)
            elif self._connection is not None:
                restore_shared_memory(self.path)
                self._tell_of_log(found, self._files)
        if found is None or not found.follow(self._files) or not self._descriptors.are_ours():
            self._drop()

    def _tell_of_log(self, found: Files, known: Files) -> None:
        if found.log != known.log or found.has_log < known.has_log:
            log_once(("log gone", self.path), _LOG_GONE, visible(self.path))

    def _open_file(self) -> None:
        if self._mode == "rw":
            if stat_files(self.path) is None:
                create(self.path)
            return self._open_with("", 0.0)
        found = stat_files(self.path)
        if found is None:
            raise FileNotFoundError("there is no such file")
        try:
            self._open_with("", LOCK_TIMEOUT)
        except sqlite3.OperationalError as error:
            if found.has_log or "locked" in str(error):
                raise
            self._open_with("immutable=1&", LOCK_TIMEOUT)  # SQLite then needs no other files, and no lock
            self._still = True

    def _open_with(self, options: str, timeout: float) -> None:
        before = open_descriptors()
        connection = self._connect(f"file:{quote(os.fsencode(self.path))}?{options}", timeout)
        try:
            connection.execute("BEGIN")  # a consistent view: another process may be creating the store
            check(connection)
            connection.execute("COMMIT")
            if self._mode == "rw":
                _prepare_for_writing(connection)
                check(connection)  # from here on, all files exist
                copy_mode(self.path)
        except BaseException:
            connection.close()
            raise
        self._connection, self._files = connection, stat_files(self.path)
        self._descriptors = Descriptors.of(open_descriptors() - before, self._files)

    def _connect(self, uri: str, timeout: float) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{uri}mode={self._mode}", uri=True, timeout=timeout, isolation_level=None, check_same_thread=False
        )
        define_functions(connection)
        return connection

    def _see_that_it_is_there(self) -> None:
        """Raise if the file is no longer in its place: what was written to it is lost, and must be written again."""
        if self.path != MEMORY:
            found = stat_files(self.path)
            if found is None or not found.follow(self._files):
                raise FileNotFoundError("the file was moved, deleted or emptied while it was in use")
            if self._still:
                self._drop()
                if found != self._files:
                    raise FileExistsError("somebody wrote to it while it was read")
            self._files = found

    def _see_who_we_are(self) -> None:
        if self._pid != os.getpid():
            self._inherited.append(self._connection)
            self._connection = None
            self._lock = allocate_lock()
            self._pid = os.getpid()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        descriptors, self._descriptors = self._descriptors, Descriptors()
        self._still = False
        if connection is not None and not descriptors.are_ours():
            log_once(("closed by the program", self.path), _CLOSED, visible(self.path))
            leak(connection)
        elif connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def stand_still(self, timeout: float) -> bool:
        """Before a fork: wait for the running transaction, close the file and begin no other."""
        if not self._lock.acquire(timeout=timeout):
            return False
        if self.path != MEMORY:
            self._drop()
        return True

    def go_on(self) -> None:
        """Continue after `stand_still`."""
        self._lock.release()


def _prepare_for_writing(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # a power cut may cost the last writes, never the file
    connection.execute("PRAGMA journal_size_limit = 4194304")
