"""Snapshots as the bytes that a process sends, and that are read when they are merged.

The first byte is the version of the form. A process is older or newer than whoever merges what it
sends; so columns are named, those that the reader does not know are left out, and those
that the sender did not know are nothing. Names are cut as this version cuts them: an older one may not have done it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final, NamedTuple

from ...configuration.values import LONGEST_LABEL
from ...custom_values import CustomEvent, CustomEvents, CustomMetric
from ...model.applications import LONGEST_APPLICATION
from ...model.naming import LONGEST_NAME, Kind
from ...recording.snapshot import (
    EnqueuedCount,
    ErrorCount,
    ErrorGroup,
    GroupCount,
    RunningTransaction,
    Series,
    Settled,
    Snapshot,
)
from ...recording.totals import COLUMNS, HISTOGRAMS, Totals, columns_of
from ...schedules import Schedule
from ..sample_json import to_json

__all__ = [
    "SCALARS",
    "DamagedSnapshot",
    "SentError",
    "SentRow",
    "SentSample",
    "SentSnapshot",
    "cut_label",
    "decode_snapshot",
    "encode_snapshot",
]

_FORM: Final = 1
_LEVEL: Final = 1
"""Of compression: higher ones take five times as long for a tenth less."""
_MAX_BYTES: Final = 1 << 28
"""Of a snapshot: far more than a process can count, and less than whoever merges has."""
SCALARS: Final = len(COLUMNS) - len(HISTOGRAMS) - 1
"""How many of the columns come before those that are encoded."""
_DEFAULTS: Final = (*columns_of(Totals()),)


class DamagedSnapshot(ValueError):
    """These bytes are not from `encode_snapshot`, or from a version that is too new."""


class SentRow:
    """What a snapshot has counted of one series in one minute; the values are in the order of `COLUMNS`."""

    __slots__ = ("minute", "queue", "series", "values")

    def __init__(self, series: Series, minute: int, queue: str, values: Sequence[Any]) -> None:
        self.series: Series = series
        self.minute: int = minute
        self.queue: str = queue
        self.values: Sequence[Any] = values

    @property
    def count(self) -> int:
        """How many transactions."""
        return int(self.values[0])


class SentError(NamedTuple):
    """What is known of an error of a sample besides class and message."""

    group: ErrorGroup
    digest: str
    text: str
    """Its traceback; empty if it was not kept."""


@dataclass(frozen=True)
class SentSample:
    """A sample in the form in which it is kept."""

    series: Series
    reason: str
    started: float
    duration: float
    linked: tuple[str, ...]
    json: str
    errors: tuple[SentError, ...]


@dataclass(frozen=True)
class SentSnapshot:
    """A snapshot, as it is merged."""

    taken: float
    host: str
    version: str
    rows: Sequence[SentRow]
    errors: Sequence[ErrorCount]
    groups: Sequence[GroupCount]
    samples: Sequence[SentSample]
    lost: Mapping[str, int]
    running: Sequence[RunningTransaction]
    metrics: Sequence[CustomMetric]
    events: Sequence[CustomEvents]
    schedules: Sequence[Schedule]
    enqueued: Sequence[EnqueuedCount]
    settled: Sequence[Settled]


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Return a snapshot as bytes."""
    numbers: dict[Series, int] = {}

    def number(series: Series) -> int:
        return numbers.setdefault(series, len(numbers))

    blobs: list[bytes] = []
    rows = []
    for row in snapshot.minutes:
        values = columns_of(row.totals)
        encoded: Any = values[SCALARS:]
        blobs += encoded
        rows.append([number(row.series), row.minute, row.queue, *values[:SCALARS], *map(len, encoded)])
    said = {
        "columns": COLUMNS,
        "scalars": SCALARS,
        "taken": snapshot.taken,
        "host": snapshot.instance.host,
        "version": snapshot.instance.version,
        "rows": rows,
        "errors": [
            [number(one.series), one.minute, one.type, one.message, one.expected, one.count] for one in snapshot.errors
        ],
        "groups": [[number(one.series), one.minute, one.group, one.count] for one in snapshot.groups],
        "sample_errors": [
            [
                [error.group, *((error.stack.digest, error.stack.text) if error.stack else ("", ""))]
                for error in one.errors
            ]
            for one in snapshot.samples
        ],
        "samples": [
            [
                number(one.series),
                one.reason,
                one.transaction.started,
                one.transaction.duration,
                one.transaction.linked_applications,
                to_json(one.transaction, snapshot.instance.host, snapshot.instance.version),
            ]
            for one in snapshot.samples
        ],
        "lost": snapshot.lost,
        "running": [[number(one.series), one.started, one.key, one.queue] for one in snapshot.running],
        "enqueued": [
            [number(one.series), one.minute, None if one.enqueuer is None else number(one.enqueuer), one.count]
            for one in snapshot.enqueued
        ],
        "settled": [list(one) for one in snapshot.settled],
        "schedules": [list(one) for one in snapshot.schedules],
        "metrics": [list(metric) for metric in snapshot.custom_metrics],
        "events": [
            [some.application, some.type, some.number, [[one.moment, dict(one.attributes)] for one in some.last]]
            for some in snapshot.custom_events
        ],
    }
    text = json.dumps({**said, "series": list(numbers)}, separators=(",", ":")).encode()
    return bytes((_FORM,)) + zlib.compress(b"".join((len(text).to_bytes(4, "little"), text, *blobs)), _LEVEL)


