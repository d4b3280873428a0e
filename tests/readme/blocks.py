"""The README in parts: its code blocks, each with its language and the heading that it stands under."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

__all__ = ["README", "Block", "blocks"]

README = Path(__file__).parents[2] / "README.md"
_PART = re.compile(r"^#+ (?P<heading>[^\n]+)$|^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """One code block."""

    language: str
    heading: str
    line: int
    code: str

    def __str__(self) -> str:
        return f"{self.heading}:{self.line}"


def blocks(language: str | None = None) -> list[Block]:
    """The code blocks of a language, or all of them, in their order."""
    text = README.read_text("utf-8")
    found: list[Block] = []
    heading = ""
    for part in _PART.finditer(text):
        if part["heading"]:
            heading = part["heading"]
        elif language in {None, part["language"]}:
            line = text.count("\n", 0, part.start()) + 1
            found.append(Block(part["language"], heading, line, part["code"]))
    return found
