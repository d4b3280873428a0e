"""Time zones: moments that are written without one, and the same local time on another day.

A zone is a `tzinfo`, or ``None`` for the local time of the machine on which
this runs. The command line and the page read moments by the same function.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

__all__ = ["MOMENTS", "find_zone", "parse_moment", "same_time_earlier", "utc_offset", "zone_name"]

MOMENTS: Final = "2026-01-31T08:00 (local time), 2026-01-31T08:00Z or 2026-01-31T08:00+01:00"
"""The valid forms, for messages and help texts."""

_ZULU: Final = re.compile(r"\s*[zZ]$")
_OFFSET: Final = re.compile(r"(:\d\d(?:\.\d+)?)(?: ?([+-])| )(\d\d):?(\d\d)?$")
"""An offset after a time; a blank in place of the sign is a plus sign that was not encoded in a URL."""


def find_zone(key: str) -> tzinfo | None:
    """Look a time zone up by its IANA name; ``None`` where this machine does not know it."""
    try:
        return ZoneInfo(key)
    except (ValueError, OSError, LookupError):  # no name at all; that of a directory; not there
        return None


def parse_moment(text: str, zone: tzinfo | None = None) -> float:
    """Give the moment (epoch seconds) that an ISO 8601 date and time means; without an offset it is a time of ``zone``.

    >>> parse_moment("2026-01-31T08:00Z"), parse_moment("2026-01-31T09:00", find_zone("Europe/Berlin"))
    (1769846400.0, 1769846400.0)

    Raises:
        ValueError: it is none, or none that this machine can tell.
    """
    written = _OFFSET.sub(_offset, _ZULU.sub("+00:00", text.strip()))
    try:
        moment = datetime.fromisoformat(written)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text!r} is no moment, such as {MOMENTS}") from None


def _offset(found: re.Match[str]) -> str:
    """Write an offset in the one form that every Python reads."""
    time, sign, hours, minutes = found.groups()
    return f"{time}{sign or '+'}{hours}:{minutes or '00'}"


def same_time_earlier(moment: float, days: int, zone: tzinfo | None) -> float:
    """Give the moment at which the clock on the wall showed the same, some days before.

    Where the clock was put forward or back in between, that is an hour more or less than so many times 24 hours ago.
    """
    return (datetime.fromtimestamp(moment, zone) - timedelta(days=days)).timestamp()


def utc_offset(moment: float, zone: tzinfo | None) -> int:
    """Seconds by which the clocks of a zone are ahead of UTC at a moment."""
    offset = datetime.fromtimestamp(moment, zone).astimezone(zone).utcoffset()
    assert offset is not None
    return round(offset.total_seconds())


def zone_name(zone: tzinfo | None, moment: float) -> str:
    """Name a zone; the local one by how far it is from UTC at a moment."""
    if zone is not None:
        return str(zone)
    offset = utc_offset(moment, zone)
    hours, minutes = divmod(abs(offset) // 60, 60)
    return f"UTC{'-' if offset < 0 else '+'}{hours:02}:{minutes:02}" if offset else "UTC"
