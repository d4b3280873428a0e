"""Cursors on a server."""

from __future__ import annotations

from ...configuration.postgresql_url import parse_server_url
from ..cursors import Change, Cursor, CursorFailure
from .connection import ServerConnection, ServerFailure
from .drivers import Session, load_driver
from .schema import UnknownVersion, installed

__all__ = ["ServerCursors"]


class ServerCursors:
    """The `Cursors` on a server."""

    def __init__(self, url: str) -> None:
        self._address = parse_server_url(url)
        self._connected: ServerConnection | None = None

    def change(self, exporter: str, change: Change) -> Cursor:
        """Change the cursor of an exporter, and return it as it is then.

        Raises:
            CursorFailure: the server cannot be reached or refuses, or has no table for it.
        """
        try:
            with self._connection().transaction() as session:
                installed(session)
                return _changed(session, exporter, change)
        except (ServerFailure, UnknownVersion, ImportError) as error:
            kind = error.kind if isinstance(error, ServerFailure) else str(error)
            raise CursorFailure(f"the store {self._address.place} cannot be written: {error}", kind) from None

    def close(self) -> None:
        """Close the connection; the next change opens it again."""
        if self._connected is not None:
            self._connected.close()

    def _connection(self) -> ServerConnection:
        if self._connected is None:
            self._connected = ServerConnection(self._address, load_driver(best=True))
        return self._connected


def _changed(session: Session, exporter: str, change: Change) -> Cursor:
    """Change a row that is there, under its lock: others wait for it."""
    session.execute("INSERT INTO @export_cursor VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", (exporter, *Cursor()))
    statement = "SELECT moment, state FROM @export_cursor WHERE exporter = %s FOR UPDATE"
    before = Cursor(*(session.execute(statement, (exporter,)).fetchone() or ()))
    after = change(before)
    if after is None:
        return before
    statement = "UPDATE @export_cursor SET moment = %s, state = %s WHERE exporter = %s"
    session.execute(statement, (*after, exporter))
    return after
