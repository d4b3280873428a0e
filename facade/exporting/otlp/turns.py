"""Turns: of all processes that could send to one receiver, one at a time does, and the store knows who."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from weighbridge.transactions.store.state import Cursor, StateWriter

__all__ = ["Busy", "LostTurn", "Progress", "State", "Turns"]

_LEASE: Final = 20.0
"""Seconds, besides what a request may take, after which others take over from a process that says no more."""
_LOOK: Final = 1.0
"""Seconds after which it is worth while to look again whether another process has finished, at least."""
_LONGEST: Final = 7200.0
"""Seconds; a moment that is further ahead than this was written by a clock that was wrong."""
_EARLY: Final = 0.5
"""The part of an interval that must be over before it is the turn of anybody again."""

State = dict[str, Any]
"""What a sender notes, as JSON has it."""


class _Note(NamedTuple):
    """What stands with a cursor."""

    state: State = {}  # noqa: RUF012  never changed
    claimant: str = ""
    """Whose turn it is; ``""`` if nobody's."""
    until: float = 0.0
    """Epoch seconds after which others may take over."""
    not_before: float = 0.0
    """Epoch seconds until which the receiver has asked to wait."""

    @classmethod
    def of(cls, cursor: Cursor) -> _Note:
        """Return what is noted; nothing if that cannot be read."""
        try:
            noted = json.loads(cursor.state)
            times = (float(noted.get(name, 0.0)) for name in ("until", "not_before"))
            return cls(dict(noted.get("state", {})), str(noted.get("claimant", "")), *times)
        except (AttributeError, TypeError, ValueError):
            return cls()

    def at(self, moment: int) -> Cursor:
        """Return the cursor to keep."""
        return Cursor(moment, json.dumps(self._asdict()))


class Progress(NamedTuple):
    """What was sent before."""

    moment: int
    """Epoch seconds; 0 if nothing was."""
    state: State
    """What the last sender noted."""


class Busy(Exception):
    """It is another process's turn, or nobody's yet; ``pause`` tells for how many seconds."""

    def __init__(self, message: str, pause: float) -> None:
        super().__init__(message)
        self.pause: float = pause


class LostTurn(Exception):
    """Another process has taken over in the meantime."""


class Turns:
    """The turns of one process at sending one kind of thing to one receiver.

    Args:
        writer: to the store that is sent from.
        exporter: what is sent, and to whom.
        claimant: the name of this process among all others.
        timeout: seconds that sending a request may take.
    """

    def __init__(self, writer: StateWriter, exporter: str, claimant: str, timeout: float) -> None:
        self._writer = writer
        self._exporter = exporter
        self._claimant = claimant
        self._lease = timeout + _LEASE

    def take(self, now: float, interval: float = 0.0) -> Progress:
        """Claim the turn.

        Args:
            now: epoch seconds.
            interval: seconds that lie between two turns, whoever takes them.

        Raises:
            Busy: it cannot be had at present.
            StoreUnavailable: the store cannot be written.
        """

        def claim(cursor: Cursor) -> Cursor:
            note = _Note.of(cursor)
            if note.claimant != self._claimant:
                _require_free(note, now, interval)
            _require_due(cursor, note, now, interval)
            return self._claimed(note.state, now).at(cursor.moment)

        cursor = self._writer.change_cursor(self._exporter, claim)
        return Progress(cursor.moment, _Note.of(cursor).state)

    def go_on(self, now: float, moment: int, state: State) -> None:
        """Note what has been sent, and that more is to follow.

        Raises:
            LostTurn: another process has taken over.
            StoreUnavailable: the store cannot be written.
        """
        self._note(self._claimed(state, now).at(moment))

    def end(self, moment: int, state: State) -> None:
        """Note what has been sent, and give the turn back; raises as `go_on` does."""
        self._note(_Note(state).at(moment))

    def give_back(self, not_before: float = 0.0) -> None:
        """Give the turn back with nothing sent; nobody is to send before a moment (epoch seconds)."""

        def freed(cursor: Cursor) -> Cursor | None:
            note = _Note.of(cursor)
            return _Note(note.state, not_before=not_before).at(cursor.moment) if self._has(note) else None

        self._writer.change_cursor(self._exporter, freed)

    def _note(self, cursor: Cursor) -> None:
        def noted(present: Cursor) -> Cursor:
            if not self._has(_Note.of(present)):
                raise LostTurn("another process has taken over, as this one said nothing for too long")
            return cursor

        self._writer.change_cursor(self._exporter, noted)

    def _has(self, note: _Note) -> bool:
        return note.claimant == self._claimant

    def _claimed(self, state: State, now: float) -> _Note:
        return _Note(state, self._claimant, now + self._lease)


def _require_free(note: _Note, now: float, interval: float) -> None:
    left = note.until - now
    if 0 < left <= _LONGEST:
        raise Busy("another process is sending", min(left, max(interval, _LOOK)))


def _require_due(cursor: Cursor, note: _Note, now: float, interval: float) -> None:
    waiting = note.not_before - now
    if 0 < waiting <= _LONGEST:
        raise Busy("the receiver has asked to wait", waiting)
    since = now - cursor.moment
    if 0 <= since < interval * _EARLY:
        raise Busy("another process has just sent", interval - since)
