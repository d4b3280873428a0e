"""Rows of counts: what is merged on this side, and written as it is.

The server cannot merge histograms. So whoever has the lock reads the rows that are there, adds to them, and
writes them back; all rows of a statement at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar, Final

from ...recording.totals import COLUMNS, GREATEST, HISTOGRAMS, Totals
from ..intact import merged_counts, merged_histograms
from ..killed import without
from ..resolutions import SINCE_EVER
from .drivers import Session

__all__ = [
    "ERRORS",
    "GROUPS",
    "GROUPS_SINCE",
    "METRICS",
    "TABLES",
    "TOTALS",
    "Key",
    "MergingTotals",
    "SummedTable",
    "TotalsTable",
    "tables_of",
]

Key = tuple[int, int, int]
"""Width, start, and what the row is about."""

_AT_ONCE: Final = 500
"""Rows of one statement."""


class MergingTotals:
    """Rows of totals by key, which are added up column by column once all of them are there."""

    def __init__(self) -> None:
        self._rows: dict[Any, list[Sequence[Any]]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Any]:
        """Yield the keys."""
        return iter(self._rows)

    def add(self, key: Any, row: Sequence[Any]) -> None:
        """Add the columns of a row; its T counts unless a later one has another."""
        self._rows.setdefault(key, []).append(row)

    def add_all(self, key: Any, rows: Iterable[Sequence[Any]]) -> None:
        """Add several rows, in order of time."""
        self._rows.setdefault(key, []).extend(rows)

    def add_earlier(self, key: Any, row: Sequence[Any]) -> None:
        """Add a row that is earlier than the others of its key."""
        self._rows.setdefault(key, []).insert(0, row)

    def parts(self) -> Iterable[tuple[Any, Sequence[Sequence[Any]]]]:
        """Return each key with its rows."""
        return self._rows.items()

    def rows(self) -> Iterator[tuple[Any, list[Any]]]:
        """Yield each key with the columns of its rows, added up."""
        for key, rows in self._rows.items():
            yield key, [add_up(column) for add_up, column in zip(_ADD_UP, zip(*rows, strict=True), strict=True)]


def _latest(column: Sequence[float | None]) -> float | None:
    return next((value for value in reversed(column) if value is not None), None)


def _way_to_add_up(column: str) -> Callable[[Sequence[Any]], Any]:
    """Return what makes one value of those that a column has in several rows."""
    ways: dict[str, Callable[[Sequence[Any]], Any]] = {
        "minimum": min,
        "apdex_t": _latest,
        "statuses": merged_counts,
        **dict.fromkeys(GREATEST, max),
        **dict.fromkeys(HISTOGRAMS, merged_histograms),
    }
    return ways.get(column, sum)


_ADD_UP: Final = [*map(_way_to_add_up, COLUMNS)]


class _Table:
    """A table whose rows are told by ``width``, ``start`` and one number.

    Args:
        name: of the table.
        about: the column with that number.
        names: the table in which that number is.
        columns: the others.
    """

    def __init__(self, name: str, about: str, names: str, columns: Sequence[str]) -> None:
        self.name: str = f"@{name}"
        self.about: str = about
        self.names: str = f"@{names}"
        self._columns: str = ", ".join(columns)
        self._key: str = f"width, start, {about}"

    def delete(self, session: Session, width: int, start: int, end: int) -> None:
        """Delete the rows of a width that start at ``start`` or later and before ``end``."""
        session.execute(f"DELETE FROM {self.name} WHERE width = {width:d} AND start >= {start:d} AND start < {end:d}")

    def _delete_moved(self, session: Session, part: tuple[int, int, int]) -> None:
        width, after, until = part
        session.execute(
            f"DELETE FROM {self.name} WHERE width = {width:d} AND start > {after:d} AND start <= {until:d}"
            f" AND {self.about} IN (SELECT number FROM @evicted WHERE kind = '{self.about}')"
        )

    def _moved(self, part: tuple[int, int, int]) -> str:
        width, after, until = part
        return (
            f"FROM {self.name} JOIN @evicted ON kind = '{self.about}' AND number = {self.about}"
            f" WHERE width = {width:d} AND start > {after:d} AND start <= {until:d}"
        )


class TotalsTable(_Table):
    """The table of totals."""

    def __init__(self) -> None:
        super().__init__("totals", "series", "series", COLUMNS)
        updates = ", ".join(f"{column} = excluded.{column}" for column in COLUMNS)
        self._into = f"INSERT INTO {self.name} ({self._key}, {self._columns}) VALUES "
        self._on_conflict = f" ON CONFLICT ({self._key}) DO UPDATE SET {updates}"

    def add(self, session: Session, merging: MergingTotals) -> None:
        """Add rows, by key, to those that are there."""
        keys = iter(list(merging))
        while some := list(islice(keys, _AT_ONCE)):
            for *key, values in self._there(session, some):
                merging.add_earlier(tuple(key), values)
        self._write(session, merging)

    def subtract(self, session: Session, keys: Sequence[Key], totals: Totals) -> None:
        """Take totals out of the rows in which they were counted."""
        merging = MergingTotals()
        for *key, values in self._there(session, keys):
            merging.add(tuple(key), without(values, totals))
        self._write(session, merging)

    def roll_up(self, session: Session, interval: tuple[int, int], finer: int) -> None:
        """Make the rows of one interval, given as (width, start), from those of the next finer width."""
        width, start = interval
        where = f"width = {finer:d} AND start >= {start:d} AND start < {start + width:d}"
        self._write(session, self._merged(session, width, start, where))

    def add_to_ever(self, session: Session, width: int, end: int) -> None:
        """Add the rows of a width that start before ``end`` to those of all time."""
        self.add(session, self._merged(session, SINCE_EVER, 0, f"width = {width:d} AND start < {end:d}"))

    def move(self, session: Session, part: tuple[int, int, int]) -> bool:
        """Count rows of evicted series under their replacements, given width, after which start, and up to which."""
        merging = MergingTotals()
        columns = f"width, start, replacement, {self._columns}"
        for width, start, about, *values in session.execute(f"SELECT {columns} {self._moved(part)}").fetchall():
            merging.add((width, start, about), values)
        self.add(session, merging)
        self._delete_moved(session, part)
        return bool(merging)

    def _merged(self, session: Session, width: int, start: int, where: str) -> MergingTotals:
        merging = MergingTotals()
        rows = session.execute(f"SELECT series, {self._columns} FROM {self.name} WHERE {where} ORDER BY start")
        for series, *values in rows.fetchall():
            merging.add((width, start, series), values)
        return merging

    def _there(self, session: Session, keys: Sequence[Key]) -> Iterator[tuple[int, int, int, Sequence[Any]]]:
        wanted = ", ".join(f"({width:d}, {start:d}::bigint, {about:d}::bigint)" for width, start, about in keys)
        rows = session.execute(
            f"SELECT {self._key}, {self._columns} FROM {self.name} WHERE ({self._key}) IN ({wanted})"
        )
        for width, start, about, *values in rows.fetchall():
            yield width, start, about, values

    def _write(self, session: Session, merging: MergingTotals) -> None:
        rows = (f"({', '.join(map(_literal, (*key, *values)))})" for key, values in merging.rows())
        while some := list(islice(rows, _AT_ONCE)):
            session.execute(f"{self._into}{', '.join(some)}{self._on_conflict}")


class SummedTable(_Table):
    """A table whose rows the server can merge by itself: the first columns are added up, then the extremes follow."""

    _EXTREMES: ClassVar[Mapping[str, str]] = {"minimum": "least", "maximum": "greatest"}
    _AGGREGATES: ClassVar[Mapping[str, str]] = {"minimum": "min", "maximum": "max"}

    def __init__(self, name: str, about: str, names: str, columns: Sequence[str], also: str = "") -> None:
        super().__init__(name, about, names, columns)
        self._keys: str = f"{about}, {also}" if also else about
        self._key: str = f"width, start, {self._keys}"
        updates = ", ".join(f"{column} = {self._updated(name, column)}" for column in columns)
        self._merged = ", ".join(f"{self._AGGREGATES.get(column, 'sum')}({column})" for column in columns)
        self._into = f"INSERT INTO {self.name} ({self._key}, {self._columns}) "
        self._on_conflict = f" ON CONFLICT ({self._key}) DO UPDATE SET {updates}"

    def _updated(self, name: str, column: str) -> str:
        if column in self._EXTREMES:
            return f"{self._EXTREMES[column]}({name}.{column}, excluded.{column})"
        return f"{name}.{column} + excluded.{column}"

    def add(self, session: Session, rows: Iterable[Sequence[object]]) -> None:
        """Add rows, each a width, a start, what it is about and the columns, to those that are there."""
        literals = (f"({', '.join(map(_literal, row))})" for row in rows)
        while some := list(islice(literals, _AT_ONCE)):
            session.execute(f"{self._into} VALUES {', '.join(some)}{self._on_conflict}")

    def roll_up(self, session: Session, interval: tuple[int, int], finer: int) -> None:
        """Make the rows of one interval, given as (width, start), from those of the next finer width."""
        width, start = interval
        session.execute(
            f"{self._into} SELECT {width:d}, {start:d}, {self._keys}, {self._merged} FROM {self.name}"
            f" WHERE width = {finer:d} AND start >= {start:d} AND start < {start + width:d} GROUP BY {self._keys}"
        )

    def add_to_ever(self, session: Session, width: int, end: int) -> None:
        """Add the rows of a width that start before ``end`` to those of all time."""
        session.execute(
            f"{self._into} SELECT {SINCE_EVER}, 0, {self._keys}, {self._merged} FROM {self.name}"
            f" WHERE width = {width:d} AND start < {end:d} GROUP BY {self._keys}{self._on_conflict}"
        )

    def move(self, session: Session, part: tuple[int, int, int]) -> bool:
        """As `TotalsTable.move`."""
        moved = session.execute(
            f"{self._into} SELECT width, start, replacement, {self._merged} {self._moved(part)} GROUP BY 1, 2, 3"
            f"{self._on_conflict}"
        ).rowcount
        self._delete_moved(session, part)
        return moved > 0


class GroupsTable(SummedTable):
    """The counts of error groups, which are told by the group and the series."""

    def __init__(self) -> None:
        super().__init__("error_group_count", "error_group", "error_group", ("count",), also="series")

    def move(self, session: Session, part: tuple[int, int, int]) -> bool:
        """As `TotalsTable.move`."""
        return self._move(session, part, "error_group, replacement", "series", "@evicted WHERE kind = 'series'")

    def move_groups(self, session: Session, part: tuple[int, int, int]) -> bool:
        """Count rows of groups that make room under their replacements."""
        return self._move(session, part, "replacement, series", "error_group", "@moved_group")

    def _move(self, session: Session, part: tuple[int, int, int], keys: str, about: str, moved: str) -> bool:
        width, after, until = part
        within = f"width = {width:d} AND start > {after:d} AND start <= {until:d}"
        count = session.execute(
            f"{self._into} SELECT width, start, {keys}, sum(count) FROM {self.name}"
            f" JOIN (SELECT number, replacement FROM {moved}) AS moved ON number = {about}"
            f" WHERE {within} GROUP BY width, start, {keys}{self._on_conflict}"
        ).rowcount
        session.execute(f"DELETE FROM {self.name} WHERE {within} AND {about} IN (SELECT number FROM {moved})")
        return count > 0


TOTALS: Final = TotalsTable()
ERRORS: Final = SummedTable("error_count", "error", "error", ("count",))
METRICS: Final = SummedTable(
    "custom_metric_totals", "metric", "custom_metric", ("count", "total", "minimum", "maximum")
)
GROUPS: Final = GroupsTable()
TABLES: Final = (TOTALS, ERRORS, METRICS, GROUPS)
"""Those that have rows of all resolutions."""
GROUPS_SINCE: Final = 4
"""The first version that is told of error groups."""


def tables_of(version: int) -> tuple[TotalsTable | SummedTable, ...]:
    """Return those of a store of some version."""
    return TABLES if version >= GROUPS_SINCE else TABLES[:-1]


def _literal(value: object) -> str:
    """Return a number, nothing or bytes as SQL; there is no text among them."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"E'\\\\x{value.hex()}'::bytea"
    if isinstance(value, int):
        return f"{value:d}"
    return f"{float(value)!r}"  # type: ignore[arg-type]
