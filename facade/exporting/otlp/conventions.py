"""Families by OpenTelemetry's conventions, made of those that stand for the same under names of the house."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from weighbridge.exporting.families import GENERATION, Distribution, Family, Labels, Sample
from weighbridge.transactions.model.http_methods import METHODS, OTHER_METHOD
from weighbridge.transactions.recording.histogram import Histogram, merge
from weighbridge.transactions.recording.name_limits import OTHER

__all__ = ["REQUEST_DURATION", "TRANSACTION_DURATION", "with_conventions"]

TRANSACTION_DURATION: Final = "weighbridge.transaction.duration"
REQUEST_DURATION: Final = "http.server.request.duration"


def with_conventions(families: Iterable[Family]) -> list[Family]:
    """Return the families, and web requests once more as the conventions name them."""
    found = list(families)
    durations = next((family for family in found if family.name == TRANSACTION_DURATION), None)
    requests: dict[Labels, list[tuple[Distribution, int]]] = {}
    for sample in durations.samples if durations else ():
        labels = dict(sample.labels)
        if labels["kind"] == "web" and isinstance(sample.value, Distribution):
            requests.setdefault(_labels(labels), []).append((sample.value, sample.number))
    if requests:
        samples = [_sample(labels, some) for labels, some in requests.items()]
        found.append(Family(REQUEST_DURATION, "histogram", "s", "Duration of HTTP server requests.", samples))
    return found


def _labels(labels: Mapping[str, str]) -> Labels:
    """Return the attributes of a request: what has no route is told by its method alone."""
    method, _, rest = labels["name"].partition(" ")
    is_known = method in METHODS
    found = {"application": labels["application"], "method": method if is_known else OTHER_METHOD}
    if labels["group"] == "Route" and labels["name"] != OTHER:
        found["route"] = rest if is_known or method == OTHER_METHOD else labels["name"]
    if GENERATION in labels:
        found[GENERATION] = labels[GENERATION]
    return tuple(found.items())


def _sample(labels: Labels, counted: Sequence[tuple[Distribution, int]]) -> Sample:
    """Return the sample of a route, which is one series, or of all requests that have none."""
    number = counted[0][1] if len(counted) == 1 else 0
    return Sample(labels, _together(one for one, _ in counted), number)


def _together(distributions: Iterable[Distribution]) -> Distribution:
    bins: Histogram = {}
    some = list(distributions)
    for one in some:
        merge(one.bins, bins)
    least = [one.minimum for one in some if one.minimum is not None]
    most = [one.maximum for one in some if one.maximum is not None]
    return Distribution(
        sum(one.count for one in some), sum(one.sum for one in some), bins, min(least, default=None),
        max(most, default=None),
    )  # fmt: skip
