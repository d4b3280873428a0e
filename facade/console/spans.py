"""Which time is read for a page, and in what steps."""

from __future__ import annotations

from math import ceil
from typing import Final

from weighbridge.transactions.store.figures import Window
from weighbridge.transactions.store.levels import FINEST, floored

__all__ = ["SPARKS", "STEPS", "holding", "in_minutes", "in_steps"]

STEPS: Final = 90
"""Steps that a chart has at most."""
SPARKS: Final = 40
"""Likewise, a sparkline."""
_UNWRITTEN: Final = 15.0
"""Seconds for which what has ended may not be in the store."""


def in_minutes(window: Window, now: float) -> Window:
    """The window to the end of its last minute, if that is over: calls are counted by the minute."""
    return window._replace(until=max(window.until, min(ceil(window.until / FINEST) * FINEST, now)))


def in_steps(window: Window, step: int, now: float) -> Window:
    """The window without a step that has just begun.

    What ended in it may not be written yet, and every rate would seem to break down.
    """
    begun = floored(window.until, step)
    just_begun = window.until >= now and window.until - begun < _UNWRITTEN and begun - window.since >= step
    return window._replace(until=begun) if just_begun else window


def holding(moment: float, window: Window) -> Window:
    """The window, or one as long around the moment where that lies outside."""
    if window.since <= moment < window.until:
        return window
    half = (window.until - window.since) / 2
    return Window(moment - half, moment + half)
