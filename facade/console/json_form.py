"""Answers as JSON: every dataclass an object, figures as ``weighbridge report --json`` names them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from weighbridge.reporting.exports import figures_record
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.store.figures import Figures, Tally

__all__ = ["as_json"]


def as_json(answer: object) -> str:
    """The text; what JSON has no number for is ``null``."""
    return json.dumps(_plain(answer), allow_nan=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    named = getattr(value, "_fields", None)  # of a NamedTuple
    if isinstance(value, Figures):
        return {name: _plain(figure) for name, figure in figures_record(value).items()}
    if is_dataclass(value):
        told = (field.name for field in fields(value) if not isinstance(getattr(value, field.name), Tally))
        return {name: _plain(getattr(value, name)) for name in told}
    if named is not None:
        return {name: _plain(getattr(value, name)) for name in named}
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _mapping(value: Mapping[Any, Any]) -> Any:
    """Counts by transaction become a list: JSON's keys are text."""
    if any(isinstance(key, Series) for key in value):
        return [{**_plain(key), "count": count} for key, count in value.items()]
    return {str(key): _plain(part) for key, part in value.items()}
