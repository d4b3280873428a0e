"""Metric families: what every way out shares, before it is written in a format of its own.

Names, units and attributes follow OpenTelemetry's conventions; a format that has
others derives them. All counts are since ever, and only grow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from weighbridge.transactions.recording.histogram import Histogram

__all__ = ["ATTRIBUTES", "GENERATION", "Distribution", "Family", "FamilyKind", "Labels", "Sample", "Sum"]

FamilyKind = Literal["counter", "gauge", "histogram", "summary"]
"""A summary has a count and a sum, and no quantiles: quantiles cannot be added up."""

Labels = tuple[tuple[str, str], ...]
"""Names and values, in the order in which they are written; a family's samples have the same names."""

GENERATION: Final = "generation"
"""The label of what is counted under ``<other>``: it changes whenever a name joins or leaves those.

The counts of such a name join them or leave them at once, which nobody may take for calls: another counter begins.
"""

ATTRIBUTES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "application": "service.name",
        "kind": "weighbridge.transaction.type",
        "group": "weighbridge.transaction.group",
        "name": "weighbridge.transaction.name",
        "outcome": "weighbridge.transaction.outcome",
        "zone": "weighbridge.apdex.zone",
        "host": "host.name",
        "version": "service.version",
        "queue": "weighbridge.queue.name",
        "type": "error.type",
        "expected": "weighbridge.error.expected",
        "status": "http.response.status_code",
        "metric": "weighbridge.metric.name",
        "event": "weighbridge.event.type",
        "cause": "weighbridge.dropped.cause",
        GENERATION: "weighbridge.generation",
    }
)
"""OpenTelemetry's attribute for each label; ``service.name`` and ``host.name`` may go into the resource."""


@dataclass(frozen=True)
class Sum:
    """Count and sum of a summary."""

    count: int
    sum: float


@dataclass(frozen=True)
class Distribution:
    """Count, sum and bins of a histogram (seconds); the bins are those of ``recording/histogram.py``."""

    count: int
    sum: float
    bins: Histogram
    minimum: float | None = None
    """``None`` if it is not known, like the maximum."""
    maximum: float | None = None


class Sample(NamedTuple):
    """One series of a family: a number for counters and gauges."""

    labels: Labels
    value: float | Sum | Distribution
    number: int = 0
    """Another one where a name was evicted and has come back: it counts from 0 then. 0 where that is not known."""


@dataclass(frozen=True)
class Family:
    """Series that mean the same and differ by their labels."""

    name: str
    """In OpenTelemetry's form, without unit: ``weighbridge.transaction.duration``."""
    kind: FamilyKind
    unit: str
    """As UCUM has it: ``s``, ``By``, ``1``, or what is counted in braces."""
    help: str
    samples: Sequence[Sample] = field(default_factory=list)
