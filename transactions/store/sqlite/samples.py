"""Transactions kept whole: how many, and which."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

from ...recording.snapshot import Instance, Sample, SampleError
from ..groups import Groups, KeptError
from ..limits import MAX_LINKS, MAX_SAMPLES, SAMPLES_PER_HOUR
from ..names import storable
from ..resolutions import floor_to
from ..sample_json import to_json
from .ids import Ids

__all__ = ["PreparedSample", "add_samples", "bound_samples", "prepare_sample"]

_HOUR: Final = 3600

_EXCESS: Final = """
DELETE FROM sample WHERE id IN (
    SELECT id FROM sample WHERE series = ? AND reason = ? AND ended >= ? AND ended < ?
    ORDER BY CASE reason WHEN 'slow' THEN duration ELSE ended END DESC LIMIT -1 OFFSET ?
)
"""


class PreparedSample(NamedTuple):
    """A sample in the form in which it is stored."""

    sample: Sample
    ended: float
    json: str


def prepare_sample(sample: Sample, instance: Instance) -> PreparedSample:
    """Prepare a sample of an instance."""
    transaction = sample.transaction
    body = to_json(transaction, instance.host, instance.version)
    return PreparedSample(sample, transaction.started + transaction.duration, body)


def add_samples(connection: sqlite3.Connection, samples: Iterable[PreparedSample], names: Ids, groups: Groups) -> int:
    """Store samples, and drop the least telling ones of each hour. How many were dropped."""
    touched = {_add(connection, sample, names, groups) for sample in samples}
    return sum(
        connection.execute(_EXCESS, (series, reason, hour, hour + _HOUR, SAMPLES_PER_HOUR)).rowcount
        for series, reason, hour in sorted(touched)
    )


def _add(connection: sqlite3.Connection, prepared: PreparedSample, names: Ids, groups: Groups) -> tuple[int, str, int]:
    sample, ended = prepared.sample, prepared.ended
    transaction, reason = sample.transaction, sample.reason
    number = names.series(sample.series, ended)
    added = connection.execute(
        "INSERT INTO sample (series, reason, ended, duration, body) VALUES (?, ?, ?, ?, ?)",
        (number, reason, ended, transaction.duration, prepared.json),
    )
    groups.add_sample(int(added.lastrowid or 0), sample.series.application, map(_kept, sample.errors), ended)
    for linked in transaction.linked_applications:
        connection.execute(
            "INSERT OR REPLACE INTO link VALUES (?, ?, ?)",
            (storable(transaction.application), storable(linked), ended),
        )
    return number, reason, floor_to(ended, _HOUR)


def _kept(error: SampleError) -> KeptError:
    stack = error.stack
    return (error.group, "", "") if stack is None else (error.group, stack.digest, stack.text)


def bound_samples(connection: sqlite3.Connection, oldest: float | None) -> None:
    """Let samples expire that ended before ``oldest`` (epoch seconds), if that is known, and what is above limits."""
    if oldest is not None:
        connection.execute("DELETE FROM sample WHERE ended < ?", (oldest,))
    connection.execute(
        "DELETE FROM sample WHERE id IN (SELECT id FROM sample ORDER BY id DESC LIMIT -1 OFFSET ?)", (MAX_SAMPLES,)
    )
    connection.execute(
        "DELETE FROM link WHERE (application, linked) IN"
        " (SELECT application, linked FROM link ORDER BY seen DESC LIMIT -1 OFFSET ?)",
        (MAX_LINKS,),
    )
