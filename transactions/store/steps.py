"""The steps of a timeline: of equal length in UTC, or the days of a time zone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Final

from .resolutions import FINEST, floor_to
from .statistics import Window

__all__ = ["Steps", "steps_of"]

_HOUR: Final = 3600


@dataclass(frozen=True)
class Steps:
    """Where the buckets of a timeline begin and end.

    The days of a time zone are 23 to 25 hours long. They begin on the full
    hour (UTC): of what is some days old, nothing finer is kept. What is finer
    goes to the step that its hour lies in, as it will when it is rolled up.
    """

    length: int
    """Seconds from one start to the next; of days, that of most of them."""
    starts: Sequence[int]
    """Epoch seconds, without gaps."""
    end: int
    """Where the last one ends."""
    offsets: Sequence[tuple[int, int]] = ((0, 0),)
    """From which moment on, and by how many seconds, the clocks of the zone are ahead of UTC."""

    @property
    def number_sql(self) -> str:
        """An expression over the column ``start`` that is different in each step."""
        cases = "".join(f" WHEN start >= {since:d} THEN {ahead:d}" for since, ahead in reversed(self.offsets[1:]))
        first = self.offsets[0][1]
        start = f"start - start % {_HOUR:d}" if self._is_by_hour else "start"
        return f"({start} + {f'CASE{cases} ELSE {first:d} END' if cases else f'{first:d}'}) / {self.length:d}"

    @cached_property
    def start_of(self) -> dict[int, int]:
        """The start of each step by the number that `number_sql` gives it."""
        return {self.number(start): start for start in self.starts}

    def number(self, start: int) -> int:
        """What `number_sql` gives for a start."""
        ahead = next((ahead for since, ahead in reversed(self.offsets) if start >= since), self.offsets[0][1])
        return ((start - start % _HOUR if self._is_by_hour else start) + ahead) // self.length

    @cached_property
    def _is_by_hour(self) -> bool:
        """Whether a day of the zone begins within an hour of UTC."""
        return any(ahead % _HOUR for _, ahead in self.offsets)

    def border(self, moment: float) -> int:
        """The last border between two steps, or end of all, that is no later than a moment; else the first."""
        if moment >= self.end or not self.starts:
            return self.end
        return self.starts[max(0, bisect_right(self.starts, moment) - 1)]

    def before(self, moment: float) -> Steps:
        """Those that begin before a moment."""
        following = [start for start in self.starts if start >= moment]
        if not following:
            return self
        return Steps(self.length, self.starts[: -len(following)], following[0], self.offsets)

    def minutes(self, start: int, until: float) -> float:
        """The length of a step, or of its part before ``until``."""
        following = bisect_right(self.starts, start)
        end = self.starts[following] if following < len(self.starts) else self.end
        return (min(end, until) - start) / 60

    def can_be_made_of(self, width: int) -> bool:
        """Whether no row of this width (seconds) lies in two steps."""
        return all(start % width == 0 for start in self.starts) and self.end % width == 0


def steps_of(window: Window, length: int) -> Steps:
    """The steps of a window, all of a length (a multiple of 60 seconds), that start at multiples of it."""
    starts = range(floor_to(window.since, length), ceil(window.until), max(length, FINEST))
    return Steps(length, starts, starts.start + len(starts) * length)
