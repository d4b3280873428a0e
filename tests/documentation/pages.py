"""README, the documentation and the like in parts: their code blocks, each with its language, heading and title."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["MADE", "PAGES", "README", "ROOT", "Block", "blocks", "headings", "text_of"]

ROOT: Final = Path(__file__).parents[2]
README: Final = "README.md"
MADE: Final = frozenset({"docs/conformance.md", "docs/job-systems.md"})
"""Written by a test of its own."""

PAGES: Final = tuple(
    sorted(
        str(page.relative_to(ROOT))
        for pattern in ("*.md", "docs/**/*.md", "examples/*.md")
        for page in ROOT.glob(pattern)
        if str(page.relative_to(ROOT)) not in MADE
    )
)
"""All that people read, by its path."""

_PART = re.compile(
    r'^#+ (?P<heading>[^\n]+)$|^```(?P<language>\w*)(?: title="(?P<title>[^"]+)")?\n(?P<code>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """One code block."""

    page: str
    language: str
    heading: str
    line: int
    title: str
    """The file that it is, where it is one."""
    code: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def text_of(page: str) -> str:
    """What a page says."""
    return (ROOT / page).read_text("utf-8")


def blocks(language: str | None = None, *pages: str) -> list[Block]:
    """The code blocks of a language, or all of them, in their order; of some pages or all of them."""
    return [block for page in pages or PAGES for block in _blocks_of(page) if language in {None, block.language}]


def _blocks_of(page: str) -> Iterable[Block]:
    text = text_of(page)
    heading = ""
    for part in _PART.finditer(text):
        if part["heading"]:
            heading = part["heading"]
        else:
            line = text.count("\n", 0, part.start()) + 1
            yield Block(page, part["language"], heading, line, part["title"] or "", part["code"])


def headings(page: str) -> list[str]:
    """The headings of a page, in their order."""
    return [part["heading"] for part in _PART.finditer(text_of(page)) if part["heading"]]
