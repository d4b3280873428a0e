"""Whom the benchmarks measure: one module a subject, with a class ``Measured`` in it.

A subject's module is imported in the process that measures it and nowhere
else, because its library may not be installed anywhere else.
"""

from __future__ import annotations

from importlib import import_module

from .subject import Subject

__all__ = ["HERE", "KEEP_NONE", "REQUIREMENTS", "Subject", "start"]

REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "bare": (),
    "passthrough": (),
    "floor": (),
    "weighbridge": (),
    "prometheus": ("prometheus-client",),
    "opentelemetry": (
        "opentelemetry-sdk",
        "opentelemetry-instrumentation-wsgi",
        "opentelemetry-instrumentation-asgi",
    ),
    "elastic": ("elastic-apm",),
    "datadog": ("ddtrace",),
    "newrelic": ("newrelic",),
    "sentry": ("sentry-sdk",),
}
"""What is to be installed for a subject; nothing: it is measured where the benchmark itself runs."""

HERE = [subject for subject, wanted in REQUIREMENTS.items() if not wanted]
"""Those that are measured where the benchmark itself runs."""

KEEP_NONE = frozenset({"bare", "passthrough", "floor"})
"""Those who record nothing that could be counted; all others have to tell what they recorded."""


def start(name: str) -> Subject:
    """Set a subject to work in this process."""
    measured: type[Subject] = import_module(f".{name}", __name__).Measured
    return measured()
