"""Patterns of attribute names, as they are used in the settings."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["NamePatterns"]


class NamePatterns:
    """Names to include and to exclude. The most specific pattern decides: an exact name, else the longest pattern.

    ``*`` in a pattern matches anything, and upper and lower case are the same. If an
    including and an excluding pattern are equally specific, the name is excluded.
    """

    def __init__(self, include: Iterable[str], exclude: Iterable[str]) -> None:
        rules = [(pattern, True) for pattern in include] + [(pattern, False) for pattern in exclude]
        rules.sort(key=lambda rule: ("*" not in rule[0], len(rule[0]), not rule[1]), reverse=True)
        self._rules = [(_compiled(pattern), included) for pattern, included in rules]

    def __bool__(self) -> bool:
        """Whether there are any patterns."""
        return bool(self._rules)

    def verdict(self, *names: str) -> bool | None:
        """Whether something is included; ``None`` if no pattern matches any of its names."""
        for pattern, included in self._rules:
            if any(map(pattern.fullmatch, names)):
                return included
        return None


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, re.split(r"\*+", pattern))), re.IGNORECASE | re.DOTALL)
