"""Counts by small number (bins of a histogram, HTTP statuses) as compact bytes, merged without decoding them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from operator import add
from typing import Final

__all__ = ["CorruptCounts", "Counts", "add_counts", "decode_counts", "encode_counts", "merge_counts", "merge_to_bytes"]

Counts = dict[int, int]
"""Number to count; counts are never 0."""


class CorruptCounts(ValueError):
    """The bytes were not made by `encode_counts`."""


def add_counts(counts: Mapping[int, int], into: Counts) -> None:
    """Add counts to others."""
    for number, count in counts.items():
        into[number] = into.get(number, 0) + count


# Two formats, told apart by the first byte.
#   pairs (few bins, far apart):  "p", bytes of a count (1, 2, 4 or 8), then all bin numbers (2 bytes each), all counts.
#   planes (many bins, close):    "d", number of planes n, first bin (2 bytes), then n equally long runs of bytes: the
#                                 lowest byte of each bin's count, the next byte, ... Adding up hundreds of these needs
#                                 no step per bin in Python, which is what keeps long reports fast.
# Numbers are little-endian.

_PAIRS: Final = b"p"
_PLANES: Final = b"d"
_ONE_PLANE: Final = b"d\x01"
_FORMATS: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}
_RUNS_AT_ONCE: Final = 0xFFFF // 0xFF

_Run = tuple[int, bytes]
"""The number of the first bin, and one byte of the count of each bin from there on."""


def encode_counts(counts_by_number: Mapping[int, int]) -> bytes:
    """Encode counts as compact bytes.

    Raises:
        ValueError: a number is not in 0 to 65535, or a count not in 0 to 2**64 - 1.
    """
    numbers = sorted(number for number, count in counts_by_number.items() if count)
    if not numbers:
        return b""
    if numbers[0] < 0 or numbers[-1] > 0xFFFF:
        raise ValueError("numbers go from 0 to 65535")
    counts = [counts_by_number[number] for number in numbers]
    if _has_gaps(numbers[-1] - numbers[0] + 1, counts):
        return _pairs(numbers, counts)
    return _planes(numbers[0], list(map(counts_by_number.get, range(numbers[0], numbers[-1] + 1), repeat(0))))


def decode_counts(data: bytes) -> Counts:
    """Return the counts that `encode_counts` was given, without zeros.

    Raises:
        CorruptCounts: these bytes are not from `encode_counts`.
    """
    return merge_counts((data,))


def merge_counts(encoded: Iterable[bytes]) -> Counts:
    """Merge encoded counts; much faster than decoding them one by one.

    Raises:
        CorruptCounts: some of these bytes are not from `encode_counts`.
    """
    first, counts, sparse = _added_up(encoded)
    if counts:
        first, counts = _together(first, counts, sparse)
        return {number: count for number, count in enumerate(counts, first) if count}
    return sparse if all(sparse.values()) else {number: count for number, count in sparse.items() if count}


def merge_to_bytes(encoded: Iterable[bytes]) -> bytes:
    """Merge encoded counts into encoded ones, without a step per bin in Python if most bins are filled.

    Raises:
        CorruptCounts: some of these bytes are not from `encode_counts`.
    """
    first, counts, sparse = _added_up(encoded)
    if not counts:
        return encode_counts(sparse)
    first, counts = _together(first, counts, sparse)
    if _has_gaps(len(counts), counts):
        return encode_counts({number: count for number, count in enumerate(counts, first) if count})
    return _planes(first, counts)


def _has_gaps(length: int, counts: Sequence[int]) -> bool:
    """Whether pairs are shorter than planes, for so many bins from the first filled one to the last."""
    width = _width(counts)
    return width * length > (2 + width) * (len(counts) - counts.count(0))


def _width(counts: Sequence[int]) -> int:
    """Return the number of bytes that the greatest count needs."""
    width = (max(counts).bit_length() + 7) // 8
    if width > 8 or min(counts) < 0:
        raise ValueError("counts go from 0 to 2**64 - 1")
    return width


def _pairs(numbers: Sequence[int], counts: Sequence[int]) -> bytes:
    width, length = _wide(_width(counts)), len(numbers)
    return _PAIRS + struct.pack(f"<B{length}H{length}{_FORMATS[width]}", width, *numbers, *counts)


def _planes(first: int, counts: Sequence[int]) -> bytes:
    width = _width(counts)
    wide = _wide(width)
    encoded = struct.pack(f"<{len(counts)}{_FORMATS[wide]}", *counts)
    planes = (encoded[exponent::wide] for exponent in range(width))
    return _PLANES + bytes((width,)) + first.to_bytes(2, "little") + b"".join(planes)


def _wide(width: int) -> int:
    """Return the smallest width in `_FORMATS` that is at least ``width`` bytes."""
    return next(each for each in _FORMATS if each >= width)


def _added_up(encoded: Iterable[bytes]) -> tuple[int, Sequence[int], Counts]:
    """Merge both formats: return the planes' first bin and the counts from it on, and the pairs' counts.

    If the planes have fewer bins than the pairs, they are added to the pairs.
    """
    pairs: dict[int, list[bytes]] = {}
    planes: list[list[_Run]] = [[]]
    for data in encoded:
        if data[:2] == _ONE_PLANE and len(data) > 4:
            planes[0].append((data[2] | data[3] << 8, data[4:]))
        elif data[:1] == _PAIRS and len(data) > 2:
            pairs.setdefault(data[1], []).append(data)
        elif data:
            _split_planes(data, planes)
    sparse: Counts = {}
    for width, alike in pairs.items():
        _merge_pairs(width, alike, sparse)
    first, counts = _planes_added_up(planes)
    if len(counts) > len(sparse):
        return first, counts, sparse
    add_counts(dict(enumerate(counts, first)), sparse)
    return 0, (), sparse


def _merge_pairs(width: int, encoded: Sequence[bytes], into: Counts) -> None:
    """Merge pairs of one width; all are joined first, as every operation per record is expensive."""
    lengths = [(len(data) - 2) // (2 + width) for data in encoded]
    total = sum(lengths)
    if width not in _FORMATS or total * (2 + width) != sum(map(len, encoded)) - 2 * len(encoded):
        raise CorruptCounts(f"counts within {sum(map(len, encoded))} bytes are cut off or damaged")
    numbers = b"".join([data[2 : 2 + 2 * length] for data, length in zip(encoded, lengths, strict=True)])
    counts = b"".join([data[2 + 2 * length :] for data, length in zip(encoded, lengths, strict=True)])
    values = zip(struct.unpack(f"<{total}H", numbers), struct.unpack(f"<{total}{_FORMATS[width]}", counts), strict=True)
    if len(encoded) == 1 and not into:  # nothing to be added to: no step per bin
        into.update(values)
        return
    get = into.get
    for number, count in values:
        into[number] = get(number, 0) + count


def _split_planes(data: bytes, into: list[list[_Run]]) -> None:
    width = data[1] if len(data) > 1 else 0
    length, rest = divmod(len(data) - 4, width or 1)
    if data[:1] != _PLANES or not 1 <= width <= 8 or rest or length < 1:
        raise CorruptCounts(f"counts of {len(data)} bytes are of an unknown form, cut off or damaged")
    first = data[2] | data[3] << 8
    into.extend([] for _ in range(width - len(into)))
    for exponent in range(width):
        into[exponent].append((first, data[4 + exponent * length : 4 + (exponent + 1) * length]))


def _planes_added_up(planes: Sequence[Sequence[_Run]]) -> tuple[int, Sequence[int]]:
    if not planes[0]:
        return 0, ()
    first = min(first for first, _ in planes[0])
    length = max(start + len(run) for start, run in planes[0]) - first
    whole: Sequence[int] = ()
    for exponent, runs in enumerate(planes):
        for start in range(0, len(runs), _RUNS_AT_ONCE):
            counts = _runs_added_up(runs[start : start + _RUNS_AT_ONCE], first, length)
            shifted = [count << 8 * exponent for count in counts] if exponent else counts
            whole = list(map(add, whole, shifted)) if whole else shifted
    return first, whole


def _runs_added_up(runs: Sequence[_Run], first: int, length: int) -> Sequence[int]:
    """Add runs of bytes as whole numbers, alternate bytes at a time: no sum of so few runs exceeds two bytes."""
    if len(runs) == 1 and len(runs[0][1]) == length:
        return list(runs[0][1])
    pairs = (length + 1) // 2
    mask = _every_other_byte(pairs)
    even = odd = 0
    for start, run in runs:
        number = int.from_bytes(run, "little") << 8 * (start - first)
        even += number & mask
        odd += number >> 8 & mask
    counts = [0] * (2 * pairs)
    for position, total in enumerate((even, odd)):
        counts[position::2] = struct.unpack(f"<{pairs}H", total.to_bytes(2 * pairs, "little"))
    return counts[:length]


@lru_cache(maxsize=512)
def _every_other_byte(pairs: int) -> int:
    return int.from_bytes(b"\xff\x00" * pairs, "little")


def _together(start: int, counts: Sequence[int], sparse: Counts) -> tuple[int, Sequence[int]]:
    if not sparse:
        return start, counts
    first, end = min(start, *sparse), max(start + len(counts) - 1, *sparse) + 1
    whole = list(map(sparse.get, range(first, end), repeat(0)))
    part = slice(start - first, start - first + len(counts))
    whole[part] = map(add, whole[part], counts)
    return first, whole
