"""Transactions kept whole: how many, and which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ..groups import Groups
from ..limits import MAX_LINKS, MAX_SAMPLES, SAMPLES_PER_HOUR
from ..names import storable
from ..resolutions import floor_to
from .drivers import Session
from .sending import SentSample

__all__ = ["add_samples", "bound_samples"]

_HOUR: Final = 3600

_ADD: Final = "INSERT INTO @sample (series, reason, ended, duration, body) VALUES "
_LINK: Final = """
INSERT INTO @link VALUES (%s, %s, %s)
ON CONFLICT (application, linked) DO UPDATE SET seen = excluded.seen
"""
_EXCESS: Final = """
DELETE FROM @sample WHERE id IN (
    SELECT id FROM @sample WHERE series = %s AND reason = %s AND ended >= %s AND ended < %s
    ORDER BY CASE reason WHEN 'slow' THEN duration ELSE ended END DESC OFFSET %s
)
"""


def add_samples(session: Session, samples: Sequence[tuple[int, SentSample]], groups: Groups | None) -> int:
    """Store samples, each with the number of its series; drop the least telling ones of each hour: how many."""
    if not samples:
        return 0
    values = [_columns(number, sample) for number, sample in samples]
    statement = f"{_ADD}{', '.join(['(%s, %s, %s, %s, %s)'] * len(values))} RETURNING id"
    added = session.execute(statement, [value for row in values for value in row]).fetchall()
    for (number,), (_, sample) in zip(added, samples, strict=True):
        if groups is not None:
            groups.add_sample(number, sample.series.application, sample.errors, _ended(sample))
    for (application, linked), seen in _links(sample for _, sample in samples).items():
        session.execute(_LINK, (storable(application), storable(linked), seen))
    touched = {(number, sample.reason, floor_to(_ended(sample), _HOUR)) for number, sample in samples}
    return sum(
        session.execute(_EXCESS, (number, reason, hour, hour + _HOUR, SAMPLES_PER_HOUR)).rowcount
        for number, reason, hour in sorted(touched)
    )


def bound_samples(session: Session, oldest: float | None) -> None:
    """Let samples expire that ended before ``oldest`` (epoch seconds), if that is known, and what is above limits."""
    if oldest is not None:
        session.execute("DELETE FROM @sample WHERE ended < %s", (oldest,))
    session.execute(
        "DELETE FROM @sample WHERE id <= (SELECT id FROM @sample ORDER BY id DESC OFFSET %s LIMIT 1)", (MAX_SAMPLES,)
    )
    session.execute(
        "DELETE FROM @link WHERE (application, linked) IN"
        " (SELECT application, linked FROM @link ORDER BY seen DESC OFFSET %s)",
        (MAX_LINKS,),
    )


def _columns(number: int, sample: SentSample) -> tuple[object, ...]:
    return number, sample.reason, _ended(sample), sample.duration, sample.json


def _ended(sample: SentSample) -> float:
    return sample.started + sample.duration


def _links(samples: Iterable[SentSample]) -> dict[tuple[str, str], float]:
    return {(sample.series.application, linked): _ended(sample) for sample in samples for linked in sample.linked}
