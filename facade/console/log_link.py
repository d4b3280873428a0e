"""The link from a sample to its log lines, by the template of the configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from weighbridge.transactions.configuration.link_template import filled, names_in
from weighbridge.transactions.model.finished import AttributeValue

__all__ = ["linked_attributes", "log_link"]

TRACE_ID: Final = "trace.id"
"""Stands for the trace id in the attribute `TRACEPARENT`, unless the program sets an attribute of that name."""
TRACEPARENT: Final = "traceparent"
_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}.*")
"""W3C Trace Context: neither the version ``ff`` nor ids of zeros are valid; later versions may say more at the end."""


def log_link(template: str, attributes: Mapping[str, AttributeValue]) -> str | None:
    """Return the address for a sample with such attributes; ``None`` if it lacks one that the template names.

    >>> log_link("https://logs.example.com/?q={request.id}", {"request.id": "a b&c"})
    'https://logs.example.com/?q=a%20b%26c'
    """
    values = {name: _value(name, attributes) for name in names_in(template)}
    if not all(map(_is_harmless, values.values())):
        return None
    return filled(template, values)


def linked_attributes(template: str) -> set[str]:
    """Return the names of the attributes whose values lead to the logs."""
    names = set(names_in(template))
    return names | {TRACEPARENT} if TRACE_ID in names else names


def _value(name: str, attributes: Mapping[str, AttributeValue]) -> str:
    if name in attributes:
        return str(attributes[name])
    found = _TRACEPARENT.fullmatch(str(attributes.get(TRACEPARENT, ""))) if name == TRACE_ID else None
    return found[1] if found else ""


def _is_harmless(value: str) -> bool:
    """Whether it is there, and not what browsers take for another folder, however it is encoded."""
    return value not in ("", ".", "..")
