"""Prometheus' protobuf format, in which histograms are native: no bucket of ours is lost.

Five messages with numbers, texts and lists are all there is of it, so they are
written here: the classes that would be generated for them are in no package that is
kept, and the protobuf runtime would be a dependency of the page.
(``io/prometheus/client/metrics.proto`` has the numbers of the fields.)
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from operator import sub
from typing import Final

from weighbridge.transactions.recording.histogram import BOUNDS, FIRST_POWER

from .families import Distribution, Family, FamilyKind, Labels, Sample, Sum
from .prometheus_names import BUCKETS, cumulative_counts, name_of

__all__ = ["as_protobuf"]

_SCHEMA: Final = 5
"""Of native histograms: 32 buckets per doubling, which are the bins of our histograms."""
_TYPES: Final[Mapping[FamilyKind, int]] = {"counter": 0, "gauge": 1, "summary": 2, "histogram": 4}
_VARINT, _DOUBLE, _BYTES = 0, 1, 2
"""How a field is written."""
_TABLE_SIZE: Final = 1 << 14
_eight_bytes: Final = struct.Struct("<d").pack


def as_protobuf(families: Iterable[Family]) -> bytes:
    """Return families as messages ``MetricFamily``, each after its length."""
    return b"".join(_with_length(_family(family)) for family in families)


def _family(family: Family) -> bytes:
    name = name_of(family) + ("_total" if family.kind == "counter" else "")
    return b"".join(
        [
            _text(1, name), _text(2, family.help), _number(3, _TYPES[family.kind]),
            *(_message(4, _metric(family.kind, sample)) for sample in family.samples),
        ]
    )  # fmt: skip


def _metric(kind: FamilyKind, sample: Sample) -> bytes:
    labels, value, _ = sample
    if isinstance(value, Distribution):
        return _labels(labels) + _message(7, _histogram(value))
    if isinstance(value, Sum):
        return _labels(labels) + _message(4, _number(1, value.count) + _double(2, value.sum))
    return _labels(labels) + (_COUNTER if kind == "counter" else _GAUGE) + _eight_bytes(value)


@lru_cache(maxsize=20_000)
def _labels(labels: Labels) -> bytes:
    return b"".join([_message(1, _text(1, name) + _text(2, value)) for name, value in labels])


# Histograms


def _histogram(value: Distribution) -> bytes:
    """Return a histogram with native buckets, and with the classic ones for those who ask for them."""
    zeros = value.bins.get(0, 0)
    numbers = sorted(value.bins.keys() - {0})
    counts = [value.bins[number] for number in numbers]
    deltas = map(sub, counts, [0, *counts])
    return b"".join(
        [
            _number(1, value.count), _double(2, value.sum),
            _classic_buckets(cumulative_counts(value)),
            _number(5, _zigzag(_SCHEMA)), _double(6, BOUNDS[0]), _number(7, zeros),
            *(_run(offset, length) for offset, length in _runs(numbers)),
            _message(13, _varints([delta << 1 if delta >= 0 else -2 * delta - 1 for delta in deltas])),
        ]
    )  # fmt: skip


def _classic_buckets(counts: Sequence[int]) -> bytes:
    """Return a field for each bucket: those of a histogram are too many to be made from parts."""
    written = zip(_each_varint(counts), _BOUNDS, strict=True)
    return b"".join([_HEADS[len(count)] + count + bound for count, bound in written])


@lru_cache(maxsize=4096)
def _run(offset: int, length: int) -> bytes:
    """Return a run of filled bins: most are short, and close to the one before."""
    return _message(12, _number(1, _zigzag(offset)) + _number(2, length))


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the runs of filled bins: how far each is from the one before (the first: from index 0), and its length."""
    following = -FIRST_POWER  # the bin whose index is 0
    start = 0
    while start < len(numbers):
        end = _end_of_run(numbers, start)
        yield numbers[start] - following, end - start
        following, start = numbers[end - 1] + 1, end


def _end_of_run(numbers: Sequence[int], start: int) -> int:
    """Return where numbers that follow each other end: found by halves, as most runs are long."""
    low, high = start + 1, len(numbers)
    while low < high:
        middle = (low + high) // 2
        if numbers[middle] - numbers[start] == middle - start:
            low = middle + 1
        else:
            high = middle
    return low


# Fields


def _number(field: int, value: int) -> bytes:
    return _key(field, _VARINT) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _key(field, _DOUBLE) + _eight_bytes(value)


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode("utf-8", "replace"))


def _message(field: int, content: bytes) -> bytes:
    return _key(field, _BYTES) + _with_length(content)


def _with_length(content: bytes) -> bytes:
    return _varint(len(content)) + content


def _zigzag(value: int) -> int:
    """Return a whole number as one that is not negative: small ones stay small. (Lists have it written out.)"""
    return value << 1 if value >= 0 else -2 * value - 1


@cache
def _key(field: int, written: int) -> bytes:
    return _long_varint(field << 3 | written)


def _varints(values: Iterable[int]) -> bytes:
    return b"".join(_each_varint(values))


def _each_varint(values: Iterable[int]) -> list[bytes]:
    small = _small()
    return [small[value] if value < _TABLE_SIZE else _long_varint(value) for value in values]


def _varint(value: int) -> bytes:
    return _small()[value] if value < _TABLE_SIZE else _long_varint(value)


@cache
def _small() -> list[bytes]:
    """Return the small numbers as they are written: most of them are small, and looking one up is ten times as fast."""
    return [_long_varint(value) for value in range(_TABLE_SIZE)]


def _long_varint(value: int) -> bytes:
    """Return a number that is not negative in groups of seven bits, the lowest first."""
    if _TABLE_SIZE <= value < 1 << 21:  # nearly all that are not in the table, in a third of the time
        return bytes((value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14))
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


_COUNTER, _GAUGE = (_key(field, _BYTES) + _varint(9) + _key(1, _DOUBLE) for field in (3, 2))
"""What the message of a counter or a gauge begins with; its value follows, and nothing else."""
_BOUNDS: Final = [_double(2, bound) for bound in BUCKETS]
"""Fields of classic buckets, which are the same in all of them."""
_HEADS: Final = [_key(3, _BYTES) + _varint(1 + length + len(_BOUNDS[0])) + _key(1, _VARINT) for length in range(11)]
"""What a classic bucket begins with, by the length of its count."""
