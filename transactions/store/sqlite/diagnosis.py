"""Why a store cannot be used where it is, for people to read."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from typing import Final

from ...visible import visible
from ..location import owner, user
from .files import real_path

__all__ = ["explain"]

_LONGEST: Final = 504
"""Bytes that SQLite takes as a path, at least."""
_EFFECTIVE: Final = os.access in os.supports_effective_ids
_DAMAGED: Final = "it is damaged, or was never a store: once it is moved away, a new one is made"
_DAMAGE: Final = (UnicodeDecodeError, LookupError, TypeError)
"""Exceptions due to invalid values of a column. In a damaged file even a column's name may be invalid text."""


def explain(error: Exception, path: str, writing: bool) -> str:
    """Return the obstacle, as far as the file system shows it, and the error's message."""
    said = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    try:
        found = _obstacle(Path(path), writing)
    except OSError as problem:
        found = problem.strerror
    if not found and (type(error) is sqlite3.DatabaseError or isinstance(error, _DAMAGE)):
        found = _DAMAGED
    return f"{found} ({said})" if found and found != said else said


def _obstacle(path: Path, writing: bool) -> str | None:
    length = len(os.fsencode(path))
    if length > _LONGEST:
        return f"its path has {length} bytes, where SQLite takes {_LONGEST}"
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return _what_is_missing(path, writing)
    if not stat.S_ISREG(mode):
        return "it is a directory" if stat.S_ISDIR(mode) else "it is no regular file"
    return _what_is_forbidden(Path(real_path(str(path))), writing)


def _what_is_missing(path: Path, writing: bool) -> str | None:
    if path.is_symlink():
        return f"it is a symbolic link to {visible(str(path.readlink()))}, and that is not there"
    if not path.parent.exists():
        return f"there is no directory {visible(str(path.parent))}"
    if writing and not _may(path.parent, os.W_OK | os.X_OK):
        return f"{user()} may not make files in {_whose(path.parent)}"
    return None


def _what_is_forbidden(path: Path, writing: bool) -> str | None:
    for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        if file.exists() and not _may(file, os.R_OK):
            return f"{user()} may not read {_whose(file)}"
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return "its file system is read-only" if writing else None
    for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm")) if writing else ():
        if file.exists() and not _may(file, os.W_OK):
            return f"{user()} may not write to {_whose(file)}"
    if not _may(path.parent, os.W_OK | os.X_OK):
        return f"SQLite needs files beside it, and {user()} may not make any in {_whose(path.parent)}"
    return None


def _may(path: Path, how: int) -> bool:
    return os.access(path, how, effective_ids=_EFFECTIVE)


def _whose(path: Path) -> str:
    return f"{visible(str(path))}, which belongs to {owner(str(path))} (mode {stat.S_IMODE(path.stat().st_mode):o})"
