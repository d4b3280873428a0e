"""The rows of each resolution: which of them are complete, and what becomes of them with time."""

from __future__ import annotations

from typing import Final

from ..maintenance import Retention
from ..resolutions import COARSE_WIDTHS, COARSEST, FINEST, FOREVER, Resolution
from .drivers import Session
from .eviction import keep_counters
from .samples import bound_samples
from .schema import SINCE_EVER
from .tables import TABLES

__all__ = ["ServerLevels", "first_row", "resolutions_of"]

_MAX_INSTANCES: Final = 100_000
"""Maximum number of instances in a store; those that reported last are kept."""
_REMEMBERED: Final = 7.0
"""Days for which the mark of an instance is kept at least: what it sends a second time is refused by it."""
_MAX_DROPPED: Final = 20_000
"""Rows that say what was dropped: some days during which something is, in every minute; the oldest go first."""
_DAY: Final = 86400
_HOUR: Final = 3600


class ServerLevels:
    """The `MaintainedRows` of a server, within one transaction that has the lock."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def resolutions(self) -> dict[int, Resolution]:
        """Return the resolutions, by width."""
        return resolutions_of(self._session)

    def first_row(self, width: int, start: int) -> int | None:
        """Return the start of the first row of a width that starts at ``start`` or later."""
        return first_row(self._session, width, start)

    def last_row(self, width: int, end: int) -> int | None:
        """Return the start of the last row of a width that starts before ``end``."""
        return _outermost(self._session, "max", width, -FOREVER, end)

    def roll_up(self, interval: tuple[int, int], finer: int) -> None:
        """Make the rows of one interval, given as (width, start), from those of the next finer width."""
        for table in TABLES:
            table.roll_up(self._session, interval, finer)

    def delete(self, width: int, start: int, end: int) -> None:
        """Delete the rows of a width that start at ``start`` or later and before ``end``."""
        for table in TABLES:
            table.delete(self._session, width, start, end)

    def expire(self, width: int, end: int) -> None:
        """Delete the rows of a width that start before ``end``, for good: days are added to what was ever counted."""
        if width == COARSEST:
            for table in TABLES:
                table.fold(self._session, width, end)
        self.delete(width, -FOREVER, end)

    def set_complete(self, width: int, since: int | None = None, until: int | None = None, late: bool = False) -> None:
        """Note from when on, or until when, the rows of a width are complete; ``late`` if rolled-up rows changed."""
        self._session.execute(
            "UPDATE @resolution SET complete_from = coalesce(%s, complete_from),"
            " complete_until = coalesce(%s, complete_until), late = late + %s WHERE span = %s",
            (since, until, int(late), width),
        )

    def tidy(self, width: int, retention: Retention, now: float | None) -> None:
        """Enforce the limits on samples and instances; once a day, forget what nothing refers to any more."""
        bound_samples(self._session, None if now is None else now - retention.samples * _DAY)
        self._session.execute(
            "DELETE FROM @dropped WHERE (start, cause, applications) IN"
            " (SELECT start, cause, applications FROM @dropped ORDER BY start DESC OFFSET %s)",
            (_MAX_DROPPED,),
        )
        self._session.execute(
            "DELETE FROM @instance WHERE id IN (SELECT id FROM @instance ORDER BY received DESC OFFSET %s)",
            (_MAX_INSTANCES,),
        )
        if width == COARSEST and now is not None:
            _forget(self._session, retention, now)


def resolutions_of(session: Session) -> dict[int, Resolution]:
    """Return the resolutions of the store, by width.

    Raises:
        LookupError: some are missing.
    """
    rows = session.execute("SELECT span, complete_from, complete_until, late FROM @resolution").fetchall()
    found = {row[0]: Resolution(*row) for row in rows}
    return {width: found[width] for width in (FINEST, *COARSE_WIDTHS)}


def first_row(session: Session, width: int, start: int) -> int | None:
    """Return the start of the first row of a width that starts at ``start`` or later (epoch seconds)."""
    return _outermost(session, "min", width, start, FOREVER)


def _outermost(session: Session, which: str, width: int, start: int, end: int) -> int | None:
    parts = " UNION ALL ".join(
        f"SELECT {which}(start) AS start FROM {table.name} WHERE span = {width:d} AND start >= {start:d}"
        f" AND start < {end:d}"
        for table in TABLES
    )
    (found,) = session.execute(f"SELECT {which}(start) FROM ({parts}) AS each_table").fetchone() or (None,)
    return None if found is None else int(found)


def _forget(session: Session, retention: Retention, now: float) -> None:
    """Delete names, errors, links and instances that nothing refers to any more; done once a day."""
    unused = int(retention.oldest(_HOUR, now) - 2 * _DAY)
    keep_counters(session, unused)
    for table in ("series", "error", "link"):
        session.execute(f"DELETE FROM @{table} WHERE seen < %s", (unused,))
    for table, about in (("totals", "series"), ("error_count", "error")):
        session.execute(f"DELETE FROM @{table} WHERE span = {SINCE_EVER} AND {about} NOT IN (SELECT id FROM @{about})")
    oldest = now - max(retention.samples, _REMEMBERED) * _DAY
    session.execute("DELETE FROM @instance WHERE received < %s", (oldest,))
    for table in ("loss", "running"):
        session.execute(f"DELETE FROM @{table} WHERE instance NOT IN (SELECT id FROM @instance)")
