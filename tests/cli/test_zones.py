"""Moments without a zone, and the same time of another day: the command line and the page agree."""

from __future__ import annotations

import doctest
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest

from weighbridge.console.parameters import BadParameter, parse
from weighbridge.reporting import zones
from weighbridge.reporting.time_range import parse_since
from weighbridge.reporting.zones import find_zone, parse_moment, same_time_earlier, utc_offset, zone_name

FAR = 4e9
"""Later than all moments that are tried."""
HOUR, DAY = 3600, 86400


@pytest.fixture(params=["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"])
def local(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The local time of this process."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def epoch(utc: str) -> float:
    return datetime.fromisoformat(utc).replace(tzinfo=timezone.utc).timestamp()


def test_the_examples_hold() -> None:
    assert doctest.testmod(zones) == (0, 1)


@pytest.mark.parametrize("text", ["2026-01-31T08:00", "2026-07-31 08:00:30", "2026-03-29T12:00", "2026-01-31"])
def test_without_a_zone_a_moment_is_local_time_here_and_there(local: str, text: str) -> None:
    there = datetime.fromisoformat(text).replace(tzinfo=find_zone(local)).timestamp()
    assert parse_since(text, FAR) == there
    assert parse(f"since={text}").since == there


def test_the_page_takes_the_local_time_of_another_zone_where_one_is_named(local: str) -> None:
    state = parse("since=2026-01-31T08:00&until=2026-07-31T08:00&tz=Asia/Kolkata")
    assert (state.since, state.until) == (epoch("2026-01-31T02:30"), epoch("2026-07-31T02:30"))
    assert parse("since=2026-01-31T08:00Z&tz=Asia/Kolkata").since == epoch("2026-01-31T08:00")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-01-31T08:00Z", "08:00"),
        ("2026-01-31T08:00:00z", "08:00"),
        ("2026-01-31 08:00 Z", "08:00"),
        ("2026-01-31T08:00+01:00", "07:00"),
        ("2026-01-31T08:00+0530", "02:30"),
        ("2026-01-31T08:00-05", "13:00"),
        ("2026-01-31 08:00 -05:00", "13:00"),
        ("2026-01-31T08:00:30.250+01:00", "07:00:30.250"),
        ("2026-01-31T08:00 01:00", "07:00"),  # as a plus sign arrives that was not encoded
    ],
)
def test_an_offset_is_taken_by_both(local: str, text: str, utc: str) -> None:
    wanted = epoch(f"2026-01-31T{utc}")
    assert parse_moment(text) == wanted
    assert parse_since(text, FAR) == wanted
    assert parse(f"since={text}").since == wanted  # whatever is in need of it is decoded as a browser would


@pytest.mark.parametrize("text", ["soon", "2026-13-01", "2026-01-31T25:00", "30m ago", "08:00"])
def test_what_is_no_moment_is_refused_with_what_would_be(text: str) -> None:
    with pytest.raises(ValueError, match="local time"):
        parse_moment(text)
    with pytest.raises(BadParameter, match=r"'since': must be .*local time is that of the machine"):
        parse(f"since={text}")
    with pytest.raises(BadParameter, match=r"'since': must be .*local time is that of Asia/Kolkata"):
        parse(f"since={text}&tz=Asia/Kolkata")


def test_what_lies_before_1970_is_refused_by_both() -> None:
    for text in ("0001-01-02", "1969-12-31T00:00Z"):
        with pytest.raises(ValueError, match=r"lies before 1970|no moment|neither a length of time nor a moment"):
            parse_since(text, FAR)
        with pytest.raises(BadParameter, match="'since'"):
            parse(f"since={text}")


@pytest.mark.parametrize("tz", ["Europe/Berlinn", "Europe", "..", "../etc/passwd", "/etc/localtime", "a b", "x" * 65])
def test_a_zone_that_does_not_exist_is_refused_by_name(tz: str) -> None:
    with pytest.raises(BadParameter, match=r"parameter 'tz'.*Europe/Berlin"):
        parse(f"tz={tz}")


def test_a_viewer_s_zone_that_is_unknown_here_is_no_reason_to_show_nothing() -> None:
    state = parse("tz=Europe/Atlantis&compare=week", by_browser=True)
    assert (state.tz, state.zone) == ("Europe/Atlantis", None)
    assert "tz=Europe%2FAtlantis" in state.query()


CHANGES = [
    ("Europe/Berlin", "2026-03-31T10:00", "2026-03-24T11:00", -1),  # forward on 2026-03-29
    ("Europe/Berlin", "2026-10-27T10:00", "2026-10-20T09:00", 1),  # back on 2026-10-25
    ("America/New_York", "2026-03-10T14:00", "2026-03-03T15:00", -1),  # forward on 2026-03-08
    ("America/New_York", "2026-11-03T14:00", "2026-10-27T13:00", 1),  # back on 2026-11-01
    ("Asia/Kolkata", "2026-03-31T10:15", "2026-03-24T10:15", 0),
    ("UTC", "2026-03-31T10:15", "2026-03-24T10:15", 0),
]


@pytest.mark.parametrize(("zone", "now", "before", "hours"), CHANGES)
def test_a_week_before_the_clock_showed_the_same(zone: str, now: str, before: str, hours: int) -> None:
    found = same_time_earlier(epoch(now), 7, find_zone(zone))
    assert found == epoch(before)
    assert epoch(now) - found == 7 * DAY + hours * HOUR


@pytest.mark.parametrize(("zone", "now", "before", "hours"), CHANGES)
def test_so_it_did_by_the_local_time_of_this_machine(
    zone: str, now: str, before: str, hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert same_time_earlier(epoch(now), 7, None) == epoch(before)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_zones_have_names_and_offsets(local: str) -> None:
    zone, noon = find_zone(local), epoch("2026-01-31T12:00")
    assert utc_offset(noon, None) == utc_offset(noon, zone)
    assert zone_name(zone, noon) == local
    shown = {"Europe/Berlin": "UTC+01:00", "America/New_York": "UTC-05:00", "Asia/Kolkata": "UTC+05:30", "UTC": "UTC"}
    assert zone_name(None, noon) == shown[local]


def test_help_and_refusals_say_which_zone_is_meant() -> None:
    command = [sys.executable, "-m", "weighbridge.cli", "report"]
    help_text = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout
    assert "local time" in " ".join(help_text.split())
    refused = subprocess.run([*command, "--since", "soon"], capture_output=True, text=True, check=False)
    assert (refused.returncode, "(local time)" in " ".join(refused.stderr.split())) == (2, True)


def test_the_command_line_goes_by_its_own_zone(tmp_path: object) -> None:
    program = (
        "import sys, json; from weighbridge.reporting.time_range import parse_since;"
        "print(json.dumps(parse_since('2026-01-31T08:00', 4e9)))"
    )
    for zone, utc in (("Europe/Berlin", "2026-01-31T07:00"), ("Asia/Kolkata", "2026-01-31T02:30")):
        environment = {**os.environ, "TZ": zone}
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, check=True)
        assert json.loads(done.stdout) == epoch(utc)
