"""Tracebacks as they are stored, read back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..log import log_once

__all__ = ["Traceback", "TracebackFrame", "traceback_from"]


@dataclass(frozen=True)
class TracebackFrame:
    """A frame of a traceback."""

    file: str
    line: int
    function: str
    own: bool
    """Whether it is the program's own code."""
    source: str
    """The line itself; empty if it was not kept."""


@dataclass(frozen=True)
class Traceback:
    """The traceback of an exception, and what led to it."""

    type: str
    """``module:Class``."""
    message: str
    """Empty for the exception itself, whose samples have it; numbers and ids of others are replaced by ``…``."""
    relation: str
    """What it is to the one that holds it: ``cause``, ``context``, ``part``; empty for the exception itself."""
    frames: Sequence[TracebackFrame]
    """The last frames, the innermost last."""
    omitted: int
    """How many came before them."""
    others: Sequence[Traceback]
    """Its cause or context, and the exceptions of a group; each exception once."""
    parts_omitted: int = 0
    """How many exceptions of a group were left out."""


def traceback_from(text: str | None) -> Traceback | None:
    """Return a traceback that was stored; ``None`` if there is none, or it is damaged, which is logged."""
    if text is None:
        return None
    try:
        return _traceback(json.loads(text))
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        log_once("corrupt traceback", "the store holds a damaged traceback, which is left out: %s", error)
        return None


def _traceback(told: dict[str, Any]) -> Traceback:
    return Traceback(
        type=str(told["type"]),
        message=str(told.get("message", "")),
        relation=str(told.get("relation", "")),
        frames=tuple(_frame(frame) for frame in told["frames"]),
        omitted=int(told["omitted"]),
        others=tuple(_traceback(other) for other in told.get("others", ())),
        parts_omitted=int(told.get("parts_omitted", 0)),
    )


def _frame(told: dict[str, Any]) -> TracebackFrame:
    return TracebackFrame(
        str(told["file"]), int(told["line"]), str(told["function"]), bool(told["own"]), str(told.get("source", ""))
    )
