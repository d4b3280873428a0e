"""The rows of each resolution: which of them are complete, and what becomes of them with time."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from ..enqueued import KEPT
from ..eviction import keep_counters
from ..maintenance import Retention
from ..resolutions import COARSE_WIDTHS, COARSEST, FINEST, FOREVER, SINCE_EVER, Resolution
from .drivers import Session
from .eviction import EvictableServerNames
from .samples import bound_samples
from .schema import ENQUEUERS_SINCE, JOBS_SINCE, installed
from .tables import GROUPS_SINCE, tables_of

__all__ = ["ServerLevels", "first_rows", "resolutions_of"]

_MAX_INSTANCES: Final = 100_000
"""Maximum number of instances in a store; those that reported last are kept."""
_REMEMBERED: Final = 7.0
"""Days for which the mark of an instance is kept at least: what it sends a second time is refused by it."""
_DAY: Final = 86400


class ServerLevels:
    """The `MaintainedRows` of a server, within one transaction that has the lock."""

    def __init__(self, session: Session, version: int) -> None:
        self._session = session
        self._version = version
        self._tables = tables_of(version)

    def resolutions(self) -> dict[int, Resolution]:
        """Return the resolutions, by width."""
        return resolutions_of(self._session)

    def first_row(self, width: int, start: int) -> int | None:
        """Return the start of the first row of a width that starts at ``start`` or later."""
        return first_rows(self._session, self._version, (width,), start)[width]

    def last_row(self, width: int, end: int) -> int | None:
        """Return the start of the last row of a width that starts before ``end``."""
        (found,) = self._session.execute(
            f"SELECT {_outermost('max', self._version, width, -FOREVER, end)}"
        ).fetchone() or (None,)
        return None if found is None else int(found)

    def roll_up(self, interval: tuple[int, int], finer: int) -> None:
        """Make the rows of one interval, given as (width, start), from those of the next finer width."""
        for table in self._tables:
            table.roll_up(self._session, interval, finer)

    def delete(self, width: int, start: int, end: int) -> None:
        """Delete the rows of a width that start at ``start`` or later and before ``end``."""
        for table in self._tables:
            table.delete(self._session, width, start, end)

    def expire(self, width: int, end: int) -> None:
        """Delete the rows of a width that start before ``end``, for good: days are added to what was ever counted."""
        if width == COARSEST:
            for table in self._tables:
                table.add_to_ever(self._session, width, end)
        self.delete(width, -FOREVER, end)

    def set_complete(self, width: int, since: int | None = None, until: int | None = None, late: bool = False) -> None:
        """Note from when on, or until when, the rows of a width are complete; ``late`` if rolled-up rows changed."""
        self._session.execute(
            "UPDATE @resolution SET complete_from = coalesce(%s, complete_from),"
            " complete_until = coalesce(%s, complete_until), late = late + %s WHERE width = %s",
            (since, until, int(late), width),
        )

    def tidy(self, width: int, retention: Retention, now: float | None) -> None:
        """Enforce the limits on samples and instances; once a day, forget what nothing refers to any more."""
        bound_samples(self._session, None if now is None else now - retention.samples * _DAY)
        beyond = self._session.execute(
            "DELETE FROM @instance WHERE id IN (SELECT id FROM @instance ORDER BY received DESC, id DESC OFFSET %s)",
            (_MAX_INSTANCES,),
        )
        if beyond.rowcount:
            _forget_what_they_reported(self._session)
        if width == COARSEST and now is not None:
            _forget(self._session, self._version, retention, now)


def resolutions_of(session: Session) -> dict[int, Resolution]:
    """Return the resolutions of the store, by width.

    Raises:
        LookupError: some are missing.
    """
    rows = session.execute("SELECT width, complete_from, complete_until, late FROM @resolution").fetchall()
    found = {row[0]: Resolution(*row) for row in rows}
    return {width: found[width] for width in (FINEST, *COARSE_WIDTHS)}


def first_rows(session: Session, version: int, widths: Collection[int], start: int) -> dict[int, int | None]:
    """Return by width the start of the first row that starts at ``start`` or later (epoch seconds)."""
    each = [_outermost("min", version, width, start, FOREVER) for width in widths]
    return dict(zip(widths, session.execute(f"SELECT {', '.join(each)}").fetchone() or (), strict=True))


def _outermost(which: str, version: int, width: int, start: int, end: int) -> str:
    """Return an expression for the start of the first or last row in a range."""
    each = (
        f"(SELECT {which}(start) FROM {table.name} WHERE width = {width:d} AND start >= {start:d} AND start < {end:d})"
        for table in tables_of(version)
    )
    return f"{'least' if which == 'min' else 'greatest'}({', '.join(each)})"


def _forget(session: Session, version: int, retention: Retention, now: float) -> None:
    """Delete names, errors, links and instances that nothing refers to any more; done once a day."""
    unused = retention.unused(now, first_rows(session, version, (COARSEST,), -FOREVER)[COARSEST])
    keep_counters(EvictableServerNames(session, version), unused)
    for table in ("series", "error", "link", "custom_metric", "custom_event_type"):
        session.execute(f"DELETE FROM @{table} WHERE seen < %s", (unused,))
    session.execute("DELETE FROM @mark WHERE moment < %s", (unused,))
    session.execute("DELETE FROM @custom_event WHERE type NOT IN (SELECT id FROM @custom_event_type)")
    for table in ("stack", "error_group") if version >= GROUPS_SINCE else ():
        session.execute(f"DELETE FROM @{table} WHERE seen < %s", (unused,))
    for counts in tables_of(version):
        gone = f"{counts.about} NOT IN (SELECT id FROM {counts.names})"
        session.execute(f"DELETE FROM {counts.name} WHERE width = {SINCE_EVER} AND {gone}")
    remembered = max(retention.samples, _REMEMBERED) * _DAY
    session.execute(
        "DELETE FROM @instance WHERE received < extract(epoch FROM clock_timestamp())::double precision - %s",
        (remembered,),
    )
    _forget_what_they_reported(session)
    if installed(session).version >= JOBS_SINCE:
        session.execute("DELETE FROM @schedule WHERE seen < %s", (unused,))
        session.execute("DELETE FROM @reported WHERE instance NOT IN (SELECT id FROM @instance)")
    if version >= ENQUEUERS_SINCE:
        session.execute("DELETE FROM @enqueued WHERE hour < %s", (now - KEPT,))


def _forget_what_they_reported(session: Session) -> None:
    for table in ("loss", "running"):
        session.execute(f"DELETE FROM @{table} WHERE instance NOT IN (SELECT id FROM @instance)")
