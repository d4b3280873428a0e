"""The files of a store: creating them, and detecting what other programs have done to them.

SQLite expects that nobody deletes, replaces or truncates them while they are open. If somebody does, it goes on
writing to files that are no longer visible, or the process is killed when it accesses shared memory that is gone.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from ...log import log_once
from ...visible import visible

__all__ = ["Files", "copy_mode", "create", "real_path", "remove_emptied", "restore_shared_memory", "size", "stat_files"]

_MODE: Final = 0o660
"""A new file is accessible to its user and, if the umask permits, to the group: several users share a store by a
directory of their common group (set-group-ID) and a umask of 002. Names and error messages concern nobody else."""
_MAPPED: Final = 32768
"""Bytes of shared memory that a process maps at a time."""

_EMPTIED: Final = (
    "the store %s was emptied by another program, and what was in it is gone; delete it, never truncate it"
)

_Identity = tuple[int, int]


class Files(NamedTuple):
    """The state of the files at one moment."""

    database: _Identity
    log: _Identity | None
    """The write-ahead log, ``-wal``, whose content is not in the database yet."""
    shared_memory: _Identity | None
    """The shared memory of all processes that have the store open, ``-shm``."""
    is_empty: bool
    """Whether the database has no content."""
    has_log: bool
    """Whether the log has content. Once it has, that stays true while any process has the store open."""
    changed: int
    """When the database itself was last modified, in nanoseconds since the epoch."""

    def follow(self, former: Files | None) -> bool:
        """Whether these are the same files as at a former moment, changed by nobody but SQLite."""
        return former is not None and self[:4] == former[:4] and self.has_log >= former.has_log


def real_path(path: str) -> str:
    """Return the path of the database itself, next to which SQLite keeps its other files."""
    return os.path.realpath(path) if Path(path).is_symlink() else path


def stat_files(path: str) -> Files | None:
    """Return the state of the store's files at a path; ``None`` if there is no store.

    Raises:
        OSError: the file cannot be reached, or is not a regular file.
    """
    database = _status(path)
    if database is None:
        return None
    if not stat.S_ISREG(database.st_mode):
        raise OSError(errno.EINVAL, "it is a directory" if stat.S_ISDIR(database.st_mode) else "it is no regular file")
    path = real_path(path)
    log, shared_memory = _status(f"{path}-wal"), _status(f"{path}-shm")
    return Files(
        _identity(database),
        log and _identity(log),
        shared_memory and _identity(shared_memory),
        is_empty=not database.st_size,
        has_log=log is not None and log.st_size > 0,
        changed=database.st_mtime_ns,
    )


def _status(path: str) -> os.stat_result | None:
    try:
        return Path(path).stat()
    except FileNotFoundError:
        return None


def _identity(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino


def create(path: str) -> None:
    """Create the file, unless another process has; if the path is a dangling symbolic link, create its target.

    A file that exists is not opened: closing it would release the locks that SQLite holds on it.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
    with suppress(FileExistsError):
        os.close(os.open(path, flags if Path(path).is_symlink() else flags | os.O_EXCL, _MODE))


def remove_emptied(path: str) -> None:
    """Delete a store that another program has emptied: processes that have it open notice that, and open a new one.

    Other processes may be doing the same at this moment, and may already have created the new one.
    """
    path = real_path(path)
    with Path(path).open("rb") as database:
        fcntl.flock(database, fcntl.LOCK_EX)
        files = stat_files(path)
        if files is None or not files.is_empty or files.database != _identity(os.fstat(database.fileno())):
            return
        for end in ("-wal", "-shm", ""):
            with suppress(FileNotFoundError):
                Path(path + end).unlink()
    log_once(("emptied", path), _EMPTIED, visible(path))


def copy_mode(path: str) -> None:
    """Give the other files the mode of the database, which may have changed since they were created."""
    path = real_path(path)
    mode = stat.S_IMODE(Path(path).stat().st_mode)
    for end in ("-wal", "-shm"):
        status = _status(path + end)
        if status is not None and stat.S_IMODE(status.st_mode) != mode and status.st_uid == os.geteuid():
            with suppress(OSError):
                Path(path + end).chmod(mode)


def restore_shared_memory(path: str) -> None:
    """Restore the length of the shared memory's file if another program has truncated it.

    A process that accesses mapped memory beyond the end of its file is killed (SIGBUS). SQLite refills the file.
    """
    status = _status(f"{real_path(path)}-shm")
    if status is not None and status.st_size < _MAPPED:
        os.truncate(f"{real_path(path)}-shm", _MAPPED)


def size(path: str) -> int:
    """Return the size of all files of a store in bytes; 0 in memory."""
    path = real_path(path)
    statuses = (_status(path + end) for end in ("", "-wal", "-shm"))
    return sum(status.st_size for status in statuses if status is not None)
