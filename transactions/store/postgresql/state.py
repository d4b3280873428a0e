"""Marks, the states of alerts and cursors on a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from typing import Final

from ...configuration.postgresql_url import parse_server_url
from ...recording.snapshot import StoreUnavailable
from ..names import storable
from ..results import AlertState, Mark
from ..state import Change, Cursor
from .connection import NEEDED_UPGRADE, ServerConnection, ServerFailure
from .drivers import Session, load_driver
from .merging import known_store
from .schema import ALERTS_SINCE

__all__ = ["NOW", "ServerState", "alert_states"]

_COLUMNS: Final = "alert, state, since, told, claimed_by, claimed, attempts"
_VALUES: Final = "%s, %s, %s::double precision, %s, %s, %s::double precision, %s::integer"
_ADD_MARK: Final = """
INSERT INTO @mark (application, moment, kind, name) VALUES (%s, %s, %s, %s)
ON CONFLICT (application, kind, name, moment) DO NOTHING
"""
_BEGIN_ALERT: Final = f"INSERT INTO @alert_state ({_COLUMNS}) VALUES ({_VALUES}) ON CONFLICT (alert) DO NOTHING"
_CHANGE_ALERT: Final = f"""
UPDATE @alert_state SET ({_COLUMNS}) = ({_VALUES}) WHERE ({_COLUMNS}) = ({_VALUES})
"""
NOW: Final = "SELECT extract(epoch FROM clock_timestamp())::double precision"

_BEGIN_CURSOR: Final = "INSERT INTO @export_cursor VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
_CURSOR: Final = "SELECT moment, state FROM @export_cursor WHERE exporter = %s FOR UPDATE"
_KEEP_CURSOR: Final = "UPDATE @export_cursor SET moment = %s, state = %s WHERE exporter = %s"


def alert_states(session: Session) -> list[AlertState]:
    """Return the states of all alerts, by name."""
    found = session.execute(f'SELECT {_COLUMNS} FROM @alert_state ORDER BY alert COLLATE "C"')
    return [AlertState(*row) for row in found.fetchall()]


class ServerState:
    """The `StateWriter` of a server; the clock of which is believed."""

    def __init__(self, url: str) -> None:
        self._address = parse_server_url(url)
        self._connected: ServerConnection | None = None

    @property
    def place(self) -> str:
        """The address, for people to read."""
        return self._address.place

    def now(self) -> float:
        """Return the time of the server."""
        with self._transaction() as session:
            (now,) = session.execute(NOW).fetchone() or (0.0,)
            return float(now)

    def add_mark(self, mark: Mark) -> bool:
        """Add a mark; return whether it is new."""
        with self._transaction() as session:
            return _add_mark(session, mark)

    def change_alert(self, before: AlertState | None, after: AlertState, mark: Mark | None = None) -> bool:
        """Replace the state of an alert, and add a mark with it, unless somebody else has replaced it."""
        with self._transaction() as session:
            if known_store(session).version < ALERTS_SINCE:
                raise ServerFailure(NEEDED_UPGRADE)
            if before is None:
                changed = session.execute(_BEGIN_ALERT, _row(after))
            else:
                changed = session.execute(_CHANGE_ALERT, (*_row(after), *_row(before)))
            if changed.rowcount and mark is not None:
                _add_mark(session, mark)
            return changed.rowcount > 0

    def change_cursor(self, exporter: str, change: Change) -> Cursor:
        """Change the cursor of an exporter under the lock of its row, for which others wait."""
        with self._transaction() as session:
            known_store(session)
            session.execute(_BEGIN_CURSOR, (exporter, *Cursor()))
            before = Cursor(*(session.execute(_CURSOR, (exporter,)).fetchone() or ()))
            after = change(before)
            if after is not None:
                session.execute(_KEEP_CURSOR, (*after, exporter))
            return after or before

    def close(self) -> None:
        """Close the connection."""
        if self._connected is not None:
            self._connected.close()

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        try:
            if self._connected is None:
                self._connected = ServerConnection(self._address, load_driver(best=True))
            with self._connected.transaction() as session:
                yield session
        except (ServerFailure, ImportError) as failure:
            kind = failure.kind if isinstance(failure, ServerFailure) else str(failure)
            message = f"the store {self.place} cannot be written: {failure}"
            raise StoreUnavailable(message, kind, is_remote=True) from None


def _row(state: AlertState) -> tuple[object, ...]:
    return tuple(storable(value) if isinstance(value, str) else value for value in astuple(state))


def _add_mark(session: Session, mark: Mark) -> bool:
    values = (storable(mark.application), mark.moment, mark.kind, storable(mark.name))
    return session.execute(_ADD_MARK, values).rowcount > 0
