"""A connection to a store's server: opened when needed, opened again after any failure, never used after a fork."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from ...configuration.postgresql_url import ServerAddress, is_local
from ...host_exceptions import pass_on
from .drivers import Driver, Result, Session, Values
from .time_limit import TimeLimit, is_broken, peer_of

__all__ = ["NEEDED_UPGRADE", "READING", "ServerConnection", "ServerFailure"]

STATEMENT_TIMEOUT: Final = 10.0
"""Seconds after which the server ends a statement of a reporting process."""
_GRACE: Final = 5.0
"""Seconds more after which nothing is expected of the server any longer."""

_KEYWORDS: Final = {
    "application_name": "weighbridge",
    "client_encoding": "utf8",
    "connect_timeout": "2",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
"""Unless the address says otherwise. A server that has gone without a word is noticed within half a minute."""

WRITING: Final = "READ COMMITTED"
READING: Final = "REPEATABLE READ READ ONLY"
"""Isolation levels, said each time: an administrator may have set another one for the database or the user."""

_SETTINGS: Final = """
SET LOCAL statement_timeout = {timeout}; SET LOCAL idle_in_transaction_session_timeout = {idle};
SET LOCAL extra_float_digits = 1; SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0
"""
"""What else may have been set otherwise. Whoever merges computes between two statements, for seconds where much has
waited; moments have sixteen digits. To compile a statement, or to start processes for it, takes longer than to run it:
there are thousands of rows, not millions."""

NEEDED_UPGRADE: Final = "there are no tables for it; run: weighbridge store upgrade"
_NO_TABLES: Final = frozenset({"3F000", "42P01", "42703"})
_NOT_ALLOWED: Final = "42501"
_OF_DATA: Final = frozenset({"22", "23", "54"})
"""Classes of SQLSTATE: data exceptions, violated constraints, limits such as the length of what an index holds."""

_KINDS: Final = (
    # By class of SQLSTATE, or what is in the message where there was no answer: one log line is enough for each.
    ("25006", "the server may only be read, as a replica"),
    ("28", "the server refuses the user or password"),
    ("3D", "there is no such database"),
    ("53", "the server is out of connections, memory or disk space"),
    ("57", "the server is shutting down, or has ended the statement"),
)
_UNCONNECTED: Final = (
    # What is in the message where no connection was made, which has no SQLSTATE to the drivers.
    ("FATAL: ", "the server refuses the connection"),
    ("resolve host|translate host name", "the name of the server is not known"),
    (
        "invalid .* value|bad value for|invalid port|could not (match|parse)|definition of service|service file",
        "a parameter of the connection is not valid",
    ),
    ("(certificate|key|revocation list).* file", "a file that the connection needs cannot be used"),
    ("certificate verify failed|does not match host name", "the server is not the one that its certificate must name"),
    ("does not support SSL", "the server does not encrypt"),
)
_MAX_SHOWN: Final = 300


def _settings(timeout: float) -> str:
    return _SETTINGS.format(timeout=round(timeout * 1000), idle=round((timeout + _GRACE) * 1000))


class ServerFailure(Exception):
    """A statement failed, or it is not known whether it was run; the message has no password in it."""

    def __init__(self, kind: str, detail: str = "", *, is_of_data: bool = False) -> None:
        super().__init__(f"{kind} ({detail})" if detail else kind)
        self.kind = kind
        """What is the matter, alike for all failures of one kind."""
        self.is_of_data = is_of_data
        """Whether a value is one that the tables cannot hold; it would fail each time."""


class _SchemaSession:
    """Writes the schema before each table, which the statements have an ``@`` before; waits for a limited time."""

    def __init__(self, session: Session, schema: str, limit: TimeLimit) -> None:
        self._session = session
        self._schema = f'"{schema}".'  # it may be a word of SQL
        self._limit = limit

    def execute(self, statement: str, values: Values = ()) -> Result:
        with self._limit.waiting():
            return self._session.execute(statement.replace("@", self._schema), values)

    def fileno(self) -> int:
        return self._session.fileno()

    def is_encrypted(self) -> bool:
        return self._session.is_encrypted()

    def close(self) -> None:
        self._session.close()


class ServerConnection:
    """The connection of one writer, merger or reader; used by one thread at a time."""

    def __init__(self, address: ServerAddress, driver: Driver) -> None:
        self.address = address
        self._driver = driver
        self._session: Session | None = None
        self._pid = os.getpid()
        self._inherited: list[Session | None] = []

    @contextmanager
    def session(self, timeout: float = STATEMENT_TIMEOUT) -> Iterator[Session]:
        """Give the connection for some statements; it is closed after any exception.

        Args:
            timeout: seconds that the server may take for a statement.

        Raises:
            ServerFailure: something failed at the server, or on the way to it.
        """
        limit: TimeLimit | None = None
        try:
            session = self._opened()
            with TimeLimit(session.fileno(), timeout + _GRACE) as limit:
                yield _SchemaSession(session, self.address.schema, limit)
        except (self._driver.Error, OSError, UnicodeError) as error:
            self.close()
            pass_on(error)
            if limit is not None and limit.is_over:
                raise ServerFailure("there is no answer", f"for {limit.seconds:g} seconds") from None
            raise self._failure(error) from None  # the driver's own message may have a password in it
        except BaseException:
            self.close()
            raise

    @contextmanager
    def transaction(self, isolation: str = WRITING, timeout: float = STATEMENT_TIMEOUT) -> Iterator[Session]:
        """Give the connection for one transaction: committed at the end of the block, undone by any exception."""
        with self.session(timeout) as session:
            session.execute(f"BEGIN ISOLATION LEVEL {isolation}; {_settings(timeout)}")
            yield session
            session.execute("COMMIT")

    def close(self) -> None:
        """Close the connection; the next statement opens one again."""
        self._leave_to_parent()
        session, self._session = self._session, None
        if session is not None:
            with suppress(self._driver.Error, OSError):
                session.close()

    def _opened(self) -> Session:
        self._leave_to_parent()
        if self._session is not None and is_broken(self._session.fileno()):
            self.close()
        if self._session is None:
            self._session = self._driver.connect({**_KEYWORDS, **self.address.keywords})
            self._require_encryption(self._session)
        return self._session

    def _require_encryption(self, session: Session) -> None:
        """Go no further without TLS on a network, where libpq knows from elsewhere how to connect: from a service."""
        peer = peer_of(session.fileno())
        if not is_local(peer) and not session.is_encrypted():
            raise ServerFailure("the connection is not encrypted", f"sslmode=require is missing for {peer}")

    def _leave_to_parent(self) -> None:
        """After a fork, keep the inherited connection as it is: to close it would end it for the parent, too."""
        if self._pid != os.getpid():
            self._inherited.append(self._session)
            self._session = None
            self._pid = os.getpid()

    def _failure(self, error: Exception) -> ServerFailure:
        code = str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")
        detail = self._scrubbed(str(error))
        if code in _NO_TABLES:
            return ServerFailure(NEEDED_UPGRADE)
        if code == _NOT_ALLOWED:
            return ServerFailure("its user may not do that", detail)
        for beginning, kind in _KINDS:
            if code.startswith(beginning):
                return ServerFailure(kind, detail)
        if code:
            return ServerFailure(f"the server refuses a statement, {code}", detail, is_of_data=code[:2] in _OF_DATA)
        if isinstance(error, (self._driver.DataError, UnicodeError)):
            return ServerFailure("a value cannot be sent", detail, is_of_data=True)
        kinds = (kind for pattern, kind in _UNCONNECTED if re.search(pattern, detail))
        return ServerFailure(next(kinds, "there is no answer"), detail)

    def _scrubbed(self, message: str) -> str:
        """Return a driver's message on one line, without the password."""
        password = self.address.keywords.get("password")
        shown = message.replace(password, "***") if password else message
        shown = re.sub(r"\s+", " ", shown).strip()
        return shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]}..."
