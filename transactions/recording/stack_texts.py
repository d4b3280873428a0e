"""Tracebacks as they are stored: JSON of bounded length, with source lines of the program's own files if allowed.

The recorder's thread makes them, once per distinct stack.
"""

from __future__ import annotations

import json
import stat
from _blake2 import blake2b  # `hashlib` loads OpenSSL
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..configuration.in_force import in_force
from ..model.tracebacks import MAX_FRAMES, Frame, Raised, Stack
from .error_groups import without_ids
from .source_encoding import encoding_of

__all__ = ["LONGEST", "StackTexts"]

LONGEST: Final = 8000
"""Characters of a stored traceback."""
_LONGEST_LINE: Final = 200
_LONGEST_MESSAGE: Final = 300
_LONGEST_FILE: Final = 1_000_000
_MAX_FILES: Final = 50
_Told = dict[str, Any]


class _Source(NamedTuple):
    """A file of source code."""

    lines: list[bytes]
    encoding: str


class StackTexts:
    """Makes the texts of stacks.

    Args:
        begun: says since when the code of a file may have been loaded, as files are dated: one that is younger may
            have other lines than those that run.
    """

    def __init__(self, begun: Callable[[str], float]) -> None:
        self._begun = begun
        self._files: dict[str, _Source] = {}

    def prepare(self, stacks: Iterable[Stack]) -> None:
        """Give stacks their texts, unless they have them."""
        for stack in stacks:
            if not stack.text:
                stack.text = self._text(stack.raised)
                stack.digest = blake2b(stack.text.encode(), digest_size=12).hexdigest()

    def _text(self, raised: Raised) -> str:
        """Return the text of a traceback; of one that is too long, fewer frames, and in the end no others."""
        for frames in (MAX_FRAMES, 10, 5, 2):
            text = json.dumps(self._told(raised, frames), separators=(",", ":"))
            if len(text) <= LONGEST:
                return text
        parts = sum(other.relation == "part" for other in raised.others)
        alone = raised._replace(others=(), parts_omitted=raised.parts_omitted + parts)
        return json.dumps(self._told(alone, 2), separators=(",", ":"))

    def _told(self, raised: Raised, frames: int) -> _Told:
        kept = raised.frames[-frames:]
        told: _Told = {
            "type": raised.type,
            "frames": [self._frame(frame) for frame in kept],
            "omitted": raised.omitted + len(raised.frames) - len(kept),
        }
        if raised.relation:  # that of the first differs from one sample to the next, which has it
            told |= {"relation": raised.relation, "message": without_ids(raised.message)[:_LONGEST_MESSAGE]}
        if raised.parts_omitted:
            told["parts_omitted"] = raised.parts_omitted
        if raised.others:
            told["others"] = [self._told(other, frames) for other in raised.others]
        return told

    def _frame(self, frame: Frame) -> _Told:
        place = frame.place
        told: _Told = {"file": place.file, "line": place.line, "function": place.function, "own": frame.own}
        source = self._line(frame.path, place.line) if frame.own and in_force.privacy.keeps_source else ""
        return {**told, "source": source} if source else told

    def _line(self, path: str, number: int) -> str:
        """Return a line of a file, without its indentation; empty if it cannot be read."""
        if path not in self._files:
            if len(self._files) >= _MAX_FILES:
                self._files.clear()
            lines = self._lines(path)
            self._files[path] = _Source(lines, encoding_of(lines))
        lines, encoding = self._files[path]
        return lines[number - 1].decode(encoding, "replace").strip()[:_LONGEST_LINE] if 0 < number <= len(lines) else ""

    def _lines(self, path: str) -> list[bytes]:
        try:
            file = Path(path)
            found = file.stat()
            if not stat.S_ISREG(found.st_mode) or found.st_size > _LONGEST_FILE:
                return []
            if max(found.st_mtime, found.st_ctime) > self._begun(path):  # what is copied may bring an older date along
                return []
            return file.read_bytes().removeprefix(BOM_UTF8).splitlines()
        except (OSError, ValueError):  # a name that is no file's, or that no file can have
            return []
