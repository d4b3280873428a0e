"""Attributes of resources, points and spans."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope

from weighbridge.transactions.model.finished import AttributeValue

__all__ = ["Attributes", "clean", "set_attributes", "set_scope"]

Attributes = Mapping[str, AttributeValue]


def set_attributes(field: Any, attributes: Attributes) -> None:
    """Fill a message's field of attributes."""
    for key, value in attributes.items():
        _set(field.add(key=clean(key)).value, value)


def _set(field: Any, value: AttributeValue) -> None:
    if isinstance(value, bool):
        field.bool_value = value
    elif isinstance(value, int) and -(1 << 63) <= value < 1 << 63:
        field.int_value = value
    elif isinstance(value, float):
        field.double_value = value
    else:
        field.string_value = clean(str(value))


def clean(text: str) -> str:
    """Return a text that can be encoded: programs also have names that are no valid Unicode."""
    return text.encode(errors="replace").decode()


def set_scope(scope: InstrumentationScope) -> None:
    """Say who counted."""
    scope.name, scope.version = "weighbridge", version("weighbridge")
