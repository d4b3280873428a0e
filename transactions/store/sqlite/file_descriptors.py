"""The file descriptors of a connection, which a program that becomes a daemon closes with all others.

Their numbers are then given to files of the program's, and SQLite, which knows
nothing of it, goes on writing to them. So they are looked at before it does.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection
from typing import Final, NamedTuple

from .files import Files

try:  # here, with the store, which is imported late: `leak` may be called in our own thread, or in a destructor
    import ctypes
except (ImportError, MemoryError):  # a Python built without it, or a system that forbids what it needs
    ctypes = None  # type: ignore[assignment]

__all__ = ["Descriptors", "leak", "open_descriptors"]

_FOLDER: Final = "/dev/fd"

_Identity = tuple[int, int]


def open_descriptors() -> frozenset[int]:
    """Return all descriptors of this process; none where the system does not tell."""
    try:
        return frozenset(int(name) for name in os.listdir(_FOLDER))  # noqa: PTH208  a number would become a path first
    except (OSError, ValueError):
        return frozenset()


class Descriptors(NamedTuple):
    """Those of one connection, and the file behind each of them."""

    files: tuple[tuple[int, _Identity], ...] = ()

    @classmethod
    def of(cls, numbers: Collection[int], files: Files | None) -> Descriptors:
        """Return those of the numbers that are the store's files."""
        known = () if files is None else files[:3]
        found = ((number, _file_behind(number)) for number in numbers)
        return cls(tuple((number, file) for number, file in found if file is not None and file in known))

    def are_ours(self) -> bool:
        """Whether the same file is behind each of them still."""
        return all(_file_behind(number) == file for number, file in self.files)


def _file_behind(number: int) -> _Identity | None:
    try:
        status = os.fstat(number)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def leak(connection: sqlite3.Connection) -> None:
    """Have a connection never be closed, also not when Python ends: that would write to the program's files."""
    if ctypes is not None:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
