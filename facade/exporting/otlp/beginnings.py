"""When series began: those that came, or came back, after the first export count from the one before they were seen."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from typing import Any, NamedTuple

from weighbridge.exporting.families import Family

from .points import Key

__all__ = ["Beginnings"]


class _Mark(NamedTuple):
    """Later series have higher numbers: those up to the highest had begun by that moment, all others began later."""

    highest: int
    moment: int
    """Nanoseconds since the epoch."""


class Beginnings:
    """The moments at which series began, as far as exports can tell.

    Args:
        noted: what `to_note` gave at the last export, or whatever stands there.
        families: what is counted now.
    """

    def __init__(self, noted: object, families: Iterable[Family]) -> None:
        samples = ((family.name, sample) for family in families for sample in family.samples)
        self._numbers: dict[Key, int] = {(name, one.labels): one.number for name, one in samples if one.number}
        self._marks = list(_marks(noted))

    def starts(self) -> dict[Key, int]:
        """Return when series began, of those that were not there at the first export."""
        begun = ((key, self._place(number)) for key, number in self._numbers.items())
        return {key: self._marks[place - 1].moment for key, place in begun if place}

    def to_note(self, now: int) -> Sequence[Sequence[int]]:
        """Return what the next export begins with; ``now`` is that of this one."""
        highest = max(chain(self._numbers.values(), (mark.highest for mark in self._marks)), default=0)
        needed = {self._place(number) - 1 for number in self._numbers.values()}
        kept = [mark for place, mark in enumerate(self._marks) if place in needed]
        return [*(mark for mark in kept if mark.highest < highest), _Mark(highest, now)]

    def _place(self, number: int) -> int:
        """Return how many marks had been made before a series of that number began."""
        return bisect_left(self._marks, (number,))


def _marks(noted: Any) -> Iterator[_Mark]:
    """Yield marks that were noted, as long as they make sense."""
    try:
        found = [_Mark(int(highest), int(moment)) for highest, moment in noted or ()]
    except (TypeError, ValueError):
        return
    if all(one.highest < other.highest for one, other in pairwise(found)):
        yield from found
