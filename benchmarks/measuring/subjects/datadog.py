"""Datadog's middleware; traces are encoded in its thread, and then thrown away."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

os.environ |= {
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    "DD_TRACE_STARTUP_LOGS": "false",
}

from ddtrace.contrib.asgi import TraceMiddleware
from ddtrace.contrib.wsgi import DDWSGIMiddleware
from ddtrace.trace import tracer

from .subject import ASGIApplication, Subject

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["Measured"]


class Measured(Subject):
    """Its tracer, whose writer sends nothing."""

    def __init__(self) -> None:
        self._traces = 0
        tracer._span_aggregator.writer._send_payload = self._discard

    def _discard(self, payload: bytes, count: int, client: object) -> None:
        self._traces += count

    def wsgi(self, app: WSGIApplication) -> WSGIApplication:
        return DDWSGIMiddleware(app)

    def asgi(self, app: ASGIApplication) -> ASGIApplication:
        return TraceMiddleware(app)

    def task(self, function: Callable[..., Any]) -> Callable[..., Any]:
        traced: Callable[..., Any] = tracer.wrap()(function)
        return traced

    def settle(self) -> None:
        tracer.flush()

    def recorded(self) -> int:
        return self._traces
