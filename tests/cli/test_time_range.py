"""``--since``: spans and moments."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from weighbridge.reporting.time_range import parse_since

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("2h", 7200), ("7d", 604_800), ("1.5h", 5400), (" 5 M ", 300)],
)
def test_a_span_ends_now(text: str, seconds: float) -> None:
    assert parse_since(text, NOW) == NOW - seconds


def test_a_moment_with_a_zone_is_that_moment() -> None:
    moment = datetime.fromtimestamp(NOW, timezone.utc) - timedelta(hours=3)
    assert parse_since(moment.isoformat(), NOW) == NOW - 3 * 3600
    assert parse_since(f"{moment:%Y-%m-%dT%H:%M:%S}Z", NOW) == NOW - 3 * 3600


def test_a_moment_without_a_zone_is_local_time() -> None:
    local = datetime.fromtimestamp(NOW - 60)  # noqa: DTZ006 - what people type
    assert parse_since(f"{local:%Y-%m-%d %H:%M:%S}", NOW) == NOW - 60


@pytest.mark.parametrize(
    "text", ["", "m", "30", "30 minutes", "-5m", "0s", "1e9d", "yesterday", "2999-01-01", "99999d"]
)
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"is neither|is not in the past|lies before") as refused:
        parse_since(text, NOW)
    assert repr(text) in str(refused.value)
