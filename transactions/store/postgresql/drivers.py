"""The drivers for PostgreSQL, behind one narrow interface: psycopg 3, or psycopg2.

Values are put into statements on this side. So no statement is prepared on the server, which poolers of connections
(pgbouncer) give to somebody else in the meantime, and both drivers behave alike.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final, Protocol

__all__ = ["DRIVERS", "Driver", "DriverMissing", "Result", "Session", "Values", "load_driver"]

DRIVERS: Final = ("psycopg", "psycopg2")
_MISSING: Final = "a store in PostgreSQL needs a driver: python -m pip install 'weighbridge[postgresql]'"

Values = Sequence[object] | Mapping[str, object]


class DriverMissing(ImportError):
    """None of the drivers is installed; the message says how to install one."""


class Result(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """How many rows it returned or changed."""
        ...

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row."""
        ...

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows."""
        ...


class Session(Protocol):
    """A connection to a server, on which every statement is a transaction of its own unless it begins one."""

    def execute(self, statement: str, values: Values = ()) -> Result:
        """Run a statement, or several with ``;`` between them, of which the last one gives the result."""
        ...

    def fileno(self) -> int:
        """Return the descriptor of its socket."""
        ...

    def is_encrypted(self) -> bool:
        """Whether it is by TLS."""
        ...

    def close(self) -> None:
        """End it."""


class Driver(Protocol):
    """One of the libraries."""

    Error: type[Exception]
    """What it raises whatever is wrong with the server, the connection or a statement."""
    DataError: type[Exception]
    """One of these: where a value is one that no column can hold."""

    def connect(self, keywords: Mapping[str, str]) -> Session:
        """Connect to a server."""
        ...


def load_driver(*, best: bool = False) -> Driver:
    """Return the driver that the program has imported already, else the first that is installed.

    Args:
        best: choose the faster one even if the program has imported the other.

    Raises:
        DriverMissing: there is none.
        ImportError: there is one, but it cannot be imported.
    """
    for name in sorted(DRIVERS, key=lambda name: name not in sys.modules and not best):
        try:
            module = import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            continue
        return _Psycopg(module) if name == "psycopg" else _Psycopg2(module)
    raise DriverMissing(_MISSING)


class _Psycopg:
    def __init__(self, module: Any) -> None:
        self._module = module
        self.Error = module.Error
        self.DataError = module.DataError

    def connect(self, keywords: Mapping[str, str]) -> Session:
        connection = self._module.connect(
            **keywords, autocommit=True, prepare_threshold=None, cursor_factory=self._module.ClientCursor
        )
        return _PsycopgSession(connection)


class _PsycopgSession:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Values = ()) -> Any:
        cursor = self._connection.cursor()
        cursor.execute(statement, values or None)
        while cursor.nextset():
            pass
        return cursor

    def fileno(self) -> int:
        return int(self._connection.fileno())

    def is_encrypted(self) -> bool:
        return bool(self._connection.pgconn.ssl_in_use)

    def close(self) -> None:
        self._connection.close()


class _Psycopg2:
    def __init__(self, module: Any) -> None:
        self._module = module
        self.Error = module.Error
        self.DataError = module.DataError

    def connect(self, keywords: Mapping[str, str]) -> Session:
        connection = self._module.connect(**keywords)
        connection.autocommit = True
        return _Psycopg2Session(connection)


class _Psycopg2Session:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Values = ()) -> Any:
        cursor = self._connection.cursor()
        cursor.execute(statement, values or None)
        return _Psycopg2Result(cursor)

    def fileno(self) -> int:
        return int(self._connection.fileno())

    def is_encrypted(self) -> bool:
        return bool(self._connection.info.ssl_in_use)

    def close(self) -> None:
        self._connection.close()


class _Psycopg2Result:
    """Gives bytes, where psycopg2 gives views of them."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    @property
    def rowcount(self) -> int:
        return int(self._cursor.rowcount)

    def fetchone(self) -> tuple[Any, ...] | None:
        row = self._cursor.fetchone()
        return None if row is None else _with_bytes(row)

    def fetchall(self) -> list[tuple[Any, ...]]:
        return [_with_bytes(row) for row in self._cursor.fetchall()]


def _with_bytes(row: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
