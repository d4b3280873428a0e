"""Names of attributes, as the settings tell of them by patterns."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["NamePatterns"]


class NamePatterns:
    """Which names are included and which excluded. The most telling pattern decides: a name itself, else the longest.

    ``*`` in a pattern stands for anything, and upper and lower case are the same.
    Where an including and an excluding one are equally telling, it is excluded.
    """

    def __init__(self, include: Iterable[str], exclude: Iterable[str]) -> None:
        rules = [(pattern, True) for pattern in include] + [(pattern, False) for pattern in exclude]
        rules.sort(key=lambda rule: ("*" not in rule[0], len(rule[0]), not rule[1]), reverse=True)
        self._rules = [(_compiled(pattern), included) for pattern, included in rules]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._rules)

    def verdict(self, *names: str) -> bool | None:
        """Whether something is included; ``None`` where no pattern matches any of its names."""
        for pattern, included in self._rules:
            if any(map(pattern.fullmatch, names)):
                return included
        return None


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, re.split(r"\*+", pattern))), re.IGNORECASE | re.DOTALL)
