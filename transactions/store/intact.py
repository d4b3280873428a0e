"""Reading what is kept encoded: what is damaged is left out and logged, so that it does not spoil the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from ..log import log_once
from ..recording.counts import CorruptCounts, Counts, decode_counts, merge_counts, merge_to_bytes
from ..recording.histogram import Histogram, decode, merge_encoded, merge_to_encoded
from ..recording.snapshot import Series
from .results import StoredSample
from .sample_json import CorruptSample, from_json

__all__ = ["intact_counts", "intact_histogram", "intact_samples", "merged_counts", "merged_histograms"]

_Merged = TypeVar("_Merged")


def intact_histogram(encoded: Sequence[bytes]) -> Histogram:
    """Return what encoded histograms, of whatever grid, add up to."""
    return _merge_intact(encoded, merge_encoded, decode)


def intact_counts(encoded: Sequence[bytes]) -> Counts:
    """Return what encoded counts add up to."""
    return _merge_intact(encoded, merge_counts, decode_counts)


def merged_histograms(encoded: Sequence[bytes]) -> bytes:
    """Return the same encoded."""
    return _merge_intact(encoded, merge_to_encoded, decode)


def merged_counts(encoded: Sequence[bytes]) -> bytes:
    """Return the same encoded."""
    return _merge_intact(encoded, merge_to_bytes, decode_counts)


def _merge_intact(
    encoded: Sequence[bytes], merge: Callable[[Iterable[bytes]], _Merged], read: Callable[[bytes], object]
) -> _Merged:
    try:
        return merge(encoded)
    except CorruptCounts as error:
        log_once("corrupt histogram", "the store holds a damaged histogram, which is left out: %s", error)
    return merge(one for one in encoded if _is_intact(one, read))


def _is_intact(encoded: bytes, read: Callable[[bytes], object]) -> bool:
    try:
        read(encoded)
    except CorruptCounts:
        return False
    return True


def intact_samples(rows: Iterable[tuple[Any, ...]]) -> Iterator[StoredSample]:
    """Yield samples, given as the number, the four columns of `Series`, the reason and the JSON of each."""
    for number, application, kind, group, name, reason, prepared in rows:
        try:
            yield StoredSample(number, Series(application, kind, group, name), reason, from_json(prepared))
        except CorruptSample as error:
            log_once("corrupt sample", "the store holds a damaged sample, which is left out: %s", error)
