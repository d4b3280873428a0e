"""Families as messages: points, cumulative or delta, in requests of bounded size."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from weighbridge.exporting.families import ATTRIBUTES, GENERATION, Distribution, Family, Labels, Sample, Sum
from weighbridge.transactions.recording.histogram import BOUNDS, FIRST_POWER, Histogram, bin_value

from .attributes import Attributes, set_attributes, set_scope
from .conventions import REQUEST_DURATION
from .variables import HistogramForm, Temporality

__all__ = ["Form", "Key", "Request", "Starts", "requests_of"]

Key = tuple[str, Labels]
"""What a point is of: the name of its family, and its labels."""

Starts = Mapping[Key, int]

_POINTS: Final = 2000
"""Points in one request: some receivers take no more than a megabyte."""
_SCALE: Final = 5
"""Of the bins in which durations are counted, so that they are passed on as they are."""

_REQUEST_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Seconds; those that the conventions ask for."""
_TRANSACTION_BOUNDS: Final = (*_REQUEST_BOUNDS, 30.0, 60.0, 300.0, 900.0, 3600.0)
"""Jobs take longer than requests."""

_OWN_ATTRIBUTES: Final = {"method": "http.request.method", "route": "http.route"}
_TEMPORALITIES: Final = {
    "cumulative": AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE,
    "delta": AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA,
}


@dataclass(frozen=True)
class Form:
    """How points are written."""

    temporality: Temporality
    histogram: HistogramForm
    now: int
    """Nanoseconds since the epoch, of the points."""
    start: int
    """Nanoseconds since the epoch, from when on it is counted."""
    starts: Starts = field(default_factory=dict)
    """Of single points, where they differ."""
    generation_start: int | None = None
    """Of points that have a generation, where it differs."""


class Request(NamedTuple):
    """One message to send."""

    body: bytes
    keys: list[Key]
    """What it has points of."""


def requests_of(families: Iterable[Family], resources: Mapping[str, Attributes], form: Form) -> Iterator[Request]:
    """Yield the messages that send families.

    Args:
        families: what is sent.
        resources: the attributes of each application; ``""`` stands for the store itself.
        form: how points are written.
    """
    batch = _Batch(resources, form)
    for application, family, sample in _by_resource(families):
        if len(batch.keys) >= _POINTS:
            yield batch.request()
            batch = _Batch(resources, form)
        batch.add(application, family, sample)
    if batch.keys:
        yield batch.request()


def _by_resource(families: Iterable[Family]) -> Iterator[tuple[str, Family, Sample]]:
    """Yield all samples, application by application."""
    found: dict[str, list[tuple[str, Family, Sample]]] = {}
    for family in families:
        for sample in family.samples:
            application = dict(sample.labels).get("application", "")
            found.setdefault(application, []).append((application, family, sample))
    for some in found.values():
        yield from some


class _Batch:
    """A message that is being filled."""

    def __init__(self, resources: Mapping[str, Attributes], form: Form) -> None:
        self.keys: list[Key] = []
        self._message = ExportMetricsServiceRequest()
        self._resources = resources
        self._form = form
        self._scopes: dict[str, Any] = {}
        self._metrics: dict[tuple[str, str], Metric] = {}

    def add(self, application: str, family: Family, sample: Sample) -> None:
        """Add a point."""
        metric = self._metrics.get((application, family.name))
        if metric is None:
            metric = self._scope(application).metrics.add(name=family.name, unit=family.unit, description=family.help)
            self._metrics[application, family.name] = metric
        point = _point(metric, family, sample.value, self._form)
        set_attributes(point.attributes, dict(_attributes(sample.labels)))
        self.keys.append((family.name, sample.labels))
        point.time_unix_nano = self._form.now
        if family.kind != "gauge":
            # A clock that was ahead once may have noted moments that are still to come.
            point.start_time_unix_nano = min(self._start(family, sample), self._form.now)

    def request(self) -> Request:
        """Return the message."""
        return Request(self._message.SerializeToString(), self.keys)

    def _scope(self, application: str) -> Any:
        if application not in self._scopes:
            resource = self._message.resource_metrics.add()
            set_attributes(resource.resource.attributes, self._resources[application])
            scope = resource.scope_metrics.add()
            set_scope(scope.scope)
            self._scopes[application] = scope
        return self._scopes[application]

    def _start(self, family: Family, sample: Sample) -> int:
        start = self._form.starts.get((family.name, sample.labels), self._form.start)
        if self._form.generation_start is not None and any(label == GENERATION for label, _ in sample.labels):
            return self._form.generation_start
        return start


def _attributes(labels: Labels) -> Iterator[tuple[str, str | int]]:
    for label, value in labels:
        if label == "status":
            yield ATTRIBUTES[label], int(value)  # the conventions have a number there
        elif label != "application":
            yield ATTRIBUTES.get(label) or _OWN_ATTRIBUTES.get(label, label), value


def _point(metric: Metric, family: Family, value: float | Sum | Distribution, form: Form) -> Any:
    temporality = _TEMPORALITIES[form.temporality]
    if isinstance(value, Distribution) and form.histogram == "exponential":
        metric.exponential_histogram.aggregation_temporality = temporality
        return _exponential(metric.exponential_histogram.data_points.add(), value)
    if isinstance(value, Distribution):
        metric.histogram.aggregation_temporality = temporality
        bounds = _REQUEST_BOUNDS if family.name == REQUEST_DURATION else _TRANSACTION_BOUNDS
        return _explicit(metric.histogram.data_points.add(), value, bounds)
    if isinstance(value, Sum):
        metric.histogram.aggregation_temporality = temporality
        return metric.histogram.data_points.add(count=value.count, sum=value.sum)
    if family.kind == "gauge":
        return _number(metric.gauge.data_points.add(), value)
    metric.sum.aggregation_temporality, metric.sum.is_monotonic = temporality, True
    return _number(metric.sum.data_points.add(), value)


def _number(point: Any, value: float) -> Any:
    if isinstance(value, int):
        point.as_int = value
    else:
        point.as_double = value
    return point


def _explicit(point: Any, value: Distribution, bounds: tuple[float, ...]) -> Any:
    counts = [0] * (len(bounds) + 1)
    for number, count in value.bins.items():
        counts[_bucket_of(number, bounds)] += count
    point.bucket_counts.extend(counts)
    point.explicit_bounds.extend(bounds)
    return _summed(point, value)


@cache
def _bucket_of(number: int, bounds: tuple[float, ...]) -> int:
    return bisect_left(bounds, bin_value(number))


def _exponential(point: Any, value: Distribution) -> Any:
    """Fill in the bins as they are: bin ``n`` ends where bucket ``FIRST_POWER + n - 1`` of this scale does."""
    point.scale = _SCALE
    point.zero_count, point.zero_threshold = value.bins.get(0, 0), BOUNDS[0]
    filled: Histogram = {number: count for number, count in value.bins.items() if number > 0}
    if filled:
        first, last = min(filled), max(filled)
        point.positive.offset = FIRST_POWER + first - 1
        point.positive.bucket_counts.extend([filled.get(number, 0) for number in range(first, last + 1)])
    return _summed(point, value)


def _summed(point: Any, value: Distribution) -> Any:
    point.count, point.sum = sum(value.bins.values()), value.sum  # a count that is not that of its bins is refused
    if value.minimum is not None:
        point.min = value.minimum
    if value.maximum is not None:
        point.max = value.maximum
    return point
