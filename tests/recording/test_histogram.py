"""Histograms: the error that is promised is held, adding up loses nothing, bytes come back as they were."""

import math
from bisect import bisect_right
from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.transactions.recording.counts import encode_counts
from weighbridge.transactions.recording.histogram import (
    BOUNDS,
    FIRST_POWER,
    FORMER_ERROR,
    RELATIVE_ERROR,
    CorruptHistogram,
    add_durations,
    bin_of,
    bin_value,
    decode,
    encode,
    merge,
    merge_encoded,
    merge_to_encoded,
    quantile,
)

DAY = 86400.0
durations = st.lists(st.floats(1e-6, 9 * DAY), min_size=1, max_size=200)
any_durations = st.lists(st.floats(0, 100 * DAY), max_size=200)
counts = st.dictionaries(st.integers(0, 65535), st.integers(1, 2**40), max_size=30)
dense_counts = st.dictionaries(st.integers(500, 560), st.integers(1, 70_000), max_size=60)


def folded(values: list[float]) -> dict[int, int]:
    histogram: dict[int, int] = {}
    add_durations(values, histogram)
    return histogram


def exact(values: list[float], q: float) -> float:
    return sorted(values)[max(1, math.ceil(q * len(values))) - 1]


@given(durations, st.floats(0, 1))
def test_a_quantile_is_off_by_at_most_eleven_in_a_thousand(values: list[float], q: float) -> None:
    assert RELATIVE_ERROR <= 0.011
    assert quantile(folded(values), q) == pytest.approx(exact(values, q), rel=RELATIVE_ERROR * (1 + 1e-9))


@given(durations, st.floats(0, 1))
def test_a_quantile_lies_between_the_extremes_that_are_given(values: list[float], q: float) -> None:
    assert min(values) <= quantile(folded(values), q, min(values), max(values)) <= max(values)


@given(any_durations)
def test_folding_counts_each_duration_in_its_bin(values: list[float]) -> None:
    one_by_one: dict[int, int] = {}
    for value in values:
        merge({bin_of(value): 1}, one_by_one)
    assert folded(values) == one_by_one


@given(any_durations, any_durations)
def test_adding_histograms_up_is_folding_all_durations(first: list[float], second: list[float]) -> None:
    merged = folded(first)
    merge(folded(second), merged)
    assert merged == folded(first + second)


def test_a_bound_belongs_to_the_bin_below_it() -> None:
    for number, bound in enumerate(BOUNDS):
        above = math.nextafter(bound, math.inf)
        assert bin_of(bound) == number
        assert bin_of(above) == number + 1
        assert folded([bound, above]) == {number: 1, number + 1: 1}


def test_the_grid_is_that_of_exponential_histograms_of_scale_five() -> None:
    """Bin ``i`` there holds what is above base ** i and up to base ** (i + 1), where base is 2 ** (2 ** -5)."""
    assert 1.0 in BOUNDS
    base = 2**2**-5
    for number, bound in enumerate(BOUNDS):
        assert bound == pytest.approx(base ** (FIRST_POWER + number), rel=1e-12)


@given(st.lists(st.floats(1e-6, 9 * DAY), min_size=1, max_size=50), st.floats(0, 1))
def test_what_was_counted_in_the_former_grid_is_off_by_little_more(values: list[float], q: float) -> None:
    former = [1e-6 * 1.02**number for number in range(1391)]
    counted = Counter(bisect_right(former, value) for value in values)
    read = decode(encode_counts(counted))
    assert sum(read.values()) == len(values)
    assert FORMER_ERROR <= 0.021
    assert quantile(read, q) == pytest.approx(exact(values, q), rel=FORMER_ERROR * (1 + 1e-9))


def test_both_grids_are_added_up() -> None:
    former = encode_counts({698: 2})  # the bin of a second then
    merged = decode(merge_to_encoded([encode({bin_of(1.0): 1}), former, former]))
    assert sum(merged.values()) == 5
    assert merged == merge_encoded([former, encode({bin_of(1.0): 1}), former])
    assert quantile(merged, 0.5) == pytest.approx(1.0, rel=0.03)


def test_what_is_out_of_range_is_clamped() -> None:
    assert bin_of(0.0) == bin_of(9e-7) == 0
    assert bin_of(1e12) == len(BOUNDS) == bin_of(BOUNDS[-1]) + 1
    assert BOUNDS[-1] >= 10 * DAY
    assert bin_value(0) == 0.0
    assert bin_value(bin_of(1e12)) == BOUNDS[-1]


def test_nothing_has_no_quantiles() -> None:
    with pytest.raises(ValueError, match="empty"):
        quantile({}, 0.5)


@given(counts | dense_counts)
def test_bytes_come_back_as_the_histogram(histogram: dict[int, int]) -> None:
    assert decode(encode(histogram)) == histogram


@given(st.lists(counts | dense_counts, max_size=8))
def test_many_encoded_histograms_are_added_up(histograms: list[dict[int, int]]) -> None:
    expected: dict[int, int] = {}
    for histogram in histograms:
        merge(histogram, expected)
    assert merge_encoded(map(encode, histograms)) == expected


def test_very_many_encoded_histograms_are_added_up() -> None:
    full = dict.fromkeys(range(600, 700), 255)
    assert merge_encoded([encode(full)] * 1000) == dict.fromkeys(full, 255_000)


def test_both_forms_are_used_and_are_compact() -> None:
    close, apart = folded([0.01 * 1.02**i for i in range(200)]), folded([1e-6, 1.0, 1000.0])
    assert len(encode(close)) <= 211
    assert len(encode(apart)) <= 12


@given(st.binary(max_size=40) | st.binary(max_size=40).map(lambda rest: b"2d\x02" + rest))
def test_other_bytes_are_refused_or_read_but_nothing_else_happens(data: bytes) -> None:
    with suppress(CorruptHistogram):
        assert all(count > 0 for count in decode(data).values())


@pytest.mark.parametrize(
    "data", [b"x", b"2p", b"2x", b"p", b"d", b"d\x01", b"p\x01\x00", b"d\x00\x00\x00", b"p\x09\x00\x00\x01", b"{}"]
)
def test_damaged_bytes_are_named_so(data: bytes) -> None:
    with pytest.raises(CorruptHistogram, match="bytes"):
        decode(data)


@pytest.mark.parametrize("histogram", [{-1: 1}, {65536: 1}, {1: -1}, {1: 2**64}])
def test_what_does_not_fit_is_refused(histogram: dict[int, int]) -> None:
    with pytest.raises(ValueError, match="go from 0"):
        encode(histogram)
