"""What all exports of a store have in common: its identity, and the attributes of its applications."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from weighbridge.transactions.model.finished import AttributeValue
from weighbridge.transactions.store.reader import StoreReader
from weighbridge.transactions.store.state import Cursor, StateWriter
from weighbridge.transactions.store.statistics import Window

__all__ = ["Stream", "resources_of", "stream_of", "versions_of"]

_NAME: Final = "otlp"
_OWN_SERVICE: Final = "weighbridge"
"""The service that the figures of the store itself are of."""
_KEPT: Final = frozenset({"service.name"})
"""Attributes that the store knows better than a variable, which is one for all applications."""
_DAY: Final = 86400


class Stream(NamedTuple):
    """One stream of figures, whoever sends it, and for as long as the store exists."""

    identity: str
    start: int
    """Nanoseconds since the epoch, from when on it counts."""


def stream_of(writer: StateWriter, reader: StoreReader, now: float) -> Stream:
    """Return the stream of a store, which is noted there the first time.

    Raises:
        StoreUnavailable: the store cannot be written.
        StoreUnreadable: it cannot be read.
    """
    known = _stream(writer.change_cursor(_NAME, lambda cursor: None))
    if known is not None:
        return known
    made = Stream(str(uuid.uuid4()), _first(reader, now) * 10**9)

    def note(cursor: Cursor) -> Cursor | None:
        return None if _stream(cursor) else Cursor(round(now), json.dumps(made._asdict()))

    return _stream(writer.change_cursor(_NAME, note)) or made


def _stream(cursor: Cursor) -> Stream | None:
    try:
        noted = json.loads(cursor.state)
        return Stream(str(noted["identity"]), int(noted["start"]))
    except (LookupError, TypeError, ValueError):
        return None


def _first(reader: StoreReader, now: float) -> int:
    """Return the epoch second from which on anything was counted that is still known."""
    found = (reader.first_counted(application, 0) for application in reader.known_applications())
    return min([round(now), *(first for first in found if first is not None)])


def resources_of(
    applications: Iterable[str],
    identity: str,
    machine: str | None,
    versions: Mapping[str, str],
    more: Mapping[str, str],
) -> dict[str, dict[str, AttributeValue]]:
    """Return the attributes of each application; those of ``""`` are the store's own.

    Args:
        applications: their names.
        identity: of the stream.
        machine: the host of the store, if it has one.
        versions: of applications, as far as they have any.
        more: attributes of all.
    """
    common: dict[str, AttributeValue] = {"service.instance.id": identity}
    if machine is not None:
        common["host.name"] = machine
    common |= {name: value for name, value in more.items() if name not in _KEPT}
    found: dict[str, dict[str, AttributeValue]] = {}
    for application in {"", *applications}:
        version = {"service.version": versions[application]} if application in versions else {}
        found[application] = {"service.name": application or _OWN_SERVICE, **version, **common}
    return found


def versions_of(reader: StoreReader, now: float) -> dict[str, str]:
    """Return the version of each application that was the last to report for the first time."""
    marks = reader.marks(Window(0, now + _DAY))
    return {mark.application: mark.name for mark in marks if mark.kind == "version"}
