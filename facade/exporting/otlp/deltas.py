"""Deltas: what has been counted since it was sent last, of counters that are since ever.

They are told from what was sent and taken, and not from a time: so what a process could write only minutes later is
sent, too, and what was not taken is part of the next delta.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from weighbridge.exporting.families import GENERATION, Distribution, Family, Sample, Sum
from weighbridge.transactions.model.http_methods import OTHER_METHOD
from weighbridge.transactions.model.naming import Kind
from weighbridge.transactions.recording.histogram import Histogram, decode, encode, merge
from weighbridge.transactions.recording.name_limits import OTHER, overflow_of
from weighbridge.transactions.recording.snapshot import Series

from .points import Key

__all__ = ["Counted", "Sent", "counted", "decode_sent", "deltas", "encode_sent", "settled", "without_generation"]

Counted = float | Sum | Distribution


class Sent(NamedTuple):
    """What was sent of one series, added up."""

    value: Counted
    until: int
    """Nanoseconds since the epoch, of the point that was sent last."""
    number: int = 0
    """Of the series that it was of (see `Sample`)."""

    def is_of(self, number: int) -> bool:
        """Whether it is of a series that still counts, and not of one that made room and came back."""
        return 0 in {number, self.number} or number == self.number


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
        if _number(difference):
            yield sample._replace(value=difference)


def _number(value: Counted) -> float:
    return value if isinstance(value, int | float) else value.count


def _difference(value: Counted, before: Counted) -> Counted:
    """Return what was added; all of it, if the counter has begun anew."""
    if _number(value) < _number(before):
        before = 0
    if isinstance(value, Sum):
        other = before if isinstance(before, Sum) else Sum(0, 0.0)
        return Sum(value.count - other.count, value.sum - other.sum)
    if isinstance(value, Distribution):
        bins, total = (before.bins, before.sum) if isinstance(before, Distribution) else ({}, 0.0)
        added = {number: count - bins.get(number, 0) for number, count in value.bins.items()}
        kept: Histogram = {number: count for number, count in added.items() if count > 0}
        return Distribution(sum(kept.values()), max(0.0, value.sum - total), kept)
    return value - _number(before)


# Names that have made room for others


def settled(sent: Mapping[Key, Sent], now: Mapping[Key, Sent]) -> dict[Key, Sent]:
    """Return what was sent of all that is still counted; what was sent of a name that is gone is where its counts are.

    A name may be back already: then it counts anew.

    A whole application may also be forgotten with its counts: then nothing else has grown by them.
    """
    found = {key: one for key, one in sent.items() if key in now and one.is_of(now[key].number)}
    for key, one in sent.items():
        if key in found:
            continue
        for target in _replacements(key):
            together = _added(found.get(target), one)
            if target in now and _number(now[target].value) >= _number(together.value):
                found[target] = together._replace(number=now[target].number)
                break
    return found


def _added(one: Sent | None, other: Sent) -> Sent:
    return other if one is None else Sent(_sum(one.value, other.value), max(one.until, other.until), one.number)


def _replacements(key: Key) -> Iterator[Key]:
    """Yield the series that may count what another one did: of the same application, or of those beyond the limit."""
    family, labels = key
    values = dict(labels)
    for application in dict.fromkeys((values.get("application", ""), OTHER)):
        moved = {**values, **_of_other(values), **({"application": application} if application else {})}
        yield family, tuple(moved.items())
        if "route" in moved:
            without = {**moved, "method": OTHER_METHOD}
            del without["route"]
            yield family, tuple(without.items())


def _of_other(values: Mapping[str, str]) -> dict[str, str]:
    if {"group", "name"} <= values.keys():
        kind: Kind = "web" if values["kind"] == "web" else "background"
        other = overflow_of(Series(values["application"], kind, values["group"], values["name"]))
        return {"group": other.group, "name": other.name}
    return {label: OTHER for label in ("host", "version", "queue", "type", "metric", "event") if label in values}


def _sum(one: Counted, other: Counted) -> Counted:
    if isinstance(one, Distribution) and isinstance(other, Distribution):
        bins: Histogram = dict(one.bins)
        merge(other.bins, bins)
        return Distribution(one.count + other.count, one.sum + other.sum, bins)
    if isinstance(one, Sum) and isinstance(other, Sum):
        return Sum(one.count + other.count, one.sum + other.sum)
    return _number(one) + _number(other)


# As text, for the store

_FORM: Final = 2


def encode_sent(sent: Mapping[Key, Sent]) -> str:
    """Return what was sent as text: some 60 bytes a series."""
    families: dict[str, list[Any]] = {}
    for (family, labels), one in sent.items():
        families.setdefault(family, []).append([labels, one.until, one.number, *_parts(one.value)])
    text = json.dumps([_FORM, families], separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode())).decode()


def _parts(value: Counted) -> tuple[Any, ...]:
    if isinstance(value, Distribution):
        return "d", value.count, value.sum, base64.b64encode(encode(value.bins)).decode()
    if isinstance(value, Sum):
        return "s", value.count, value.sum
    return "n", value


def decode_sent(text: str) -> dict[Key, Sent] | None:
    """Return what `encode_sent` was given; ``None`` if the text is not from it."""
    try:
        form, families = json.loads(zlib.decompress(base64.b64decode(text)))
        if form != _FORM:
            return None
        return {
            (family, tuple((label, value) for label, value in labels)): Sent(_counted(*parts), until, number)
            for family, rows in families.items()
            for labels, until, number, *parts in rows
        }
    except (TypeError, ValueError, zlib.error):
        return None


def _counted(kind: str, *parts: Any) -> Counted:
    if kind == "d":
        count, total, bins = parts
        return Distribution(count, total, decode(base64.b64decode(bins)))
    if kind == "s":
        return Sum(*parts)
    (number,) = parts
    return float(number) if isinstance(number, float) else int(number)
