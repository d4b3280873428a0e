"""Where rows are read from: a file, while others write to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...visible import visible
from ..location import MEMORY, owner
from ..rows import StoreUnreadable
from .connection import FAILURES, StoreConnection
from .diagnosis import explain
from .files import size
from .queries import SQLiteRows
from .schema import NotOurs, check

__all__ = ["SQLiteSource"]


class SQLiteSource:
    """The `Source` in one SQLite file, or in ``":memory:"`` of this process; queries run one after the other."""

    def __init__(self, path: str) -> None:
        self._connection = StoreConnection(path, "ro")

    @property
    def place(self) -> str:
        """The file, absolute, or ``":memory:"``."""
        return self._connection.path

    @contextmanager
    def reading(self) -> Iterator[SQLiteRows]:
        """Give the rows as they are now, until the end of the block.

        Raises:
            StoreUnreadable: the file does not exist, is not a store, is a store of a
                newer version, may not be read, or is damaged.
        """
        try:
            with self._connection.transaction() as connection:
                if check(connection) == 0:
                    raise NotOurs("nothing has been written to it yet")
                yield SQLiteRows(connection)
        except (*FAILURES, LookupError, TypeError) as error:  # the last two: a value is none of its column's
            path = self.place
            reason = str(error) if path == MEMORY else explain(error, path, writing=False)
            raise StoreUnreadable(f"the store {visible(path)} cannot be read: {reason}") from error

    def collect(self) -> None:
        """Do nothing: whoever writes to a file merges at once."""

    def size(self) -> int:
        """Return the bytes of the file, its write-ahead log included."""
        return size(self.place)

    def owner(self) -> str:
        """Return the user who owns the file."""
        return owner(self.place)

    def close(self) -> None:
        """Close the file; the next reading opens it again."""
        self._connection.close()
