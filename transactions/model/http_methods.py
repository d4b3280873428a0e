"""The HTTP methods that may be part of a name: clients can make up as many others as they like."""

from __future__ import annotations

from typing import Final

__all__ = ["METHODS", "OTHER_METHOD"]

METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
"""Those of RFC 9110, ``PATCH`` and ``QUERY``."""
OTHER_METHOD: Final = "_OTHER"
"""Replaces every other method (OpenTelemetry's convention)."""
