"""A receiver of OTLP over HTTP on the loopback address, which keeps what it took, and misbehaves as it is told to."""

from __future__ import annotations

import gzip
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

__all__ = ["Answer", "Received", "Receiver", "plain", "receiving"]

METRICS, TRACES = "/v1/metrics", "/v1/traces"
_MESSAGES = {METRICS: ExportMetricsServiceRequest, TRACES: ExportTraceServiceRequest}
_DELTA = 1


@dataclass
class Answer:
    """How a request is answered."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    taken: bool = True
    """Whether what came is kept."""
    cut: bool = False
    """Whether the connection ends without an answer."""
    after: threading.Event | None = None
    """The answer waits for this."""

    @classmethod
    def partial(cls, rejected: int, message: str) -> Answer:
        """Some data points were not taken."""
        response = ExportMetricsServiceResponse()
        response.partial_success.rejected_data_points = rejected
        response.partial_success.error_message = message
        return cls(body=response.SerializeToString(), headers={"content-type": "application/x-protobuf"})


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    message: Any
    size: int


class Receiver:
    """Keeps all requests, and what metrics add up to, as a database of metrics would."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.answers: deque[Answer] = deque()
        """For the requests to come; those beyond are taken."""
        self.otherwise = Answer()
        self._lock = threading.Lock()
        self.port = 0

    @property
    def url(self) -> str:
        """Its base."""
        return f"http://127.0.0.1:{self.port}"

    def answer(self) -> Answer:
        """Return how the next request is answered."""
        with self._lock:
            return self.answers.popleft() if self.answers else self.otherwise

    def keep(self, request: Received) -> None:
        """Note what was taken."""
        with self._lock:
            self.requests.append(request)

    def sent(self, path: str = METRICS) -> list[Any]:
        """Return the messages of one kind that were taken, in their order."""
        with self._lock:
            return [request.message for request in self.requests if request.path == path]

    def points(self, name: str) -> list[tuple[dict[str, Any], Any, bool]]:
        """Return resource and attributes, the point, and whether it is a delta, of all points of a metric."""
        found = []
        for message in self.sent():
            for resource in message.resource_metrics:
                of_resource = plain(resource.resource.attributes)
                for metric in (one for scope in resource.scope_metrics for one in scope.metrics if one.name == name):
                    data = getattr(metric, metric.WhichOneof("data"))
                    is_delta = getattr(data, "aggregation_temporality", 0) == _DELTA
                    found += [({**of_resource, **plain(one.attributes)}, one, is_delta) for one in data.data_points]
        return found

    def counts(self, name: str, *keys: str) -> dict[tuple[Any, ...], float]:
        """Return what was counted by a metric, by attributes: the last of cumulative points, the sum of deltas."""
        each: dict[tuple[tuple[str, Any], ...], float] = {}
        for attributes, point, is_delta in self.points(name):
            value = point.count if hasattr(point, "count") else point.as_int or point.as_double
            identity = tuple(sorted(attributes.items()))
            each[identity] = value + (each.get(identity, 0) if is_delta else 0)
        found: dict[tuple[Any, ...], float] = {}
        for identity, value in each.items():
            attributes = dict(identity)
            key = tuple(attributes.get(key) for key in keys)
            found[key] = found.get(key, 0) + value
        return found


def plain(attributes: Any) -> dict[str, Any]:
    """Return attributes as Python values."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            size = len(body)
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            headers = {name.lower(): value for name, value in self.headers.items()}
            path = self.path.partition("?")[0]
            message = _MESSAGES.get(path, ExportMetricsServiceRequest).FromString(body)
            answer = receiver.answer()
            if answer.taken and answer.status == 200:
                receiver.keep(Received(path, headers, message, size))
            if answer.after is not None:
                answer.after.wait(60)
            if answer.cut:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in {**answer.headers, "content-length": str(len(answer.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                self.close_connection = True  # whoever sent has gone

    return Handler


@contextmanager
def receiving(
    receiver: Receiver | None = None, context: ssl.SSLContext | None = None, port: int = 0
) -> Iterator[Receiver]:
    """Receive while the block runs."""
    receiver = receiver or Receiver()
    server = ThreadingHTTPServer(("127.0.0.1", port), _handler(receiver))
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
