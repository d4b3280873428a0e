"""OpenTelemetry's own middleware, with a batch processor and an exporter that throws everything away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as ASGIMiddleware
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as WSGIMiddleware
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from .subject import ASGIApplication, Subject

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["Measured"]


class _Discarding(SpanExporter):
    """Counts the spans that have no parent: one for each request or call."""

    def __init__(self) -> None:
        self.roots = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.roots += sum(span.parent is None for span in spans)
        return SpanExportResult.SUCCESS


class Measured(Subject):
    """Traces, every one sampled."""

    def __init__(self) -> None:
        self._exporter = _Discarding()
        self._provider = TracerProvider()
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        trace.set_tracer_provider(self._provider)

    def wsgi(self, app: WSGIApplication) -> WSGIApplication:
        return WSGIMiddleware(app)

    def asgi(self, app: ASGIApplication) -> ASGIApplication:
        return ASGIMiddleware(app)

    def task(self, function: Callable[..., Any]) -> Callable[..., Any]:
        tracer = trace.get_tracer("tasks")

        @wraps(function)
        def traced(*args: Any, **kwargs: Any) -> Any:
            with tracer.start_as_current_span(function.__qualname__):
                return function(*args, **kwargs)

        return traced

    def settle(self) -> None:
        self._provider.force_flush()

    def recorded(self) -> int:
        return self._exporter.roots
