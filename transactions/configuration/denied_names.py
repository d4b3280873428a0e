"""Names that suggest a secret, recognized by the words in them; loaded only where parameters are kept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

__all__ = ["DeniedNames"]

_LETTERS: Final = re.compile(r"[^\W\d_]+")
_HUMP: Final = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][^\W\d_A-Z])")
_CAPITALS: Final = re.compile(r"[A-Z]{2,}")
_TELLING: Final = 6
"""Minimum letters of a word that is searched for anywhere in a name, not only as a separate word."""


class DeniedNames:
    """Names that contain a listed word.

    A name is split into words at all characters but letters, and where a capital
    letter begins a new word (``accessToken``).
    """

    def __init__(self, words: Iterable[str]) -> None:
        listed = [(_normal(word), tuple(_words(word))) for word in words]
        self._names = frozenset(name for name, _ in listed)
        self._anywhere = [joined for joined in map("".join, (parts for _, parts in listed)) if len(joined) >= _TELLING]
        short = [parts for _, parts in listed if 0 < len("".join(parts)) < _TELLING]
        self._rows = frozenset(short) | {("".join(parts),) for parts in short}
        self._longest_row = max(map(len, self._rows), default=0)

    def __contains__(self, name: str) -> bool:
        words = list(_words(name))
        letters = "".join(words)
        return (
            _normal(name) in self._names
            or any(word in letters for word in self._anywhere)
            or not self._rows.isdisjoint(_rows(words, self._longest_row))
            or not self._rows.isdisjoint((word,) for word in _undivided(name))
        )


def _normal(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _words(name: str) -> Iterator[str]:
    for letters in _LETTERS.findall(unicodedata.normalize("NFKC", name)):
        yield from map(str.casefold, _HUMP.split(letters))


def _undivided(name: str) -> Iterator[str]:
    """Yield words for unusual capitals: those that begin no word (``pIN``), or form one themselves (``PINcode``)."""
    for letters in _LETTERS.findall(unicodedata.normalize("NFKC", name)):
        yield letters.casefold()
        yield from map(str.casefold, _CAPITALS.findall(letters))


def _rows(words: list[str], longest: int) -> Iterator[tuple[str, ...]]:
    """Yield all runs of adjacent words, of up to ``longest`` words each."""
    for length in range(1, longest + 1):
        for start in range(len(words) - length + 1):
            yield tuple(words[start : start + length])
