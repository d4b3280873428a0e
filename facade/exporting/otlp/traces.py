"""Samples as traces: each a span of its own, with its errors as events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from weighbridge.transactions.model.finished import AttributeValue, FinishedTransaction
from weighbridge.transactions.store.reader import StoredSample, StoreReader
from weighbridge.transactions.store.statistics import Window

from .attributes import Attributes, clean, set_attributes, set_scope
from .turns import Progress, State

__all__ = ["SamplePlan", "trace_request"]

_OVERLAP: Final = 900
"""Seconds; samples that come later than that after their end are not sent."""
_FIRST: Final = 3600
"""Seconds; samples that ended no longer ago are sent at the first time."""
_WINDOW: Final = 600
"""Seconds; samples are read in windows of this length, or shorter ones where they are many."""
_AT_ONCE: Final = 200
"""Spans in one message."""
_READ: Final = 1000

_FROM_OURS: Final = {
    "request.method": "http.request.method",
    "request.path": "url.path",
    "request.host": "server.address",
    "request.user_agent": "user_agent.original",
    "request.size": "http.request.body.size",
}
"""The conventions' names of what a sample knows of its request."""


class SamplePlan:
    """The samples that came since they were sent last, by the time at which they ended."""

    def __init__(self, reader: StoreReader, progress: Progress, now: float) -> None:
        self._reader = reader
        self._since = progress.moment - _OVERLAP if progress.moment else int(now) - _FIRST
        self._until = now
        self._keys: dict[str, float] = dict(progress.state.get("keys", {}))
        """What was sent, with the time at which it ended, for as long as it is met again."""
        self._oldest = float(self._since)

    def batches(self) -> Iterator[list[StoredSample]]:
        """Yield the samples to send, some at a time; the next export begins where all of them were taken."""
        start = float(self._since)
        while start < self._until:
            end = min(start + _WINDOW, self._until)
            new = [sample for sample in self._read(Window(start, end)) if _key(sample) not in self._keys]
            for first in range(0, len(new), _AT_ONCE):
                yield new[first : first + _AT_ONCE]
            start = end
        self._oldest = self._until - _OVERLAP - 1

    def taken(self, samples: Iterable[StoredSample]) -> None:
        """Note that the receiver took samples."""
        self._keys |= {_key(sample): round(_ended(sample), 3) for sample in samples}

    def state(self) -> State:
        """Return what is to be noted."""
        return {"keys": {key: ended for key, ended in self._keys.items() if ended >= self._oldest}}

    def _read(self, window: Window) -> list[StoredSample]:
        """Return all samples of a window, however many."""
        found = self._reader.samples(window, limit=_READ)
        if len(found) < _READ or window.until - window.since < 0.01:
            return found
        middle = (window.since + window.until) / 2
        return [*self._read(Window(window.since, middle)), *self._read(Window(middle, window.until))]


def _ended(sample: StoredSample) -> float:
    return sample.transaction.started + sample.transaction.duration


def _key(sample: StoredSample) -> str:
    """Return what tells a sample from all others of its store, also from one that takes its number later."""
    transaction = sample.transaction
    text = f"{sample.id} {transaction.started!r} {transaction.path}"
    return sha256(text.encode(errors="replace")).hexdigest()[:16]


def trace_request(samples: Iterable[StoredSample], resources: Mapping[str, Attributes], identity: str) -> bytes:
    """Return the message that sends samples.

    Args:
        samples: what is sent.
        resources: the attributes of each application.
        identity: of the store, so that a sample that is sent again has the same ids.
    """
    request = ExportTraceServiceRequest()
    spans: dict[str, list[Span]] = {}
    for sample in samples:
        spans.setdefault(sample.transaction.application, []).append(_span(sample, identity))
    for application, some in spans.items():
        resource_spans = request.resource_spans.add()
        set_attributes(resource_spans.resource.attributes, resources[application])
        scope_spans = resource_spans.scope_spans.add()
        set_scope(scope_spans.scope)
        scope_spans.spans.extend(some)
    return request.SerializeToString()


def _span(sample: StoredSample, identity: str) -> Span:
    transaction = sample.transaction
    ids = sha256(f"{identity} {_key(sample)}".encode()).digest()
    start = round(transaction.started * 1e9)
    span = Span(
        trace_id=ids[:16],
        span_id=ids[16:24],
        name=clean(transaction.name),
        kind=Span.SPAN_KIND_SERVER if transaction.kind == "web" else Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=start,
        end_time_unix_nano=start + round(transaction.duration * 1e9),
    )
    set_attributes(span.attributes, dict(_attributes(sample)))
    for error in transaction.errors:
        event = span.events.add(time_unix_nano=span.end_time_unix_nano, name="exception")
        noted = {"exception.type": error.type.replace(":", "."), "exception.message": error.message}
        set_attributes(event.attributes, {**noted, **({"weighbridge.expected": True} if error.expected else {})})
    if transaction.failed:
        span.status.code = Status.STATUS_CODE_ERROR
    return span


def _attributes(sample: StoredSample) -> Iterator[tuple[str, AttributeValue]]:
    transaction = sample.transaction
    for name, value in transaction.attributes.items():
        yield _FROM_OURS.get(name, name), value
    yield "weighbridge.transaction.type", transaction.type
    yield "weighbridge.transaction.group", transaction.group
    yield "weighbridge.transaction.name", transaction.name
    yield "weighbridge.sample.reason", sample.reason
    yield from _of_kind(transaction)


def _of_kind(transaction: FinishedTransaction) -> Iterator[tuple[str, AttributeValue]]:
    if transaction.status is not None:
        yield "http.response.status_code", transaction.status
    if transaction.kind == "web" and transaction.group == "Route":
        yield "http.route", transaction.name.partition(" ")[2] or transaction.name
    for name, value in (
        ("weighbridge.transaction.outcome", transaction.outcome),
        ("weighbridge.transaction.queue", transaction.queue),
        ("weighbridge.transaction.queue_time", transaction.queue_time),
    ):
        if value is not None:
            yield name, value
    if transaction.failed:
        yield "error.type", _error_type(transaction)


def _error_type(transaction: FinishedTransaction) -> str:
    """Return the class of the error that failed it; its status or outcome if there is none."""
    classes = (error.type.replace(":", ".") for error in transaction.errors if not error.expected)
    return next(classes, str(transaction.status or transaction.outcome or "_OTHER"))
