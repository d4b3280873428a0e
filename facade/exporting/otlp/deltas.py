"""Deltas: what has been counted since it was sent last, of counters that are since ever.

They are told from what was sent and taken, and not from a time: so what a process could write only minutes later is
sent, too, and what was not taken is part of the next delta.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from weighbridge.exporting.families import GENERATION, Distribution, Family, Sample, Sum
from weighbridge.transactions.recording.histogram import Histogram

from .conventions import REQUEST_DURATION, request_labels
from .points import Key
from .sent import Counted, Sent, number_of

__all__ = ["counted", "deltas", "together", "without_generation"]


def without_generation(families: Iterable[Family]) -> list[Family]:
    """Return families in which ``<other>`` is one series, however often names join it: deltas do not jump by it."""
    return [replace(family, samples=list(map(_one_generation, family.samples))) for family in families]


def _one_generation(sample: Sample) -> Sample:
    return sample._replace(labels=tuple(pair for pair in sample.labels if pair[0] != GENERATION))


def counted(families: Iterable[Family], now: int = 0) -> dict[Key, Sent]:
    """Return all that is counted, as if it were sent now, without what is measured at the moment."""
    return {
        (family.name, sample.labels): Sent(sample.value, now, sample.number)
        for family in families
        if family.kind != "gauge"
        for sample in family.samples
    }


def together(keys: Iterable[Key]) -> dict[Key, list[Key]]:
    """Return what is sent as points by the conventions, each with what is counted in it."""
    found: dict[Key, list[Key]] = {}
    for family, labels in keys:
        if family == REQUEST_DURATION:
            found.setdefault((family, request_labels(labels)), []).append((family, labels))
    return found


def deltas(families: Iterable[Family], sent: Mapping[Key, Sent]) -> list[Family]:
    """Return families with what has been counted since it was sent; what is measured at the moment stays as it is."""
    return [
        family if family.kind == "gauge" else replace(family, samples=list(_deltas(family, sent)))
        for family in families
    ]


def _deltas(family: Family, sent: Mapping[Key, Sent]) -> Iterator[Sample]:
    for sample in family.samples:
        before = sent.get((family.name, sample.labels))
        if before is not None and not before.is_of(sample.number):
            before = None
        difference = _difference(sample.value, before.value if before else 0)
        if number_of(difference):
            yield sample._replace(value=difference)


def _difference(value: Counted, before: Counted) -> Counted:
    """Return what was added; all of it, if the counter has begun anew."""
    if number_of(value) < number_of(before):
        before = 0
    if isinstance(value, Sum):
        other = before if isinstance(before, Sum) else Sum(0, 0.0)
        return Sum(value.count - other.count, value.sum - other.sum)
    if isinstance(value, Distribution):
        bins, total = (before.bins, before.sum) if isinstance(before, Distribution) else ({}, 0.0)
        added = {number: count - bins.get(number, 0) for number, count in value.bins.items()}
        kept: Histogram = {number: count for number, count in added.items() if count > 0}
        return Distribution(sum(kept.values()), max(0.0, value.sum - total), kept)
    return value - number_of(before)
