"""Steps of a chart that go by the days of a time zone, and the note about them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import datetime, tzinfo
from itertools import pairwise
from typing import Final

from weighbridge.reporting.zones import utc_offset, zone_name
from weighbridge.transactions.store.reader import Steps
from weighbridge.transactions.store.resolutions import COARSEST, floor_to
from weighbridge.transactions.store.statistics import Window

__all__ = ["DAY", "HOUR", "day_note", "local_steps"]

DAY: Final = COARSEST
HOUR: Final = 3600
"""Longer steps go by the days of a time zone."""


def local_steps(window: Window, length: int, zone: tzinfo | None) -> Steps:
    """Return the steps that a window touches, which divide each day of a time zone from midnight to midnight.

    Figures that are some days old are kept by the hour of UTC. In a zone that
    differs by half an hour, the hour in which midnight lies belongs to the day before.
    """
    since, until = floor_to(window.since, DAY) - 2 * DAY, floor_to(window.until, DAY) + 3 * DAY
    hours = Steps(length, range(since, until, HOUR), until, _offsets(since, until, zone))
    numbers = [*map(hours.number, hours.starts)]
    borders = [hour for hour, (before, own) in zip(hours.starts[1:], pairwise(numbers), strict=True) if before != own]
    first, last = bisect_right(borders, window.since) - 1, bisect_left(borders, window.until)
    return Steps(length, tuple(borders[first:last]), borders[last], hours.offsets)


def _offsets(since: int, until: int, zone: tzinfo | None) -> tuple[tuple[int, int], ...]:
    """Return UTC offsets (seconds) with the time from which they apply; they change on an hour of UTC."""
    found = [(since, utc_offset(since, zone))]
    for day in range(since + DAY, until + DAY, DAY):
        before, ahead = found[-1][1], utc_offset(day, zone)
        if ahead != before:
            changed = (hour for hour in range(day - DAY, day, HOUR) if utc_offset(hour, zone) != before)
            found.append((next(changed, day), ahead))
    return tuple(found)


def day_note(starts: Iterable[int], zone: tzinfo | None) -> str:
    """Return a note on the zone whose days a chart shows, and on their beginning if that is not midnight."""
    begin = {f"{datetime.fromtimestamp(start, zone):%H:%M}": start for start in starts}
    if not begin:
        return ""
    clock, start = min(begin.items())
    name = zone_name(zone, start)
    return f"days of {name}" if clock == "00:00" else f"days from {clock} to {clock}, {name}"
