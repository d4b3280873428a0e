"""What Prometheus' formats share: names, bounds of buckets, and which format a request asks for."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from weighbridge.transactions.recording.histogram import BINS_PER_DOUBLING, FIRST_POWER

from .families import Distribution, Family

__all__ = ["BUCKETS", "CONTENT_TYPES", "Format", "asked_for", "cumulative_counts", "name_of", "unit_of"]

Format = Literal["text", "openmetrics", "protobuf"]

CONTENT_TYPES: Final[Mapping[Format, str]] = MappingProxyType(
    {
        "protobuf": ("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"),
        "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
        "text": "text/plain; version=0.0.4; charset=utf-8",
    }
)
"""By format, the best first: only the first has native histograms."""

_UNITS: Final[Mapping[str, str]] = MappingProxyType({"s": "seconds", "By": "bytes"})

_POWERS: Final = (*range(-9, 7), 9, 12)
BUCKETS: Final = tuple(2.0**power for power in _POWERS)
"""Upper bounds (seconds) of the buckets: at powers of two the grid of our histograms has a bound, so each is exact."""
_LAST_BINS: Final = [BINS_PER_DOUBLING * power - FIRST_POWER for power in _POWERS]
"""The bin that ends at each of them."""


def name_of(family: Family) -> str:
    """Return a family's name with its unit, without the ``_total`` of counters.

    >>> name_of(Family("weighbridge.transaction.duration", "histogram", "s", ""))
    'weighbridge_transaction_duration_seconds'
    """
    unit = unit_of(family)
    return "_".join([family.name.replace(".", "_"), *([unit] if unit else [])])


def unit_of(family: Family) -> str:
    """Return the unit in which a family's name ends; empty if it has none."""
    return _UNITS.get(family.unit, "")


def cumulative_counts(distribution: Distribution) -> list[int]:
    """Return how many values are not greater than each of `BUCKETS`."""
    numbers = sorted(distribution.bins)
    ranks = [0, *accumulate(map(distribution.bins.__getitem__, numbers))]
    return [ranks[bisect_right(numbers, last)] for last in _LAST_BINS]


# Negotiation


class _Wish(NamedTuple):
    """An element of the header ``Accept``."""

    media_type: str
    parameters: Mapping[str, str]

    @property
    def quality(self) -> float:
        try:
            quality = float(self.parameters.get("q", "1"))
        except ValueError:
            return 0.0
        return quality if math.isfinite(quality) else 0.0

    def means(self, format_: Format) -> bool:
        """Whether this is the format, or all that a client takes."""
        if self.media_type == "*/*":
            return format_ == "text"
        offered = _wish(CONTENT_TYPES[format_])
        if format_ == "protobuf" and any(
            self.parameters.get(name, "") != offered.parameters[name] for name in ("proto", "encoding")
        ):
            return False
        return self.media_type == offered.media_type


def asked_for(accept: str) -> Format:
    """Return the format that the header ``Accept`` prefers; text if it names none that we have.

    >>> asked_for("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
    'openmetrics'
    >>> asked_for("text/html")
    'text'
    """
    wishes = [_wish(element) for element in accept.split(",")]
    qualities: dict[Format, float] = {
        format_: max((wish.quality for wish in wishes if wish.means(format_)), default=0.0) for format_ in CONTENT_TYPES
    }
    best = max(qualities, key=qualities.__getitem__)
    return best if qualities[best] > 0 else "text"


def _wish(element: str) -> _Wish:
    media_type, *parameters = (part.strip() for part in element.split(";"))
    pairs = (parameter.partition("=") for parameter in parameters)
    return _Wish(media_type.lower(), {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs})
