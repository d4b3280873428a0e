"""The files of a store, seen from outside: which they are, who made them, and what has been done to them."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from ..log import log_once
from .location import shown

__all__ = ["Files", "clear_away", "create", "look", "mend_shared", "share"]

_MODE: Final = 0o660
"""A new file is open to its user and, if the umask lets it be, to the group: several users share a store by a directory
of their common group (set-group-ID) and a umask of 002. Names and error messages are nobody else's business."""
_SHARED_AT_LEAST: Final = 32768
"""Bytes that a process maps into its memory at a time."""

_EMPTIED: Final = (
    "the store %s was emptied by another program, and what was in it is gone: delete it, but never cut it off"
)

_Identity = tuple[int, int]


class Files(NamedTuple):
    """What is there at some moment."""

    database: _Identity
    log: _Identity | None
    """The write-ahead log, ``-wal``: what is not in the database yet."""
    shared: _Identity | None
    """What all that have the store open share of their memory, ``-shm``."""
    is_empty: bool
    """Whether nothing is in the database."""
    has_log: bool
    """Whether something is in the log; while anybody has the store open, there is, once there has been."""
    changed: int
    """When the database itself was written to: nanoseconds since the epoch."""

    def are_those_of(self, other: Files | None) -> bool:
        """Whether they are the same ones as at another moment, and still what they were."""
        return other is not None and self[:4] == other[:4] and self.has_log >= other.has_log


def look(path: str) -> Files | None:
    """The files of the store at a path; ``None`` where there is none.

    Raises:
        OSError: it cannot be seen, or is no file.
    """
    database = _status(path)
    if database is None:
        return None
    if not stat.S_ISREG(database.st_mode):
        raise OSError(errno.EINVAL, "it is a directory" if stat.S_ISDIR(database.st_mode) else "it is no regular file")
    log, shared = _status(f"{path}-wal"), _status(f"{path}-shm")
    return Files(
        _identity(database),
        log and _identity(log),
        shared and _identity(shared),
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
    """Make the file, unless another process has done so; where a symbolic link leads nowhere, the one it means.

    A file that is there is not even opened: closing it would release the locks that SQLite holds on it.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
    with suppress(FileExistsError):
        os.close(os.open(path, flags if Path(path).is_symlink() else flags | os.O_EXCL, _MODE))


def clear_away(path: str) -> None:
    """Delete a store that another program has emptied: whoever has it open sees then that it is gone, and starts anew.

    Somebody else may be doing that at this moment; a new file must not be touched.
    """
    with Path(path).open("rb") as database:
        fcntl.flock(database, fcntl.LOCK_EX)
        emptied = look(path)
        if emptied is None or not emptied.is_empty or emptied.database != _identity(os.fstat(database.fileno())):
            return
        for end in ("-wal", "-shm", ""):
            with suppress(FileNotFoundError):
                Path(path + end).unlink()
    log_once(("emptied", path), _EMPTIED, shown(path))


def share(path: str) -> None:
    """Open what belongs to a store to those to whom it is open: its mode may have been changed since."""
    mode = stat.S_IMODE(Path(path).stat().st_mode)
    for end in ("-wal", "-shm"):
        status = _status(path + end)
        if status is not None and stat.S_IMODE(status.st_mode) != mode and status.st_uid == os.geteuid():
            Path(path + end).chmod(mode)


def mend_shared(path: str) -> None:
    """Give the file of shared memory its length back if another program has cut it off.

    A process that looks at memory whose file has none is killed (SIGBUS). What is blank there is made anew.
    """
    shared = _status(f"{path}-shm")
    if shared is not None and shared.st_size < _SHARED_AT_LEAST:
        os.truncate(f"{path}-shm", _SHARED_AT_LEAST)