def decode_snapshot(body: bytes) -> SentSnapshot:
    """Return the snapshot that `encode_snapshot` was given.

    Raises:
        DamagedSnapshot: the bytes are not from it.
    """
    if body[:1] != bytes((_FORM,)):
        raise DamagedSnapshot(f"its form is {body[:1]!r}, and this weighbridge knows {_FORM}")
    try:
        inflated = zlib.decompressobj()
        data = inflated.decompress(body[1:], _MAX_BYTES)
        if not inflated.eof:
            raise ValueError("it is cut off, or too long")
        length = int.from_bytes(data[:4], "little")
        said: dict[str, Any] = json.loads(data[4 : 4 + length])
        return _snapshot(said, data[4 + length :])
    except (zlib.error, LookupError, TypeError, ValueError) as error:
        raise DamagedSnapshot(f"{len(body)} bytes of it make no sense ({type(error).__name__})") from error


def _snapshot(said: Mapping[str, Any], blobs: bytes) -> SentSnapshot:
    series = [_series(*names) for names in said["series"]]
    labels = said["host"], said["version"]
    return SentSnapshot(
        float(said["taken"]),
        cut_label(said["host"]),
        cut_label(said["version"]),
        _rows(said, series, blobs),
        [ErrorCount(series[number], *error) for number, *error in said["errors"]],
        [
            GroupCount(series[number], minute, ErrorGroup(*group), count)
            for number, minute, group, count in said.get("groups", ())
        ],
        [
            SentSample(
                series[number],
                reason,
                started,
                duration,
                tuple(map(_application, linked)),
                _from_there(text, labels),
                _errors(errors),
            )
            for (number, reason, started, duration, linked, text), errors in zip(
                said["samples"], said.get("sample_errors", repeat(())), strict=False
            )
        ],
        said["lost"],
        [RunningTransaction(series[number], *others) for number, *others in said["running"]],
        [_metric(*metric) for metric in said["metrics"]],
        [_events(*events) for events in said["events"]],
        [_schedule(*one) for one in said.get("schedules", ())],
        [
            EnqueuedCount(series[number], minute, None if enqueuer is None else series[enqueuer], count)
            for number, minute, enqueuer, count in said.get("enqueued", ())
        ],
        [Settled(*one) for one in said.get("settled", ())],
    )


def _errors(errors: Iterable[Sequence[Any]]) -> tuple[SentError, ...]:
    return tuple(SentError(ErrorGroup(*group), digest, text) for group, digest, text in errors)


def _events(application: str, kind: str, number: int, last: Sequence[tuple[float, dict[str, Any]]]) -> CustomEvents:
    events = (CustomEvent(application, kind, moment, attributes) for moment, attributes in last)
    return CustomEvents(_application(application), _name(kind), number, tuple(events))


def _metric(application: str, name: str, *values: Any) -> CustomMetric:
    return CustomMetric(_application(application), _name(name), *values)


def _schedule(application: str, source: str, group: str, name: str, *others: Any) -> Schedule:
    return Schedule(_application(application), source, _name(group), _name(name), *others)


def _series(application: str, kind: Kind, group: str, name: str) -> Series:
    return Series(_application(application), kind, _name(group), _name(name))


def _application(name: str) -> str:
    return name[:LONGEST_APPLICATION]


def _name(name: str) -> str:
    return name[:LONGEST_NAME]


def cut_label(text: str) -> str:
    """Return a host or version, cut to size."""
    return text[:LONGEST_LABEL]


def _from_there(text: str, labels: Iterable[str]) -> str:
    """Return a sample's JSON with the labels in it cut, too: it is found by them."""
    for label in labels:
        if len(label) > LONGEST_LABEL:
            text = text.replace(json.dumps(label), json.dumps(cut_label(label)))
    return text


def _known(values: list[Any], places: Sequence[int] | None) -> list[Any]:
    """Return the values in the order of `COLUMNS`, given where each of them is; ``None``: they are."""
    if places is None:
        return values
    return [default if place < 0 else values[place] for place, default in zip(places, _DEFAULTS, strict=True)]


def _rows(said: Mapping[str, Any], series: Sequence[Series], blobs: bytes) -> list[SentRow]:
    columns, scalars = tuple(said["columns"]), int(said["scalars"])
    known = None if columns == COLUMNS else [columns.index(name) if name in columns else -1 for name in COLUMNS]
    rows, place = [], 0
    for number, minute, queue, *values in said["rows"]:
        for index in range(scalars, len(columns)):
            end = place + values[index]
            values[index] = blobs[place:end]
            place = end
        rows.append(SentRow(series[number], minute, queue, _known(values, known)))
    if place != len(blobs):
        raise ValueError("lengths")
    return rows
