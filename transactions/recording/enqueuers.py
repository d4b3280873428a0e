"""By what a task was enqueued, as a header of the task says: a short text that names the enqueuing transaction.

It travels in the messages of a job system to which others may write, too. So it is ASCII, which any of them carries,
and what comes back is taken for a name only if it is one.
"""

from __future__ import annotations

import json
from typing import Any

from ..model.naming import LONGEST_HEADER, LONGEST_NAME, TYPES
from .snapshot import Series

__all__ = ["header_of", "series_in"]


def header_of(series: Series) -> str | None:
    """Return what a header says of a transaction; ``None`` if that would be too long.

    >>> header_of(Series("shop", "web", "Route", "GET /order"))
    '["shop","web","Route","GET /order"]'
    """
    header = json.dumps(series, separators=(",", ":"))
    return header if len(header) <= LONGEST_HEADER else None


def series_in(header: str) -> Series | None:
    """Return the transaction that a header names; ``None`` if it names none.

    >>> series_in('["shop","web","Route","GET /order"]')
    Series(application='shop', kind='web', group='Route', name='GET /order')
    >>> series_in("[]"), series_in("GET /order")
    (None, None)
    """
    try:
        names: Any = json.loads(header)
    except (ValueError, RecursionError):
        return None
    if not isinstance(names, list) or len(names) != len(Series._fields):
        return None
    if not all(isinstance(name, str) and len(name) <= LONGEST_NAME for name in names):
        return None
    series = Series(*names)
    return series if series.application and series.kind in TYPES else None
