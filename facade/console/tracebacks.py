"""Tracebacks as the page shows them: frames of libraries folded, and as text to be copied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Final, NamedTuple

from weighbridge.transactions.store.reader import Traceback, TracebackFrame

__all__ = ["RELATION_WORDS", "Run", "as_text", "runs"]

RELATION_WORDS: Final = MappingProxyType(
    {"cause": "caused by", "context": "raised while this was handled", "part": "one of the group"}
)
"""What another exception of a traceback is to the one above it."""
_CAUSED: Final = MappingProxyType(
    {
        "cause": "The above exception was the direct cause of the following exception:",
        "context": "During handling of the above exception, another exception occurred:",
    }
)


class Run(NamedTuple):
    """Frames one after the other that are all the program's own, or all of libraries."""

    own: bool
    frames: Sequence[TracebackFrame]


def runs(frames: Sequence[TracebackFrame]) -> list[Run]:
    """Return the frames in runs; if none is the program's own, as one that is shown."""
    if not any(frame.own for frame in frames):
        return [Run(True, frames)] if frames else []
    return [Run(own, list(some)) for own, some in groupby(frames, lambda frame: frame.own)]


def as_text(traceback: Traceback, message: str) -> str:
    """Return a traceback as the interpreter writes it, the innermost call last.

    >>> frame = TracebackFrame("a.py", 3, "f", own=True, source="x[1]")
    >>> print(as_text(Traceback("builtins:KeyError", "", "", [frame], 0, []), "1"))
    Traceback (most recent call last):
      File "a.py", line 3, in f
        x[1]
    KeyError: 1
    """
    return "\n".join(_lines(traceback, message))


def _lines(traceback: Traceback, message: str) -> Iterator[str]:
    for other in traceback.others:
        if other.relation in _CAUSED:
            yield from _lines(other, other.message)
            yield from ("", _CAUSED[other.relation], "")
    if traceback.frames:
        yield "Traceback (most recent call last):"
    if traceback.omitted:
        yield f"  ... {traceback.omitted} more"
    for frame in traceback.frames:
        yield f'  File "{frame.file}", line {frame.line}, in {frame.function}'
        if frame.source:
            yield f"    {frame.source}"
    name = traceback.type.removeprefix("builtins:").replace(":", ".")
    yield f"{name}: {message}" if message else name
    yield from _lines_of_parts(traceback)


def _lines_of_parts(traceback: Traceback) -> Iterator[str]:
    for number, part in enumerate((one for one in traceback.others if one.relation == "part"), 1):
        yield f"  +---------------- {number} ----------------"
        yield from (f"  | {line}" for line in _lines(part, part.message))
    if traceback.parts_omitted:
        yield f"  | ... {traceback.parts_omitted} more of the group"
