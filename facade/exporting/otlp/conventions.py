"""Families by OpenTelemetry's conventions, made of those that stand for the same under names of the house."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from weighbridge.exporting.families import GENERATION, Distribution, Family, Labels, Sample
from weighbridge.transactions.model.http_methods import METHODS, OTHER_METHOD
from weighbridge.transactions.recording.histogram import Histogram, merge
from weighbridge.transactions.recording.name_limits import OTHER

__all__ = [
    "REQUEST_DURATION",
    "TRANSACTION_DURATION",
    "by_conventions",
    "generation_of",
    "request_labels",
    "with_conventions",
    "with_requests",
]

TRANSACTION_DURATION: Final = "weighbridge.transaction.duration"
REQUEST_DURATION: Final = "http.server.request.duration"


def with_conventions(families: Iterable[Family]) -> list[Family]:
    """Return the families, and web requests once more as the conventions name them."""
    found = with_requests(families)
    return [by_conventions(family, generation_of(found)) for family in found]


def with_requests(families: Iterable[Family]) -> list[Family]:
    """Return the families, and the durations of web requests once more, still by transaction."""
    found = list(families)
    durations = next((family for family in found if family.name == TRANSACTION_DURATION), None)
    samples = [one for one in (durations.samples if durations else ()) if dict(one.labels)["kind"] == "web"]
    if samples:
        found.append(Family(REQUEST_DURATION, "histogram", "s", "Duration of HTTP server requests.", samples))
    return found


def by_conventions(family: Family, generation: str | None = None) -> Family:
    """Return web requests as the conventions name them, and any other family as it is."""
    if family.name != REQUEST_DURATION:
        return family
    requests: dict[Labels, list[tuple[Distribution, int]]] = {}
    for sample in family.samples:
        if isinstance(sample.value, Distribution):
            labels = request_labels(sample.labels, generation)
            requests.setdefault(labels, []).append((sample.value, sample.number))
    return replace(family, samples=[_sample(labels, some) for labels, some in requests.items()])


def generation_of(families: Iterable[Family]) -> str | None:
    """Return the generation of what is counted under ``<other>``, if anything is."""
    labels = (label for family in families for sample in family.samples for label in sample.labels)
    return next((value for name, value in labels if name == GENERATION), None)


def request_labels(labels: Labels, generation: str | None = None) -> Labels:
    """Return the attributes of a transaction's requests: what has no route is told by its method alone.

    So it is together with others, any of which may leave for ``<other>``: then all begin anew, as those there do.
    """
    values = dict(labels)
    method, _, rest = values["name"].partition(" ")
    is_known = method in METHODS
    found = {"application": values["application"], "method": method if is_known else OTHER_METHOD}
    if values["group"] == "Route" and values["name"] != OTHER:
        found["route"] = rest if is_known or method == OTHER_METHOD else values["name"]
    elif generation is not None:
        found[GENERATION] = generation
    if GENERATION in values:
        found[GENERATION] = values[GENERATION]
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
