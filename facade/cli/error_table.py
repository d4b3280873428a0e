"""Groups of errors as a table of text, for ``weighbridge report --errors``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from weighbridge.reporting import formats
from weighbridge.reporting.report import Report
from weighbridge.reporting.time_range import roughly

from .output import one_line
from .plain import aligned, shortened

__all__ = ["error_lines"]

_TITLES: Final = ("application", "error", "place", "message", "count", "first seen", "last seen", "new since")
_TEXTS: Final = 4
_WIDTH: Final = 60


def error_lines(report: Report, now: float) -> Iterator[str]:
    """Give a line for each group of errors under a heading; expected ones are called so."""
    rows = [
        (
            one_line(one.group.application),
            one_line(one.group.type) + (" (expected)" if one.group.expected else ""),
            one_line(one.group.frame) or formats.NOTHING,
            shortened(one_line(one.group.message), _WIDTH, _WIDTH - 1) or formats.NOTHING,
            formats.count(one.count),
            _ago(one.group.first_seen, now),
            _ago(one.group.last_seen, now),
            one_line(one.new_since) or formats.NOTHING,
        )
        for one in report.groups
    ]
    return aligned([_TITLES, *rows], _TEXTS) if rows else iter(["No errors in this time."])


def _ago(moment: int, now: float) -> str:
    return f"{roughly(max(0.0, now - moment))} ago"
