"""Rows of counts: how they are added to a store and rolled up within it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..log import log_once
from ..recording.histogram import CorruptHistogram, Histogram, decode, encode, merge_encoded
from ..recording.snapshot import MinuteRow
from .figures import Tally

__all__ = [
    "SUMS",
    "add",
    "add_errors",
    "define_functions",
    "merge_intact",
    "roll_up",
    "tally_of",
    "values",
]


SUMS: Final = (
    "count", "total", "errors", "satisfied", "tolerating", "frustrated",
    "response_starts", "response_start_total", "queued", "queue_total", "disconnected",
)  # fmt: skip
_COLUMNS: Final = (*SUMS, "minimum", "maximum", "apdex_t", "statuses", "histogram")

_ADD: Final = f"""
INSERT INTO tally (span, start, series, {", ".join(_COLUMNS)})
VALUES (?, ?, ?, {", ".join("?" * len(_COLUMNS))})
ON CONFLICT (span, start, series) DO UPDATE SET
    {", ".join(f"{column} = {column} + excluded.{column}" for column in SUMS)},
    minimum = min(minimum, excluded.minimum),
    maximum = max(maximum, excluded.maximum),
    apdex_t = coalesce(excluded.apdex_t, apdex_t),
    statuses = merged_pair(statuses, excluded.statuses),
    histogram = merged_pair(histogram, excluded.histogram)
"""

_ADD_ERRORS: Final = """
INSERT INTO error_count (span, start, error, count) VALUES (?, ?, ?, ?)
ON CONFLICT (span, start, error) DO UPDATE SET count = count + excluded.count
"""

_ROLL_UP: Final = f"""
INSERT INTO tally (span, start, series, {", ".join(_COLUMNS)})
SELECT ?, ?, series,
    {", ".join(f"sum({column})" for column in SUMS)},
    min(minimum), max(maximum), latest(start, apdex_t), merged(statuses), merged(histogram)
FROM tally WHERE span = ? AND start >= ? AND start < ? GROUP BY series
"""

_ROLL_UP_ERRORS: Final = """
INSERT INTO error_count (span, start, error, count)
SELECT ?, ?, error, sum(count) FROM error_count WHERE span = ? AND start >= ? AND start < ? GROUP BY error
"""


def tally_of(row: MinuteRow) -> Tally:
    """What a row of a snapshot has counted."""
    return Tally(
        row.count, row.total, row.minimum, row.maximum, row.errors,
        row.satisfied, row.tolerating, row.frustrated, row.apdex_t,
        row.response_starts, row.response_start_total, row.queued, row.queue_total, row.disconnected,
        dict(row.histogram), _storable(row.statuses),
    )  # fmt: skip


def _storable(statuses: Mapping[int, int]) -> dict[int, int]:
    """Applications send all sorts of numbers; those that are no status count as 0."""
    kept: dict[int, int] = {}
    for status, count in statuses.items():
        number = status if 0 <= status <= 999 else 0
        kept[number] = kept.get(number, 0) + count
    return kept


def add(connection: sqlite3.Connection, rows: Iterable[tuple[object, ...]]) -> None:
    """Add rows, each a span, a start, a series and `values`, to those in the store."""
    connection.executemany(_ADD, rows)


def add_errors(connection: sqlite3.Connection, rows: Iterable[tuple[int, int, int, int]]) -> None:
    """Add counts of distinct errors, each with span, start and the error's number, to those in the store."""
    connection.executemany(_ADD_ERRORS, rows)


def values(tally: Tally) -> tuple[object, ...]:
    """What was counted, as the columns of a row."""
    return (
        *(getattr(tally, column) for column in SUMS),
        tally.minimum, tally.maximum, tally.apdex_t, encode(tally.statuses), encode(tally.histogram),
    )  # fmt: skip


def roll_up(connection: sqlite3.Connection, unit: tuple[int, int], finer: int) -> None:
    """Make the rows of one unit of time, given as (span, start), from those of the next finer span."""
    span, start = unit
    arguments = (span, start, finer, start, start + span)
    connection.execute(_ROLL_UP, arguments)
    connection.execute(_ROLL_UP_ERRORS, arguments)


def define_functions(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that the statements above use."""
    connection.create_function("merged_pair", 2, _merged_pair)
    connection.create_aggregate("merged", 1, _Merged)  # type: ignore[arg-type]
    connection.create_aggregate("latest", 2, _Latest)  # type: ignore[arg-type]


def merge_intact(encoded: Sequence[bytes]) -> Histogram:
    """Histograms added up; a damaged one is left out, with a log line, rather than spoil all others."""
    try:
        return merge_encoded(encoded)
    except CorruptHistogram as error:
        log_once("corrupt histogram", "the store holds a damaged histogram, which is left out: %s", error)
    return merge_encoded(one for one in encoded if _intact(one))


def _intact(encoded: bytes) -> bool:
    try:
        decode(encoded)
    except CorruptHistogram:
        return False
    return True


def _merged_pair(first: bytes, second: bytes) -> bytes:
    return encode(merge_intact((first, second)))


class _Merged:
    """All encoded histograms of a group added up."""

    def __init__(self) -> None:
        self._encoded: list[bytes] = []

    def step(self, encoded: bytes) -> None:
        self._encoded.append(encoded)

    def finalize(self) -> bytes:
        return encode(merge_intact(self._encoded))


@dataclass
class _Latest:
    """The value that goes with the greatest key, of those that are not NULL."""

    key: int = -1
    value: float | None = None

    def step(self, key: int, value: float | None) -> None:
        if value is not None and key >= self.key:
            self.key, self.value = key, value

    def finalize(self) -> float | None:
        return self.value
