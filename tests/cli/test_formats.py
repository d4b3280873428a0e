"""Figures as people read them: right, short and with their unit."""

from __future__ import annotations

import doctest
import re
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.cli import plain, settings_view
from weighbridge.reporting import dropped, formats, json_csv, time_range
from weighbridge.transactions.model import naming

SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}


MODULES = [json_csv, formats, dropped, naming, plain, settings_view, time_range]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_hold(module: ModuleType) -> None:
    failed, attempted = doctest.testmod(module)
    assert attempted > 0
    assert failed == 0


@given(st.floats(min_value=0.001, max_value=1e6))
def test_a_duration_reads_back_within_half_a_digit_and_has_a_unit(seconds: float) -> None:
    number, unit = formats.duration(seconds).split(" ")
    assert float(number.replace(",", "")) * SECONDS[unit] == pytest.approx(seconds, rel=0.0051)


@given(st.floats(min_value=0, max_value=1e7))
def test_no_duration_is_wider_than_nine_characters(seconds: float) -> None:
    assert len(formats.duration(seconds)) <= 9


@given(st.floats(min_value=0, max_value=1))
def test_only_nothing_reads_as_nothing_and_only_all_as_all(share: float) -> None:
    text = formats.percentage(share)
    assert (text == "0 %") == (share == 0)
    assert (text == "100 %") == (share == 1)


@given(st.floats(min_value=0.0101, max_value=1e6))
def test_a_rate_reads_back(per_minute: float) -> None:
    match = re.fullmatch(r"([\d,.]+)/min", formats.rate(per_minute))
    assert match
    assert float(match[1].replace(",", "")) == pytest.approx(per_minute, rel=0.0051, abs=0.0051)
