"""The files of a store: making them, and finding out what other programs have done to them.

SQLite expects that nobody deletes, replaces or truncates them while they are open. Where somebody does, it goes on
writing into files that nobody can see, or the process is killed as it looks at shared memory that is no longer there.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from ..log import log_once
from ..visible import visible

__all__ = ["Files", "copy_mode", "create", "real_path", "remove_emptied", "restore_shared_memory", "size", "stat_files"]

_MODE: Final = 0o660
"""A new file is open to its user and, if the umask lets it be, to the group: several users share a store by a directory
of their common group (set-group-ID) and a umask of 002. Names and error messages are nobody else's business."""
_MAPPED: Final = 32768
"""Bytes of shared memory that a process maps at a time."""

_EMPTIED: Final = (
    "the store %s was emptied by another program, and what was in it is gone; delete it, never truncate it"
)

_Identity = tuple[int, int]


class Files(NamedTuple):
    """The files at some moment."""

    database: _Identity
    log: _Identity | None
    """The write-ahead log, ``-wal``: what is not in the database yet."""
    shared_memory: _Identity | None
    """Of all processes that have the store open, ``-shm``."""
    is_empty: bool
    """Whether nothing is in the database."""
    has_log: bool
    """Whether something is in the log. Once there has been, there is for as long as anybody has the store open."""
    changed: int
    """When the database itself was written to last, in nanoseconds since the epoch."""

    def follow(self, former: Files | None) -> bool:
        """Whether these are the files of another moment, and nothing was done to them but by SQLite."""
        return former is not None and self[:4] == former[:4] and self.has_log >= former.has_log


def real_path(path: str) -> str:
    """The path of the database itself, beside which SQLite keeps its other files."""
    return os.path.realpath(path) if Path(path).is_symlink() else path


def stat_files(path: str) -> Files | None:
    """The files of the store at a path; ``None`` where there is none.

    Raises:
        OSError: it is out of reach, or no regular file.
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
    """Make the file, unless another process has; where a symbolic link leads nowhere, make the one that it names.

    A file that exists is not opened: closing it would release the locks that SQLite holds on it.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
    with suppress(FileExistsError):
        os.close(os.open(path, flags if Path(path).is_symlink() else flags | os.O_EXCL, _MODE))


def remove_emptied(path: str) -> None:
    """Delete a store that another program has emptied: all that have it open notice that, and open a new one.

    Others may be doing the same at this moment, and have made the new one.
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
    """Give the other files the mode of the database, which may have been changed since they were made."""
    path = real_path(path)
    mode = stat.S_IMODE(Path(path).stat().st_mode)
    for end in ("-wal", "-shm"):
        status = _status(path + end)
        if status is not None and stat.S_IMODE(status.st_mode) != mode and status.st_uid == os.geteuid():
            with suppress(OSError):
                Path(path + end).chmod(mode)


def restore_shared_memory(path: str) -> None:
    """Give the file of the shared memory its length back if another program has truncated it.

    A process that looks at mapped memory beyond the end of its file is killed (SIGBUS). SQLite fills it anew.
    """
    status = _status(f"{real_path(path)}-shm")
    if status is not None and status.st_size < _MAPPED:
        os.truncate(f"{real_path(path)}-shm", _MAPPED)


def size(path: str) -> int:
    """Bytes of all files of a store; 0 in memory."""
    path = real_path(path)
    statuses = (_status(path + end) for end in ("", "-wal", "-shm"))
    return sum(status.st_size for status in statuses if status is not None)
