"""How much all engines keep apart, and how much of it they keep at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from .rows import Scope

__all__ = ["MAX_DROPPED", "MAX_LINKS", "MAX_SAMPLES", "SAMPLES_PER_HOUR", "NameLimits"]

SAMPLES_PER_HOUR: Final = 5
"""Samples kept of one series, reason and hour: the slowest, and the latest of those that failed."""
MAX_SAMPLES: Final = 50_000
"""Samples kept in all; those that came first go first, whatever the time was by the clocks of their processes."""
MAX_LINKS: Final = 5000
"""Applications and others that they report to as well, kept in all; those seen longest ago go first."""
MAX_DROPPED: Final = 20_000
"""Rows that say what was dropped: some days during which something is, in every minute; the oldest go first."""


class NameLimits:
    """How many names are kept apart; the counts of further ones go to `OTHER`, until some have been evicted."""

    MAX_APPLICATIONS: ClassVar[int] = 2000
    """Distinct applications; a single process, which has a limit of one thousand, never reaches this."""
    MAX_SERIES: ClassVar[int] = 5000
    """Distinct series of one application."""
    MAX_OF_SCOPE: ClassVar[Mapping[Scope, int]] = {"host": 500, "version": 50, "queue": 200}
    """Distinct hosts, versions and queues of one application and kind."""
    MAX_ERRORS: ClassVar[int] = 200
    """Distinct errors of one series; above it only types are kept separate, and above twice that nothing is."""
