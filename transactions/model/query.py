"""Query parameters, kept only where they were asked for, and never the secret ones."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final
from urllib.parse import parse_qsl

from .finished import AttributeValue

__all__ = ["parameters_of"]

_PARAMETERS_AT_MOST: Final = 32
_LONGEST: Final = 255


def parameters_of(query: str, denied: AbstractSet[str]) -> dict[str, AttributeValue]:
    """The parameters of a query string as attributes ``request.parameters.<name>``, less the denied names."""
    pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=None)[:_PARAMETERS_AT_MOST]
    return {
        f"request.parameters.{name[:_LONGEST]}": value[:_LONGEST]
        for name, value in pairs
        if name.strip().lower() not in denied
    }
