"""The query of the page of samples, and the same as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Final

from weighbridge.reporting.json_csv import harmless
from weighbridge.transactions.store.reader import StoredSample, StoreReader

from .chart_range import chart_range, timeline
from .models import SamplesPage
from .parameters import BadParameter, State

__all__ = ["samples", "samples_csv"]

MOST: Final = 1000
"""Samples that are found at most; with more, a page would take too long."""
_FIELDS: Final = (
    "id", "application", "type", "group", "name", "started", "duration_seconds", "status", "failed", "outcome",
    "reason", "queue", "queue_seconds", "errors", "attributes",
)  # fmt: skip


def samples(reader: StoreReader, state: State, now: float) -> SamplesPage:
    """Return the content of the page of samples."""
    _check(state)
    frame = chart_range(reader, state, now)
    of_all = state.selection
    selection = of_all._replace(group=state.group or None, name=state.name or None)
    found = reader.find_samples(frame.window, selection, state.wanted, state.order == "latest", MOST)
    return SamplesPage(
        window=frame.window,
        application=state.app,
        kind=state.kind,
        timeline=timeline(reader, frame, of_all if state.host or state.version else selection),
        samples=found.samples,
        is_complete=found.is_complete,
    )


def _check(state: State) -> None:
    if bool(state.group) != bool(state.name):
        missing = "name" if state.group else "group"
        raise BadParameter(missing, "is missing: a transaction is told by group and name")
    if state.min_duration is not None and state.max_duration is not None and state.min_duration > state.max_duration:
        raise BadParameter("min_duration", "must not be longer than max_duration")


def samples_csv(found: SamplesPage) -> str:
    """Return one line per sample under a heading; text that a spreadsheet would run as a formula is disarmed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_FIELDS)
    writer.writerows([harmless(value) for value in _values(one)] for one in found.samples)
    return text.getvalue().rstrip("\n")


def _values(sample: StoredSample) -> Sequence[object]:
    series, one = sample.series, sample.transaction
    return (
        sample.id, *series, one.started, one.duration, one.status, one.failed, one.outcome, sample.reason, one.queue,
        one.queue_time, json.dumps([error._asdict() for error in one.errors]), json.dumps(dict(one.attributes)),
    )  # fmt: skip
